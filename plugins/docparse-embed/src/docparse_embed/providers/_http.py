"""Asking a model server: one connection pool, several requests at a time, and what its answers mean.

A server that says when to come back (``Retry-After``) is waited for; any other trouble that may pass is an error of
category ``provider``, which ``--retries`` tries again with the runner's backoff.
"""

import email.utils
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import attrs

from docparse_embed.providers import Settings
from docparse_runner import Category, StageError

_TIMEOUT_S = 120.0
_LONGEST_WAIT_S = 60.0
_WAITS = 5
_SHOWN = 300
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_USERS = frozenset({401, 403, 404, 405})
_TOO_LONG = frozenset({400, 413, 422})


@attrs.frozen(kw_only=True)
class Address:
    """Where a server is and what it is asked for.

    Attributes:
        url: the server, without a slash at the end.
        model: what the server calls the model, or empty.
    """

    url: str
    model: str

    @classmethod
    def of(cls, model: str | None, settings: Settings, provider: str) -> "Address":
        """Return the address in `model` (``URL#NAME``, as recorded with vectors), or of the settings.

        Raises:
            StageError: of category ``config``: there is none, or it is no address.
        """
        url, name = settings.endpoint or "", model or ""
        if "://" in name:
            url, _, name = name.partition("#")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"the provider {provider} needs the address of a server: --endpoint https://host:port, not {url!r}"
            raise StageError(msg, category=Category.CONFIG)
        if parts.username or parts.password:
            msg = "--endpoint must not hold a password: give the key as DOCPARSE_EMBED__API_KEY"
            raise StageError(msg, category=Category.CONFIG)
        return cls(url=url.rstrip("/"), model=name)

    def __str__(self) -> str:
        """Return what finds it again."""
        return f"{self.url}#{self.model}" if self.model else self.url

    @property
    def is_here(self) -> bool:
        """Return whether the server is on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def must_be_allowed(self, *, offline: bool) -> None:
        """Refuse a server on another machine when there shall be no network.

        Raises:
            StageError: of category ``config``.
        """
        if offline and not self.is_here:
            msg = f"the model server {self.url} is on another machine, and this is an offline run"
            raise StageError(msg, category=Category.CONFIG)


class Server:
    """An open connection to a model server."""

    def __init__(self, client: Any, address: Address, settings: Settings) -> None:
        self._client = client
        self._address = address
        self._concurrency = settings.concurrency
        self._pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="embed-request")

    def close(self) -> None:
        """Let go of the threads; requests that were not sent are forgotten."""
        self._pool.shutdown(cancel_futures=True)

    def ask_each(self, path: str, bodies: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Send several requests, some at a time, and return the answers in order; the first error ends it."""
        futures = [self._pool.submit(self.ask, path, body) for body in bodies]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request (with a body a POST) and return the JSON of the answer.

        Raises:
            StageError: of category ``provider``, ``config`` or ``input``, as the answer asks for.
        """
        for waits in range(_WAITS + 1):
            response = self._sent(path, body)
            if response.status_code < 300:  # noqa: PLR2004 - HTTP's successes
                return self._json(response)
            wait_s = retry_after(response.headers.get("retry-after"), time.time())
            if response.status_code not in _BUSY or wait_s is None or wait_s > _LONGEST_WAIT_S or waits == _WAITS:
                raise self._error(response)
            time.sleep(wait_s)
        raise AssertionError  # the loop returns or raises

    def _sent(self, path: str, body: Mapping[str, Any] | None) -> Any:
        errors = import_module("httpx").HTTPError
        url = self._address.url + path
        try:
            return self._client.get(url) if body is None else self._client.post(url, json=body)
        except errors as error:
            msg = f"the model server {self._address.url} does not answer: {error or type(error).__name__}"
            raise StageError(msg, category=Category.PROVIDER) from error

    def _json(self, response: Any) -> Any:
        try:
            return response.json()
        except ValueError as error:
            msg = f"the model server {self._address.url} answered with something that is not JSON"
            raise StageError(msg, category=Category.PROVIDER) from error

    def _error(self, response: Any) -> StageError:
        said = said_by(response)
        msg = f"the model server {self._address.url} answered {response.status_code}: {said}"
        if response.status_code in _USERS or "insufficient_quota" in response.text:
            return StageError(f"{msg}; see --endpoint, --model and DOCPARSE_EMBED__API_KEY", category=Category.CONFIG)
        known = response.status_code in _TOO_LONG
        return StageError(msg, category=Category.INPUT if known else Category.PROVIDER)


@contextmanager
def open_server(address: Address, settings: Settings) -> Iterator[Server]:
    """Open the connection to a server.

    Raises:
        StageError: of category ``config``: the HTTP client is not installed.
    """
    if find_spec("httpx") is None:
        msg = "asking a model server needs httpx: pip install 'docparse-embed[http]'"
        raise StageError(msg, category=Category.CONFIG)
    httpx: Any = import_module("httpx")  # only who asks a server needs it
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    # A proxy for the rest of the world does not know the servers of this machine.
    with httpx.Client(headers=headers, timeout=_TIMEOUT_S, trust_env=not address.is_here) as client:
        server = Server(client, address, settings)
        try:
            yield server
        finally:
            server.close()


def said_by(response: Any) -> str:
    """Return what an answer says went wrong, in the shapes of OpenAI, TEI and others."""
    try:
        body = response.json()
    except ValueError:
        body = None
    error = body.get("error", body.get("detail", body.get("message"))) if isinstance(body, dict) else None
    error = error.get("message", error) if isinstance(error, dict) else error
    return str(error or response.text.strip() or response.reason_phrase)[:_SHOWN]


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a header ``Retry-After`` asks for: a number, or a date; None when it says nothing.

    Args:
        value: of the header.
        now: seconds since the epoch.
    """
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None


def batches(texts: Sequence[str], size: int) -> list[list[str]]:
    """Return the texts in lists of up to `size`."""
    return [list(texts[start : start + size]) for start in range(0, len(texts), size)]
