"""Tables as text: a header and rows that can stand apart, written as GitHub Markdown does."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import takewhile

import attrs

from docparse_chunk._docling import Cell, Item, Table
from docparse_chunk._units import Header, Row

LABEL = 32
"""Most characters of a cell that labels the rows beside it, when it goes over several, or the cells behind it."""

_MOST_CELLS = 4_000_000
"""A table with more places than this, nearly all empty, is written in one column."""

Grid = list[list[str]]


@attrs.frozen(kw_only=True)
class TableText:
    """A table in lines.

    Attributes:
        header: the header, shared by the rows.
        rows: text and cells of each row below the header, and what is in rich cells that begin there.
        header_items: what is in rich cells of the header.
    """

    header: Header
    rows: tuple[tuple[str, Row, list[Item]], ...]
    header_items: list[Item] = attrs.field(factory=list)


def table_text(
    table: Table, cell_text: Callable[[Cell], str], cell_items: Callable[[Cell], list[Item]]
) -> TableText | None:
    """Return a table's lines, or None when it has no text.

    Rows and columns without any text are left out. A cell over several columns is written in the first; a cell over
    several rows in each of them when it is short, as a row label is, else in the first. Without a row marked as
    header the first row is taken for one.

    Args:
        table: docling's table.
        cell_text: the text of a cell, which for a rich cell may stand elsewhere in the document.
        cell_items: the items with text in a rich cell.
    """
    texts = [(cell, " ".join(cell_text(cell).split())) for cell in table.table_cells]
    filled = [(cell, text) for cell, text in texts if text]
    if not filled:
        return None
    grid = _grid(filled)
    count = _header_rows(filled)
    header = _header(grid[:count], rule=count < len(grid))
    items = _items(filled, cell_items)
    rows = tuple((*_row(cells, header), held) for cells, held in zip(grid[count:], items[count:], strict=True))
    return TableText(header=header, rows=rows, header_items=[item for held in items[:count] for item in held])


def _items(filled: list[tuple[Cell, str]], cell_items: Callable[[Cell], list[Item]]) -> list[list[Item]]:
    """Return what is in the rich cells that begin in each row."""
    found: dict[int, list[Item]] = {}
    for cell, _ in filled:
        held = found.setdefault(cell.start_row_offset_idx, [])
        if cell.ref is not None:
            held += cell_items(cell)
    return [found[row] for row in sorted(found)]


def _grid(filled: list[tuple[Cell, str]]) -> Grid:
    """Return the texts by row and column, dense: only rows and columns in which a text begins."""
    rows = sorted({cell.start_row_offset_idx for cell, _ in filled})
    columns = sorted({cell.start_col_offset_idx for cell, _ in filled})
    if len(rows) * len(columns) > _MOST_CELLS:
        columns = columns[:1]
    grid = [[""] * len(columns) for _ in rows]
    for cell, text in filled:
        column = bisect_right(columns, cell.start_col_offset_idx) - 1
        first = bisect_left(rows, cell.start_row_offset_idx)
        grid[first][column] = f"{grid[first][column]} {text}".strip()
        if len(text) <= LABEL and not cell.column_header:
            for row in range(first + 1, bisect_left(rows, cell.end_row_offset_idx)):
                grid[row][column] = grid[row][column] or text
    return grid


def _header_rows(filled: list[tuple[Cell, str]]) -> int:
    """Return how many of the first rows have a cell marked as column header; at least one."""
    marked = {cell.start_row_offset_idx for cell, _ in filled if cell.column_header}
    rows = sorted({cell.start_row_offset_idx for cell, _ in filled})
    return max(1, len(list(takewhile(marked.__contains__, rows))))


def _header(rows: Grid, *, rule: bool) -> Header:
    """Return the header; `rule` says whether rows follow, below a rule."""
    lines = [_line(cells) for cells in rows]
    if rule:
        lines.append("|" + "-|" * len(rows[0]))
    elif len(lines) == 1 and len(rows[0]) == 1:
        lines = rows[0]
    titles = tuple(" ".join(dict.fromkeys(filter(None, column))) for column in zip(*rows, strict=True))
    return Header(text="\n".join(lines), titles=titles)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(cells: list[str], header: Header) -> tuple[str, Row]:
    starts = []
    start = 2
    for cell in cells:
        starts.append(start)
        start += len(cell) + 3
    return _line(cells), Row(header=header, cells=tuple(cells), starts=tuple(starts))
