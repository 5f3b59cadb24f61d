"""Vectors against the query, alone or mixed with words."""

import sqlite3

import numpy as np
from numpy.typing import NDArray

from docparse_index._dense import Matrix, Scores, best, only
from docparse_index._fusion import FUSIONS
from docparse_index._query import Request, allowed_ids, lexical_scores

_LEXICAL_POOL = 1000
"""How many chunks BM25 hands to a fusion; a score below that rank moves no chunk onto a first page."""


def vector_scores(
    connection: sqlite3.Connection, request: Request, matrix: Matrix, query: NDArray[np.float32]
) -> dict[int, float]:
    """Return row id → score of the best chunks, for the modes ``dense`` and ``hybrid``.

    Args:
        connection: inside the transaction that the matrix was read in.
        request: the search.
        matrix: the vectors of the current model.
        query: the query's vector, float32 array (dimension,).
    """
    scores = matrix.scores(query)
    if request.filters:
        scores = only(scores, np.array(allowed_ids(connection, request.filters), dtype=np.int64))
    if request.mode == "hybrid":
        words = sorted(lexical_scores(connection, request, _LEXICAL_POOL).items())
        ids, values = (
            np.array([number for number, _ in words], np.int64),
            np.array([value for _, value in words], float),
        )
        scores = FUSIONS[request.fusion](scores, Scores(ids, values))
    return best(scores, request.k)
