"""Text in rows and columns: kept in the order of its rows, and a table where the columns are beyond doubt."""

from collections.abc import Iterable, Sequence

import attrs

from docparse_doctags._layout._lines import Line, rows_of

_CELL_LETTERS = 30
"""Cells are this short on average; lines of columns that were not told apart are longer."""

_ROW_GAP = 2.5
"""Rows of one table are less than this many line heights apart."""

_LEAST_ROWS = 3
"""Fewer rows are a coincidence."""

_FIGURES = 0.5
"""A column of figures has digits in more than this share of its cells below the first; addresses have none."""


@attrs.frozen(kw_only=True)
class Tabular:
    """A part of the page that is read row by row.

    Attributes:
        rows: from top to bottom, the cells of each from left to right.
        regular: whether every row has a cell in every column, the columns lie apart and one of them holds figures, so
            that the rows are a table as they are.
    """

    rows: tuple[tuple[Line, ...], ...]
    regular: bool

    @property
    def lines(self) -> list[Line]:
        """Return the cells in reading order."""
        return [line for row in self.rows for line in row]


def tabulars_of(lines: Iterable[Line]) -> list[Tabular]:
    """Return the tabular parts of a page; the other lines are running text."""
    found = []
    run: list[list[Line]] = []
    for row in rows_of([line for line in lines if not line.sideways]):
        if run and _row_gap(run[-1], row) > _ROW_GAP * row[0].size:
            found.append(run)
            run = []
        if _is_tabular(row) or (run and (_is_short(row) or _is_figures(row))):
            run.append(row)
        else:
            found.append(run)
            run = []
    return [_tabular(trimmed) for run in [*found, run] if len(trimmed := _trimmed(run)) >= _LEAST_ROWS]


def _row_gap(above: Sequence[Line], below: Sequence[Line]) -> float:
    return min(line.top for line in below) - max(line.bottom for line in above)


def _is_short(row: Sequence[Line]) -> bool:
    return sum(len(line.text) for line in row) <= _CELL_LETTERS * len(row)


def _is_tabular(row: Sequence[Line]) -> bool:
    return len(row) > 1 and (_is_short(row) or _is_figures(row))


def _is_figures(row: Sequence[Line]) -> bool:
    """Return whether most words are numbers: cells that the parser took for one line."""
    words = [word for line in row for word in line.text.split()]
    return sum(any(letter.isdigit() for letter in word) for word in words) > _FIGURES * len(words)


def _trimmed(run: list[list[Line]]) -> list[list[Line]]:
    """Return the run without what is not tabular at its end, or nothing when most of it is not."""
    while run and not _is_tabular(run[-1]):
        run = run[:-1]
    return run if 2 * sum(map(_is_tabular, run)) > len(run) else []


def _tabular(rows: Sequence[Sequence[Line]]) -> Tabular:
    kept = tuple(tuple(row) for row in rows)
    return Tabular(rows=kept, regular=_is_regular(kept))


def _is_regular(rows: Sequence[Sequence[Line]]) -> bool:
    if len({len(row) for row in rows}) > 1:
        return False
    columns = list(zip(*rows, strict=True))
    if not any(_holds_figures(column) for column in columns):
        return False
    ends = [max(line.right for line in column) for column in columns[:-1]]
    begins = [min(line.left for line in column) for column in columns[1:]]
    return all(end <= begin for end, begin in zip(ends, begins, strict=True))


def _holds_figures(column: Sequence[Line]) -> bool:
    below = column[1:]
    return sum(any(letter.isdigit() for letter in line.text) for line in below) > _FIGURES * len(below)
