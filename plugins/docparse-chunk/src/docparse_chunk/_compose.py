"""From measured sections to chunks: sections in a row, packed, each range under the headings that hold for it."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import attrs

from docparse_chunk._measure import Measured
from docparse_chunk._pack import Range, Strip, pack
from docparse_chunk._units import Chunk, Limits, Unit


@attrs.frozen
class Tail:
    """The last chunk of sections in a row.

    Attributes:
        path: the headings of the section that it begins in, all of which hold for it.
        tokens: of it, headings included.
    """

    path: tuple[str, ...]
    tokens: int


def tail(sections: Sequence[Measured], limits: Limits) -> Tail:
    """Return the last chunk that sections fill, before it is evened out with the one before."""
    row = _Row.of(sections)
    start, end = pack(row.strip, limits.max_tokens, overlap=limits.overlap_tokens)[-1]
    return Tail(sections[row.strip.section[start]].path, row.strip.cost(start, end))


def composed(sections: Sequence[Measured], limits: Limits, *, cross: bool) -> Iterator[Chunk]:
    """Yield the chunks of consecutive sections that may share chunks.

    The headings of a chunk are those that hold for all of it; headings of its sections beyond those stand in its text.
    With `cross`, where it begins in the middle of a section and goes on, they are those at its beginning.

    Args:
        sections: at least one.
        limits: what chunks have to keep to.
        cross: whether a chunk that begins in the middle of a section may go on into the next.
    """
    row = _Row.of(sections)
    ranges = pack(
        row.strip, limits.max_tokens, min_tokens=limits.min_tokens, overlap=limits.overlap_tokens, cross=cross
    )
    return (row.chunk(range_) for range_ in ranges)


@attrs.frozen(kw_only=True)
class _Row:
    """Sections one after the other.

    Attributes:
        sections: the sections.
        units: all their units.
        strip: the same units, for packing.
    """

    sections: Sequence[Measured]
    units: tuple[Unit, ...]
    strip: Strip

    @classmethod
    def of(cls, sections: Sequence[Measured]) -> "_Row":
        units = tuple(unit for section in sections for unit in section.units)
        heads = [max(0, section.heads - place) for section in sections for place in range(len(section.units))]
        strip = Strip(
            costs=tuple(cost for section in sections for cost in section.costs),
            opens=tuple(unit.opens for unit in units),
            leads=tuple(unit.leads for unit in units),
            section=tuple(number for number, section in enumerate(sections) for _ in section.units),
            ends=tuple(_ends(sections)),
            heads=tuple(heads),
            lead_ins=tuple(
                section.context + _header_cost(section, unit) for section in sections for unit in section.units
            ),
        )
        return cls(sections=sections, units=units, strip=strip)

    def chunk(self, range_: Range) -> Chunk:
        start, end = range_
        section = self.sections[self.strip.section[start]]
        depth = self._depth(start, end)
        heads = self.strip.heads[start]
        # The headings that the range begins with are its context as far as they hold for all of it.
        shown = max(0, heads - max(0, depth - (len(section.path) - heads)))
        first = start + heads - shown
        if first >= end:
            # Nothing but headings: they are the text.
            first, depth = start, len(section.path) - heads
        header = section.header(self.units[first])
        return Chunk(
            headings=section.path[section.dropped : depth],
            units=self.units[first:end],
            header=header.text if header is not None else "",
        )

    def _depth(self, start: int, end: int) -> int:
        """Return how many headings of the first section's path hold for the range."""
        numbers = self.strip.section
        first, last = numbers[start], numbers[end - 1]
        path = self.sections[first].path
        common = min((common_depth(path, section.path) for section in self.sections[first : last + 1]), default=0)
        return max(common, len(path) - self.strip.heads[start])


def _ends(sections: Sequence[Measured]) -> list[int]:
    """Return, counted in units, where each section ends together with those below it that follow."""
    sums = list(accumulate((len(section.units) for section in sections), initial=0))
    after = list(range(1, len(sections) + 1))
    for number in reversed(range(len(sections))):
        while after[number] < len(sections) and is_below(sections[after[number]].path, sections[number].path):
            after[number] = after[after[number]]
    return [sums[number] for number in after]


def _header_cost(section: Measured, unit: Unit) -> int:
    header = section.header(unit)
    return section.headers[header] if header is not None else 0


def is_below(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Say whether a path goes on from another one, or is the same."""
    return path[: len(other)] == other


def common_depth(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many headings two paths share, from the outermost."""
    same = (left == right for left, right in zip(one, other, strict=False))
    return sum(accumulate(same, min))
