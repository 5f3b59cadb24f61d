"""A person's words as SQL: what is typed is text, whatever it looks like."""

import sqlite3
from unicodedata import category

import attrs

from docparse_index._hit import Filters
from docparse_index._store import SEPARATOR
from docparse_runner import UsageError

MODES = ("hybrid", "dense", "lexical")
FUSIONS = ("convex", "rrf")

_MAX_WORDS = 1000
"""Of a longer query the first words count: FTS5 parses a thousand in 2 ms and a hundred thousand in 2 s."""

_INSIDE_WORDS = frozenset("-._")


def clean(text: str) -> str:
    """Return the text as SQLite and tokenizers take it: without NUL and halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode().strip()


def _at_least_one(_instance: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if value < 1:
        msg = f"{attribute.name} must be at least 1, not {value}"
        raise UsageError(msg)


def _not_empty(_instance: object, _attribute: object, value: str) -> None:
    if not value:
        msg = "the query is empty: give at least one word"
        raise UsageError(msg)


def _one_of(_instance: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    words = MODES if attribute.name == "mode" else FUSIONS
    if value not in words:
        msg = f"no {attribute.name} {value!r}; there are {', '.join(words)}"
        raise UsageError(msg)


@attrs.frozen(kw_only=True)
class Request:
    """One search; building a wrong one raises ``UsageError``.

    Attributes:
        text: a person's words.
        mode: one of ``MODES``.
        k: how many hits at most.
        fusion: one of ``FUSIONS``, for the mode ``hybrid``.
        filters: what a chunk must be to be considered.
    """

    text: str = attrs.field(converter=clean, validator=_not_empty)
    mode: str = attrs.field(validator=_one_of)
    k: int = attrs.field(validator=_at_least_one)
    fusion: str = attrs.field(validator=_one_of)
    filters: Filters

    @property
    def words(self) -> str:
        """Return an FTS5 expression that matches chunks with any word of the query.

        Each word is quoted, so it is text whatever it looks like, and FTS5 cuts it with the tokenizer that cut the
        chunks; one that it cuts into several (``4711-B``, or what a script without spaces writes) is a phrase.
        """
        words = "".join(" " if _separates(char) else char for char in self.text).split()
        return " OR ".join(f'"{word}"' for word in list(dict.fromkeys(words))[:_MAX_WORDS]) or '""'


def _separates(char: str) -> bool:
    """Return whether the character ends a word: punctuation, symbols and control characters, except inside words."""
    return char not in _INSIDE_WORDS and (category(char) == "Cc" or category(char)[0] in "PSZ")


def lexical_scores(connection: sqlite3.Connection, request: Request, limit: int) -> dict[int, float]:
    """Return row id → BM25 of the best `limit` chunks; a word in most chunks counts next to nothing."""
    where, given = "words MATCH ?", list[str | int]([request.words])
    if request.filters:
        allowed, parameters = _allowed(request.filters)
        # The plus keeps SQLite from asking FTS5 once for each allowed row, which takes minutes for 100,000 of them.
        where, given = f"{where} AND +rowid IN ({allowed})", [*given, *parameters]
    query = f"SELECT rowid, -rank FROM words WHERE {where} ORDER BY rank LIMIT ?"  # noqa: S608 - no text of the user's
    return dict(connection.execute(query, (*given, limit)).fetchall())


def allowed_ids(connection: sqlite3.Connection, filters: Filters) -> list[int]:
    """Return the row ids of the chunks that the filters let through."""
    return [number for (number,) in connection.execute(*_allowed(filters))]


def _allowed(filters: Filters) -> tuple[str, list[str | int]]:
    """Return a query for the row ids that the filters let through, and its parameters."""
    conditions, parameters = ["TRUE"], list[str | int]()
    if filters.paths:
        conditions.append(" OR ".join(["doc_id GLOB ? OR doc_id GLOB '*/' || ?"] * len(filters.paths)))
        parameters += [clean(pattern) for pattern in filters.paths for _ in range(2)]
    if filters.page is not None:
        conditions.append("EXISTS (SELECT 1 FROM json_each(chunks.provenance, '$.pages') WHERE value = ?)")
        parameters.append(filters.page)
    if filters.heading is not None:
        conditions.append("folded_contains(headings, ?)")
        parameters.append(clean(filters.heading))
    where = " AND ".join(f"({condition})" for condition in conditions)
    return f"SELECT id FROM chunks WHERE {where}", parameters  # noqa: S608 - as above


def folded_contains(headings: str, text: str) -> bool:
    """Return whether one heading contains the text, upper and lower case alike; SQL knows it by this name."""
    return any(text.casefold() in heading.casefold() for heading in headings.split(SEPARATOR))
