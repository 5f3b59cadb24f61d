"""The file that the stage writes: one row per chunk, columnar all the way from numpy to Arrow."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SCHEMA_VERSION = 1


def write_vectors(
    path: Path,
    chunk_ids: Sequence[str],
    doc_ids: Sequence[str],
    vectors: NDArray[np.float32],
    footer: Mapping[str, object],
) -> None:
    """Write one document's vectors; the same values give the same bytes.

    Args:
        path: a ``.parquet`` file.
        chunk_ids: one per row.
        doc_ids: one per row.
        vectors: float32 array (n, dimension); n may be 0.
        footer: what made the vectors; stored as JSON under the metadata key ``docparse``.
    """
    item = pa.field("item", pa.float32(), nullable=False)
    dense = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=pa.list_(item, vectors.shape[1]))
    schema = pa.schema(
        [
            pa.field("chunk_id", pa.string(), nullable=False),
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("dense", dense.type, nullable=False),
        ],
        metadata={"docparse": json.dumps({"schema_version": SCHEMA_VERSION, **footer}, sort_keys=True)},
    )
    columns = [pa.array(chunk_ids, pa.string()), pa.array(doc_ids, pa.string()), dense]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path, compression="zstd", use_dictionary=["doc_id"])
