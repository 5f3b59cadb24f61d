"""One document's chunks joined with their vectors, both checked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from docparse_index._document import Chunk, Document, Model
from docparse_runner import Category, StageError, WorkItem, read_rows

_NEEDED = {"model": str, "model_digest": str, "provider": str, "dimension": int, "normalized": bool}


def read_document(item: WorkItem, digest: str = "") -> Document:
    """Return the document's chunks with their vectors, where it has any.

    Args:
        item: the document.
        digest: of its file, or empty.

    Raises:
        StageError: of category ``input``: a file is damaged, or the vectors are of other chunks.
    """
    chunks, path = item.inputs["chunks"], item.inputs["embeddings"]
    model, vectors = _read_vectors(path)
    rows = [_checked(row, number, chunks) for number, row in enumerate(read_rows(chunks), 1)]
    if len(rows) != len(vectors) or {row["chunk_id"] for row in rows} != vectors.keys():
        msg = f"the vectors in {path.name} are not of the chunks in {chunks.name}: run `docparse run embed` again"
        raise StageError(msg, category=Category.INPUT)
    joined = [Chunk(row=row, vector=vectors[row["chunk_id"]]) for row in rows]
    return Document(doc_id=item.item_id, digest=digest, model=model, chunks=joined)


def _checked(row: dict[str, Any], number: int, path: Path) -> dict[str, Any]:
    """Return the row if its columns are what the store takes; what else it has is kept as it is."""
    good = isinstance(row.get("chunk_id"), str) and isinstance(row.get("text"), str)
    good = good and isinstance(row.get("seq", 0), int) and _are(int, row.get("pages"))
    if not (good and all(_are(str, row.get(name)) for name in ("headings", "captions", "kinds"))):
        msg = (
            f"row {number} of {path.name} is not what the stage chunk writes: chunk_id, text, seq, headings, captions, "
            "kinds, pages"
        )
        raise StageError(msg, category=Category.INPUT)
    return row


def _are(kind: type, value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, kind) for each in value))


def _read_vectors(path: Path) -> tuple[Model | None, Mapping[str, bytes | None]]:
    """Return the model and chunk id → little-endian float32 bytes; None for each when there are other families only."""
    try:
        with pq.ParquetFile(path) as file:
            footer = _footer(file.schema_arrow.metadata or {})
            table = file.read(columns=["chunk_id", "dense"])
            chunk_ids = table["chunk_id"].to_pylist()
            if _has_others_only(footer):
                return None, dict.fromkeys(chunk_ids)
            dense = table["dense"].combine_chunks()
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        msg = f"{path.name} is not what the stage embed writes: {error}"
        raise StageError(msg, category=Category.INPUT) from error
    model = _model(path, footer)
    rows = _checked_vectors(dense, model, path)
    return model, {chunk_id: row.tobytes() for chunk_id, row in zip(chunk_ids, rows, strict=True)}


def _checked_vectors(dense: Any, model: Model, path: Path) -> Any:
    """Return the column as a little-endian float32 array (n, dimension)."""
    if not pa.types.is_fixed_size_list(dense.type) or dense.type.list_size != model.dimension:
        msg = f"{path.name} holds {dense.type} and its footer says {model.dimension} dimensions"
        raise StageError(msg, category=Category.INPUT)
    rows = dense.flatten().to_numpy(zero_copy_only=False).reshape(len(dense), model.dimension).astype("<f4", copy=False)
    if not np.isfinite(rows).all():
        msg = f"{path.name} holds NaN or infinite values"
        raise StageError(msg, category=Category.INPUT)
    return rows


def _footer(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    try:
        footer = json.loads(metadata.get(b"docparse", b"{}"))
    except ValueError:
        return {}
    return footer if isinstance(footer, dict) else {}


def _has_others_only(footer: Mapping[str, Any]) -> bool:
    """Return whether the file was written without dense vectors: they were not asked for, or failed."""
    families = footer.get("families")
    return isinstance(families, list) and bool(families) and "dense" not in families


def _model(path: Path, footer: Mapping[str, Any]) -> Model:
    missing = [name for name, kind in _NEEDED.items() if not isinstance(footer.get(name), kind)]
    if missing:
        msg = f"the footer of {path.name} does not say {', '.join(missing)}: it is not what the stage embed writes"
        raise StageError(msg, category=Category.INPUT)
    return Model(
        digest=footer["model_digest"],
        dimension=footer["dimension"],
        document_prompt=footer.get("document_prompt", ""),
        provider=footer["provider"],
        name=footer["model"],
        normalized=footer["normalized"],
        query_prompt=footer.get("query_prompt", ""),
    )
