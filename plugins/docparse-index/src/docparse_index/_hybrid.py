"""Vectors against the query, alone or mixed with words."""

import sqlite3

import numpy as np
from numpy.typing import NDArray

from docparse_index._dense import Matrix, Scores, best
from docparse_index._filters import allowed_ids
from docparse_index._fusion import FUSIONS
from docparse_index._lexical import lexical_scores
from docparse_index._query import Request

_LEXICAL_POOL = 1000
"""How many chunks BM25 hands to a fusion; a score below that rank moves no chunk onto a first page."""


def vector_scores(
    connection: sqlite3.Connection, request: Request, limit: int, matrix: Matrix, query: NDArray[np.float32]
) -> dict[int, float]:
    """Return row id → score of the best chunks, for the modes ``dense`` and ``hybrid``.

    Args:
        connection: inside the transaction that the matrix was read in.
        request: the search.
        limit: how many are wanted.
        matrix: the vectors of the current model.
        query: the query's vector, float32 array (dimension,).
    """
    allowed = allowed_ids(connection, request)
    if request.mode == "dense":
        return matrix.best(query, limit, allowed)
    words = lexical_scores(connection, request, max(limit, _LEXICAL_POOL))
    scores = FUSIONS[request.fusion](matrix.scores(query, allowed), as_scores(words), limit)
    return best(scores, limit)


def as_scores(found: dict[int, float]) -> Scores:
    """Return scores by row id as arrays."""
    ordered = sorted(found.items())
    return Scores(
        np.array([number for number, _ in ordered], np.int64), np.array([value for _, value in ordered], float)
    )
