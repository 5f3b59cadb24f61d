"""The vectors of the current model as one memory-mapped array, kept in a file that may be deleted at any time.

The blobs in the database are the truth. The file is named by the store's generation, its change counter and the model,
so that it is of exactly one state; a reader that finds none for its state makes one beside the database, whole before
it gets its name, and removes those of earlier states. Readers that map such a file keep it until they let it go.
"""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docparse_index._contents import Contents
from docparse_index._dense import Matrix

_ROWS = 4096
_HEADER = 64
_ABANDONED_S = 600.0


def open_matrix(connection: sqlite3.Connection, contents: Contents, database: Path) -> Matrix:
    """Return the vectors of the current model, from the file of this state, which is made when there is none.

    Where it cannot be written (a full disk, a folder of somebody else) they are read into memory.

    Args:
        connection: inside the transaction that `contents` was read in.
        contents: which state and model, and how many vectors it has.
        database: beside which the file lies.
    """
    if contents.model is None or not contents.searchable:
        return Matrix(np.empty(0, np.int64), np.empty((0, 0), np.float32))
    path = cache_path(contents, database)
    mapped = _mapped(path, contents)
    if mapped is None:
        try:
            _make(path, database, connection, contents)
        except OSError:
            return read_matrix(connection, contents)
        _sweep(path, database, contents)
        mapped = _mapped(path, contents)
    return mapped or read_matrix(connection, contents)


def cache_path(contents: Contents, database: Path) -> Path:
    """Return where the vectors of this state are kept."""
    name = f"{database.name}.vectors-{contents.generation}-{contents.revision}-{contents.model_id}"
    return database.with_name(name)


def read_matrix(connection: sqlite3.Connection, contents: Contents) -> Matrix:
    """Return the vectors of the current model, read into memory."""
    dimension = contents.model.dimension if contents.model else 0
    ids = np.empty(contents.searchable, dtype=np.int64)
    rows = np.empty((contents.searchable, dimension), dtype="<f4")
    start = 0
    for numbers, batch in _batches(connection, contents):
        stop = start + len(numbers)
        ids[start:stop], rows[start:stop] = numbers, batch
        start = stop
    return Matrix(ids, rows)


def _batches(
    connection: sqlite3.Connection, contents: Contents
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield (row ids, vectors of length 1) in the order of the ids."""
    found = connection.execute("SELECT id, vector FROM vectors WHERE model = ? ORDER BY id", (contents.model_id,))
    while batch := found.fetchmany(_ROWS):
        rows = np.frombuffer(b"".join(vector for _, vector in batch), "<f4").reshape(len(batch), -1)
        if not (contents.model and contents.model.normalized):
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
        yield np.array([number for number, _ in batch], np.int64), rows


def _size(contents: Contents) -> tuple[int, int]:
    """Return (where the rows begin, how long the file is)."""
    start = _HEADER * (1 + (8 * contents.searchable + _HEADER - 1) // _HEADER)
    dimension = contents.model.dimension if contents.model else 0
    return start, start + 4 * contents.searchable * dimension


def _mapped(path: Path, contents: Contents) -> Matrix | None:
    start, size = _size(contents)
    dimension = contents.model.dimension if contents.model else 0
    try:
        if path.stat().st_size != size:
            return None
        ids = np.memmap(path, "<i8", "r", _HEADER, (contents.searchable,))
        rows = np.memmap(path, "<f4", "r", start, (contents.searchable, dimension))
    except (OSError, ValueError):  # another reader removes it just now
        return None
    return Matrix(np.asarray(ids), np.asarray(rows))


def _make(path: Path, database: Path, connection: sqlite3.Connection, contents: Contents) -> None:
    start, size = _size(contents)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            ids = list[NDArray[np.int64]]()
            file.seek(start)
            for numbers, batch in _batches(connection, contents):
                ids.append(numbers)
                file.write(batch.data)
            file.truncate(size)
            file.seek(_HEADER)
            file.write(np.concatenate(ids).astype("<i8").data)
        shutil.copymode(database, name)  # who may read the one may read the other
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _sweep(path: Path, database: Path, contents: Contents) -> None:
    """Remove the files of earlier states and of other stores, and what killed readers left half-made."""
    for other in database.parent.glob(f"{database.name}.vectors-*"):
        with suppress(OSError, ValueError):
            if other.suffix == ".tmp":
                stale = time.time() - other.stat().st_mtime > _ABANDONED_S
            else:
                generation, revision, _model = other.name.removeprefix(f"{database.name}.vectors-").split("-")
                stale = generation != contents.generation or int(revision) < contents.revision
            if stale and other != path:
                other.unlink()
