"""Vectors that cannot be searched are refused, with the ids of their chunks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docparse_runner import Category, StageError

_NAMED = 3
NORM_TOLERANCE = 1e-3
"""Lengths of normalised vectors: float32 encoders are within 1e-6, half-precision ones within 1e-3."""


def stacked(rows: Sequence[NDArray[Any]], names: Sequence[str], dimension: int) -> NDArray[np.float32]:
    """Return the rows as one float32 array (n, dimension).

    Raises:
        StageError: of category ``contract``: one is of another type or length.
    """
    wrong_type = {str(row.dtype) for row in rows if row.dtype != np.float32}
    if wrong_type:
        msg = f"the encoder returned {', '.join(sorted(wrong_type))} vectors, not float32"
        raise StageError(msg, category=Category.CONTRACT)
    odd = [name for name, row in zip(names, rows, strict=True) if row.shape != (dimension,)]
    if odd:
        msg = f"the encoder returned vectors of another length than {dimension} for {listed(odd)}"
        raise StageError(msg, category=Category.CONTRACT)
    return np.array(rows, dtype=np.float32).reshape(len(rows), dimension)


def problems_of(vectors: NDArray[Any], *, normalized: bool) -> Mapping[str, NDArray[np.bool_]]:
    """Return problem → which rows have it.

    Args:
        vectors: float array (n, dimension).
        normalized: whether every row must have length 1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
        return {
            "NaN or infinite values": ~np.isfinite(norms),
            "only zeros": norms == 0,
            "a length other than 1": normalized & ~(np.abs(norms - 1) <= NORM_TOLERANCE),
        }


def check_vectors(vectors: NDArray[Any], names: Sequence[str], *, normalized: bool) -> None:
    """Refuse vectors that cannot be searched.

    Args:
        vectors: float array (n, dimension).
        names: the chunks' ids, one per row.
        normalized: whether every row must have length 1.

    Raises:
        StageError: of category ``runtime``, with the chunk ids, for NaN, infinity, a zero vector or a wrong length.
    """
    for problem, bad in problems_of(vectors, normalized=normalized).items():
        if bad.any():
            named = [name for name, is_bad in zip(names, bad, strict=True) if is_bad]
            msg = f"the model gave vectors with {problem} for {listed(named)}"
            raise StageError(msg, category=Category.RUNTIME)


def check_sparse(rows: Sequence[NDArray[Any]], names: Sequence[str], dimension: int) -> None:
    """Refuse sparse vectors that cannot be searched.

    Args:
        rows: structured arrays of ``index`` and ``value``.
        names: the chunks' ids, one per row.
        dimension: how many indices there are.

    Raises:
        StageError: of category ``runtime``, with the chunk ids.
    """
    bad = [name for name, row in zip(names, rows, strict=True) if not is_sparse(row["index"], row["value"], dimension)]
    if bad:
        msg = f"the model gave sparse vectors with NaN, repeated or impossible indices for {listed(bad)}"
        raise StageError(msg, category=Category.RUNTIME)


def is_sparse(indices: NDArray[Any], values: NDArray[Any], dimension: int) -> bool:
    """Return whether indices ascend within the dimension and values are finite and not zero; none at all is fine."""
    if len(indices) == 0:
        return len(values) == 0
    ascending = bool((np.diff(indices) > 0).all())
    inside = bool(indices[0] >= 0 and indices[-1] < dimension)
    return ascending and inside and bool(np.isfinite(values).all() and (values != 0).all())


def listed(names: Sequence[str]) -> str:
    """Return chunk ids for a message, the first few of many."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"chunk{'s' * (len(names) > 1)} {', '.join(names[:_NAMED])}{more}"
