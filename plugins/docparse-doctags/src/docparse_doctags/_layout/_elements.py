"""Blocks, tables and pictures as the elements that docling's reading-order model takes."""

from collections.abc import Sequence

import docling.datamodel.base_models as docling
from docling.datamodel.base_models import Cluster, FigureElement, TextElement
from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel, TableCell
from docling_core.types.doc.page import BoundingRectangle, TextCell

from docparse_doctags._layout._lines import Line, PageLines
from docparse_doctags._layout._paragraphs import Block
from docparse_doctags._layout._table import Cell, Table
from docparse_doctags._layout._text import text_of

_INNER = 10_000
"""Text inside pictures is numbered from here, beyond all elements of a page."""


def text_element(number: int, block: Block, label: DocItemLabel, page: PageLines) -> TextElement:
    """Return a block of text; `number` is unique on its page."""
    cluster = Cluster(id=number, label=label, bbox=_box(block.lines, page))
    return TextElement(label=label, id=number, text=text_of(block, label), page_no=page.number, cluster=cluster)


def table_element(number: int, table: Table, page: PageLines) -> docling.Table:
    """Return a table; `number` is unique on its page."""
    return docling.Table(
        label=DocItemLabel.TABLE,
        id=number,
        page_no=page.number,
        cluster=Cluster(id=number, label=DocItemLabel.TABLE, bbox=_bounding(table.box, page)),
        otsl_seq=[],
        num_rows=table.rows,
        num_cols=table.columns,
        table_cells=[_cell(cell, table, page) for cell in table.cells],
    )


def _cell(cell: Cell, table: Table, page: PageLines) -> TableCell:
    return TableCell(
        text=cell.text,
        bbox=_bounding(cell.box, page),
        row_span=cell.rows,
        col_span=cell.columns,
        start_row_offset_idx=cell.row,
        end_row_offset_idx=cell.row + cell.rows,
        start_col_offset_idx=cell.column,
        end_col_offset_idx=cell.column + cell.columns,
        column_header=cell.row < table.heads or cell.scope in {"Column", "Both"},
        row_header=cell.scope in {"Row", "Both"},
    )


def _bounding(box: tuple[float, float, float, float], page: PageLines) -> BoundingBox:
    """Return a box of the upright page where it is on the page as it is shown."""
    left, top, right, bottom = page.turn.back(box) if page.turn.degrees else box
    return BoundingBox(l=left, t=top, r=right, b=bottom, coord_origin=CoordOrigin.TOPLEFT)


def picture_element(number: int, box: BoundingBox, lines: Sequence[Line], page: PageLines) -> FigureElement:
    """Return a picture with the lines of text in it; `number` is unique on its page."""
    inner = [_inner(_INNER + place, line, page) for place, line in enumerate(lines)]
    place = _bounding((box.l, box.t, box.r, box.b), page)
    cluster = Cluster(id=number, label=DocItemLabel.PICTURE, bbox=place, children=inner)
    return FigureElement(label=DocItemLabel.PICTURE, id=number, page_no=page.number, cluster=cluster)


def _inner(number: int, line: Line, page: PageLines) -> Cluster:
    """Return a line of text in a picture; docling makes its text of the texts of its cells."""
    box = _box([line], page)
    edges = BoundingRectangle.from_bounding_box(box)
    cells = [TextCell(text=span.text, orig=span.text, rect=edges, from_ocr=False) for span in line.spans]
    return Cluster(id=number, label=DocItemLabel.TEXT, bbox=box, cells=cells)


def _box(lines: Sequence[Line], page: PageLines) -> BoundingBox:
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    if page.mirrored:
        left, right = page.width - right, page.width - left
    top, bottom = min(line.top for line in lines), max(line.bottom for line in lines)
    return _bounding((left, top, right, bottom), page)
