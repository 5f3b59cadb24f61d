"""The default chunker: by sections, small ones joined with a neighbour."""

from collections.abc import Iterator

from docparse_chunk._compose import composed
from docparse_chunk._group import Group
from docparse_chunk._measure import Measured, measured
from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import Chunk, Document, Limits


def structural(document: Document, counter: TokenCounter, limits: Limits) -> Iterator[Chunk]:
    """Yield chunks that hold one section or a part of it.

    A section smaller than ``min_tokens`` shares a chunk with its neighbour when both stand under the same heading (or
    one is the text right below the other's heading) and fit together, or when the neighbour has to be cut anyway: then
    with the first piece of what follows it, or with the last of what it stands below. A heading with nothing under it
    stands with the section that follows, or else at the end of what is before it. With ``cross_headings`` chunks are
    filled whatever the sections are.

    Args:
        document: what is cut.
        counter: counts as the embedding model does.
        limits: what chunks have to keep to.
    """
    sections = measured(document, counter, limits.max_tokens)
    groups = _runs(sections) if limits.cross_headings else _groups(sections, limits)
    for group in groups:
        yield from composed(group, limits, cross=limits.cross_headings)


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
    group: Group | None = None
    for section, following in zip(sections, [*sections[1:], None], strict=False):
        if group is None or not group.takes(section, following):
            if group is not None:
                yield group.sections
            group = Group.of(section, limits)
    if group is not None:
        yield group.sections
