"""The sink ``postgres``: PostgreSQL with the extension pgvector. See ``docparse_index.sinks``.

One schema holds one index and is named by ``--collection``. Vectors are compared exactly (there is no index over them);
words are ranked by the server's ``ts_rank_cd`` over English stems, which is not BM25.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from docparse_index._contents import Contents
from docparse_index._document import Document, Model, records
from docparse_index._hit import Hit, Neighbour
from docparse_index._query import Request
from docparse_index._write import taken
from docparse_index.sinks import Place
from docparse_index.sinks import _postgres_sql as sql
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REMEDY = "pip install 'docparse-index[postgres]'"


def generation(place: Place, *, create: bool) -> str | None:
    """Return the random id of the store; see ``Sink.generation``."""
    with _connected(place) as connection:
        exists = connection.execute("SELECT to_regclass('meta') IS NOT NULL").fetchone()
        if exists == (False,):
            if not create:
                return None
            _create(connection, place)
        return _generation_of(connection, place)


def reset(place: Place) -> None:
    """Drop the schema; see ``Sink.reset``."""
    with _connected(place) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{place.collection}" CASCADE')


@contextmanager
def open_writer(place: Place) -> Iterator["PostgresWriter"]:
    """Hold a connection open for writing; see ``Sink.open_writer``."""
    with _connected(place) as connection:
        yield PostgresWriter(connection=connection, generation=_generation_of(connection, place))


@contextmanager
def open_reader(place: Place) -> Iterator["PostgresReader"]:
    """Hold a connection open for searching; see ``Sink.open_reader``."""
    with _connected(place) as connection:
        _generation_of(connection, place)
        yield PostgresReader(connection=connection)


def documents(place: Place) -> dict[str, int]:
    """Return how many chunks each document has; see ``Sink.documents``."""
    with _connected(place) as connection:
        return dict(connection.execute("SELECT doc_id, chunks FROM documents ORDER BY doc_id").fetchall())


def problems(place: Place) -> Iterator[str]:
    """Yield what is wrong; see ``Sink.problems``."""
    with _connected(place) as connection:
        for query, what in sql.CHECKS.items():
            ((count,),) = connection.execute(query).fetchall()
            if count:
                yield f"{count} {what}"


@contextmanager
def _connected(place: Place) -> Iterator[Any]:
    try:
        psycopg = import_module("psycopg")
    except ImportError as error:
        msg = f"the sink postgres needs psycopg: {_REMEDY}"
        raise StageError(msg, category=Category.CONFIG) from error
    if not place.url:
        msg = "the sink postgres needs a connection string: set DOCPARSE_INDEX__URL, or url_file to a file with it"
        raise StageError(msg, category=Category.CONFIG)
    try:
        connection = psycopg.connect(place.url, autocommit=True, options=f"-c search_path={place.collection},public")
    except psycopg.Error as error:
        # The message may name user and host, but not the password; libpq leaves that out.
        msg = f"the server of the sink postgres cannot be reached: {str(error).strip()}"
        raise StageError(msg, category=Category.CONFIG) from None
    with connection:
        yield connection


def _create(connection: Any, place: Place) -> None:
    psycopg = import_module("psycopg")

    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('docparse-index'))")
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{place.collection}"')
            if connection.execute("SELECT to_regclass('meta') IS NULL").fetchone() == (True,):
                connection.execute(sql.SCHEMA)
                connection.execute("INSERT INTO meta VALUES (1, %s, %s, 0)", (sql.VERSION, uuid.uuid4().hex))
    except psycopg.Error as error:
        msg = f"the index cannot be made in the database: {error}; it needs PostgreSQL with the extension pgvector"
        raise StageError(msg, category=Category.CONFIG) from error


def _generation_of(connection: Any, place: Place) -> str:
    if connection.execute("SELECT to_regclass('meta') IS NULL").fetchone() == (True,):
        msg = f"there is no index {place.collection!r} in the database: run `docparse run index`"
        raise StageError(msg, category=Category.CONFIG)
    ((version, found),) = connection.execute("SELECT schema_version, generation FROM meta").fetchall()
    if version != sql.VERSION:
        msg = (
            f"the index {place.collection!r} has schema {version}, and this docparse-index reads schema {sql.VERSION}: "
            "run `docparse index rebuild`"
        )
        raise StageError(msg, category=Category.CONFIG)
    return str(found)


@attrs.frozen(kw_only=True)
class PostgresWriter:
    """An open store; see ``Writer``."""

    connection: Any
    generation: str

    def upsert(self, document: Document) -> int:
        """Replace the document in one transaction."""
        stored = list(records(document.chunks))
        with self._transaction():
            # It comes first because it locks: the server may still be committing what a killed run had sent it.
            ((revision,),) = self.connection.execute(sql.NEXT).fetchall()
            self.connection.execute("DELETE FROM documents WHERE doc_id = %s", (document.doc_id,))
            model = None if document.model is None else self._model(document.model)
            values = (document.doc_id, document.digest, model, len(stored), revision)
            self.connection.execute("INSERT INTO documents VALUES (%s, %s, %s, %s, %s)", values)
            found = self.connection.execute(sql.OWNERS, ([each.chunk_id for each in stored],)).fetchone()
            if found is not None:
                raise taken(*found)
            with self.connection.cursor() as cursor:
                cursor.executemany(sql.INSERT, [sql.values(document.doc_id, model, each) for each in stored])
        return len(stored)

    def delete(self, doc_id: str) -> int:
        """Remove the document in one transaction."""
        with self._transaction():
            self.connection.execute(sql.NEXT)
            row = self.connection.execute("DELETE FROM documents WHERE doc_id = %s RETURNING chunks", (doc_id,))
            found = row.fetchone()
        return int(found[0]) if found else 0

    def _model(self, model: Model) -> int:
        ((number,),) = self.connection.execute(sql.UPSERT_MODEL, attrs.asdict(model)).fetchall()
        return int(number)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        psycopg = import_module("psycopg")

        try:
            with self.connection.transaction():
                yield
        except psycopg.Error as error:
            msg = f"the index cannot be written: {error}"
            raise StageError(msg, category=Category.IO) from error


@attrs.define(kw_only=True)
class PostgresReader:
    """An open store; see ``Reader``."""

    connection: Any
    _model_id: int = 0

    @contextmanager
    def snapshot(self) -> Iterator[Contents]:
        """Hold one state of the database."""
        psycopg = import_module("psycopg")

        try:
            with self.connection.transaction():
                self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                contents = self._contents()
                self._model_id = contents.model_id
                yield contents
        except psycopg.Error as error:
            msg = f"the index cannot be read: {str(error).strip()}"
            raise StageError(msg, category=Category.CONFIG) from error

    def find(self, request: Request, limit: int, query: "NDArray[np.float32] | None") -> list[Hit]:
        """Return the best hits."""
        from docparse_index._pooled import POOL, fused  # noqa: PLC0415 - numpy, which words do without

        pool = max(limit, POOL) if request.mode == "hybrid" else limit
        lexical = {} if request.mode == "dense" else self._scored(*sql.lexical(request, pool))
        if query is None:
            scored = lexical
        else:
            dense = self._scored(*sql.dense(request, self._model_id, query, pool))
            scored = dense if request.mode == "dense" else fused(request, dense, lexical, limit)
        rows = self.connection.execute(sql.FETCH, (list(scored),)).fetchall()
        hits = [sql.hit(scored[row[0]], request, row) for row in rows]
        return sorted(hits, key=lambda hit: (-hit.score, hit.doc_id, hit.seq))[:limit]

    def neighbours(self, hit: Hit, count: int) -> list[Neighbour]:
        """Return the chunks around a hit."""
        rows = self.connection.execute(sql.NEIGHBOURS, (hit.doc_id, hit.seq - count, hit.seq + count)).fetchall()
        return [
            Neighbour(chunk_id=chunk_id, seq=seq, text=text, pages=tuple(pages)) for chunk_id, seq, text, pages in rows
        ]

    def _scored(self, query: str, parameters: list[Any]) -> dict[str, float]:
        return dict(self.connection.execute(query, parameters).fetchall())

    def _contents(self) -> Contents:
        ((generation, revision),) = self.connection.execute("SELECT generation, revision FROM meta").fetchall()
        ((documents, chunks, bare),) = self.connection.execute(sql.TOTALS).fetchall()
        newest = self.connection.execute(sql.NEWEST).fetchone()
        held = {"generation": generation, "revision": revision, "documents": documents, "chunks": chunks}
        held["without_vectors"] = bare
        if newest is None:
            return Contents(**held)
        number, searchable, *values = newest
        names = [field.name for field in attrs.fields(Model)]
        model = Model(**dict(zip(names, values, strict=True)))
        return Contents(**held, model=model, model_id=number, searchable=searchable)
