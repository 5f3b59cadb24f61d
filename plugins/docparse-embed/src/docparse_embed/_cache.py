"""Vectors by content: a text that was encoded once is never encoded again, in any document, run or order.

The key covers everything that decides a vector, so nothing is ever invalidated: another model is another key. The file
is disposable; several worker processes of one host may read and write it at once.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from docparse_runner import Category, StageError

_BUSY_S = 60.0
_ROWS = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, tokens INTEGER NOT NULL, vector BLOB NOT NULL)
"""


@attrs.frozen
class Entry:
    """What is known of one text.

    Attributes:
        tokens: its length in the model's tokens, before any truncation.
        vector: float32 array (dimension,).
    """

    tokens: int
    vector: NDArray[np.float32]


class VectorCache:
    """The open cache, as one model sees it."""

    def __init__(self, connection: sqlite3.Connection, fingerprint: bytes, dimension: int) -> None:
        self._connection = connection
        self._prefix = fingerprint
        self._bytes = dimension * np.dtype(np.float32).itemsize

    def get(self, texts: Iterable[str]) -> dict[str, Entry]:
        """Return what is known, by text; an entry of another length than the model's vectors is no entry."""
        by_key = {self._key(text): text for text in texts}
        found: dict[str, Entry] = {}
        for keys in _batches(list(by_key)):
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, tokens, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 - question marks only
            for key, tokens, vector in self._connection.execute(query, keys):
                if len(vector) == self._bytes:
                    found[by_key[key]] = Entry(tokens, np.frombuffer(vector, dtype=np.float32))
        return found

    def put(self, entries: Mapping[str, Entry]) -> None:
        """Remember what was encoded, in one transaction."""
        rows = [(self._key(text), entry.tokens, entry.vector.tobytes()) for text, entry in entries.items()]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._prefix + text.encode()).digest()


@contextmanager
def open_cache(path: Path, *, model_digest: str, prompt: str, dimension: int) -> Iterator[VectorCache]:
    """Open the cache for one model and one prompt, making the file when there is none.

    Raises:
        StageError: of category ``config``: the file is no vector cache, or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = json.dumps([model_digest, prompt, dimension, "float32"])
    try:
        connection = _connect(path)
    except sqlite3.Error as error:
        msg = f"{path} cannot be used as the vector cache ({error}): delete it, or run with --no-cache"
        raise StageError(msg, category=Category.CONFIG) from error
    try:
        yield VectorCache(connection, hashlib.sha256(identity.encode()).digest(), dimension)
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        # Two workers that turn one new file to WAL at once are told "locked" without any waiting: one after the other.
        with FileLock(f"{path}.lock"):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _batches(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + _ROWS] for start in range(0, len(keys), _ROWS))
