"""Searching an index: by words (BM25), by vectors (exactly) or both, on one snapshot while a run may write."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from docparse_index._active import Active, read_active
from docparse_index._contents import Contents
from docparse_index._document import Model
from docparse_index._encoder import open_query_encoder
from docparse_index._hit import Filters, Hit
from docparse_index._query import LARGEST, Request
from docparse_index.sinks import Place, Reader, load_sink
from docparse_index.sinks.sqlite import open_database
from docparse_runner import StageError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NO_FILTERS = Filters()
_EMPTY = "the index is empty; run `docparse run all` first"
_NO_VECTORS = (
    "the index has no vectors: `docparse run embed --families dense` and `docparse run index` add them, or search with "
    "--mode lexical"
)
_DEEPER = 4


@attrs.frozen
class _Opened:
    """The model that queries are encoded with, and what made the vectors that it was opened for."""

    model: Model
    encoder: Any


class Index:
    """An open index; see ``open_index``."""

    def __init__(self, reader: Reader, stack: ExitStack, *, model: str | None, cache: Path) -> None:
        """Take over an open reader and what closes it."""
        self._reader = reader
        self._open = stack
        self._model_name = model
        self._cache = cache
        self._opened: _Opened | None = None

    def __enter__(self) -> Self:
        """Return the index itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self.close()

    def close(self) -> None:
        """Close the store and the model."""
        self._opened = None
        self._open.close()

    def contents(self) -> Contents:
        """Return what the index holds now."""
        with self._snapshot() as contents:
            return contents

    def open_model(self) -> None:
        """Open the model of the index, as the first search that needs it would.

        Raises:
            UsageError: it is not to be had here, or is another one, or the index has no vectors; the message says what
                to do.
        """
        self._encoder(self.contents())

    def search(  # noqa: PLR0913 - one argument for each thing that a search can be told
        self,
        query: str,
        *,
        mode: str = "hybrid",
        k: int = 5,
        fusion: str = "convex",
        filters: Filters = _NO_FILTERS,
        context: int = 0,
        group_by: str | None = None,
    ) -> list[Hit]:
        """Return the best chunks for a query, best first.

        Args:
            query: a person's words, in any language; ``"a phrase"``, ``prefix*``, ``-excluded``, ``AND``, ``OR`` and
                ``NOT`` between words are understood, anything else is text.
            mode: ``hybrid``, ``dense`` (vectors alone) or ``lexical`` (words alone, which needs no model); in an index
                without vectors ``hybrid`` finds by words.
            k: how many hits at most.
            fusion: how ``hybrid`` joins the two: ``convex`` or ``rrf``.
            filters: what a chunk must be to be considered.
            context: how many chunks before and after each hit come with it.
            group_by: ``document`` for the best chunk of each document only, so that `k` counts documents.

        Raises:
            UsageError: the query is empty, an argument is none of those, the model of the index is not to be had, or
                vectors are asked for and there are none.
        """
        request = Request(
            text=query, mode=mode, k=k, fusion=fusion, filters=filters, context=context, group_by=group_by
        )
        with self._snapshot() as contents:
            vector = self._vector(contents, request) if _needs_model(mode, contents) else None
            hits = self._hits(request, vector)
            return [self._with_context(hit, context) for hit in hits] if context else hits

    @contextmanager
    def _snapshot(self) -> Iterator[Contents]:
        try:
            with self._reader.snapshot() as contents:
                yield contents
        except StageError as error:  # damaged, or out of reach; a sink knows nothing of users
            raise UsageError(str(error)) from error

    def _hits(self, request: Request, vector: "NDArray[np.float32] | None") -> list[Hit]:
        if request.group_by is None:
            return self._reader.find(request, request.k, vector)
        limit = min(request.k * _DEEPER, LARGEST)
        while True:
            found = self._reader.find(request, limit, vector)
            first = {hit.doc_id: hit for hit in reversed(found)}
            best = [hit for hit in found if first[hit.doc_id] is hit]
            if len(best) >= request.k or len(found) < limit:
                return best[: request.k]
            limit = min(limit * _DEEPER, LARGEST)

    def _with_context(self, hit: Hit, count: int) -> Hit:
        around = self._reader.neighbours(hit, count)
        return attrs.evolve(
            hit,
            before=tuple(each for each in around if each.seq < hit.seq),
            after=tuple(each for each in around if each.seq > hit.seq),
        )

    def _vector(self, contents: Contents, request: Request) -> "NDArray[np.float32]":
        vector: NDArray[np.float32] = self._encoder(contents).encode_query(request.words.spoken)
        return vector

    def _encoder(self, contents: Contents) -> Any:
        """Return the open encoder of the current model."""
        model = contents.model
        if model is None:
            raise UsageError(_NO_VECTORS if contents.chunks else _EMPTY)
        if self._opened is None or self._opened.model != model:
            opening = open_query_encoder(model, self._model_name, self._cache)
            self._opened = _Opened(model, self._open.enter_context(opening))
        return self._opened.encoder


def _needs_model(mode: str, contents: Contents) -> bool:
    """Return whether the query must become a vector; ``hybrid`` does without where there is none to compare it with."""
    has_words_only = contents.model is None and contents.chunks > 0
    return mode == "dense" or (mode == "hybrid" and not has_words_only)


def open_at(path: Path, *, model: str | None, url: str | None) -> Index:
    """Open the index of a data root, or a database; see ``docparse_index.open_index``."""
    stack = ExitStack()
    try:
        reader = stack.enter_context(_opening(path, url))
    except StageError as error:
        raise UsageError(str(error)) from error
    root = path.parent.parent if path.is_file() else path
    return Index(reader, stack, model=model, cache=root / ".cache")


def _opening(path: Path, url: str | None) -> AbstractContextManager[Reader]:
    if path.is_file():
        return open_database(path)
    active = read_active(path) or Active()
    sink, place = load_sink(active.sink), Place(root=path, collection=active.collection, url=url)
    if sink.generation(place, create=False) is None:
        msg = f"no index in {path}; run `docparse run all` first"
        raise UsageError(msg)
    return sink.open_reader(place)
