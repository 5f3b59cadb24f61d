"""Exact search by vectors: every vector against the query, in one product."""

import sqlite3

import attrs
import numpy as np
from numpy.typing import NDArray

from docparse_index._contents import Contents

_ROWS = 4096


@attrs.frozen
class Scores:
    """A score for each of some chunks.

    Attributes:
        ids: int64 array (n,) of row ids, ascending.
        values: float array (n,), higher is better.
    """

    ids: NDArray[np.int64]
    values: NDArray[np.floating]


@attrs.frozen
class Matrix:
    """The vectors of one model.

    Attributes:
        ids: int64 array (n,) of row ids, ascending.
        rows: float32 array (n, dimension), each of length 1.
    """

    ids: NDArray[np.int64]
    rows: NDArray[np.float32]

    def scores(self, query: NDArray[np.float32]) -> Scores:
        """Return the cosine of every vector with `query`, a float32 array (dimension,)."""
        length = float(np.linalg.norm(query))
        return Scores(self.ids, self.rows @ (query / length if length else query))


def load_matrix(connection: sqlite3.Connection, contents: Contents) -> Matrix:
    """Read the vectors of the current model; the memory needed is that of the result and one batch.

    Args:
        connection: inside the transaction that `contents` was read in.
        contents: which model, and how many vectors it has.
    """
    if contents.model is None:
        return Matrix(np.empty(0, np.int64), np.empty((0, 0), np.float32))
    ids = np.empty(contents.searchable, dtype=np.int64)
    rows = np.empty((contents.searchable, contents.model.dimension), dtype="<f4")
    found = connection.execute("SELECT id, vector FROM vectors WHERE model = ? ORDER BY id", (contents.model_id,))
    start = 0
    while batch := found.fetchmany(_ROWS):
        stop = start + len(batch)
        ids[start:stop] = [number for number, _ in batch]
        rows[start:stop] = np.frombuffer(b"".join(vector for _, vector in batch), "<f4").reshape(len(batch), -1)
        start = stop
    if not contents.model.normalized:
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        np.divide(rows, norms, out=rows, where=norms > 0)
    return Matrix(ids, rows)


def only(scores: Scores, allowed: NDArray[np.int64]) -> Scores:
    """Return the scores of the chunks in `allowed`."""
    keep = np.isin(scores.ids, allowed)
    return Scores(scores.ids[keep], scores.values[keep])


def best(scores: Scores, k: int) -> dict[int, float]:
    """Return row id → score of the `k` best, and of all that tie with the last of them."""
    values = scores.values
    keep = slice(None) if len(values) <= k else values >= np.partition(values, -k)[-k]
    return dict(zip(scores.ids[keep].tolist(), values[keep].tolist(), strict=True))
