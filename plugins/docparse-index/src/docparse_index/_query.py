"""One search as data; what makes no sense is refused when it is built."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import attrs

from docparse_index._hit import Filters
from docparse_index._words import Words, parse
from docparse_runner import UsageError

LARGEST = 2**31 - 1
"""Of numbers in a request: what every database takes."""

_CHOICES = {
    "mode": ("hybrid", "dense", "lexical"),
    "fusion": ("convex", "rrf"),
    "group_by": (None, "document"),
}


def clean(text: str) -> str:
    """Return the text as databases and tokenizers take it: without NUL and halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode().strip()


def _at_least(least: int) -> Callable[[Any, "attrs.Attribute[int]", int], None]:
    def check(_instance: object, attribute: "attrs.Attribute[int]", value: int) -> None:
        if value < least:
            msg = f"{attribute.name} must be at least {least}, not {value}"
            raise UsageError(msg)
        if value > LARGEST:
            msg = f"{attribute.name} must be at most {LARGEST}, not {value}"
            raise UsageError(msg)

    return check


def _a_page_that_may_be(_instance: object, _attribute: object, value: Filters) -> None:
    if value.page is not None and abs(value.page) > LARGEST:
        msg = f"there is no page {value.page}"
        raise UsageError(msg)


def _not_empty(_instance: object, _attribute: object, value: str) -> None:
    if not value:
        msg = "the query is empty: give at least one word"
        raise UsageError(msg)


def _one_of(_instance: object, attribute: "attrs.Attribute[Any]", value: str | None) -> None:
    words = _CHOICES[attribute.name]
    if value not in words:
        msg = f"no {attribute.name} {value!r}; there are {', '.join(word for word in words if word)}"
        raise UsageError(msg)


@attrs.frozen(kw_only=True, slots=False)
class Request:
    """One search; building a wrong one raises ``UsageError``.

    Attributes:
        text: a person's words.
        mode: ``hybrid``, ``dense`` or ``lexical``.
        k: how many hits at most.
        fusion: ``convex`` or ``rrf``, for the mode ``hybrid``.
        filters: what a chunk must be to be considered.
        context: how many chunks before and after each hit come with it.
        group_by: ``document`` for the best chunk of each document only.
    """

    text: str = attrs.field(converter=clean, validator=_not_empty)
    mode: str = attrs.field(default="hybrid", validator=_one_of)
    k: int = attrs.field(default=5, validator=_at_least(1))
    fusion: str = attrs.field(default="convex", validator=_one_of)
    filters: Filters = attrs.field(factory=Filters, validator=_a_page_that_may_be)
    context: int = attrs.field(default=0, validator=_at_least(0))
    group_by: str | None = attrs.field(default=None, validator=_one_of)

    @cached_property
    def words(self) -> Words:
        """Return what the text asks for."""
        return parse(self.text)
