"""A table as rows, columns and cells, whatever it was found by."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import attrs

from docparse_doctags._layout._words import Word, Words, text_of_words

Spot = tuple[int, int, int, int]
"""The first row and the first column of a cell, and how many rows and columns it spans."""

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
        scope: what it heads where a tagged PDF says so: ``Row``, ``Column`` or ``Both``, else empty.
    """

    row: int
    column: int
    rows: int = 1
    columns: int = 1
    text: str
    box: tuple[float, float, float, float]
    scope: str = ""


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


def cells_in(heights: Sequence[float], edges: Sequence[float], spots: Sequence[Spot], words: Words) -> tuple[Cell, ...]:
    """Return the cells of a grid with the words in them.

    Args:
        heights: the upper edge, what is between rows, and the lower edge.
        edges: the same of columns.
        spots: of the cells, which fill the grid.
        words: of the page.
    """
    contents = _contents(heights, edges, spots, words.inside(edges[0], heights[0], edges[-1], heights[-1]))
    return tuple(
        Cell(
            row=row,
            column=column,
            rows=rows,
            columns=columns,
            text=text_of_words(said),
            box=(edges[column], heights[row], edges[column + columns], heights[row + rows]),
        )
        for (row, column, rows, columns), said in zip(spots, contents, strict=True)
    )


def _contents(
    heights: Sequence[float], edges: Sequence[float], spots: Sequence[Spot], words: Iterable[Word]
) -> list[list[Word]]:
    """Return the words of each cell."""
    owners = {
        (row + i, column + j): number
        for number, (row, column, rows, columns) in enumerate(spots)
        for i in range(rows)
        for j in range(columns)
    }
    contents: list[list[Word]] = [[] for _ in spots]
    for word in words:
        row = min(max(bisect_right(heights, word.down) - 1, 0), len(heights) - 2)
        column = min(max(bisect_right(edges, word.across) - 1, 0), len(edges) - 2)
        contents[owners[row, column]].append(word)
    return contents


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
