"""Vectors by content: a text that was encoded once is never encoded again, in any document, run or order.

The key covers everything that decides a vector, so nothing is ever invalidated: another model is another key. The file
is disposable; several worker processes of one host may read and write it at once. ``_eviction`` keeps it small.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from filelock import FileLock
from numpy.typing import DTypeLike, NDArray

from docparse_runner import Category, StageError

_BUSY_S = 60.0
_ROWS = 500
_DAY_S = 86_400
LAYOUT = 2
"""Raised when the table changes; a file of another layout is emptied, because everything in it can be made again."""
_SCHEMA = """
CREATE TABLE vectors (
    key BLOB PRIMARY KEY, tokens INTEGER NOT NULL, vector BLOB NOT NULL, used INTEGER NOT NULL
);
"""


@attrs.frozen
class Entry:
    """What is known of one text.

    Attributes:
        tokens: its length in the model's tokens, before any truncation.
        vector: float32 array (dimension,), or a structured array (n,) of a sparse vector.
    """

    tokens: int
    vector: NDArray[Any]


@attrs.frozen(kw_only=True)
class Identity:
    """What decides the vector of a text, beside the text.

    Attributes:
        model_digest: of the model.
        prompt: what is put before the text.
        dtype: of the vectors' elements.
        dimension: of the vectors; 0 where each has a length of its own.
    """

    model_digest: str
    prompt: str
    dimension: int
    dtype: DTypeLike = np.float32

    @property
    def prefix(self) -> bytes:
        """Return what a text's digest begins with."""
        parts = [self.model_digest, self.prompt, self.dimension, str(np.dtype(self.dtype))]
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    def fits(self, vector: bytes) -> bool:
        """Return whether stored bytes have the length of such a vector."""
        size = np.dtype(self.dtype).itemsize
        return len(vector) == self.dimension * size if self.dimension else len(vector) % size == 0


class VectorCache:
    """The open cache, as one model sees it."""

    def __init__(self, connection: sqlite3.Connection, identity: Identity) -> None:
        self._connection = connection
        self._identity = identity
        self._prefix = identity.prefix

    def get(self, texts: Iterable[str]) -> dict[str, Entry]:
        """Return what is known, by text; an entry of another length than the model's vectors is no entry."""
        by_key = {self._key(text): text for text in texts}
        found: dict[str, Entry] = {}
        stale: list[bytes] = []
        today = _today()
        for keys in _batches(list(by_key)):
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, tokens, vector, used FROM vectors WHERE key IN ({marks})"  # noqa: S608 - question marks only
            for key, tokens, vector, used in self._connection.execute(query, keys):
                if self._identity.fits(vector):
                    found[by_key[key]] = Entry(tokens, np.frombuffer(vector, dtype=self._identity.dtype))
                    if used != today:
                        stale.append(key)
        self._touch(stale, today)
        return found

    def put(self, entries: Mapping[str, Entry]) -> None:
        """Remember what was encoded, in one transaction."""
        today = _today()
        rows = [(self._key(text), entry.tokens, entry.vector.tobytes(), today) for text, entry in entries.items()]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)

    def _touch(self, keys: Sequence[bytes], today: int) -> None:
        """Note the day of use; once a day, so that reading writes nothing as a rule."""
        if keys:
            with self._connection:
                self._connection.executemany(
                    "UPDATE vectors SET used = ? WHERE key = ?", [(today, key) for key in keys]
                )

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._prefix + text.encode()).digest()


@contextmanager
def open_cache(path: Path, identity: Identity) -> Iterator[VectorCache]:
    """Open the cache for one model and one prompt, making the file when there is none.

    Raises:
        StageError: of category ``config``: the file is no vector cache, or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = _connect(path)
    except sqlite3.Error as error:
        msg = f"{path} cannot be used as the vector cache ({error}): delete it, or run with --no-cache"
        raise StageError(msg, category=Category.CONFIG) from error
    try:
        yield VectorCache(connection, identity)
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        # Two workers that turn one new file to WAL at once are told "locked" without any waiting: one after the other.
        with FileLock(f"{path}.lock"):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            if connection.execute("PRAGMA user_version").fetchone() != (LAYOUT,):
                connection.executescript(f"DROP TABLE IF EXISTS vectors; {_SCHEMA} PRAGMA user_version = {LAYOUT};")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _today() -> int:
    return int(time.time()) // _DAY_S


def _batches(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + _ROWS] for start in range(0, len(keys), _ROWS))
