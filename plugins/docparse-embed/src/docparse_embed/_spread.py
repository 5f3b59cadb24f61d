"""How numbers are spread, small enough for a manifest row and exact enough for percentiles."""

from collections import Counter
from collections.abc import Iterable, Mapping

_EXACT = 100

Spread = Mapping[str, int]
"""Number, rounded up to two digits, as text → how often it occurs."""


def spread_of(numbers: Iterable[int]) -> dict[str, int]:
    """Return the spread of whole numbers that are not negative; those up to 100 stay what they are."""
    counted = Counter(_rounded(number) for number in numbers)
    return {str(number): counted[number] for number in sorted(counted)}


def _rounded(number: int) -> int:
    if number <= _EXACT:
        return number
    step = 10 ** (len(str(number)) - 2)
    return int(-(-number // step) * step)


def percentiles(spread: Mapping[int, int]) -> dict[str, int]:
    """Return the 50th, 95th and 99th percentile and the largest number; nothing of nothing."""
    total = sum(spread.values())
    if not total:
        return {}
    return {name: _quantile(spread, share * total) for name, share in _SHARES.items()}


_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def _quantile(spread: Mapping[int, int], rank: float) -> int:
    seen = 0
    for number in sorted(spread):
        seen += spread[number]
        if seen >= rank:
            return number
    return max(spread)
