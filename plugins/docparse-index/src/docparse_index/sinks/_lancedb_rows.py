"""Rows, filters and queries of the sink ``lancedb``."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import numpy as np
import pyarrow as pa

from docparse_index._document import SEPARATOR, Document, folded_headings, records, split
from docparse_index._hit import Filters, Hit
from docparse_index._marks import marks_of
from docparse_index._pooled import facet_list, glob_as_regex, plain
from docparse_index._query import Request, clean
from docparse_index._words import Phrase
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEXTS = (
    "chunk_id",
    "doc_id",
    "digest",
    "model",
    "space",
    "text",
    "headings",
    "folded_headings",
    "captions",
    "boxes",
    "metadata",
    "words",
)
_FETCHED = [
    "chunk_id",
    "doc_id",
    "digest",
    "seq",
    "text",
    "headings",
    "captions",
    "kinds",
    "pages",
    "boxes",
    "metadata",
]


def vector_field(dimension: int) -> Any:
    """Return the column of the vectors, which are null where a row has none."""
    return pa.field("vector", pa.list_(pa.float32(), dimension))


def _schema(dimension: int | None) -> Any:
    lists = {"kinds": pa.list_(pa.string()), "facets": pa.list_(pa.string()), "pages": pa.list_(pa.int64())}
    numbers = {"seq": pa.int64(), "chunks": pa.int64(), "revision": pa.int64(), "is_document": pa.bool_()}
    kinds = {name: pa.string() for name in _TEXTS} | lists | numbers
    fields = [pa.field(name, kind) for name, kind in kinds.items()]
    return pa.schema(fields if dimension is None else [*fields, vector_field(dimension)])


def dimension_of(table: Any, document: Document) -> int | None:
    """Return the length of the table's vectors, or of the document's where it has none yet; None for no vectors.

    Raises:
        StageError: of category ``config``: both have vectors, and not of one length.
    """
    has_vectors = table is not None and "vector" in table.schema.names
    held = table.schema.field("vector").type.list_size if has_vectors else None
    given = document.model.dimension if document.model else None
    if held and given and held != given:
        msg = (
            f"the index holds vectors of {held} dimensions, and {document.doc_id} has such of {given}: "
            "run `docparse index rebuild`"
        )
        raise StageError(msg, category=Category.CONFIG)
    return held or given


def arrow(document: Document, revision: int, dimension: int | None) -> Any:
    """Return the rows of a document: one for itself, and one for each chunk.

    Args:
        document: what to store.
        revision: which one is the newest.
        dimension: of the table's vectors; None for a table without.
    """
    model = document.model
    same = {
        "doc_id": document.doc_id,
        "digest": document.digest,
        "revision": revision,
        "space": json.dumps(model.space) if model else "",
    }
    stored = list(records(document.chunks))
    empty = dict.fromkeys(_TEXTS, "") | {"kinds": [], "facets": [], "pages": [], "seq": -1, "chunks": len(stored)}
    own = {"chunk_id": f"\x1f{document.doc_id}", "model": json.dumps(attrs.asdict(model)) if model else ""}
    rows = [empty | same | own | {"is_document": True}]
    for each in stored:
        row = attrs.asdict(each) | {
            "folded_headings": folded_headings(each.headings),
            "facets": facet_list(each.metadata),
            "words": plain(f"{each.text} {each.headings} {each.captions}"),
            "vector": None if each.vector is None else np.frombuffer(each.vector, "<f4").tolist(),
            "is_document": False,
        }
        rows.append(empty | row | same)
    return pa.Table.from_pylist(rows, schema=_schema(dimension))


def quoted(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def _where(filters: Filters) -> str:
    conditions = ["NOT is_document"]
    if filters.paths:
        patterns = (quoted(f"^(?:.*/)?(?:{glob_as_regex(clean(pattern))})$") for pattern in filters.paths)
        conditions.append(" OR ".join(f"regexp_like(doc_id, {pattern})" for pattern in patterns))
    if filters.documents:
        conditions.append(f"doc_id IN ({', '.join(quoted(clean(each)) for each in filters.documents)})")
    if filters.page is not None:
        conditions.append(f"array_has(pages, {int(filters.page)})")
    if filters.heading is not None:
        text = clean(filters.heading).casefold()
        conditions.append("FALSE" if SEPARATOR in text else f"contains(folded_headings, {quoted(text)})")
    if filters.kinds:
        conditions.append(" OR ".join(f"array_has(kinds, {quoted(clean(kind))})" for kind in filters.kinds))
    conditions += [f"array_has(facets, {quoted(clean(f'{name}={value}'))})" for name, value in filters.metadata.items()]
    return " AND ".join(f"({condition})" for condition in conditions)


def dense(table: Any, request: Request, space: str, query: "NDArray[np.float32]", limit: int) -> dict[str, float]:
    """Return chunk → cosine of the nearest."""
    where = f"{_where(request.filters)} AND space = {quoted(space)}"
    excluded = _found(table, _any(request.words.unwanted), where, None) if request.words.unwanted else {}
    if excluded:
        where += f" AND chunk_id NOT IN ({', '.join(map(quoted, excluded))})"
    search = table.search(query, vector_column_name="vector").distance_type("cosine").where(where, prefilter=True)
    rows = search.bypass_vector_index().select(["chunk_id", "_distance"]).limit(limit).to_list()
    return {row["chunk_id"]: 1 - _number(row["_distance"], 1.0) for row in rows}


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None or np.isnan(value) else float(value)


def lexical(table: Any, request: Request, limit: int) -> dict[str, float]:
    """Return chunk → BM25 of the chunks with the words."""
    engine = import_module("lancedb.query")
    must, should, never = engine.Occur.MUST, engine.Occur.SHOULD, engine.Occur.MUST_NOT

    groups = [
        engine.BooleanQuery([(must, _any(phrases)) for phrases in group]) if len(group) > 1 else _any(group[0])
        for group in request.words.wanted
    ]
    if not groups:
        return {}
    query = engine.BooleanQuery([(should, group) for group in groups]) if len(groups) > 1 else groups[0]
    if request.words.unwanted:
        query = engine.BooleanQuery([(must, query), (never, _any(request.words.unwanted))])
    return _found(table, query, _where(request.filters), limit)


def _any(phrases: tuple[Phrase, ...]) -> Any:
    engine = import_module("lancedb.query")

    texts = [plain(" ".join(phrase.words)) for phrase in phrases]
    parts = [
        engine.PhraseQuery(text, "words") if _has_several(text) else engine.MatchQuery(text, "words") for text in texts
    ]
    return parts[0] if len(parts) == 1 else engine.BooleanQuery([(engine.Occur.SHOULD, part) for part in parts])


def _has_several(text: str) -> bool:
    return len("".join(char if char.isalnum() else " " for char in text).split()) > 1


def _found(table: Any, query: Any, where: str, limit: int | None) -> dict[str, float]:
    if not any(index.columns == ["words"] for index in table.list_indices()):
        return {}
    search = table.search(query, query_type="fts").where(where, prefilter=True).select(["chunk_id", "_score"])
    return {row["chunk_id"]: float(row["_score"]) for row in search.limit(limit or table.count_rows()).to_list()}


def hits(table: Any, request: Request, scored: Mapping[str, float]) -> list[Hit]:
    """Return the chunks as hits, best first; of equal scores in the order of documents and chunks."""
    if not scored:
        return []
    where = f"chunk_id IN ({', '.join(map(quoted, scored))})"
    rows = table.search().where(where).select(_FETCHED).limit(len(scored)).to_list()
    rows.sort(key=lambda row: (-scored[row["chunk_id"]], row["doc_id"], row["seq"]))
    matches = marks_of(request.words, [row["text"] for row in rows])
    return [_hit(scored[row["chunk_id"]], row, marked) for row, marked in zip(rows, matches, strict=True)]


def _hit(score: float, row: dict[str, Any], matches: tuple[tuple[int, int], ...]) -> Hit:
    return Hit(
        score=score,
        doc_id=row["doc_id"],
        doc_digest=row["digest"],
        chunk_id=row["chunk_id"],
        seq=row["seq"],
        text=row["text"],
        headings=split(row["headings"]),
        captions=split(row["captions"]),
        kinds=tuple(row["kinds"]),
        pages=tuple(row["pages"]),
        boxes=tuple(msgspec.json.decode(row["boxes"])),
        matches=matches,
        metadata=msgspec.json.decode(row["metadata"]),
    )
