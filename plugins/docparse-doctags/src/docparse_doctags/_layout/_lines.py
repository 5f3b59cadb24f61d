"""From the parser's text cells to lines of text."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import attrs
from docling_core.types.doc import Size
from docling_core.types.doc.page import PdfCellRenderingMode, PdfTextCell, TextCell

from docparse_doctags._layout._edges import edges_of
from docparse_doctags._layout._fonts import Font, font_of
from docparse_doctags._layout._ink import Heights
from docparse_doctags._layout._patterns import MARKER
from docparse_doctags._layout._right_to_left import Run, runs_of
from docparse_doctags._layout._table import Table
from docparse_doctags._layout._turned import Turn
from docparse_doctags._layout._words import Word, reads_right_to_left

_INVISIBLE = frozenset({PdfCellRenderingMode.INVISIBLE, PdfCellRenderingMode.ONLY_CLIPPING})
_SAME_BASELINE = 0.35
"""Centres of one line differ by less than this share of the smaller height; superscripts do."""

_WORD_GAP = 1.2
"""Pieces of one line are less than this many times its height apart; the gutter between columns is wider."""

_MARKER_GAP = 4.0
"""The same between a bullet or number and its text, which starts at a tab stop."""

_LETTER_GAP = 0.08
"""Pieces closer than this share of the height are parts of one word, as where the font changes inside it."""

_SIDEWAYS = 3.0
"""A line of some characters that is this many times as high as wide runs up the page."""


@attrs.frozen(kw_only=True)
class Tag:
    """The paragraph of a tagged PDF that a line is in.

    Attributes:
        element: which one, by page and place in the structure tree.
        role: its name there, as ``P`` or ``H2``.
        level: of a heading, from 1, else 0.
    """

    element: tuple[int, int]
    role: str
    level: int = 0


class Span(NamedTuple):
    """A text of the parser's.

    Attributes:
        text: as the parser reads it.
        place: its place in the order in which the page draws them.
        font_name: of its letters; empty where the parser does not say.
    """

    text: str
    place: int
    font_name: str


@attrs.frozen(kw_only=True, eq=False)
class Line:
    """One line of text; boxes count from the top left of the page, in points.

    On a page that reads from right to left, `left` and `right` are mirrored, so that every line begins at its `left`.

    Attributes:
        text: as read.
        left: where it begins.
        top: upper edge.
        right: where it ends.
        bottom: lower edge.
        size: height of the letters, the best measure of the font size there is.
        font: how most of it looks.
        hang: where the text after a bullet or number begins, when that stands apart from it.
        sideways: whether it runs up or down the page.
        tag: what the PDF itself says of it.
        spans: what it was made of.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    font: Font
    hang: float | None = None
    sideways: bool = False
    tag: Tag | None = None
    spans: tuple[Span, ...] = ()

    @property
    def centre(self) -> float:
        """Return the height on the page of the middle of the line."""
        return (self.top + self.bottom) / 2

    @property
    def centre_across(self) -> float:
        """Return how far across the page the middle of the line is."""
        return (self.left + self.right) / 2

    @property
    def width(self) -> float:
        """Return how long the line is, in points."""
        return self.right - self.left


_UPRIGHT = Turn(0, 0.0, 0.0)


@attrs.frozen(kw_only=True)
class PageLines:
    """The text of one page.

    Attributes:
        number: counted from 1.
        width: of the page, in points.
        height: of the page, in points.
        lines: from top to bottom.
        mirrored: whether the page reads from right to left, so that horizontal positions are mirrored.
        words: single words, as the parser tells them apart.
        turn: how the page is turned; everything else here is as on the upright page.
        tables: those that the PDF itself tells; their columns count from the left.
    """

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]
    mirrored: bool
    words: Sequence[Word] = ()
    turn: Turn = _UPRIGHT
    tables: Sequence[Table] = ()

    def is_inside(self, line: Line, left: float, top: float, right: float, bottom: float) -> bool:
        """Return whether the middle of a line is in a box, which is not mirrored."""
        across = self.width - line.centre_across if self.mirrored else line.centre_across
        return left <= across <= right and top <= line.centre <= bottom

    def widest_gap(self, line: Line) -> float:
        """Return the widest space between two words of a line, a leading number apart, in points.

        The parser takes cells of a table for one line when they are close.
        """
        left, right = (self.width - line.right, self.width - line.left) if self.mirrored else (line.left, line.right)
        inside = [word for word in self.words if line.top < word.down < line.bottom and left <= word.across <= right]
        inside.sort(key=lambda word: (word.left, word.top, word.right))
        number = line.text[:1].isdigit()
        gaps = [after.left - before.right for before, after in pairwise(inside)]
        return max(gaps[number:], default=0.0)


def page_lines(number: int, size: Size, cells: Iterable[TextCell], words: Sequence[Word] = ()) -> PageLines:
    """Return the lines of a page. Invisible text counts only where nothing is visible: there it is what OCR read.

    Args:
        number: of the page, counted from 1.
        size: of the page, in points.
        cells: what the parser takes for lines.
        words: its words.
    """
    width, height = size.width, size.height
    cells = [cell for cell in cells if cell.text.strip()]
    visible = [cell for cell in cells if not (isinstance(cell, PdfTextCell) and cell.rendering_mode in _INVISIBLE)]
    cells = visible or cells
    mirrored = reads_right_to_left(cell.text for cell in cells)
    if mirrored and words and cells is visible:
        lines = mirrored_lines(words, width)
        return PageLines(number=number, width=width, height=height, lines=lines, mirrored=True, words=words)
    heights = Heights(words)
    mirror = width if mirrored else None
    pieces = [line for cell in cells if (line := _line(cell, height, heights, mirror=mirror)) is not None]
    lines = tuple(_joined(pieces, spaced=mirrored))
    return PageLines(number=number, width=width, height=height, lines=lines, mirrored=mirrored, words=words)


def mirrored_lines(words: Sequence[Word], width: float) -> tuple[Line, ...]:
    """Return the lines of a page that reads from right to left."""
    ordered = sorted(words, key=lambda word: word.down)
    lines = [_mirrored_line(run, width) for run in runs_of(ordered, _ends_line)]
    return tuple(sorted(lines, key=lambda line: (line.top, line.left)))


def _ends_line(before: Word, word: Word, size: float) -> bool:
    reach = _MARKER_GAP if MARKER.fullmatch(before.text) or before.text == "." else _WORD_GAP
    return before.left - word.right > reach * size


def _mirrored_line(run: Run, width: float) -> Line:
    words = run.words
    main = max(words, key=lambda word: len(word.text))
    top, bottom = min(word.top for word in words), max(word.bottom for word in words)
    return Line(
        text=run.text,
        left=width - max(word.right for word in words),
        top=top,
        right=width - min(word.left for word in words),
        bottom=bottom,
        size=bottom - top,
        font=font_of(main.font_name),
        spans=tuple(Span(word.text, word.place, word.font_name) for word in words),
    )


def _line(cell: TextCell, height: float, heights: Heights, *, mirror: float | None) -> Line | None:
    """Return the line that a cell is; `mirror` is the width of a page that reads from right to left."""
    left, top, right, bottom = edges_of(cell.rect, height)
    across, down = right - left, bottom - top
    if across <= 0 or down <= 0:
        return None
    text = cell.text.strip()
    sideways = down > _SIDEWAYS * across and len(text) > _SIDEWAYS
    above, below = (0.0, 0.0) if sideways else heights.missing(cell, down)
    font_name = cell.font_name if isinstance(cell, PdfTextCell) else ""
    return Line(
        text=text,
        left=left if mirror is None else mirror - right,
        top=top - above,
        right=right if mirror is None else mirror - left,
        bottom=bottom + below,
        size=across if sideways else down + above + below,
        font=font_of(font_name),
        sideways=sideways,
        spans=(Span(text, cell.index, font_name),),
    )


def _joined(pieces: Sequence[Line], *, spaced: bool) -> list[Line]:
    """Join the pieces that lie on one baseline, and return the lines from top to bottom."""
    lines: list[Line] = []
    for row in rows_of(pieces):
        current = row[0]
        for piece in row[1:]:
            if _continues(current, piece):
                current = _join(current, piece, spaced=spaced)
            else:
                lines.append(current)
                current = piece
        lines.append(current)
    return sorted(lines, key=lambda line: (line.top, line.left))


def rows_of(pieces: Sequence[Line]) -> list[list[Line]]:
    """Group pieces by baseline, each group in the order in which it is read."""
    rows: list[list[Line]] = []
    for piece in sorted(pieces, key=lambda piece: piece.centre):
        if rows and not piece.sideways and _is_beside(rows[-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda piece: piece.left) for row in rows]


def _is_beside(row: Sequence[Line], piece: Line) -> bool:
    """Return whether a piece is on the baseline of a row; a full stop alone is low and small, but beside its words."""
    last = row[-1]
    if piece.centre - last.centre < _SAME_BASELINE * min(last.size, piece.size):
        return True
    if any(letter.isalnum() for letter in piece.text):
        return not any(letter.isalnum() for letter in last.text) and last.bottom < piece.bottom and last.top > piece.top
    return any(other.top < piece.centre < other.bottom for other in row)


def _continues(line: Line, piece: Line) -> bool:
    if line.sideways or piece.sideways:
        return False
    gap = piece.left - line.right
    em = max(line.size, piece.size)
    return -em < gap < (_MARKER_GAP if MARKER.fullmatch(line.text) else _WORD_GAP) * em


def _join(line: Line, piece: Line, *, spaced: bool) -> Line:
    main = piece if len(piece.text) > len(line.text) else line
    return Line(
        text=line.text + _space_between(line, piece, spaced=spaced) + piece.text,
        left=min(line.left, piece.left),
        top=min(line.top, piece.top),
        right=max(line.right, piece.right),
        bottom=max(line.bottom, piece.bottom),
        size=main.size,
        font=main.font,
        hang=piece.left if MARKER.fullmatch(line.text) else line.hang,
        spans=line.spans + piece.spans,
    )


def _space_between(line: Line, piece: Line, *, spaced: bool) -> str:
    """Return the space between two pieces; right-to-left cells include it in their box, so gaps do not tell it."""
    first = piece.text[0]
    if unicodedata.combining(first):
        return ""
    if spaced:
        return "" if unicodedata.category(first) in {"Po", "Pe"} or unicodedata.category(line.text[-1]) == "Ps" else " "
    return " " if piece.left - line.right > _LETTER_GAP * line.size else ""
