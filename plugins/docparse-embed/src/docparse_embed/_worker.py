"""The work: one document's chunks into one file of vectors, with models that stay open."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from docparse_embed._families import Chunks, Family, Made, open_family
from docparse_embed._options import FAMILIES
from docparse_embed._vectors import write_vectors
from docparse_runner import Category, ItemOutcome, StageContext, StageError, WorkItem, read_rows


@contextmanager
def open_worker(context: StageContext) -> Iterator[Callable[[WorkItem], ItemOutcome]]:
    """Open the families' models and the cache, and yield what embeds one document."""
    with ExitStack() as stack:
        wanted = [name for name in FAMILIES if name in context.options.families]
        yield _Worker(context=context, families={name: open_family(name, context, stack) for name in wanted})


@attrs.frozen(kw_only=True)
class _Worker:
    """Embeds one document per call."""

    context: StageContext
    families: Mapping[str, Family]

    def __call__(self, item: WorkItem) -> ItemOutcome:
        chunks = _read(item)
        made, failed = self._made(chunks)
        columns = {name: column for each in made.values() for name, column in each.columns.items()}
        write_vectors(item.outputs["embeddings"], chunks.ids, chunks.documents, columns, self._footer(made))
        self._tell_of(made)
        metrics = _metrics(chunks, made)
        if failed:
            reason = "; ".join(f"no {name}: {error.message}" for name, error in failed.items())
            return ItemOutcome.partial(reason, **metrics, failed=list(failed))
        return ItemOutcome.success(**metrics)

    def _made(self, chunks: Chunks) -> tuple[dict[str, Made], dict[str, StageError]]:
        """Return what each family made and which failed; one that may do better when tried again fails the document.

        Raises:
            StageError: of the first family that failed, when all did.
        """
        made: dict[str, Made] = {}
        failed: dict[str, StageError] = {}
        for name, family in self.families.items():
            try:
                made[name] = family.make(chunks, self.context.progress)
            except StageError as error:
                if error.category is Category.CONFIG or error.is_retryable:
                    raise
                failed[name] = error
        if not made:
            raise next(iter(failed.values()))
        return made, failed

    def _tell_of(self, made: Mapping[str, Made]) -> None:
        for name, each in made.items():
            if each.truncated:
                self.context.logger.warning("%d chunks cut to what the %s model reads", each.truncated, name)
            if each.halved:
                self.context.logger.warning("%d batches of %s vectors halved: no memory", each.halved, name)

    def _footer(self, made: Mapping[str, Made]) -> dict[str, object]:
        """Return what made the vectors: of the family dense as it is, of the others under their names."""
        footers = {name: dict(self.families[name].footer) for name in made}
        return {
            **footers.pop("dense", {}),
            **footers,
            "families": list(made),
            "config_hash": _config_hash(self.context),
        }


def _metrics(chunks: Chunks, made: Mapping[str, Made]) -> dict[str, Any]:
    rest = {name: dict(each.metrics) for name, each in made.items()}
    return {"chunks": len(chunks.ids), **rest.pop("dense", {}), **rest}


def _config_hash(context: StageContext) -> str:
    """Return 16 hexadecimal digits over all that decides the vectors, beside the chunks."""
    names = ("families", "document_prompt", "query_prompt", "dimensions", "dtype", "on_overflow")
    chosen = {name: getattr(context.options, name) for name in names}
    text = json.dumps({**chosen, **context.resolved}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(item: WorkItem) -> Chunks:
    """Return the chunks' ids and what to encode of each: its text in context, or its text alone."""
    chunks, seen = Chunks(), set[str]()
    path = item.inputs["chunks"]
    for number, row in enumerate(read_rows(path), 1):
        chunk_id, text = row.get("chunk_id"), row.get("contextualized_text") or row.get("text")
        if not isinstance(chunk_id, str) or not isinstance(text, str):
            msg = f"row {number} of {path.name} has no chunk_id or no text: it is not what the stage chunk writes"
            raise StageError(msg, category=Category.INPUT)
        if chunk_id in seen:
            msg = f"row {number} of {path.name} repeats the chunk_id {chunk_id}"
            raise StageError(msg, category=Category.INPUT)
        seen.add(chunk_id)
        chunks.ids.append(chunk_id)
        chunks.documents.append(row.get("doc_id") or item.item_id)
        chunks.texts.append(text)
    return chunks
