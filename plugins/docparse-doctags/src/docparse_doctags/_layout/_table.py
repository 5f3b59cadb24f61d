"""A table as rows, columns and cells, whatever it was found by."""

import re
from collections.abc import Iterable, Sequence

import attrs

_LEAST_FILLED = 0.25
"""A grid of which less than this share has text is a form, a drawing or a calendar to write in."""

_LEAST_CELLS = 3
_MINUS = re.compile(r"^([\d.,%]+) ?-$")


@attrs.frozen(kw_only=True)
class Cell:
    """A cell; boxes are (left, top, right, bottom), from the top left of the page.

    Attributes:
        row: the first one it is in.
        column: the first one it is in.
        rows: how many it spans.
        columns: how many it spans.
        text: as read.
        box: where it is.
    """

    row: int
    column: int
    rows: int = 1
    columns: int = 1
    text: str
    box: tuple[float, float, float, float]


@attrs.frozen(kw_only=True, eq=False)
class Table:
    """A table.

    Attributes:
        box: where it is, as that of a cell.
        rows: how many it has.
        columns: how many it has.
        cells: one for each place, spans once.
        heads: how many rows of column headers it begins with.
    """

    box: tuple[float, float, float, float]
    rows: int
    columns: int
    cells: tuple[Cell, ...]
    heads: int

    def flipped(self) -> "Table":
        """Return the table with its columns counted from the right, as on a page that reads from right to left.

        A minus sign stands on the right of its figure there.
        """
        cells = (
            attrs.evolve(cell, column=self.columns - cell.column - cell.columns, text=_MINUS.sub(r"-\1", cell.text))
            for cell in self.cells
        )
        ordered = tuple(sorted(cells, key=lambda cell: (cell.row, cell.column)))
        return attrs.evolve(self, cells=ordered)

    def holds(self, across: float, down: float) -> bool:
        """Return whether a point is in the table."""
        left, top, right, bottom = self.box
        return left - 2 <= across <= right + 2 and top - 2 <= down <= bottom + 2


def is_filled(cells: Sequence[Cell]) -> bool:
    """Return whether enough of the cells have text for a table."""
    filled = sum(bool(cell.text) for cell in cells)
    return filled >= _LEAST_CELLS and filled >= _LEAST_FILLED * len(cells)


def heads_of(cells: Iterable[Cell]) -> int:
    """Return how many rows of column headers there are: the first, and the second below a header with a span.

    A first row with digits may be data; years over columns are the price.
    """
    first = [cell for cell in cells if cell.row == 0]
    if any(letter.isdigit() for cell in first for letter in cell.text):
        return 0
    return max((cell.rows for cell in first), default=1)
