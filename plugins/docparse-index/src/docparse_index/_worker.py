"""The work: one document's rows replaced or removed, then its receipt."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import attrs

from docparse_index._active import place_of
from docparse_index._document import Document
from docparse_index._inputs import read_document
from docparse_index._sources import source_digests
from docparse_index.sinks import Writer, load_sink
from docparse_runner import Category, ItemOutcome, StageContext, StageError, WorkItem

RECEIPT_VERSION = 1


@contextmanager
def open_worker(context: StageContext) -> Iterator[Callable[[WorkItem], ItemOutcome]]:
    """Hold the store open and yield what indexes one document."""
    root = context.workspace.root
    with load_sink(context.options.sink).open_writer(place_of(context.options, root)) as writer:
        if writer.generation != context.resolved["generation"]:
            msg = f"the index of {root} was replaced since the run started: run again"
            raise StageError(msg, category=Category.CONFIG)
        yield _Worker(writer=writer, digests=source_digests(root))


@attrs.frozen(kw_only=True)
class _Worker:
    """Indexes one document per call."""

    writer: Writer
    digests: Mapping[str, str]

    def __call__(self, item: WorkItem) -> ItemOutcome:
        if item.removed:
            return ItemOutcome.success(removed=self.writer.delete(item.item_id))
        document = read_document(item, self.digests.get(item.item_id, ""))
        count, model = self.writer.upsert(document), document.model
        receipt = {
            "schema_version": RECEIPT_VERSION,
            "generation": self.writer.generation,
            "doc_id": item.item_id,
            "chunks": count,
            "model_digest": model.digest if model else None,
            "digest": _digest(document),
        }
        item.outputs["indexed"].write_text(json.dumps(receipt, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return ItemOutcome.success(chunks=count, **({"dimension": model.dimension} if model else {}))


def _digest(document: Document) -> str:
    """Return ``sha256:…`` over what the index now holds of the document."""
    total = hashlib.sha256(document.model.digest.encode() if document.model else b"")
    for chunk in document.chunks:
        total.update(json.dumps(chunk.row, sort_keys=True, default=str).encode())
        total.update(chunk.vector or b"")
    return f"sha256:{total.hexdigest()}"
