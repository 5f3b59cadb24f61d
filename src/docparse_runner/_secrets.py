"""Secrets: read from files of their own, and taken out of what is recorded or said."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from docparse_runner.errors import StageError, UsageError

_HIDDEN = "***"
_SHORTEST_LINE = 8
"""Of a secret of several lines, lines as long as this are hidden one by one too."""


def read_secret(path: Path, source: str) -> str:
    """Return what a file says, without the newline at its end.

    Raises:
        UsageError: it cannot be read or is empty; the message names the `source` of the path.
    """
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        msg = f"{source}: {path} cannot be read: {reason}"
        raise UsageError(msg) from None
    if not text:
        msg = f"{source}: {path} is empty"
        raise UsageError(msg)
    return text


def _forms(secret: str) -> set[str]:
    """Return a secret as it is, and as it looks when quoted in code, in JSON, in an address, or line by line."""
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    raw = secret.encode("utf-8", "surrogateescape")  # as a variable that is not text comes
    forms |= {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    return forms | {line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE}


class Redactor:
    """Takes some secrets out of texts; true when there are any."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Know these secrets; empty ones are none."""
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))  # one that holds another goes first
        self._text = re.compile("|".join(map(re.escape, ordered)))
        encoded = [form.encode("utf-8", "surrogateescape") for form in ordered]
        self._bytes = re.compile(b"|".join(map(re.escape, encoded)))
        self._has_any = bool(ordered)
        self.margin = max(map(len, encoded), default=0)
        """So many bytes before a cut are needed to see whether the cut goes through a secret."""

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return self._has_any

    def text(self, text: str) -> str:
        """Return a text with ``***`` for each secret in it."""
        return self._text.sub(_HIDDEN, text) if self else text

    def data(self, value: Any) -> Any:
        """Return JSON data with ``***`` for each secret in its texts and keys."""
        if not self:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.data(key): self.data(each) for key, each in value.items()}
        return type(value)(map(self.data, value)) if isinstance(value, list | tuple) else value

    def tail(self, data: bytes, limit: int) -> str:
        """Return the text of the last `limit` bytes; `data` begins at least `margin` bytes earlier, if there are any.

        A secret that the limit would cut in two is left out with the rest.
        """
        start = max(0, len(data) - limit)
        for match in self._bytes.finditer(data) if self else ():
            if match.start() < start < match.end():
                start = match.end()
        return self.text(data[start:].decode("utf-8", "replace"))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Take secrets out of the exceptions that come through here, with what caused them.

        Raises:
            RuntimeError: instead of an exception whose text cannot be changed.
        """
        try:
            yield
        except Exception as error:
            if not self:
                raise
            self._clean(error, set())
            if (text := self.text(str(error))) != str(error):
                msg = f"{type(error).__name__}: {text}"
                raise RuntimeError(msg) from None
            raise

    def _clean(self, error: BaseException | None, seen: set[int]) -> None:
        if error is None or id(error) in seen:
            return
        seen.add(id(error))
        error.args = tuple(self.data(each) for each in error.args)
        if isinstance(error, StageError):
            error.message, error.detail = self.text(error.message), self.text(error.detail)
        self._clean(error.__cause__, seen)
        self._clean(error.__context__, seen)

    def each(self, items: Iterable[Any]) -> Iterable[Any]:
        """Return the items as they come; an exception on the way comes without secrets."""
        return self._each(items) if self else items

    def _each(self, items: Iterable[Any]) -> Iterator[Any]:
        with self.errors():
            yield from items
