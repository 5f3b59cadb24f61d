"""The work: one document's rows replaced or removed, then its receipt."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from docparse_index._inputs import Document, read_document
from docparse_index._store import generation_of, index_path, open_store
from docparse_index._write import remove_document, replace_document
from docparse_runner import Category, ItemOutcome, StageContext, StageError, WorkItem

RECEIPT_VERSION = 1


@contextmanager
def open_worker(context: StageContext) -> Iterator[Callable[[WorkItem], ItemOutcome]]:
    """Hold the store open and yield what indexes one document."""
    path = index_path(context.workspace.root)
    with open_store(path) as connection:
        generation = generation_of(connection)
        if generation != context.resolved["generation"]:
            msg = f"the index {path} was replaced since the run started: run again"
            raise StageError(msg, category=Category.CONFIG)
        yield _Worker(connection=connection, generation=generation)


@attrs.frozen(kw_only=True)
class _Worker:
    """Indexes one document per call."""

    connection: sqlite3.Connection
    generation: str

    def __call__(self, item: WorkItem) -> ItemOutcome:
        if item.removed:
            return ItemOutcome.success(removed=remove_document(self.connection, item.item_id))
        document = read_document(item)
        count = replace_document(self.connection, item.item_id, document.model, document.chunks)
        receipt = {
            "schema_version": RECEIPT_VERSION,
            "generation": self.generation,
            "doc_id": item.item_id,
            "chunks": count,
            "model_digest": document.model.digest,
            "digest": _digest(document),
        }
        item.outputs["indexed"].write_text(json.dumps(receipt, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return ItemOutcome.success(chunks=count, dimension=document.model.dimension)


def _digest(document: Document) -> str:
    """Return ``sha256:…`` over what the index now holds of the document."""
    total = hashlib.sha256(document.model.digest.encode())
    for chunk in document.chunks:
        total.update(json.dumps(chunk.row, sort_keys=True).encode())
        total.update(chunk.vector)
    return f"sha256:{total.hexdigest()}"
