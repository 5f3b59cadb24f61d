"""Packing, in integers: a strip of units with known costs into ranges that fit.

Greedy, so that an edit changes few chunks: what lies before it is packed as before (after a one-sentence edit 94 % of
chunks survive, against 92 % when chunks are balanced). Nothing here knows text or documents.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import attrs

Range = tuple[int, int]

_LONGEST_LEAD = 5
"""Units that may introduce what follows (headings, a sentence, a caption, a table's header); a longer run is a list."""


@attrs.frozen(kw_only=True)
class Strip:
    """Units in a row, as far as packing has to know them; all sequences but `ends` are equally long.

    Attributes:
        costs: tokens of each unit.
        opens: whether a cut before the unit is a good one.
        leads: whether a cut after the unit is a bad one.
        section: the number of the section that the unit belongs to; not falling.
        ends: of each section: where a range that begins in the middle of it ends at the latest.
        heads: for a unit that is a heading: how many headings, itself included, stand there in a row, else 0.
        lead_ins: tokens that a range beginning with the unit needs besides its units: its headings, which stand for
            the heading units it begins with, and its table's header.
    """

    costs: tuple[int, ...]
    opens: tuple[bool, ...]
    leads: tuple[bool, ...]
    section: tuple[int, ...]
    ends: tuple[int, ...]
    heads: tuple[int, ...]
    lead_ins: tuple[int, ...]
    sums: tuple[int, ...] = attrs.field(init=False)

    @sums.default
    def _sum_up(self) -> tuple[int, ...]:
        return tuple(accumulate(self.costs, initial=0))

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.costs)

    def tokens(self, start: int, end: int) -> int:
        """Return the tokens of a range's units alone."""
        return self.sums[end] - self.sums[start]

    def cost(self, start: int, end: int) -> int:
        """Return the tokens of a range, lead-in included."""
        body = start + self.heads[start]
        return self.lead_ins[start] + self.tokens(body, max(body, end))

    def furthest(self, start: int, budget: int) -> int:
        """Return the end of the longest range from `start` that costs at most `budget`; it has at least one unit."""
        body = start + self.heads[start]
        end = bisect_right(self.sums, budget - self.lead_ins[start] + self.sums[body]) - 1
        return min(max(end, body + 1), len(self))

    def latest_end(self, start: int) -> int:
        """Return where a range from `start` ends at the latest; one from a section's beginning goes on to any other."""
        if start == 0 or self.section[start - 1] != self.section[start]:
            return len(self)
        return self.ends[self.section[start]]


def pack(strip: Strip, budget: int, *, min_tokens: int = 0, overlap: int = 0, cross: bool = False) -> list[Range]:
    """Return consecutive ranges of the strip, each as long as fits.

    Args:
        strip: the units; a single unit that costs more than `budget` makes a range of its own.
        budget: most tokens of a range, lead-in included.
        min_tokens: the last two ranges are evened out when the last one is smaller and of the same section.
        overlap: most tokens that a range repeats from the end of the one before, in the same section.
        cross: whether a range that begins in the middle of a section may go on beyond its end.
    """
    ranges: list[Range] = []
    start = end = 0
    while end < len(strip):
        start = _stepped_back(strip, ranges[-1][0], end, budget, overlap) if ranges and overlap else end
        furthest = min(strip.furthest(start, budget), len(strip) if cross else strip.latest_end(start))
        end = _best_cut(strip, start, max(furthest, end + 1), floor=end, budget=budget)
        ranges.append((start, end))
    return _evened(strip, ranges, budget, min_tokens)


def _best_cut(strip: Strip, start: int, end: int, *, floor: int, budget: int) -> int:
    """Return where to end a range that could go up to `end`.

    At the end of a paragraph when the range is at least half full then, else where it is full; never right after what
    introduces the following, unless the two do not fit into one range.

    Args:
        strip: the units.
        start: first unit.
        end: the end that fits.
        floor: the range must go beyond this.
        budget: most tokens of a range.
    """
    if end == len(strip):
        return end
    best = end
    if not strip.opens[end]:
        cuts = (cut for cut in range(end - 1, max(start, floor), -1) if strip.opens[cut])
        cut = next(cuts, start)
        best = cut if cut > start and 2 * strip.cost(start, cut) >= budget else end
    kept = best
    while kept - 1 > max(start, floor, best - _LONGEST_LEAD) and _leads(strip, kept):
        kept -= 1
    return best if _leads(strip, kept) or strip.cost(kept, best + 1) > budget else kept


def _leads(strip: Strip, cut: int) -> bool:
    """Say whether what stands before the cut introduces what stands behind it; no section introduces the next."""
    return strip.leads[cut - 1] and strip.section[cut - 1] == strip.section[cut]


def _stepped_back(strip: Strip, previous: int, end: int, budget: int, overlap: int) -> int:
    """Return the start of a range that follows one from `previous` to `end`, overlapping it."""
    start = end
    while (
        start - 1 > previous
        and not strip.heads[start - 1]
        and strip.section[start - 1] == strip.section[end]
        and strip.sums[end] - strip.sums[start - 1] <= overlap
        and strip.cost(start - 1, end + 1) <= budget
    ):
        start -= 1
    return start


def _evened(strip: Strip, ranges: list[Range], budget: int, min_tokens: int) -> list[Range]:
    """Return the ranges with a small last one made longer at the expense of the one before."""
    if len(ranges) < 2:  # noqa: PLR2004 - two are needed
        return ranges
    *before, (first, middle), (start, end) = ranges
    if strip.heads[start] or strip.tokens(start, end) >= min_tokens:
        return ranges
    told = before[-1][1] if before else first
    cuts = [cut for cut in _even_cuts(strip, first, middle, min_tokens, budget) if cut > told]
    if not cuts:
        return ranges
    cut = next((cut for cut in cuts if strip.opens[cut]), cuts[0])
    return [*before, (first, cut), (cut, end)]


def _even_cuts(strip: Strip, first: int, middle: int, min_tokens: int, budget: int) -> Iterator[int]:
    """Yield where the last two ranges may be cut so that both have `min_tokens`, the latest place first."""
    end = len(strip)
    for cut in range(middle - 1, first, -1):
        is_apart = strip.heads[cut] or strip.section[cut] != strip.section[middle]
        if is_apart or strip.cost(cut, end) > budget or strip.tokens(first, cut) < min_tokens:
            return
        if strip.tokens(cut, end) >= min_tokens and not strip.leads[cut - 1]:
            yield cut
