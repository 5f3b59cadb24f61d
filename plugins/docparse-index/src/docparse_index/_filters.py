"""Filters as SQL: which chunks are considered at all."""

import sqlite3

import msgspec

from docparse_index._document import SEPARATOR, facets, folded_headings
from docparse_index._hit import Filters
from docparse_index._query import Request, clean

_IN_JSON = "EXISTS (SELECT 1 FROM json_each(chunks.{}) WHERE value {})"


def register(connection: sqlite3.Connection) -> None:
    """Teach the connection the functions that the filters call."""
    connection.create_function("folded_contains", 2, _folded_contains, deterministic=True)
    connection.create_function("has_facet", 2, _has_facet, deterministic=True)


def allowed_ids(connection: sqlite3.Connection, request: Request) -> list[int] | None:
    """Return the row ids that may be found by vectors, ascending; None for all.

    What a query excludes by a minus is left out here too: a chunk does not come back by its meaning.
    """
    if not request.filters and not request.words.excluded:
        return None
    query, parameters = allowed(request.filters)
    if request.words.excluded:
        query += " AND id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)"
        parameters.append(request.words.excluded)
    return [number for (number,) in connection.execute(f"{query} ORDER BY id", parameters)]


def allowed(filters: Filters) -> tuple[str, list[str | int]]:
    """Return a query for the row ids that the filters let through, and its parameters."""
    conditions, parameters = ["TRUE"], list[str | int]()
    if filters.paths:
        conditions.append(" OR ".join(["doc_id GLOB ? OR doc_id GLOB '*/' || ?"] * len(filters.paths)))
        parameters += [clean(pattern) for pattern in filters.paths for _ in range(2)]
    if filters.documents:
        conditions.append(f"doc_id IN ({_marks(filters.documents)})")
        parameters += [clean(doc_id) for doc_id in filters.documents]
    if filters.page is not None:
        conditions.append(_IN_JSON.format("pages", "= ?"))
        parameters.append(filters.page)
    if filters.heading is not None:
        conditions.append("folded_contains(headings, ?)")
        parameters.append(clean(filters.heading))
    if filters.kinds:
        conditions.append(_IN_JSON.format("kinds", f"IN ({_marks(filters.kinds)})"))
        parameters += [clean(kind) for kind in filters.kinds]
    for name, value in filters.metadata.items():
        conditions.append("has_facet(metadata, ?)")
        parameters.append(clean(f"{name}={value}"))
    where = " AND ".join(f"({condition})" for condition in conditions)
    return f"SELECT id FROM chunks WHERE {where}", parameters  # noqa: S608 - no text of the user's


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))


def _folded_contains(headings: str, text: str) -> bool:
    """Return whether one heading contains the text, upper and lower case alike."""
    return SEPARATOR not in text and text.casefold() in folded_headings(headings)


def _has_facet(metadata: str, wanted: str) -> bool:
    return wanted in facets(msgspec.json.decode(metadata))
