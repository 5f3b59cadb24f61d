"""The store: one SQLite file (WAL) with chunks, their words in FTS5, and their vectors.

The full-text table keeps no text of its own but indexes columns of ``chunks``, folded where ``_folding`` changes them.
``_write`` keeps both in step within its transactions; triggers would, too, but FTS5 then flushes after each row, which
takes four times as long. ``meta.revision`` counts transactions, ``documents.revision`` is that of the document's: of
those that have vectors, and so a model, the one with the highest says which model is current.
"""

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from docparse_runner import Category, StageError

SCHEMA_VERSION = 3

_BUSY_S = 60.0
_CACHE_KB = -65_536
_CHECKPOINT_PAGES = 16_384
_SEGMENTS = 8
"""How many of FTS5's segments are brought together at once; with its own 4, 50,000 chunks took 1.16 times the CPU time
to index, and queries took as long."""
TOKENIZER = "porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
"""English stems; marks are parts of words, which in the scripts of India they are."""

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
    doc_id TEXT PRIMARY KEY, digest TEXT NOT NULL, model INTEGER, chunks INTEGER NOT NULL,
    revision INTEGER NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE INDEX documents_by_model ON documents (model);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, chunk_id TEXT NOT NULL UNIQUE, doc_id TEXT NOT NULL, seq INTEGER NOT NULL,
    pages TEXT NOT NULL, kinds TEXT NOT NULL, headings TEXT NOT NULL, captions TEXT NOT NULL, text TEXT NOT NULL,
    boxes TEXT NOT NULL, metadata TEXT NOT NULL, folded_text TEXT, folded_headings TEXT, folded_captions TEXT
);
CREATE INDEX chunks_by_document ON chunks (doc_id, seq);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE VIEW folded (id, text, headings, captions) AS
    SELECT id, coalesce(folded_text, text), coalesce(folded_headings, headings), coalesce(folded_captions, captions)
    FROM chunks;
CREATE VIRTUAL TABLE words USING fts5 (
    text, headings, captions, content = 'folded', content_rowid = 'id',
    tokenize = "{tokenizer}"
);
INSERT INTO words (words, rank) VALUES ('automerge', {segments});
INSERT INTO meta VALUES (1, {version}, '{generation}', 0);
"""


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
    with open_readable(path) as connection:
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
def open_readable(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the store for reading, also while another process writes; raises as ``open_store`` does."""
    with _connected(path, "ro") as connection:
        yield connection


@contextmanager
def _connected(path: Path, mode: str, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    with ExitStack() as stack:
        try:
            uri = f"{path.absolute().as_uri()}?mode={mode}{'&immutable=1' if _is_frozen(path) else ''}"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
            stack.callback(connection.close)
            if mode != "ro":
                _prepare(connection, create=create)
            _check_version(connection, path)
        except sqlite3.OperationalError as error:
            msg = f"the index {path} cannot be opened: {error}"
            raise StageError(msg, category=Category.CONFIG) from error
        except sqlite3.DatabaseError as error:
            msg = f"{path} is not an index ({error}): run `docparse index rebuild`"
            raise StageError(msg, category=Category.CONFIG) from error
        yield connection


def _is_frozen(path: Path) -> bool:
    """Return whether nobody can change the file, as on a read-only file system, where SQLite else opens no WAL file.

    What is in a WAL would not be read, so there must be none.
    """
    wal = path.with_name(f"{path.name}-wal")
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY) and not (wal.exists() and wal.stat().st_size)
    except (OSError, AttributeError):  # nothing there yet; not POSIX
        return False


def _prepare(connection: sqlite3.Connection, *, create: bool) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # A receipt must never outlive what it stands for, so a commit is on the disk when it returns.
    connection.execute("PRAGMA synchronous = FULL")
    # FTS5 reads back what it merges: with room for it, and fewer checkpoints, a document takes a third less time.
    connection.execute(f"PRAGMA cache_size = {_CACHE_KB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    if create:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if not _is_index(connection):
                for statement in _statements(
                    _SCHEMA.format(
                        version=SCHEMA_VERSION, generation=uuid.uuid4().hex, tokenizer=TOKENIZER, segments=_SEGMENTS
                    )
                ):
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
        msg = f"{path} {found}, and this docparse-index reads schema {SCHEMA_VERSION}: run `docparse index rebuild`"
        raise StageError(msg, category=Category.CONFIG)
