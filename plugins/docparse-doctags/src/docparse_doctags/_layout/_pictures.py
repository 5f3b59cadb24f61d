"""Where the pictures of a page are: bitmaps, and what is drawn with lines and areas."""

from collections.abc import Iterable, Sequence

import attrs
from docling_core.types.doc import BoundingBox, CoordOrigin
from docling_core.types.doc.page import BoundingRectangle

from docparse_doctags._layout._lines import PageLines
from docparse_doctags._layout._rules import Drawing
from docparse_doctags._layout._table import Table

_SMALLEST = 25.0
"""Bitmaps less wide or high than this, in points, are ornaments, rules and bullets."""

_PAGE = 0.9
"""A bitmap over this share of the page is its background: the scan under an OCR text layer."""

_NEAR = 8.0
"""Bitmaps closer than this, in points, are tiles of one picture; shapes, parts of one drawing."""

_DRAWING = 40.0
"""Drawings less wide or high than this are buttons, logos of fonts and decoration."""

_MOST_SHAPES = 600
"""With more, a page is a map or a plot with a mark per point; putting them together would take seconds."""

_COVERED = 0.3
"""Text over more of a drawing than this share says that it is a frame around text, or its background."""

_LETTERS = 40
"""So do lines of more letters than this, on average."""


@attrs.define
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def touches(self, other: "_Box") -> bool:
        """Return whether the two overlap or nearly do."""
        beside = self.left - _NEAR <= other.right and other.left - _NEAR <= self.right
        return beside and self.top - _NEAR <= other.bottom and other.top - _NEAR <= self.bottom

    def grown(self, other: "_Box") -> "_Box":
        """Return the box around both."""
        return _Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def is_at_least(self, size: float) -> bool:
        """Return whether it is as wide and as high as that."""
        return self.right - self.left >= size and self.bottom - self.top >= size

    @property
    def area(self) -> float:
        """Return width times height."""
        return (self.right - self.left) * (self.bottom - self.top)


def pictures_of(
    page: PageLines, rects: Iterable[BoundingRectangle], drawing: Drawing, tables: Sequence[Table]
) -> list[BoundingBox]:
    """Return the boxes of the pictures on a page, from the top left; tiles are put together.

    Args:
        page: the page.
        rects: where its bitmaps are.
        drawing: what is drawn on it.
        tables: on it.
    """
    bitmaps: list[_Box] = []
    for rect in rects:
        box = rect.to_bounding_box()
        if box.coord_origin is not CoordOrigin.TOPLEFT:
            box = box.to_top_left_origin(page.height)
        bitmaps = _with(bitmaps, _Box(max(box.l, 0), max(box.t, 0), min(box.r, page.width), min(box.b, page.height)))
    found = [box for box in bitmaps if _is_picture(box, page)]
    for drawn in _drawings(page, drawing, tables):
        found = _with(found, drawn)
    return [
        BoundingBox(l=box.left, t=box.top, r=box.right, b=box.bottom, coord_origin=CoordOrigin.TOPLEFT) for box in found
    ]


def _with(boxes: Sequence[_Box], new: _Box) -> list[_Box]:
    apart = []
    for box in boxes:
        if box.touches(new):
            new = box.grown(new)
        else:
            apart.append(box)
    return [*apart, new]


def _is_picture(box: _Box, page: PageLines) -> bool:
    return box.is_at_least(_SMALLEST) and box.area < _PAGE * page.width * page.height


def _drawings(page: PageLines, drawing: Drawing, tables: Iterable[Table]) -> list[_Box]:
    if len(drawing.boxes) > _MOST_SHAPES:
        return []
    in_tables = [_Box(*table.box) for table in tables]
    boxes: list[_Box] = []
    for edges in drawing.boxes:
        box = _Box(*edges)
        if not any(box.touches(table) for table in in_tables):
            boxes = _with(boxes, box)
    return [box for box in boxes if box.is_at_least(_DRAWING) and _is_picture(box, page) and not _is_frame(box, page)]


def _is_frame(box: _Box, page: PageLines) -> bool:
    lines = [line for line in page.lines if page.is_inside(line, box.left, box.top, box.right, box.bottom)]
    if not lines:
        return False
    if len(lines) > 1 and all(line.font.mono for line in lines):
        return True  # code, whose lines are short
    covered = sum(line.width * line.size for line in lines)
    return covered > _COVERED * box.area or sum(len(line.text) for line in lines) > _LETTERS * len(lines)
