"""Row ids and scores into hits that can be cited."""

import json
import sqlite3
from collections.abc import Mapping

from docparse_index._hit import Hit
from docparse_index._query import Request
from docparse_index._store import SEPARATOR

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
"""Marks around matched words: code points that Unicode reserves for use inside a program."""

_THESE = "IN (SELECT value FROM json_each(?))"


def fetch_hits(connection: sqlite3.Connection, scored: Mapping[int, float], request: Request) -> list[Hit]:
    """Return the best hits, best first; of equal scores the earlier document, then the earlier chunk comes first."""
    chosen = _ranked(connection, scored)[: request.k]
    matches = _matches(connection, chosen, request.words)
    columns = "id, doc_id, chunk_id, seq, text, headings, captions, provenance"
    rows = connection.execute(f"SELECT {columns} FROM chunks WHERE id {_THESE}", (json.dumps(chosen),))  # noqa: S608 - ours
    found = {number: _hit(scored[number], matches.get(number, ""), *values) for number, *values in rows}
    return [found[number] for number in chosen]


def _ranked(connection: sqlite3.Connection, scored: Mapping[int, float]) -> list[int]:
    query = f"SELECT id, doc_id, seq FROM chunks WHERE id {_THESE}"  # noqa: S608 - ours
    rows = connection.execute(query, (json.dumps(list(scored)),)).fetchall()
    return [number for number, *_ in sorted(rows, key=lambda row: (-scored[row[0]], *row[1:]))]


def _matches(connection: sqlite3.Connection, ids: list[int], words: str) -> dict[int, str]:
    """Return row id → text with marks around the words that matched, stemmed and folded as FTS5 matches them."""
    query = f"SELECT rowid, highlight(words, 0, ?, ?) FROM words WHERE words MATCH ? AND rowid {_THESE}"  # noqa: S608 - ours
    return dict(connection.execute(query, (_OPEN, _CLOSE, words, json.dumps(ids))).fetchall())


def _hit(score: float, marked: str, *values: str) -> Hit:
    doc_id, chunk_id, seq, text, headings, captions, provenance = values
    metadata = json.loads(provenance)
    return Hit(
        score=score,
        doc_id=doc_id,
        chunk_id=chunk_id,
        seq=int(seq),
        text=text,
        headings=_split(headings),
        captions=_split(captions),
        pages=tuple(metadata.pop("pages", None) or ()),
        boxes=tuple(metadata.pop("boxes", None) or ()),
        matches=_spans(marked, text),
        metadata=metadata,
    )


def _split(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(SEPARATOR)) if joined else ()


def _spans(marked: str, text: str) -> tuple[tuple[int, int], ...]:
    """Return where the marked words lie in the text; nothing when the text has such marks itself."""
    if not marked or marked.replace(_OPEN, "").replace(_CLOSE, "") != text:
        return ()
    spans, position = [], 0
    for part in marked.split(_OPEN):
        word, closed, rest = part.partition(_CLOSE)
        if closed:
            spans.append((position, position + len(word)))
        position += len(word) + len(rest)
    return tuple(spans)
