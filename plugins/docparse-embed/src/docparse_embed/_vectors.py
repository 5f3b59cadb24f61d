"""The file that the stage writes: one row per chunk, columnar all the way from numpy to Arrow."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SCHEMA_VERSION = 1

Columns = Mapping[str, pa.Array]


def dense_columns(vectors: NDArray[Any]) -> Columns:
    """Return the column of a float32 or float16 array (n, dimension)."""
    item = pa.field("item", pa.from_numpy_dtype(vectors.dtype), nullable=False)
    kind = pa.list_(item, vectors.shape[1])
    return {"dense": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=kind)}


def sparse_columns(rows: Sequence[NDArray[Any]]) -> Columns:
    """Return the columns of structured arrays of ``index`` and ``value``."""
    offsets = _offsets([len(row) for row in rows])
    flat = np.concatenate(rows) if rows else np.empty(0, [("index", np.int32), ("value", np.float32)])
    indices, values = np.ascontiguousarray(flat["index"]), np.ascontiguousarray(flat["value"])
    return {"sparse_indices": _lists(offsets, pa.array(indices)), "sparse_values": _lists(offsets, pa.array(values))}


def lexical_columns(counted: Sequence[Counter[str]]) -> Columns:
    """Return the columns of the word counts of each chunk, in the order of the words."""
    offsets = _offsets([len(counts) for counts in counted])
    ordered = [sorted(counts.items()) for counts in counted]
    words = pa.array([word for counts in ordered for word, _ in counts], pa.string())
    numbers = pa.array([number for counts in ordered for _, number in counts], pa.int32())
    return {
        "lexical_terms": _lists(offsets, words),
        "lexical_counts": _lists(offsets, numbers),
        "lexical_length": pa.array([counts.total() for counts in counted], pa.int32()),
    }


def _offsets(lengths: Sequence[int]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _lists(offsets: pa.Array, values: pa.Array) -> pa.Array:
    kind = pa.list_(pa.field("item", values.type, nullable=False))
    return pa.ListArray.from_arrays(offsets, values, type=kind)


def write_vectors(
    path: Path, chunk_ids: Sequence[str], doc_ids: Sequence[str], columns: Columns, footer: Mapping[str, object]
) -> None:
    """Write one document's vectors; the same values give the same bytes.

    Args:
        path: a ``.parquet`` file.
        chunk_ids: one per row.
        doc_ids: one per row.
        columns: of the families, each with one value per row.
        footer: what made the vectors; stored as JSON under the metadata key ``docparse``.
    """
    arrays = {"chunk_id": pa.array(chunk_ids, pa.string()), "doc_id": pa.array(doc_ids, pa.string()), **columns}
    schema = pa.schema(
        [pa.field(name, array.type, nullable=False) for name, array in arrays.items()],
        metadata={"docparse": json.dumps({"schema_version": SCHEMA_VERSION, **footer}, sort_keys=True)},
    )
    table = pa.Table.from_arrays(list(arrays.values()), schema=schema)
    pq.write_table(table, path, compression="zstd", use_dictionary=["doc_id", "lexical_terms.list.element"])
