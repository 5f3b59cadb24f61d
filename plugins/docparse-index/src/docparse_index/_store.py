"""The store: one SQLite file (WAL) with chunks, their words in FTS5, and their vectors.

The full-text table keeps no text of its own but indexes columns of ``chunks``; triggers keep both in step, so a
transaction that is cut short leaves neither. ``documents.revision`` counts transactions: the document with the highest
one says which model is current.
"""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

from docparse_runner import Category, StageError

SCHEMA_VERSION = 1
SEPARATOR = "\x1f"
"""Between two headings or captions in one column; a space to the tokenizer."""

_BUSY_S = 60.0
_SCHEMA = """
CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), schema_version INTEGER, generation TEXT, revision INTEGER
);
CREATE TABLE models (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL, dimension INTEGER NOT NULL, document_prompt TEXT NOT NULL,
    provider TEXT NOT NULL, name TEXT NOT NULL, normalized INTEGER NOT NULL, query_prompt TEXT NOT NULL,
    UNIQUE (digest, dimension, document_prompt)
);
CREATE TABLE documents (
    doc_id TEXT PRIMARY KEY, model INTEGER NOT NULL, chunks INTEGER NOT NULL, revision INTEGER NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, chunk_id TEXT NOT NULL UNIQUE, doc_id TEXT NOT NULL, seq INTEGER NOT NULL,
    text TEXT NOT NULL, headings TEXT NOT NULL, captions TEXT NOT NULL, provenance TEXT NOT NULL
);
CREATE INDEX chunks_by_document ON chunks (doc_id, seq);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (
    text, headings, captions,
    content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER words_of_a_new_chunk AFTER INSERT ON chunks BEGIN
    INSERT INTO words (rowid, text, headings, captions) VALUES (new.id, new.text, new.headings, new.captions);
END;
CREATE TRIGGER words_of_an_old_chunk AFTER DELETE ON chunks BEGIN
    INSERT INTO words (words, rowid, text, headings, captions)
        VALUES ('delete', old.id, old.text, old.headings, old.captions);
    DELETE FROM vectors WHERE id = old.id;
END;
INSERT INTO meta VALUES (1, {version}, '{generation}', 0);
"""


@attrs.frozen(kw_only=True)
class Model:
    """What made vectors. Two are the same space when digest, dimension and document prompt are the same.

    Attributes:
        digest: ``sha256:…`` over the model's files.
        dimension: length of its vectors.
        document_prompt: text put before each document.
        provider: what ran it, a name in the entry point group ``docparse_embed.providers``.
        name: what finds the model again: a name at a hub or a folder.
        normalized: whether its vectors have length 1.
        query_prompt: text to put before a query.
    """

    digest: str
    dimension: int
    document_prompt: str = ""
    provider: str
    name: str
    normalized: bool = attrs.field(default=False, converter=bool)
    query_prompt: str = ""


def index_path(root: Path) -> Path:
    """Return where the index of a data root lies."""
    return root / "index" / "index.sqlite"


def read_generation(path: Path, *, create: bool) -> str | None:
    """Return the store's random generation id, made together with the store.

    Args:
        path: the database.
        create: make the store when there is none; otherwise the answer is None and nothing is touched.

    Raises:
        StageError: of category ``config``: the file is no index of this version.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_store(path, create=True) as connection:
            return generation_of(connection)
    if not path.exists():
        return None
    with open_reader(path) as connection:
        return generation_of(connection)


def generation_of(connection: sqlite3.Connection) -> str:
    """Return the generation of an open store."""
    (generation,) = connection.execute("SELECT generation FROM meta").fetchone()
    return str(generation)


@contextmanager
def open_store(path: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the store for writing; transactions are begun by hand.

    Raises:
        StageError: of category ``config``: there is no store, or the file is no index of this version.
    """
    with _connected(path, "rwc" if create else "rw", create=create) as connection:
        yield connection


@contextmanager
def open_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the store for reading, also while another process writes; raises as ``open_store`` does."""
    with _connected(path, "ro") as connection:
        yield connection


@contextmanager
def _connected(path: Path, mode: str, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    with ExitStack() as stack:
        try:
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
            stack.callback(connection.close)
            if mode != "ro":
                _prepare(connection, create=create)
            _check_version(connection, path)
        except sqlite3.OperationalError as error:
            msg = f"the index {path} cannot be opened: {error}"
            raise StageError(msg, category=Category.CONFIG) from error
        except sqlite3.DatabaseError as error:
            msg = f"{path} is not an index ({error}): delete it, and run `docparse run index` to rebuild it"
            raise StageError(msg, category=Category.CONFIG) from error
        yield connection


def _prepare(connection: sqlite3.Connection, *, create: bool) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # A receipt must never outlive what it stands for, so a commit is on the disk when it returns.
    connection.execute("PRAGMA synchronous = FULL")
    if create:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if not _is_index(connection):
                for statement in _statements(_SCHEMA.format(version=SCHEMA_VERSION, generation=uuid.uuid4().hex)):
                    connection.execute(statement)


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: ``executescript`` would commit what is to be one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _is_index(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone() is not None


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that is no index, or one of another schema."""
    version = connection.execute("SELECT schema_version FROM meta").fetchone()[0] if _is_index(connection) else None
    if version != SCHEMA_VERSION:
        found = "is a database but not an index" if version is None else f"has schema {version}"
        msg = (
            f"{path} {found}, and this docparse-index reads schema {SCHEMA_VERSION}: delete it, and run "
            "`docparse run index` to rebuild it"
        )
        raise StageError(msg, category=Category.CONFIG)
