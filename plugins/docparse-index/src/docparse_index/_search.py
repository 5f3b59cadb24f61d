"""Searching an index: by words (BM25), by vectors (exactly) or both, on one snapshot while a run may write."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from docparse_index._contents import Contents, read_contents
from docparse_index._encoder import open_query_encoder
from docparse_index._hit import Filters, Hit
from docparse_index._query import Request, folded_contains, lexical_scores
from docparse_index._rows import fetch_hits
from docparse_index._store import Model, index_path, open_reader
from docparse_runner import StageError, UsageError

if TYPE_CHECKING:
    from docparse_index._dense import Matrix

_NO_FILTERS = Filters()


@attrs.frozen
class _Opened:
    """The model that queries are encoded with, and what made the vectors that it was opened for."""

    model: Model
    encoder: Any


class Index:
    """An open index; see ``open_index``.

    Attributes:
        path: the database.
    """

    def __init__(self, path: Path, *, model: str | None = None) -> None:
        self.path = path if path.is_file() else index_path(path)
        if not self.path.is_file():
            msg = f"no index in {path}; run `docparse run all` first"
            raise UsageError(msg)
        self._model_name = model
        self._open = ExitStack()
        try:
            self._connection: sqlite3.Connection = self._open.enter_context(open_reader(self.path))
        except StageError as error:
            raise UsageError(str(error)) from error
        self._connection.create_function("folded_contains", 2, folded_contains, deterministic=True)
        self._opened: _Opened | None = None
        self._matrix: tuple[int, Matrix] | None = None

    def __enter__(self) -> Self:
        """Return the index itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self.close()

    def close(self) -> None:
        """Close the database and the model."""
        self._opened = self._matrix = None
        self._open.close()

    def contents(self) -> Contents:
        """Return what the index holds now."""
        with self._snapshot() as contents:
            return contents

    def open_model(self) -> None:
        """Open the model of the index, as the first search that needs it would.

        Raises:
            UsageError: it is not to be had here, or is another one; the message says what to do.
        """
        with self._snapshot() as contents:
            self._encoder(contents)

    def search(
        self,
        query: str,
        *,
        mode: str = "hybrid",
        k: int = 5,
        fusion: str = "convex",
        filters: Filters = _NO_FILTERS,
    ) -> list[Hit]:
        """Return the best chunks for a query, best first.

        Args:
            query: a person's words, in any language; nothing in it is syntax.
            mode: ``hybrid``, ``dense`` (vectors alone) or ``lexical`` (words alone, which needs no model).
            k: how many hits at most.
            fusion: how ``hybrid`` joins the two: ``convex`` or ``rrf``.
            filters: what a chunk must be to be considered.

        Raises:
            UsageError: the query is empty, an argument is none of those, or the model of the index is not to be had.
        """
        request = Request(text=query, mode=mode, k=k, fusion=fusion, filters=filters)
        with self._snapshot() as contents:
            if mode == "lexical":
                scored = lexical_scores(self._connection, request, k)
            else:
                scored = self._vector_scores(request, contents)
            return fetch_hits(self._connection, scored, request)

    @contextmanager
    def _snapshot(self) -> Iterator[Contents]:
        """Hold one state of the database, whatever a run commits meanwhile."""
        self._connection.execute("BEGIN")
        try:
            yield read_contents(self._connection)
        finally:
            self._connection.execute("ROLLBACK")

    def _vector_scores(self, request: Request, contents: Contents) -> dict[int, float]:
        from docparse_index._hybrid import vector_scores  # noqa: PLC0415 - numpy, which a lexical search does without

        query = self._encoder(contents).encode_query(request.text)
        return vector_scores(self._connection, request, self._vectors(contents), query)

    def _vectors(self, contents: Contents) -> "Matrix":
        """Return the vectors of the current model, read again when the index has changed."""
        from docparse_index._dense import load_matrix  # noqa: PLC0415 - as above

        if self._matrix is None or self._matrix[0] != contents.revision:
            self._matrix = None
            self._matrix = contents.revision, load_matrix(self._connection, contents)
        return self._matrix[1]

    def _encoder(self, contents: Contents) -> Any:
        """Return the open encoder of the current model."""
        model = contents.model
        if model is None:
            msg = f"the index {self.path} is empty; run `docparse run all` first"
            raise UsageError(msg)
        if self._opened is None or self._opened.model != model:
            opening = open_query_encoder(model, self._model_name, self.path.parent.parent / ".cache")
            self._opened = _Opened(model, self._open.enter_context(opening))
        return self._opened.encoder
