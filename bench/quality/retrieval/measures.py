"""What is measured of a ranking, and whether two runs differ by more than chance."""

import math
import random
from collections.abc import Mapping, Sequence

Judged = Mapping[str, int]
"""Document → grade, of one query."""


def ndcg(ranking: Sequence[str], judged: Judged, depth: int = 10) -> float:
    """Normalised discounted cumulative gain with gains 2^grade - 1 (Burges et al. 2005), as trec_eval's ndcg_cut."""
    found = sum(_gain(judged.get(doc_id, 0), rank) for rank, doc_id in enumerate(ranking[:depth]))
    best = sum(_gain(grade, rank) for rank, grade in enumerate(sorted(judged.values(), reverse=True)[:depth]))
    return found / best if best else 0.0


def _gain(grade: int, rank: int) -> float:
    return (2**grade - 1) / math.log2(rank + 2)


def average_precision(ranking: Sequence[str], judged: Judged) -> float:
    """The mean of the precision at the rank of each relevant document; one that is not found counts 0."""
    relevant = {doc_id for doc_id, grade in judged.items() if grade > 0}
    hits, total = 0, 0.0
    for rank, doc_id in enumerate(ranking, 1):
        if doc_id in relevant:
            hits += 1
            total += hits / rank
    return total / len(relevant) if relevant else 0.0


def recall(ranking: Sequence[str], judged: Judged, depth: int = 100) -> float:
    """The share of the relevant documents that are among the first."""
    relevant = {doc_id for doc_id, grade in judged.items() if grade > 0}
    return len(relevant & set(ranking[:depth])) / len(relevant) if relevant else 0.0


def measure(ranking: Sequence[str], judged: Judged) -> dict[str, float]:
    """Return every measure of one query."""
    return {
        "ndcg@10": ndcg(ranking, judged),
        "map": average_precision(ranking, judged),
        "recall@100": recall(ranking, judged),
    }


def significance(
    first: Sequence[float], second: Sequence[float], rounds: int = 10_000, seed: int = 1
) -> tuple[float, float]:
    """Return (mean difference, two-sided p) of a paired randomisation test (Fisher; Smucker et al. 2007).

    Args:
        first: one value per query.
        second: of the same queries in the same order.
        rounds: how many random assignments of signs are tried.
        seed: of the signs.
    """
    differences = [b - a for a, b in zip(first, second, strict=True)]
    observed = abs(sum(differences))
    chance = random.Random(seed)
    extreme = sum(
        abs(sum(each if chance.random() < 0.5 else -each for each in differences)) >= observed - 1e-12
        for _ in range(rounds)
    )
    return sum(differences) / len(differences), (extreme + 1) / (rounds + 1)
