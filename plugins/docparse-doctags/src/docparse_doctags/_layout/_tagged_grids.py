"""The grid of a table in the structure tree of a tagged PDF: rows, cells and spans (ISO 32000-2, 14.8.4.8.3)."""

from collections.abc import Iterator, Sequence

import attrs

from docparse_doctags._layout._structure import Element
from docparse_doctags._layout._table import Spot

_GROUPS = frozenset({"THead", "TBody", "TFoot"})
_MOST_SPANNED, _MOST_PLACES = 1000, 10_000
"""HTML bounds spans so, too. The second is a page full of figures in the smallest print, three times."""


@attrs.define(kw_only=True, eq=False)
class Place:
    """Where a cell is in its table; an empty one has no element, so nothing says what it spans."""

    cell: Element | None
    row: int
    column: int = 0
    rows: int = 1
    columns: int = 1


@attrs.frozen(kw_only=True)
class Grid:
    """The cells of a table, which fill it.

    Attributes:
        places: of its cells, in reading order.
        rows: how many there are.
        columns: how many there are.
        heads: how many rows of column headers it begins with, None where the tags do not say.
    """

    places: list[Place]
    rows: int
    columns: int
    heads: int | None

    def spots(self, *, mirrored: bool) -> list[Spot]:
        """Return (row, column, rows, columns) of each cell; columns count from the left of the page."""
        return [
            (
                place.row,
                self.columns - place.column - place.columns if mirrored else place.column,
                place.rows,
                place.columns,
            )
            for place in self.places
        ]


def grid_of(table: Element) -> Grid | None:
    """Return the grid of a table, or None where its cells do not fill one."""
    rows = list(_rows(table))
    known = [number for number, (row, _) in enumerate(rows) if row is not None]
    begin, end = (known[0], known[-1] + 1) if known else (0, 0)
    inside = [row for row, _ in rows[begin:end]]
    if not all(row is None or _is_row(row) for row in inside):
        return None
    lines = [_line(row, number, len(inside)) for number, row in enumerate(inside)]
    covered = _covered(lines)
    columns = max(covered, default=0)
    if len(lines) < 2 or columns < 2 or len(lines) * columns > _MOST_PLACES:  # noqa: PLR2004 - less is a list
        return None
    _complete(lines, [columns - count for count in covered])
    if not _fill(lines, columns):
        return None
    heads = _head_rows(rows[begin:end])
    heads = 0 if begin and heads is None else heads  # what has rows on the page before has its heads there
    return Grid(places=[place for line in lines for place in line], rows=len(lines), columns=columns, heads=heads)


def _rows(table: Element) -> Iterator[tuple[Element | None, bool]]:
    """Yield what should be the rows, and whether they are in a head; None has nothing on this page."""
    for part in table.children:
        if part is not None and part.role in _GROUPS:
            yield from ((row, part.role == "THead") for row in part.children)
        elif part is None or part.role != "Caption":
            yield part, False


def _is_row(row: Element) -> bool:
    return row.role == "TR" and not row.contents and all(cell is None or _is_cell(cell) for cell in row.children)


def _is_cell(cell: Element) -> bool:
    spans = (cell.rows, cell.columns)
    return cell.role in {"TH", "TD"} and all(1 <= span <= _MOST_SPANNED and span == int(span) for span in spans)


def _line(row: Element | None, number: int, rows: int) -> list[Place]:
    """Return the cells of a row; what they span ends with the table, as where it goes on on the next page."""
    return [
        Place(cell=None, row=number)
        if cell is None
        else Place(cell=cell, row=number, rows=min(int(cell.rows), rows - number), columns=int(cell.columns))
        for cell in (row.children if row is not None else ())
    ]


def _covered(lines: Sequence[Sequence[Place]]) -> list[int]:
    """Return how many columns of each row are covered by its cells and by those that reach down into it."""
    covered = [0] * len(lines)
    for place in (place for line in lines for place in line):
        for row in range(place.row, place.row + place.rows):
            covered[row] += place.columns
    return covered


def _complete(lines: Sequence[list[Place]], lacks: Sequence[int]) -> None:
    """Let empty cells span what their rows lack.

    An empty cell above goes on down, as in the corner above two rows of heads, or the only empty one in the row is
    wider. A row without any cell has as many empty ones as there is room for.
    """
    above: list[Place] = []
    for row, (line, missing) in enumerate(zip(lines, lacks, strict=True)):
        empty = [place for place in line if place.cell is None]
        down = above if missing and sum(place.columns for place in above) == missing else []
        if not line:
            line += [Place(cell=None, row=row) for _ in range(missing)]
        elif down:
            for place in down:
                place.rows += 1
        elif len(empty) == 1:
            empty[0].columns += missing
        above = [*down, *empty]


def _fill(lines: Sequence[Sequence[Place]], columns: int) -> bool:
    """Give cells their columns, and return whether they fill the table, none over another."""
    taken: set[tuple[int, int]] = set()
    for place in (place for line in lines for place in line):
        place.column = next((column for column in range(columns) if (place.row, column) not in taken), columns)
        across = range(place.column, place.column + place.columns)
        if across.stop > columns:
            return False
        spot = {(row, column) for row in range(place.row, place.row + place.rows) for column in across}
        if not taken.isdisjoint(spot):
            return False
        taken |= spot
    return len(taken) == len(lines) * columns


def _head_rows(rows: Sequence[tuple[Element | None, bool]]) -> int | None:
    """Return how many rows at the beginning are heads of columns, None where there is no head at all."""
    cells = [[cell for cell in row.children if cell is not None] if row is not None else [] for row, _ in rows]
    if not any(cell.role == "TH" for row in cells for cell in row) and not any(heads for _, heads in rows):
        return None
    heads = 0
    for (_, in_head), row in zip(rows, cells, strict=True):
        if not in_head and not (row and all(cell.role == "TH" and cell.scope != "Row" for cell in row)):
            break
        heads += 1
    return heads
