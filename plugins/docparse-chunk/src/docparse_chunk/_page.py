"""A chunker that keeps to pages: no chunk spans two."""

from collections.abc import Iterator
from itertools import groupby

import attrs

from docparse_chunk._compose import composed
from docparse_chunk._measure import Measured, measured
from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import Chunk, Document, Limits, Unit


def page(document: Document, counter: TokenCounter, limits: Limits) -> Iterator[Chunk]:
    """Yield chunks that hold one page or a part of it, whatever its headings; a text over two pages is the first's.

    Documents without pages are one page.

    Args:
        document: what is cut.
        counter: counts as the embedding model does.
        limits: what chunks have to keep to.
    """
    pieces = _by_page(measured(document, counter, limits.max_tokens))
    for _, group in groupby(pieces, key=lambda piece: piece[0]):
        yield from composed([section for _, section in group], limits, cross=True)


def _by_page(sections: list[Measured]) -> Iterator[tuple[int, Measured]]:
    """Yield the sections cut at page ends, each part with its page; what has no place goes with what is before it."""
    number = next((found for section in sections for unit in section.units if (found := _page_of(unit))), 0)
    for section in sections:
        numbers = []
        for unit in section.units:
            number = _page_of(unit) or number
            numbers.append(number)
        start = 0
        for key, run in groupby(numbers):
            end = start + len(list(run))
            yield key, _part(section, start, end)
            start = end


def _page_of(unit: Unit) -> int:
    return next((box.page for _, source in unit.sources for box in source.boxes), 0)


def _part(section: Measured, start: int, end: int) -> Measured:
    heads = max(0, min(section.heads, end) - start)
    path = section.path[: len(section.path) - max(0, section.heads - end)]
    return attrs.evolve(section, path=path, heads=heads, units=section.units[start:end], costs=section.costs[start:end])
