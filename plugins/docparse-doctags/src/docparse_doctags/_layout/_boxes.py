"""Text boxes beside each other, as on slides: each is read to its end before the next.

Their lines share baselines, as the cells of a row do, and geometry alone cannot tell three lists beside each other from
a table of three columns. The order in which the page is drawn can: programs write a text box line after line, and a
table row after row. So boxes are connected lines (O'Gorman's docstrum, 1993); two beside each other stay one where the
page draws their lines by turns; and what is left is ordered by cutting along white space (Nagy and Seth's recursive
XY-cut, 1984), rows before columns unless the page was drawn column by column.

On slides with two to four boxes (``boxes`` of the quality bench, tuning half) .67 of the words were in order without
this.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, pairwise

import attrs

from docparse_doctags._layout._lines import Line

_BELOW = 1.2
"""Lines of one box are less than this many line heights apart."""

_BELOW_ALIKE = 2.0
"""The same of lines that begin at one edge and look alike, as the items of a widely spaced list."""

_BESIDE = 1.5
"""Pieces on one baseline that are closer than this many line heights are in one box."""

_SAME_SIZE = 0.1
_SHARED = 0.3
"""Lines beside each other share at least this part of the lower one's height."""

_LEAST_LINES = 2
"""A line alone beside another box is a label or a cell."""

_ROW_GAP = 2.5
"""Rows of a table are less than this many line heights apart."""

_FIGURES = 0.5
"""A box of which more than this share of the lines are figures is a column of a table."""


@attrs.define(eq=False)
class _Box:
    """Lines that are read in one go, and the rectangle around them."""

    lines: list[Line]
    left: float = attrs.field(init=False)
    top: float = attrs.field(init=False)
    right: float = attrs.field(init=False)
    bottom: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.left, self.right = min(line.left for line in self.lines), max(line.right for line in self.lines)
        self.top, self.bottom = min(line.top for line in self.lines), max(line.bottom for line in self.lines)


def boxes_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the parts of a region that are read one after the other, the lines of each from top to bottom.

    Args:
        lines: from top to bottom; those without text stand for tables and pictures.
    """
    if not any(True for _ in _neighbours(lines)):
        return [list(lines)]
    regions = _cut(_united([_Box(part) for part in _connected(lines)]))
    return [
        sorted((line for box in region for line in box.lines), key=lambda line: (line.top, line.left))
        for region in regions
    ]


def _neighbours(lines: Sequence[Line]) -> Iterator[tuple[Line, Line]]:
    """Yield the pairs of lines that stand beside each other."""
    for index, line in enumerate(lines):
        for other in lines[index + 1 :]:
            if other.top > line.bottom - _SHARED * line.size:
                break
            if other.left >= line.right or other.right <= line.left:
                yield line, other


def _connected(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines that hang together: each close below or beside another."""
    parts = {line: [line] for line in lines}
    for index, line in enumerate(lines):
        for other in lines[index + 1 :]:
            if other.top > line.bottom + _BELOW_ALIKE * line.size:
                break
            if parts[line] is not parts[other] and _hang_together(line, other):
                parts[line] += parts[other]
                parts.update(dict.fromkeys(parts[other], parts[line]))
    return list({id(part): part for part in parts.values()}.values())


def _hang_together(line: Line, other: Line) -> bool:
    if not line.text or not other.text or line.sideways != other.sideways:
        return False
    if min(line.right, other.right) > max(line.left, other.left):
        reach = _BELOW_ALIKE if _look_alike(line, other) else _BELOW
        return other.top - line.bottom < reach * min(line.size, other.size)
    gap = max(other.left - line.right, line.left - other.right)
    return other.top < line.centre < other.bottom and gap < _BESIDE * max(line.size, other.size)


def _look_alike(line: Line, other: Line) -> bool:
    one_edge = abs(line.left - other.left) < _SHARED * line.size
    return one_edge and line.font == other.font and abs(line.size - other.size) < _SAME_SIZE * line.size


def _united(boxes: list[_Box]) -> list[_Box]:
    """Return the boxes, those that cannot be read one after the other put together."""
    while pair := next((pair for pair in combinations(boxes, 2) if _belong_together(*pair)), None):
        boxes = [*(box for box in boxes if box not in pair), _Box([*pair[0].lines, *pair[1].lines])]
    return boxes


def _belong_together(one: _Box, other: _Box) -> bool:
    if min(one.bottom, other.bottom) <= max(one.top, other.top):
        return False
    if min(one.right, other.right) > max(one.left, other.left):
        return True
    if not _places(one) or not _places(other):
        return False
    if min(len(one.lines), len(other.lines)) < _LEAST_LINES:
        return True
    return _is_figures(one) or _is_figures(other) or not _follow([[one], [other]])


def _is_figures(box: _Box) -> bool:
    figures = sum(2 * sum(letter.isdigit() for letter in line.text) >= len(line.text) for line in box.lines)
    return figures > _FIGURES * len(box.lines)


def _places(box: _Box) -> list[int]:
    """Return when the page draws the lines of a box; a table or picture has no such place."""
    return [span.place for line in box.lines for span in line.spans]


def _follow(parts: Iterable[Sequence[_Box]]) -> bool:
    """Return whether the page draws each part to its end before another."""
    places = [places for part in parts if (places := [place for box in part for place in _places(box)])]
    spans = sorted((min(these), max(these)) for these in places)
    return all(before[1] < after[0] for before, after in pairwise(spans))


def _cut(boxes: Sequence[_Box]) -> list[list[_Box]]:
    """Return the regions in reading order."""
    rows, columns = _split(boxes, _heights), _split(boxes, _sides)
    if len(columns) > 1 and (len(rows) == 1 or (_follow(columns) and not _follow(rows))):
        return [region for column in columns for region in _cut(column)]
    regions: list[list[_Box]] = []
    whole = False
    for band in _bands(rows):
        if whole and band.whole:
            regions[-1] += band.boxes
        else:
            regions += [band.boxes] if band.whole else _cut(band.boxes)
        whole = band.whole
    return regions


@attrs.define
class _Band:
    """What lies between two white strips across a region.

    Attributes:
        boxes: at least one.
        beside: whether lines stand beside each other in it.
        whole: whether it is read in one go, and not column by column.
    """

    boxes: list[_Box]
    beside: bool
    whole: bool

    def goes_on(self, row: Sequence[_Box]) -> bool:
        """Return whether a row of boxes follows like the next row of a table."""
        size = max(line.size for box in row for line in box.lines if line.text)
        return min(box.top for box in row) - max(box.bottom for box in self.boxes) < _ROW_GAP * size


def _bands(rows: Iterable[list[_Box]]) -> Iterator[_Band]:
    """Yield the bands from top to bottom; rows close below each other, all with columns, are a table and one band."""
    last: _Band | None = None
    for row in rows:
        beside = _has_columns(row)
        if last is not None and last.beside and beside and last.goes_on(row):
            last = _Band([*last.boxes, *row], beside=True, whole=True)
            continue
        if last is not None:
            yield last
        last = _Band(row, beside=beside, whole=len(_split(row, _sides)) == 1)
    if last is not None:
        yield last


def _has_columns(row: Iterable[_Box]) -> bool:
    lines = sorted((line for box in row for line in box.lines if line.text), key=lambda line: line.top)
    return any(True for _ in _neighbours(lines))


def _heights(box: _Box) -> tuple[float, float]:
    return box.top, box.bottom


def _sides(box: _Box) -> tuple[float, float]:
    return box.left, box.right


def _split(boxes: Iterable[_Box], edges: Callable[[_Box], tuple[float, float]]) -> list[list[_Box]]:
    """Return the boxes in groups with white space between them, along one direction."""
    groups: list[list[_Box]] = []
    end = float("-inf")
    for box in sorted(boxes, key=edges):
        begin, stop = edges(box)
        if begin >= end:
            groups.append([])
        groups[-1].append(box)
        end = max(end, stop)
    return groups
