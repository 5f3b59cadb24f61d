"""The work: one document's chunks into one file of vectors, with a model that stays open."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import attrs

from docparse_embed._cache import open_cache
from docparse_embed._encode import DocumentEncoder, Encoded
from docparse_embed._vectors import write_vectors
from docparse_embed.providers import Encoder, FoundModel, find_model, load_provider
from docparse_runner import Category, ItemOutcome, StageContext, StageError, WorkItem, read_rows


@contextmanager
def open_worker(context: StageContext) -> Iterator[Callable[[WorkItem], ItemOutcome]]:
    """Open the model and the cache, and yield what embeds one document."""
    found = _found(context)
    provider = load_provider(context.options.provider)
    with ExitStack() as stack:
        encoder = stack.enter_context(provider.open_encoder(found, device=context.device, threads=context.threads))
        yield _Worker(
            context=context, found=found, encoder=encoder, documents=_documents(context, found, encoder, stack)
        )


def _found(context: StageContext) -> FoundModel:
    """Return the model that the run was planned with: everything is on this machine by now."""
    found = find_model(context.options, offline=True, cache=context.workspace.cache)
    if found.digest != context.resolved["model_digest"]:
        msg = f"the files of the model {found.label} changed since the run started: run again"
        raise StageError(msg, category=Category.CONFIG)
    return found


def _documents(context: StageContext, found: FoundModel, encoder: Encoder, stack: ExitStack) -> DocumentEncoder:
    options, cache = context.options, None
    if options.cache:
        path = context.workspace.cache / "vectors.sqlite"
        opened = open_cache(
            path, model_digest=found.digest, prompt=encoder.document_prompt, dimension=encoder.dimension
        )
        cache = stack.enter_context(opened)
    return DocumentEncoder(
        encoder=encoder, cache=cache, batch_tokens=options.batch_tokens, refuse=options.on_overflow == "refuse"
    )


@attrs.frozen(kw_only=True)
class _Chunks:
    """What is read of one document's chunks: three columns of one length."""

    ids: list[str] = attrs.field(factory=list)
    documents: list[str] = attrs.field(factory=list)
    texts: list[str] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class _Worker:
    """Embeds one document per call."""

    context: StageContext
    found: FoundModel
    encoder: Encoder
    documents: DocumentEncoder

    def __call__(self, item: WorkItem) -> ItemOutcome:
        chunks = _read(item)
        encoded = self.documents.encode(chunks.ids, chunks.texts, self.context.progress)
        write_vectors(item.outputs["embeddings"], chunks.ids, chunks.documents, encoded.vectors, self._footer())
        return self._outcome(encoded)

    def _outcome(self, encoded: Encoded) -> ItemOutcome:
        if encoded.truncated:
            limit = self.encoder.max_tokens
            self.context.logger.warning("%d chunks cut to the %d tokens that the model reads", encoded.truncated, limit)
        return ItemOutcome.success(
            chunks=len(encoded.vectors),
            dimension=self.encoder.dimension,
            cached=encoded.cached,
            encoded=encoded.encoded,
            truncated=encoded.truncated,
            model=self.found.label,
        )

    def _footer(self) -> dict[str, object]:
        return {
            "model": self.found.name,
            "model_digest": self.found.digest,
            "revision": self.found.revision,
            "provider": self.context.options.provider,
            "dimension": self.encoder.dimension,
            "max_tokens": self.encoder.max_tokens,
            "normalized": self.encoder.normalized,
            "pooling": self.encoder.pooling,
            "document_prompt": self.encoder.document_prompt,
            "query_prompt": self.encoder.query_prompt,
        }


def _read(item: WorkItem) -> _Chunks:
    """Return the chunks' ids and what to encode of each: its text in context, or its text alone."""
    chunks, seen = _Chunks(), set[str]()
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
