"""Row ids and scores into hits that can be cited."""

import sqlite3
from collections.abc import Mapping

import msgspec

from docparse_index._document import split
from docparse_index._folding import CLOSE, OPEN, aligned
from docparse_index._hit import Hit, Neighbour
from docparse_index._query import Request

_THESE = "IN (SELECT value FROM json_each(?))"
_COLUMNS = "id, doc_id, digest, chunk_id, seq, text, headings, captions, kinds, pages, boxes, metadata"


def fetch_hits(connection: sqlite3.Connection, scored: Mapping[int, float], request: Request, limit: int) -> list[Hit]:
    """Return the best hits, best first; of equal scores the earlier document, then the earlier chunk comes first."""
    chosen = _ranked(connection, scored)[:limit]
    these = (msgspec.json.encode(chosen).decode(),)
    matches = _matches(connection, request.words.match, *these)
    query = f"SELECT {_COLUMNS} FROM chunks JOIN documents USING (doc_id) WHERE id {_THESE}"  # noqa: S608 - ours
    rows = connection.execute(query, these)
    found = {number: _hit(scored[number], matches.get(number, ""), *values) for number, *values in rows}
    return [found[number] for number in chosen]


def fetch_neighbours(connection: sqlite3.Connection, hit: Hit, count: int) -> list[Neighbour]:
    """Return the chunks of the hit's document that are at most `count` away from it, in their order."""
    query = "SELECT chunk_id, seq, text, pages FROM chunks WHERE doc_id = ? AND seq BETWEEN ? AND ? ORDER BY seq, id"
    rows = connection.execute(query, (hit.doc_id, hit.seq - count, hit.seq + count))
    return [
        Neighbour(chunk_id=chunk_id, seq=seq, text=text, pages=tuple(msgspec.json.decode(pages)))
        for chunk_id, seq, text, pages in rows
    ]


def spans(marked: str, text: str) -> tuple[tuple[int, int], ...]:
    """Return where the marked words lie in the text.

    Args:
        marked: the folded text with marks around words; anything else gives no spans.
        text: the text before it was folded.
    """
    if not marked:
        return ()
    plain, origins = aligned(text)
    if marked.replace(OPEN, "").replace(CLOSE, "") != plain:
        return ()
    found, position = list[tuple[int, int]](), 0
    for part in marked.split(OPEN):
        word, closed, rest = part.partition(CLOSE)
        if closed and word.strip():
            first = position + len(word) - len(word.lstrip())
            last = position + len(word.rstrip()) - 1
            start, end = origins[first][0], origins[last][1]
            if found and found[-1][1] >= start:  # two pairs of signs that stood beside each other
                start = found.pop()[0]
            found.append((start, end))
        position += len(word) + len(rest)
    return tuple(found)


def _ranked(connection: sqlite3.Connection, scored: Mapping[int, float]) -> list[int]:
    query = f"SELECT id, doc_id, seq FROM chunks WHERE id {_THESE}"  # noqa: S608 - ours
    rows = connection.execute(query, (msgspec.json.encode(list(scored)).decode(),)).fetchall()
    return [number for number, *_ in sorted(rows, key=lambda row: (-scored[row[0]], *row[1:]))]


def _matches(connection: sqlite3.Connection, words: str, these: str) -> dict[int, str]:
    """Return row id → folded text with marks around the words that matched, stemmed as FTS5 matches them."""
    query = f"SELECT rowid, highlight(words, 0, ?, ?) FROM words WHERE words MATCH ? AND rowid {_THESE}"  # noqa: S608 - ours
    return dict(connection.execute(query, (OPEN, CLOSE, words, these)).fetchall())


def _hit(score: float, marked: str, *values: str) -> Hit:
    doc_id, digest, chunk_id, seq, text, headings, captions, kinds, pages, boxes, metadata = values
    return Hit(
        score=score,
        doc_id=doc_id,
        doc_digest=digest,
        chunk_id=chunk_id,
        seq=int(seq),
        text=text,
        headings=split(headings),
        captions=split(captions),
        kinds=tuple(msgspec.json.decode(kinds)),
        pages=tuple(msgspec.json.decode(pages)),
        boxes=tuple(msgspec.json.decode(boxes)),
        matches=spans(marked, text),
        metadata=msgspec.json.decode(metadata),
    )
