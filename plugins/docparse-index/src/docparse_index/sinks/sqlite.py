"""The sink ``sqlite``: one file in the data root, searched exactly, without a server. See ``docparse_index.sinks``."""

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from docparse_index._contents import Contents, read_contents
from docparse_index._document import Document
from docparse_index._filters import register
from docparse_index._hit import Hit, Neighbour
from docparse_index._integrity import problems_of
from docparse_index._lexical import lexical_scores
from docparse_index._query import Request
from docparse_index._rows import fetch_hits, fetch_neighbours
from docparse_index._store import generation_of, index_path, open_readable, open_store, read_generation
from docparse_index._write import remove_document, replace_document
from docparse_index.sinks import Place
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from docparse_index._dense import Matrix


def generation(place: Place, *, create: bool) -> str | None:
    """Return the random id of the store; see ``Sink.generation``."""
    return read_generation(index_path(place.root), create=create)


def reset(place: Place) -> None:
    """Move the whole folder away in one step, so that nobody finds half of a database, and remove it then."""
    aside = place.root / ".cache" / f"removed-index-{uuid.uuid4().hex}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        os.rename(place.folder, aside)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def open_writer(place: Place) -> Iterator["SqliteWriter"]:
    """Hold the store open for writing; see ``Sink.open_writer``."""
    with open_store(index_path(place.root)) as connection:
        yield SqliteWriter(connection=connection, generation=generation_of(connection))


@contextmanager
def open_reader(place: Place) -> Iterator["SqliteReader"]:
    """Hold the store open for searching; see ``Sink.open_reader``."""
    with open_database(index_path(place.root)) as reader:
        yield reader


def documents(place: Place) -> dict[str, int]:
    """Return how many chunks each document has; see ``Sink.documents``."""
    whole = "typeof(doc_id) = 'text' AND typeof(chunks) = 'integer'"  # of a damaged file, anything may be read
    query = f"SELECT doc_id, chunks FROM documents WHERE {whole} ORDER BY doc_id"  # noqa: S608 - ours
    path = index_path(place.root)
    with open_readable(path) as connection, _telling_of_damage(path):
        return dict(connection.execute(query).fetchall())


def problems(place: Place) -> Iterator[str]:
    """Yield what is wrong; see ``Sink.problems``."""
    return problems_of(index_path(place.root))


@contextmanager
def open_database(path: Path) -> Iterator["SqliteReader"]:
    """Hold a database open for searching, wherever it lies."""
    with open_readable(path) as connection:
        register(connection)
        yield SqliteReader(connection, path)


@contextmanager
def _telling_of_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        remedy = "" if isinstance(error, sqlite3.OperationalError) else ": run `docparse index rebuild`"
        msg = f"the index {path} cannot be read ({error}){remedy}"
        raise StageError(msg, category=Category.CONFIG) from error


@attrs.frozen(kw_only=True)
class SqliteWriter:
    """An open store; see ``Writer``."""

    connection: sqlite3.Connection
    generation: str

    def upsert(self, document: Document) -> int:
        """Replace the document in one transaction."""
        return replace_document(self.connection, document)

    def delete(self, doc_id: str) -> int:
        """Remove the document in one transaction."""
        return remove_document(self.connection, doc_id)


class SqliteReader:
    """An open store; see ``Reader``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._contents: Contents | None = None
        self._matrix: tuple[Contents, Matrix] | None = None

    @contextmanager
    def snapshot(self) -> Iterator[Contents]:
        """Hold one state of the database, whatever a run commits meanwhile."""
        self._connection.execute("BEGIN")
        try:
            with _telling_of_damage(self._path):
                self._contents = read_contents(self._connection)
                yield self._contents
        finally:
            self._contents = None
            self._connection.execute("ROLLBACK")

    def find(self, request: Request, limit: int, query: "NDArray[np.float32] | None") -> list[Hit]:
        """Return the best hits."""
        if query is None:
            scored = lexical_scores(self._connection, request, limit)
        else:
            from docparse_index._hybrid import vector_scores  # noqa: PLC0415 - numpy, which words do without

            scored = vector_scores(self._connection, request, limit, self._vectors(), query)
        return fetch_hits(self._connection, scored, request, limit)

    def neighbours(self, hit: Hit, count: int) -> list[Neighbour]:
        """Return the chunks around a hit."""
        return fetch_neighbours(self._connection, hit, count)

    def _vectors(self) -> "Matrix":
        """Return the vectors of the current model, opened again when the index has changed."""
        from docparse_index._vectors import open_matrix  # noqa: PLC0415 - as above

        contents = self._contents
        assert contents is not None  # noqa: S101 - inside a snapshot
        if self._matrix is None or self._matrix[0] != contents:
            self._matrix = None
            self._matrix = contents, open_matrix(self._connection, contents, self._path)
        return self._matrix[1]
