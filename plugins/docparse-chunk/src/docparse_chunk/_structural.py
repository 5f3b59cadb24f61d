"""The default chunker: by sections, small ones joined with a neighbour."""

from collections.abc import Iterator

from docparse_chunk._compose import composed, may_share
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
    groups = [sections] if limits.cross_headings and sections else _groups(sections, limits)
    for group in groups:
        yield from composed(group, limits)


def _groups(sections: list[Measured], limits: Limits) -> Iterator[list[Measured]]:
    group: list[Measured] = []
    for section in sections:
        if group and _joins(group, section, limits):
            group.append(section)
        else:
            if group:
                yield group
            group = [section]
    if group:
        yield group


def _joins(group: list[Measured], section: Measured, limits: Limits) -> bool:
    size = _size(group)
    if min(size, section.size) >= limits.min_tokens or not may_share([*group, section]):
        return False
    together = group[0].context + _size([*group, section])
    must_be_cut = section.context + section.size > limits.max_tokens
    return together <= limits.max_tokens or (size < limits.min_tokens and must_be_cut)


def _size(group: list[Measured]) -> int:
    """Return the tokens of the sections' text, with the headings that stand in it when they share a chunk."""
    return group[0].size + sum(sum(section.costs) for section in group[1:])
