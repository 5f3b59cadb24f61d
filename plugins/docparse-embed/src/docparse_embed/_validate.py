"""Are a document's vectors what the stage writes? Read-only; every answer is one sentence."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from docparse_embed._checks import is_sparse, listed, problems_of
from docparse_embed._options import FAMILIES
from docparse_embed._vectors import SCHEMA_VERSION
from docparse_runner import StageError, WorkItem, read_rows

_COLUMNS = {
    "dense": ("dense",),
    "sparse": ("sparse_indices", "sparse_values"),
    "lexical": ("lexical_terms", "lexical_counts", "lexical_length"),
}
_DENSE_FOOTER = ("model", "model_digest", "provider", "dimension", "normalized", "pooling", "query_prompt")
_FOOTERS = {"sparse": ("model", "model_digest", "dimension"), "lexical": ("tokenizer",)}


def problems(item: WorkItem) -> Iterator[str]:
    """Yield what is wrong with the vectors of a document."""
    path = item.outputs["embeddings"]
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        yield f"{path.name} cannot be read as Parquet: {error}"
        return
    footer = _footer(table)
    if footer.get("schema_version") != SCHEMA_VERSION:
        yield f"the footer says schema version {footer.get('schema_version')}, not {SCHEMA_VERSION}"
        return
    lacking = list(_lacking(table, footer))
    yield from lacking
    if not lacking:
        yield from _rows_differ(table, item.inputs.get("chunks"))
        yield from _wrong_values(table, footer)


def _footer(table: pa.Table) -> dict[str, Any]:
    try:
        footer = json.loads((table.schema.metadata or {}).get(b"docparse", b"{}"))
    except ValueError:
        return {}
    return footer if isinstance(footer, dict) else {}


def _lacking(table: pa.Table, footer: Mapping[str, Any]) -> Iterator[str]:
    """Yield families that are not known, and the columns and parts of the footer that those there lack."""
    families = footer.get("families")
    if not isinstance(families, list) or not families or not set(families) <= set(FAMILIES):
        yield f"the footer names the families {families}, not some of {', '.join(FAMILIES)}"
        return
    columns = ["chunk_id", "doc_id", *(column for name in families for column in _COLUMNS[name])]
    if missing := [name for name in columns if name not in table.column_names]:
        yield f"the columns {', '.join(missing)} are missing"
    for name in families:
        part = footer if name == "dense" else footer.get(name) or {}
        needed = _DENSE_FOOTER if name == "dense" else _FOOTERS[name]
        if absent := [key for key in needed if key not in part]:
            yield f"the footer does not say {', '.join(absent)} of the family {name}"


def _rows_differ(table: pa.Table, chunks: Path | None) -> Iterator[str]:
    ids = table["chunk_id"].to_pylist()
    if len(set(ids)) != len(ids):
        yield "chunk ids repeat"
    if chunks is None or not chunks.exists():
        return
    try:
        expected = [row.get("chunk_id") for row in read_rows(chunks)]
    except StageError:
        return  # the chunks' own validation says so
    if ids != expected:
        yield f"the {len(ids)} rows are not those of the {len(expected)} chunks in {chunks.name}"


def _wrong_values(table: pa.Table, footer: Mapping[str, Any]) -> Iterator[str]:
    ids = table["chunk_id"].to_pylist()
    checks = {"dense": _wrong_dense, "sparse": _wrong_sparse, "lexical": _wrong_lexical}
    for name in footer["families"]:
        yield from checks[name](table, ids, footer)


def _wrong_dense(table: pa.Table, ids: list[str], footer: Mapping[str, Any]) -> Iterator[str]:
    kind = table.schema.field("dense").type
    if not pa.types.is_fixed_size_list(kind) or kind.list_size != footer["dimension"]:
        yield f"the column dense holds {kind}, and the footer says {footer['dimension']} dimensions"
        return
    flat = table["dense"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    vectors = flat.reshape(len(ids), kind.list_size)
    for problem, bad in problems_of(vectors, normalized=bool(footer["normalized"])).items():
        if bad.any():
            named = [name for name, is_bad in zip(ids, bad, strict=True) if is_bad]
            yield f"dense vectors have {problem}: {listed(named)}"


def _wrong_sparse(table: pa.Table, ids: list[str], footer: Mapping[str, Any]) -> Iterator[str]:
    rows = zip(_arrays(table["sparse_indices"]), _arrays(table["sparse_values"]), strict=True)
    dimension = footer["sparse"]["dimension"]
    bad = [
        name
        for name, (indices, values) in zip(ids, rows, strict=True)
        if len(indices) != len(values) or not is_sparse(indices, values, dimension)
    ]
    if bad:
        yield f"sparse vectors have NaN, repeated or impossible indices: {listed(bad)}"


def _arrays(column: pa.ChunkedArray) -> Iterator[NDArray[Any]]:
    return (np.asarray(scalar.values) for scalar in column)


def _wrong_lexical(table: pa.Table, ids: list[str], _footer: Mapping[str, Any]) -> Iterator[str]:
    rows = zip(*(table[name].to_pylist() for name in _COLUMNS["lexical"]), strict=True)
    bad = [
        name
        for name, (words, counts, length) in zip(ids, rows, strict=True)
        if len(words) != len(counts)
        or len(set(words)) != len(words)
        or min(counts, default=1) < 1
        or sum(counts) != length
    ]
    if bad:
        yield f"words and counts do not add up: {listed(bad)}"
