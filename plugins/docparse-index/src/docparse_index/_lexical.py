"""Search by words: BM25, as FTS5 computes it, over text, headings and captions."""

import sqlite3

from docparse_index._filters import allowed
from docparse_index._query import Request


def lexical_scores(connection: sqlite3.Connection, request: Request, limit: int) -> dict[int, float]:
    """Return row id → BM25 of the best `limit` chunks; a word in most chunks counts next to nothing."""
    where, given = "words MATCH ?", list[str | int]([request.words.expression])
    if request.filters:
        query, parameters = allowed(request.filters)
        # The plus keeps SQLite from asking FTS5 once for each allowed row, which takes minutes for 100,000 of them.
        where, given = f"{where} AND +rowid IN ({query})", [*given, *parameters]
    query = f"SELECT rowid, -rank FROM words WHERE {where} ORDER BY rank LIMIT ?"  # noqa: S608 - no text of the user's
    return dict(connection.execute(query, (*given, limit)).fetchall())
