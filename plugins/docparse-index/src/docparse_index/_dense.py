"""Exact search by vectors: every vector against the query, in one product."""

import attrs
import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-5
"""More than two float32 products of unit vectors can differ from the exact ones, for any dimension in use."""


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
        rows: float32 array (n, dimension), each of length 1; may be a memory-mapped file.
    """

    ids: NDArray[np.int64]
    rows: NDArray[np.float32]

    def scores(self, query: NDArray[np.float32], allowed: list[int] | None = None) -> Scores:
        """Return the cosine of every vector, or of those `allowed`, with `query`, a float32 array (dimension,)."""
        if not len(self.ids):  # of an index without chunks, or without any of this model
            return Scores(self.ids, np.empty(0, np.float32))
        scores = Scores(self.ids, self.rows @ _unit(query).astype(np.float32))
        return scores if allowed is None else only(scores, np.array(allowed, np.int64))

    def best(self, query: NDArray[np.float32], k: int, allowed: list[int] | None = None) -> dict[int, float]:
        """Return row id → cosine of the `k` best, computed in float64 where float32 could mistake their order."""
        scores = self.scores(query, allowed)
        if not len(scores.ids):
            return {}
        near = scores.ids[scores.values >= lowest(scores.values, k) - _ROUNDING]
        exact = self.rows[np.searchsorted(self.ids, near)].astype(np.float64) @ _unit(query)
        return best(Scores(near, exact), k)


def _unit(query: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = query.astype(np.float64)
    length = float(np.linalg.norm(exact))
    return exact / length if length else exact


def only(scores: Scores, allowed: NDArray[np.int64]) -> Scores:
    """Return the scores of the chunks in `allowed`, which is ascending."""
    if not len(scores.ids):
        return scores
    places = np.searchsorted(scores.ids, allowed)
    places = places[scores.ids[np.minimum(places, len(scores.ids) - 1)] == allowed]
    return Scores(scores.ids[places], scores.values[places])


def lowest(values: NDArray[np.floating], k: int) -> float:
    """Return the lowest of the `k` highest values."""
    return float(values.min() if len(values) <= k else np.partition(values, -k)[-k])


def best(scores: Scores, k: int) -> dict[int, float]:
    """Return row id → score of the `k` best, and of all that tie with the last of them."""
    values = scores.values
    keep = slice(None) if len(values) <= k else values >= lowest(values, k)
    return dict(zip(scores.ids[keep].tolist(), values[keep].tolist(), strict=True))
