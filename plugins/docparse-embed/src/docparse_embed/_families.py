"""The families of vectors: each turns a document's chunks into columns, independent of the others."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from docparse_embed._cache import Entry, Identity, VectorCache, open_cache
from docparse_embed._checks import check_sparse, check_vectors, stacked
from docparse_embed._chunks import Chunks, result_or_error
from docparse_embed._encode import DocumentEncoder, Encoded, Tell
from docparse_embed._options import Options
from docparse_embed._spread import spread_of
from docparse_embed._terms import TOKENIZER, term_counts
from docparse_embed._vectors import Columns, dense_columns, lexical_columns, sparse_columns
from docparse_embed.providers import Encoder, FoundModel, SparseEncoder, find_model, find_sparse_model, load_provider
from docparse_embed.providers import settings_of as _settings_of
from docparse_runner import Category, StageContext, StageError

SPARSE_ROW = np.dtype([("index", "<i4"), ("value", "<f4")])
"""An element of a sparse vector."""


@attrs.frozen(kw_only=True)
class Made:
    """What a family made of a document.

    Attributes:
        columns: of the file, one value per chunk.
        metrics: for the manifest.
        truncated: how many chunks were cut.
        halved: how often a batch was halved for lack of memory.
    """

    columns: Columns
    metrics: Mapping[str, Any]
    truncated: int = 0
    halved: int = 0


class Family(Protocol):
    """An open family."""

    @property
    def footer(self) -> Mapping[str, Any]:
        """Return what made its vectors."""

    def make(self, documents: Sequence[Chunks], tell: Tell) -> list[Made | StageError]:
        """Return the family's columns for each document, or why that one has none.

        Raises:
            StageError: what went wrong is not known to be one document's.
        """


def open_family(name: str, context: StageContext, stack: ExitStack) -> Family:
    """Open a family of ``FAMILIES``; what it holds is closed by the stack."""
    openers: Mapping[str, Callable[[StageContext, ExitStack], Family]] = {
        "dense": _open_dense,
        "sparse": _open_sparse,
        "lexical": _open_lexical,
    }
    return openers[name](context, stack)


def _unchanged(found: FoundModel, expected: object) -> FoundModel:
    if found.digest != expected:
        msg = f"the files of the model {found.label} changed since the run started: run again"
        raise StageError(msg, category=Category.CONFIG)
    return found


def _cache(context: StageContext, identity: Identity, stack: ExitStack) -> VectorCache | None:
    path = context.workspace.cache / "vectors.sqlite"
    return stack.enter_context(open_cache(path, identity)) if context.options.cache else None


def _metrics(encoded: Encoded) -> dict[str, Any]:
    return {
        "cached": encoded.cached,
        "encoded": encoded.encoded,
        "truncated": encoded.truncated,
        "split": encoded.split,
        "halved": encoded.halved,
        "tokens": spread_of(encoded.tokens),
    }


def _open_dense(context: StageContext, stack: ExitStack) -> "_Dense":
    options: Options = context.options
    found = find_model(options, may_fetch=False, cache=context.workspace.cache)
    _unchanged(found, context.resolved["model_digest"])
    provider = load_provider(options.provider, _settings_of(options))
    opening = provider.open_encoder(found, device=context.device, threads=context.threads)
    encoder: Encoder = stack.enter_context(opening)
    if (options.dimensions or 0) > encoder.dimension:
        msg = f"--dimensions {options.dimensions} is more than the {encoder.dimension} of the model {found.label}"
        raise StageError(msg, category=Category.CONFIG)

    def check(rows: Any, names: Any) -> None:
        check_vectors(stacked(rows, names, encoder.dimension), names, normalized=encoder.normalized)

    identity = Identity(model_digest=found.digest, prompt=encoder.document_prompt, dimension=encoder.dimension)
    documents = DocumentEncoder(
        encoder=encoder,
        check=check,
        cache=_cache(context, identity, stack),
        batch_tokens=options.batch_tokens,
        on_overflow=options.on_overflow,
    )
    return _Dense(options=options, found=found, encoder=encoder, documents=documents)


@attrs.frozen(kw_only=True)
class _Dense:
    """One vector of fixed length for each chunk."""

    options: Options
    found: FoundModel
    encoder: Encoder
    documents: DocumentEncoder

    @property
    def dimension(self) -> int:
        """Return the length of the vectors in the file."""
        return self.options.dimensions or self.encoder.dimension

    @property
    def footer(self) -> Mapping[str, Any]:
        """Return what made the vectors."""
        return {
            "model": self.found.name,
            "model_digest": self.found.digest,
            "revision": self.found.revision,
            "provider": getattr(self.encoder, "provider", self.options.provider),
            "dimension": self.dimension,
            "model_dimension": self.encoder.dimension,
            "dtype": self.options.dtype,
            "max_tokens": self.encoder.max_tokens,
            "normalized": self.encoder.normalized,
            "pooling": self.encoder.pooling,
            "document_prompt": self.encoder.document_prompt,
            "query_prompt": self.encoder.query_prompt,
            "on_overflow": self.options.on_overflow,
        }

    def make(self, documents: Sequence[Chunks], tell: Tell) -> list[Made | StageError]:
        """Return the column ``dense``."""
        pairs = zip(documents, self.documents.encode(documents, tell), strict=True)
        return [
            each if isinstance(each, StageError) else result_or_error(self._made, chunks, each)
            for chunks, each in pairs
        ]

    def _made(self, chunks: Chunks, encoded: Encoded) -> Made:
        whole = np.array([_mean(parts) for parts in encoded.rows], dtype=np.float32)
        vectors = self._shortened(whole.reshape(len(chunks.ids), self.encoder.dimension))
        norms = np.linalg.norm(vectors, axis=1)
        final = vectors.astype(self.options.dtype)
        check_vectors(final, chunks.ids, normalized=self.encoder.normalized)
        metrics = {
            "dimension": self.dimension,
            **_metrics(encoded),
            "model": self.found.label,
            "provider": self.footer["provider"],
            "norm_min": round(float(norms.min()), 4) if len(norms) else None,
            "norm_max": round(float(norms.max()), 4) if len(norms) else None,
        }
        return Made(columns=dense_columns(final), metrics=metrics, truncated=encoded.truncated, halved=encoded.halved)

    def _shortened(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vectors with the dimensions that are wanted and, from a normalising model, of length 1."""
        kept = vectors[:, : self.dimension]
        if not self.encoder.normalized:
            return kept
        norms = np.linalg.norm(kept, axis=1, keepdims=True)
        changed = np.abs(norms - 1) > np.finfo(np.float32).eps * self.dimension
        unit: NDArray[np.float32] = np.divide(kept, norms, out=kept.copy(), where=changed & (norms > 0))
        return unit


def _mean(parts: list[Entry]) -> NDArray[np.float32]:
    """Return the mean of the vectors of a text's parts, weighted by their tokens."""
    if len(parts) == 1:
        return parts[0].vector
    weights = np.array([part.tokens for part in parts], dtype=np.float32)
    mean: NDArray[np.float32] = np.average([part.vector for part in parts], axis=0, weights=weights).astype(np.float32)
    return mean


def _open_sparse(context: StageContext, stack: ExitStack) -> "_Sparse":
    options: Options = context.options
    found = find_sparse_model(options, may_fetch=False, cache=context.workspace.cache)
    _unchanged(found, context.resolved["sparse_model_digest"])
    provider = load_provider(options.sparse_provider, family="sparse")
    opening = provider.open_encoder(found, device=context.device, threads=context.threads)
    encoder: SparseEncoder = stack.enter_context(opening)

    def check(rows: Any, names: Any) -> None:
        check_sparse(rows, names, encoder.dimension)

    identity = Identity(model_digest=found.digest, prompt=encoder.document_prompt, dimension=0, dtype=SPARSE_ROW)
    documents = DocumentEncoder(
        encoder=encoder,
        check=check,
        cache=_cache(context, identity, stack),
        batch_tokens=options.batch_tokens,
        on_overflow=options.on_overflow,
    )
    return _Sparse(options=options, found=found, encoder=encoder, documents=documents)


@attrs.frozen(kw_only=True)
class _Sparse:
    """Weights of the model's words for each chunk."""

    options: Options
    found: FoundModel
    encoder: SparseEncoder
    documents: DocumentEncoder

    @property
    def footer(self) -> Mapping[str, Any]:
        """Return what made the vectors."""
        return {
            "model": self.found.name,
            "model_digest": self.found.digest,
            "revision": self.found.revision,
            "provider": self.options.sparse_provider,
            "dimension": self.encoder.dimension,
            "max_tokens": self.encoder.max_tokens,
            "document_prompt": self.encoder.document_prompt,
            "query_prompt": self.encoder.query_prompt,
            "on_overflow": self.options.on_overflow,
        }

    def make(self, documents: Sequence[Chunks], tell: Tell) -> list[Made | StageError]:
        """Return the columns ``sparse_indices`` and ``sparse_values``; of a text's parts, the largest weights."""
        encoded = self.documents.encode(documents, tell)
        return [each if isinstance(each, StageError) else self._made(each) for each in encoded]

    def _made(self, encoded: Encoded) -> Made:
        rows = [_largest(parts) for parts in encoded.rows]
        metrics = {**_metrics(encoded), "model": self.found.label, "nonzero": spread_of(len(row) for row in rows)}
        return Made(columns=sparse_columns(rows), metrics=metrics, truncated=encoded.truncated, halved=encoded.halved)


def _largest(parts: list[Entry]) -> NDArray[Any]:
    """Return for each index its largest weight in any part: what SPLADE does with the tokens of a text."""
    if len(parts) == 1:
        return parts[0].vector
    flat = np.concatenate([part.vector for part in parts])
    indices, place = np.unique(flat["index"], return_inverse=True)
    merged = np.zeros(len(indices), dtype=SPARSE_ROW)
    merged["index"] = indices
    values = np.full(len(indices), -np.inf, dtype=np.float32)
    np.maximum.at(values, place, flat["value"])
    merged["value"] = values
    return merged


def _open_lexical(_context: StageContext, _stack: ExitStack) -> "_Lexical":
    return _Lexical()


@attrs.frozen(kw_only=True)
class _Lexical:
    """Words and how often each occurs; computed every time, which takes no longer than a look into the cache."""

    footer: Mapping[str, Any] = attrs.field(factory=lambda: {"tokenizer": TOKENIZER})

    def make(self, documents: Sequence[Chunks], _tell: Tell) -> list[Made | StageError]:
        """Return the columns ``lexical_terms``, ``lexical_counts`` and ``lexical_length``."""
        return [self._made(chunks) for chunks in documents]

    def _made(self, chunks: Chunks) -> Made:
        counted = [term_counts(text) for text in chunks.texts]
        metrics = {"words": sum(counts.total() for counts in counted), "terms": spread_of(map(len, counted))}
        return Made(columns=lexical_columns(counted), metrics=metrics)
