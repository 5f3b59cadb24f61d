"""Changes to the store, each one transaction: a document is replaced or removed, wholly or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from docparse_index._document import Document, Model, Record, as_json, folded_or_none, records
from docparse_runner import Category, StageError

_INSERT = f"INSERT INTO chunks VALUES (?{', ?' * 13})"  # noqa: S608 - ours


def replace_document(connection: sqlite3.Connection, document: Document) -> int:
    """Make the document's chunks its only rows and return how many there are.

    Raises:
        StageError: ``contract`` for a chunk id that another document has, ``io`` when the database cannot be written.
    """
    with _transaction(connection):
        _delete(connection, document.doc_id)
        model_id = None if document.model is None else _model_id(connection, document.model)
        stored = list(records(document.chunks))
        count = len(stored)
        _insert(connection, document.doc_id, model_id, stored)
        row = (document.doc_id, document.digest, model_id, count, _next_revision(connection))
        connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", row)
        _forget_unused_models(connection)
    return count


def remove_document(connection: sqlite3.Connection, doc_id: str) -> int:
    """Remove the document's rows and return how many chunks there were."""
    with _transaction(connection):
        removed = _delete(connection, doc_id)
        _next_revision(connection)
        _forget_unused_models(connection)
    return removed


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
    except sqlite3.OperationalError as error:
        msg = f"the index cannot be written: {error}"
        raise StageError(msg, category=Category.IO) from error


def _delete(connection: sqlite3.Connection, doc_id: str) -> int:
    connection.execute("DELETE FROM documents WHERE doc_id = ?", (doc_id,))
    connection.execute(
        "INSERT INTO words (words, rowid, text, headings, captions) SELECT 'delete', id, text, headings, captions "
        "FROM folded WHERE id IN (SELECT id FROM chunks WHERE doc_id = ?)",
        (doc_id,),
    )
    connection.execute("DELETE FROM vectors WHERE id IN (SELECT id FROM chunks WHERE doc_id = ?)", (doc_id,))
    return connection.execute("DELETE FROM chunks WHERE doc_id = ?", (doc_id,)).rowcount


def _insert(connection: sqlite3.Connection, doc_id: str, model_id: int | None, stored: list[Record]) -> None:
    ((last,),) = connection.execute("SELECT coalesce(max(id), 0) FROM chunks").fetchall()
    rows = [_values(doc_id, *each) for each in enumerate(stored, last + 1)]
    try:
        connection.executemany(_INSERT, rows)
    except sqlite3.IntegrityError:
        raise _taken(connection, stored) from None
    if model_id is not None:
        vectors = ((number, model_id, record.vector) for number, record in enumerate(stored, last + 1))
        connection.executemany("INSERT INTO vectors VALUES (?, ?, ?)", vectors)
    new = "SELECT id, text, headings, captions FROM folded WHERE id > ?"
    connection.execute(f"INSERT INTO words (rowid, text, headings, captions) {new}", (last,))


def _values(doc_id: str, number: int, record: Record) -> tuple[object, ...]:
    return (
        number,
        record.chunk_id,
        doc_id,
        record.seq,
        as_json(record.pages),
        as_json(record.kinds),
        record.headings,
        record.captions,
        record.text,
        record.boxes,
        record.metadata,
        folded_or_none(record.text),
        folded_or_none(record.headings),
        folded_or_none(record.captions),
    )


def _taken(connection: sqlite3.Connection, stored: list[Record]) -> StageError:
    """Return the error of a chunk whose id is in the store already; another document's come before its own."""
    query = "SELECT chunk_id, doc_id FROM chunks WHERE chunk_id IN (SELECT value FROM json_each(?)) ORDER BY id"
    chunk_id, owner = connection.execute(query, (as_json([record.chunk_id for record in stored]),)).fetchone()
    return taken(chunk_id, owner)


def taken(chunk_id: str, owner: str) -> StageError:
    """Return the error of a chunk whose id another document has."""
    msg = f"the chunk id {chunk_id} is in the index already, in the document {owner}: chunk ids must not repeat"
    return StageError(msg, category=Category.CONTRACT)


def _model_id(connection: sqlite3.Connection, model: Model) -> int:
    """Return the model's number; its name and provider become those of the newest document."""
    upsert = """
        INSERT INTO models (digest, dimension, document_prompt, provider, name, normalized, query_prompt)
        VALUES (:digest, :dimension, :document_prompt, :provider, :name, :normalized, :query_prompt)
        ON CONFLICT (digest, dimension, document_prompt)
        DO UPDATE SET provider = :provider, name = :name, normalized = :normalized, query_prompt = :query_prompt
        RETURNING id
    """
    ((model_id,),) = connection.execute(upsert, attrs.asdict(model)).fetchall()
    return int(model_id)


def _next_revision(connection: sqlite3.Connection) -> int:
    ((revision,),) = connection.execute("UPDATE meta SET revision = revision + 1 RETURNING revision").fetchall()
    return int(revision)


def _forget_unused_models(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM models WHERE NOT EXISTS (SELECT 1 FROM documents WHERE model = models.id)")
