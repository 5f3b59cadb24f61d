"""Boxes of the parser's cells as plain numbers: its own methods copy an object for each of them, twice."""

from docling_core.types.doc import CoordOrigin
from docling_core.types.doc.page import BoundingRectangle


def edges_of(rectangle: BoundingRectangle, height: float) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom, from the top left of a page of that height."""
    across = (rectangle.r_x0, rectangle.r_x1, rectangle.r_x2, rectangle.r_x3)
    down = (rectangle.r_y0, rectangle.r_y1, rectangle.r_y2, rectangle.r_y3)
    if rectangle.coord_origin is CoordOrigin.TOPLEFT:
        return min(across), min(down), max(across), max(down)
    return min(across), height - max(down), max(across), height - min(down)
