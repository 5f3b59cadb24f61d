"""Text in rows and columns: kept in the order of its rows, and a table where the columns are beyond doubt."""

from collections import Counter
from collections.abc import Iterable, Sequence

import attrs

from docparse_doctags._layout._aligned import aligned_table
from docparse_doctags._layout._lines import Line, PageLines, rows_of
from docparse_doctags._layout._table import Table
from docparse_doctags._layout._words import Words

_CELL_LETTERS = 30
"""Cells are this short on average; lines of columns that were not told apart are longer."""

_ROW_GAP = 2.5
"""Rows of one table are less than this many line heights apart."""

_LEAST_ROWS = 3
"""Fewer rows are a coincidence."""

_FIGURES = 0.5
"""A column of figures has digits in more than this share of its cells below the first; addresses have none."""


_LEAST_FILLED = 2
_SPARSE = 0.34
"""At most this share of the rows of a table has text in one column only."""


@attrs.frozen(kw_only=True, eq=False)
class Tabular:
    """A part of the page that is read row by row.

    Attributes:
        rows: from top to bottom, the cells of each from left to right.
    """

    rows: tuple[tuple[Line, ...], ...]

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
    trimmed = [_trimmed(run) for run in [*found, run]]
    return [Tabular(rows=tuple(map(tuple, rows))) for rows in trimmed if len(rows) >= _LEAST_ROWS]


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


def table_in(tabular: Tabular, words: Words, page: PageLines) -> Table | None:
    """Return the table that tabular rows are, or None where their columns are in doubt.

    Beyond doubt are columns that most rows have a cell in, three or more of them or one that holds figures: two columns
    of words are as often an address beside another.
    """
    left, right = min(line.left for line in tabular.lines), max(line.right for line in tabular.lines)
    if page.mirrored:
        left, right = page.width - right, page.width - left
    top, bottom = min(line.top for line in tabular.lines), max(line.bottom for line in tabular.lines)
    found = aligned_table(words.inside(left - 1, top, right + 1, bottom))
    if found is None or not _is_regular(found):
        return None
    return found.flipped() if page.mirrored else found


def _is_regular(table: Table) -> bool:
    filled: Counter[int] = Counter(cell.row for cell in table.cells if cell.text)
    sparse = sum(count < min(table.columns, _LEAST_FILLED) for count in filled.values())
    if table.rows < _LEAST_ROWS or sparse > _SPARSE * table.rows:
        return False
    texts = [cell.text for cell in table.cells if cell.text]
    if sum(map(len, texts)) > _CELL_LETTERS * len(texts):
        return False
    return any(_holds_figures(table, column) for column in range(table.columns))


def _holds_figures(table: Table, column: int) -> bool:
    texts = [cell.text for cell in table.cells if cell.column == column and cell.row and cell.text]
    return sum(any(letter.isdigit() for letter in text) for text in texts) > _FIGURES * len(texts)
