"""The service, as a Python object; what goes wrong with it, in the words of docparse."""

from http import HTTPStatus
from typing import Any, Self

import httpx
from docparse_runner import StageError

from docparse_annotate._options import Options
from docparse_annotate._worker import NobodysFault

REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class Service:
    """A connection to the service, which is kept open for the whole run."""

    def __init__(self, options: Options) -> None:
        """Keep what each request needs; nothing is asked of the service yet."""
        headers = {"Authorization": f"Bearer {options.token}"} if options.token else {}
        self._url, self._model = options.url, options.model
        self._client = httpx.Client(headers=headers, timeout=options.patience_s)

    def __enter__(self) -> Self:
        """Open the connection."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the connection."""
        self._client.close()

    def annotate(self, texts: list[str]) -> list[list[dict[str, Any]]]:
        """Return the annotations of each text, in one request.

        Raises:
            NobodysFault: whatever is sent, ``provider`` when the service is away or busy, ``config`` when it refuses
                the token or is not at this address.
            StageError: ``input`` when it refuses the texts, ``provider`` for anything else that it does wrong.
        """
        try:
            reply = self._client.post(self._url, json={"model": self._model, "texts": texts})
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NobodysFault(self._told(f"cannot be reached: {error}"), category="provider") from error
        except httpx.TransportError as error:  # a text may have done this to it
            msg = self._told(f"gave no answer: {error or type(error).__name__}")
            raise StageError(msg, category="provider") from error
        self._check(reply.status_code)
        return self._annotations(reply, len(texts))

    def _check(self, status: int) -> None:
        if status in REFUSED:
            msg = self._told(f"refuses the token ({status}); set DOCPARSE_ANNOTATE__TOKEN or ..._TOKEN_FILE")
            raise NobodysFault(msg, category="config")
        if status == HTTPStatus.NOT_FOUND:
            raise NobodysFault(self._told("has nothing at this address (404); see --url"), category="config")
        if status in BUSY:
            raise NobodysFault(self._told(f"is busy ({status})"), category="provider")
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise StageError(self._told(f"refuses the document ({status})"), category="input")
        if status != HTTPStatus.OK:
            raise StageError(self._told(f"answered {status}"), category="provider")

    def _annotations(self, reply: httpx.Response, count: int) -> list[list[dict[str, Any]]]:
        try:
            annotations: list[list[dict[str, Any]]] = reply.json()["annotations"]
            complete = len(annotations) == count
        except (ValueError, KeyError, TypeError):
            complete = False
        if not complete:
            raise StageError(self._told(f"did not answer for each of {count} documents"), category="provider")
        return annotations

    def _told(self, what: str) -> str:
        return f"the service at {self._url} {what}"
