"""Changes to the store, each one transaction: a document is replaced or removed, wholly or not at all."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from docparse_index._store import SEPARATOR, Model
from docparse_runner import Category, StageError

_COLUMNS = frozenset({"chunk_id", "doc_id", "seq", "text", "contextualized_text", "headings", "captions"})


@attrs.frozen(kw_only=True)
class Chunk:
    """A row of the chunk stage with its vector.

    Attributes:
        row: as it was written, ``chunk_id`` and ``text`` being there.
        vector: little-endian float32.
    """

    row: Mapping[str, Any]
    vector: bytes


def replace_document(connection: sqlite3.Connection, doc_id: str, model: Model, chunks: Iterable[Chunk]) -> int:
    """Make `chunks` the document's only rows and return how many there are.

    Raises:
        StageError: ``contract`` for a chunk id that another document has, ``io`` when the database cannot be written.
    """
    with _transaction(connection):
        _delete(connection, doc_id)
        model_id = _model_id(connection, model)
        count = 0
        for count, chunk in enumerate(chunks, 1):
            _insert(connection, doc_id, model_id, count - 1, chunk)
        row = (doc_id, model_id, count, _next_revision(connection))
        connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?)", row)
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
    return connection.execute("DELETE FROM chunks WHERE doc_id = ?", (doc_id,)).rowcount


def _insert(connection: sqlite3.Connection, doc_id: str, model_id: int, number: int, chunk: Chunk) -> None:
    row = chunk.row
    rest = json.dumps({name: value for name, value in row.items() if name not in _COLUMNS}, ensure_ascii=False)
    values = (
        row["chunk_id"],
        doc_id,
        row.get("seq", number),
        row["text"],
        _joined(row.get("headings")),
        _joined(row.get("captions")),
        rest,
    )
    insert = (
        "INSERT INTO chunks (chunk_id, doc_id, seq, text, headings, captions, provenance) VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    try:
        rowid = connection.execute(insert, values).lastrowid
    except sqlite3.IntegrityError:
        raise _taken(connection, row["chunk_id"]) from None
    connection.execute("INSERT INTO vectors VALUES (?, ?, ?)", (rowid, model_id, chunk.vector))


def _joined(texts: Iterable[str] | None) -> str:
    return SEPARATOR.join(text.replace(SEPARATOR, " ") for text in texts or ())


def _taken(connection: sqlite3.Connection, chunk_id: str) -> StageError:
    (owner,) = connection.execute("SELECT doc_id FROM chunks WHERE chunk_id = ?", (chunk_id,)).fetchone()
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
    connection.execute("DELETE FROM models WHERE id NOT IN (SELECT model FROM documents)")
