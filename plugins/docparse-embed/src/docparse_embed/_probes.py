"""Texts on which two ways to run one model are compared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLOSE = 0.9995
"""The lowest cosine at which vectors may stand for each other's."""

_SENTENCES = (
    "The keeper wrote the reading of every gauge into a ledger before dawn; invoices, on the other hand, list what was "
    "delivered (and what it costs). Die Brücke über den Fluss ist 1,204 m lang. def total(rows): return sum(rows) "
    "水位 观测 Ωμέγα Пример naïve CAFÉ e=mc² http://example.org/a?b=c — “quoted”   spaced\tout\nand\nbroken "
)


def probes(limit: int | None) -> list[str]:
    """Return texts of many lengths and kinds, the longest over the limit: where conversions go wrong.

    Args:
        limit: how many tokens the model reads; None for no limit.
    """
    longest = min(limit or 512, 512)
    lengths = [1, 2, 7, 16, 33, 64, longest // 2, longest - 2, longest + 40]
    words = _SENTENCES.split(" ")
    texts = [" ".join(words[(start + word) % len(words)] for word in range(n)) for start, n in enumerate(lengths)]
    return [*texts, "", "  Upper CASE and lower case  "]


def lowest_cosine(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the lowest cosine of rows that belong together; 0 where one is no vector.

    Args:
        first: array (n, dimension).
        second: array (n, dimension).
    """
    if first.shape != second.shape:
        return 0.0
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines = np.divide((first * second).sum(axis=1), lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return float(np.nan_to_num(cosines).min())
