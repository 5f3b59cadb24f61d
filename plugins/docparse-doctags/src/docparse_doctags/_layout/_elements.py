"""Blocks, tables and pictures as the elements that docling's reading-order model takes."""

from collections.abc import Sequence

from docling.datamodel.base_models import Cluster, FigureElement, Table, TextElement
from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel, TableCell

from docparse_doctags._layout._lines import Line, PageLines
from docparse_doctags._layout._paragraphs import Block
from docparse_doctags._layout._tables import Tabular
from docparse_doctags._layout._text import text_of


def text_element(number: int, block: Block, label: DocItemLabel, page: PageLines) -> TextElement:
    """Return a block of text; `number` is unique on its page."""
    cells = [cell for line in block.lines for cell in line.cells]
    cluster = Cluster(id=number, label=label, bbox=_box(block.lines, page), cells=cells)
    return TextElement(label=label, id=number, text=text_of(block, label), page_no=page.number, cluster=cluster)


def table_element(number: int, table: Tabular, page: PageLines) -> Table:
    """Return a regular table; `number` is unique on its page."""
    head = not any(letter.isdigit() for line in table.rows[0] for letter in line.text)
    return Table(
        label=DocItemLabel.TABLE,
        id=number,
        page_no=page.number,
        cluster=Cluster(id=number, label=DocItemLabel.TABLE, bbox=_box(table.lines, page)),
        otsl_seq=[],
        num_rows=len(table.rows),
        num_cols=len(table.rows[0]),
        table_cells=[
            TableCell(
                text=line.text,
                bbox=_box([line], page),
                start_row_offset_idx=row,
                end_row_offset_idx=row + 1,
                start_col_offset_idx=column,
                end_col_offset_idx=column + 1,
                column_header=head and row == 0,
            )
            for row, cells in enumerate(table.rows)
            for column, line in enumerate(cells)
        ],
    )


def picture_element(number: int, box: BoundingBox, page: PageLines) -> FigureElement:
    """Return a picture; `number` is unique on its page."""
    cluster = Cluster(id=number, label=DocItemLabel.PICTURE, bbox=box)
    return FigureElement(label=DocItemLabel.PICTURE, id=number, page_no=page.number, cluster=cluster)


def _box(lines: Sequence[Line], page: PageLines) -> BoundingBox:
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    if page.mirrored:
        left, right = page.width - right, page.width - left
    top, bottom = min(line.top for line in lines), max(line.bottom for line in lines)
    return BoundingBox(l=left, t=top, r=right, b=bottom, coord_origin=CoordOrigin.TOPLEFT)
