"""The default chunker: by sections, small ones joined with a neighbour."""

from collections.abc import Iterator

import attrs

from docparse_chunk._compose import common_depth, composed
from docparse_chunk._measure import Measured, measured
from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import Chunk, Document, Limits


def structural(document: Document, counter: TokenCounter, limits: Limits) -> Iterator[Chunk]:
    """Yield chunks that hold one section or a part of it.

    A section smaller than ``min_tokens`` shares a chunk with its neighbour when both stand under the same heading (or
    one is the text right below the other's heading) and fit together, or when the neighbour has to be cut anyway.
    With ``cross_headings`` chunks are filled whatever the sections are.

    Args:
        document: what is cut.
        counter: counts as the embedding model does.
        limits: what chunks have to keep to.
    """
    sections = measured(document, counter, limits.max_tokens)
    groups = _runs(sections) if limits.cross_headings else _groups(sections, limits)
    for group in groups:
        yield from composed(group, limits, cross=limits.cross_headings)


@attrs.define
class _Group:
    """Consecutive sections that share chunks.

    Attributes:
        sections: at least one.
        size: tokens of their text, with the headings that stand in it.
        common: how many headings they share, from the outermost.
    """

    sections: list[Measured]
    size: int
    common: int

    def joins(self, section: Measured, limits: Limits) -> bool:
        """Say whether the section is taken into the group; if so, it is."""
        if section.apart:
            return False
        first = self.sections[0]
        common = min(self.common, common_depth(first.path, section.path))
        size = self.size + sum(section.costs)
        is_needed = min(self.size, section.size) < limits.min_tokens
        # Only headings of the first section could be lost: those of the others stand in the text, or above it too.
        keeps_headings = common >= len(first.path) - first.heads
        fits = first.context + size <= limits.max_tokens
        must_be_cut = self.size < limits.min_tokens and section.context + section.size > limits.max_tokens
        if not (is_needed and keeps_headings and (fits or must_be_cut)):
            return False
        self.sections.append(section)
        self.size, self.common = size, common
        return True


def _runs(sections: list[Measured]) -> Iterator[list[Measured]]:
    """Yield the sections from one place at which a chunk must begin to the next."""
    run: list[Measured] = []
    for section in sections:
        if section.apart and run:
            yield run
            run = []
        run.append(section)
    if run:
        yield run


def _groups(sections: list[Measured], limits: Limits) -> Iterator[list[Measured]]:
    group: _Group | None = None
    for section in sections:
        if group is None or not group.joins(section, limits):
            if group is not None:
                yield group.sections
            group = _Group([section], section.size, len(section.path))
    if group is not None:
        yield group.sections
