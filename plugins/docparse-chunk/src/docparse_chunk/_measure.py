"""Counting a document once, and making every unit fit: what comes out can be packed without looking at text."""

from collections.abc import Mapping, Sequence

import attrs

from docparse_chunk._split import by_cells, exploded
from docparse_chunk._tokens import TokenCounter, cost_of
from docparse_chunk._units import Document, Header, Row, Section, Unit, unique

_CONTEXT_SHARE = 3
"""Headings may take a third of a chunk; beyond that the outermost are left out."""
_HEADER_SHARE = 2
"""A table's header is repeated when it takes at most half of what the headings leave."""
_LABEL_SHARE = 4
"""A row's label is repeated when it takes at most a quarter of that."""


@attrs.frozen(kw_only=True)
class Measured:
    """A section whose every unit fits below its headings.

    Attributes:
        path: its headings, outermost first.
        dropped: how many of the outermost headings are left out of its context.
        context: tokens of the headings that are left.
        heads: how many of `units` are its own headings; they come first.
        units: its headings and its text.
        costs: tokens of each unit.
        headers: tokens of what its table rows and cells repeat; headers and labels too long for that are not in it.
        apart: whether a chunk must begin here.
    """

    path: tuple[str, ...]
    dropped: int
    context: int
    heads: int
    units: tuple[Unit, ...]
    costs: tuple[int, ...]
    headers: Mapping[Header, int]
    apart: bool = False

    @property
    def size(self) -> int:
        """Return the tokens of its text."""
        return sum(self.costs[self.heads :])

    def header(self, unit: Unit) -> Header | None:
        """Return the header that a chunk beginning with this unit repeats, if any."""
        return unit.header if unit.header in self.headers else None


def measured(document: Document, counter: TokenCounter, max_tokens: int) -> list[Measured]:
    """Return the document's sections, each unit counted and cut until it fits.

    Args:
        document: what ``read`` returned.
        counter: counts all units in one call; those that have to be cut once more.
        max_tokens: of a chunk, headings included.
    """
    units = document.units
    titles = unique(title for section in document.sections for title in section.path)
    counts = cost_of(counter, units)
    context = dict(zip(titles, counter.count([title + "\n" for title in titles]), strict=True))
    sections = []
    done = 0
    for section in document.sections:
        size = len(section.heads) + len(section.units)
        measurer = _Measurer(counter=counter, max_tokens=max_tokens, context=context)
        sections.append(measurer.measure(section, counts[done : done + size]))
        done += size
    return sections


@attrs.frozen(kw_only=True)
class _Measurer:
    counter: TokenCounter
    max_tokens: int
    context: Mapping[str, int]

    def measure(self, section: Section, counts: list[int]) -> Measured:
        path, heads = section.path, len(section.heads)
        share = self.max_tokens // _CONTEXT_SHARE
        if sum(self.context[title] for title in path[len(path) - heads :]) > share:
            # Headings that long are paragraphs by mistake: they are written, and cut, like the text.
            path, heads = path[: len(path) - heads], 0
        dropped = self._dropped(path, share)
        context = sum(self.context[title] for title in path[dropped:])
        room = self.max_tokens - context
        units = (*section.heads, *section.units)
        headers = self._headers(units, counts, room)
        fitted = list(zip(units[:heads], counts[:heads], strict=True))
        for unit, cost in zip(units[heads:], counts[heads:], strict=True):
            fitted += self._fitted(unit, cost, room, headers)
        return Measured(
            path=path,
            dropped=dropped,
            context=context,
            heads=heads,
            units=tuple(unit for unit, _ in fitted),
            costs=tuple(cost for _, cost in fitted),
            headers=headers,
            apart=section.apart,
        )

    def _dropped(self, path: tuple[str, ...], share: int) -> int:
        left = share
        for kept, title in enumerate(reversed(path)):
            left -= self.context[title]
            if left < 0:
                return len(path) - kept
        return 0

    @staticmethod
    def _headers(units: tuple[Unit, ...], counts: list[int], room: int) -> dict[Header, int]:
        """Return the tokens of each table's header, which is the unit before the first of its rows."""
        headers: dict[Header, int] = {}
        last = 0
        for unit, cost in zip(units, counts, strict=True):
            if unit.row is None:
                last = cost
            elif unit.row.header not in headers and last * _HEADER_SHARE <= room:
                headers[unit.row.header] = last
        return headers

    def _fitted(self, unit: Unit, cost: int, room: int, headers: dict[Header, int]) -> list[tuple[Unit, int]]:
        if unit.row is None:
            return [(unit, cost)] if cost <= room else exploded(unit, room, self._cost)
        if unit.row.header in headers and headers[unit.row.header] + cost <= room:
            return [(unit, cost)]
        return self._cells(unit, unit.row, room, headers)

    def _cells(self, unit: Unit, row: Row, room: int, headers: dict[Header, int]) -> list[tuple[Unit, int]]:
        """Return a row's cells, each of which fits below the row's label or else does without."""
        cells = by_cells(unit, row)
        costs = self._cost(cells)
        label = cells[-1].label
        left = room
        if label is not None and costs[0] * _LABEL_SHARE <= room:
            headers[label] = costs[0]
            left -= costs[0]
        fitted: list[tuple[Unit, int]] = []
        for cell, cost in zip(cells, costs, strict=True):
            if cost > room:
                fitted += exploded(cell, left, self._cost)
            else:
                fitted.append((cell if cost <= left else attrs.evolve(cell, label=None), cost))
        return fitted

    def _cost(self, units: Sequence[Unit]) -> list[int]:
        return cost_of(self.counter, units)
