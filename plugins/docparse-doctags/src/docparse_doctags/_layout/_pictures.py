"""Where the pictures of a page are."""

from collections.abc import Sequence

import attrs
from docling_core.types.doc import BoundingBox, CoordOrigin
from docling_core.types.doc.page import SegmentedPdfPage

from docparse_doctags._layout._lines import PageLines

_SMALLEST = 25.0
"""Bitmaps less wide or high than this, in points, are ornaments, rules and bullets."""

_PAGE = 0.9
"""A bitmap over this share of the page is its background: the scan under an OCR text layer."""

_NEAR = 8.0
"""Bitmaps closer than this, in points, are tiles of one picture."""


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

    @property
    def area(self) -> float:
        """Return width times height."""
        return (self.right - self.left) * (self.bottom - self.top)


def pictures_of(page: PageLines, parsed: SegmentedPdfPage) -> list[BoundingBox]:
    """Return the boxes of the pictures on a page, from the top left; tiles are put together."""
    boxes: list[_Box] = []
    for bitmap in parsed.bitmap_resources:
        box = bitmap.rect.to_bounding_box()
        if box.coord_origin is not CoordOrigin.TOPLEFT:
            box = box.to_top_left_origin(page.height)
        boxes = _with(boxes, _Box(max(box.l, 0), max(box.t, 0), min(box.r, page.width), min(box.b, page.height)))
    return [
        BoundingBox(l=box.left, t=box.top, r=box.right, b=box.bottom, coord_origin=CoordOrigin.TOPLEFT)
        for box in boxes
        if _is_picture(box, page)
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
    large = box.right - box.left >= _SMALLEST and box.bottom - box.top >= _SMALLEST
    return large and box.area < _PAGE * page.width * page.height
