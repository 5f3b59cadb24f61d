"""Cutting units: long ones into sentences or lines beforehand, those over the limit as far as it takes."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from docparse_chunk._scripts import COMMAS, DASHES
from docparse_chunk._sentences import sentence_spans, trimmed
from docparse_chunk._tables import LABEL
from docparse_chunk._units import HEADING, Header, Row, Unit

Spans: TypeAlias = list[tuple[int, int]]
Cost: TypeAlias = Callable[[Sequence[Unit]], list[int]]

_SHORT = 160
"""Texts up to this many characters (about 40 tokens) stay one unit: finer cuts would gain nothing when packing."""

_WHOLE = frozenset({HEADING, "table"})
"""Kinds that are cut only when they alone are over the limit."""

_LINE = re.compile(r"[^\n]+")
_CLAUSE_END = re.compile(rf"[,;:](?=\s)|\s[{DASHES}](?=\s)|[{COMMAS}]")
_WORD = re.compile(r"\S+")


def refined(unit: Unit) -> list[Unit]:
    """Return the unit in the pieces that packing works with: code by lines, long text by sentences."""
    if unit.kind == "code":
        return unit.cut(line_spans(unit.text))
    if unit.kind in _WHOLE or len(unit.text) <= _SHORT:
        return [unit]
    return unit.cut(sentence_spans(unit.text))


def line_spans(text: str) -> Spans:
    """Return the lines that are not blank, their indentation kept."""
    lines = ((match.start(), match[0].rstrip()) for match in _LINE.finditer(text))
    return [(start, start + len(line)) for start, line in lines if line]


def _clause_spans(text: str) -> Spans:
    cuts = [match.end() for match in _CLAUSE_END.finditer(text)]
    spans = (trimmed(text, *pair) for pair in zip([0, *cuts], [*cuts, len(text)], strict=True))
    return [span for span in spans if span is not None]


def _word_spans(text: str) -> Spans:
    return [match.span() for match in _WORD.finditer(text)]


def _letter_spans(text: str, size: int) -> Spans:
    """Return pieces of about `size` characters, no accent or vowel sign parted from its letter where that is possible.

    Args:
        text: without white space worth keeping.
        size: characters of a piece, at least one.
    """
    spans = []
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        fair = end
        while fair < len(text) and fair > start and unicodedata.category(text[fair])[0] == "M":
            fair -= 1
        end = fair if fair > start else end
        spans.append((start, end))
        start = end
    return spans


def exploded(unit: Unit, room: int, cost: Cost) -> list[tuple[Unit, int]]:
    """Return a unit that is too long in pieces of at most `room` tokens, with their costs.

    Sentences are tried first, then clauses, words and letters; only what is still too long goes one level down.

    Args:
        unit: the unit.
        room: most tokens of a piece.
        cost: tokens of units.
    """
    # A letter is at most four tokens (a byte each), so that the last level always fits.
    size = max(1, room // 4)
    levels = (sentence_spans, line_spans, _clause_spans, _word_spans, lambda text: _letter_spans(text, size))
    return list(_levels(unit, room, cost, levels))


def _levels(unit: Unit, room: int, cost: Cost, levels: Sequence[Callable[[str], Spans]]) -> Iterator[tuple[Unit, int]]:
    spans = levels[0](unit.text)
    if len(spans) == 1 and len(levels) > 1:
        # Nothing was gained: do not count it again.
        yield from _levels(unit, room, cost, levels[1:])
        return
    pieces = unit.cut(spans)
    for piece, tokens in zip(pieces, cost(pieces), strict=True):
        if tokens > room and len(levels) > 1:
            yield from _levels(piece, room, cost, levels[1:])
        else:
            yield piece, tokens


def by_cells(unit: Unit, row: Row) -> list[Unit]:
    """Return a table row that is too wide as one unit per cell, each under its column's title.

    A first cell that is short is the label of those behind it.

    Args:
        unit: the row.
        row: its cells.
    """
    pieces: list[Unit] = []
    label: Header | None = None
    for title, cell, start in zip(row.header.titles, row.cells, row.starts, strict=True):
        if not cell:
            continue
        pieces.append(
            Unit(
                text=f"{title}: {cell}" if title else cell,
                before="\n" if pieces else unit.before,
                kind=unit.kind,
                start=unit.start + start,
                end=unit.start + start + len(cell),
                sources=unit.sources,
                opens=not pieces,
                caption=unit.caption,
                label=label,
            )
        )
        if len(pieces) == 1 and len(cell) <= LABEL:
            label = Header(pieces[0].text)
    return pieces
