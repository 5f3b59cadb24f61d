"""Tables whose cells are ruled: every line across and down is drawn."""

from collections.abc import Sequence

import attrs

from docparse_doctags._layout._rules import Drawing, Rule, connected
from docparse_doctags._layout._table import Spot, Table, cells_in, heads_of, is_filled
from docparse_doctags._layout._words import Words

_REACH = 3.0
"""Rules that end within so many points of each other touch."""

_LEAST_WIDTH, _LEAST_HEIGHT = 60.0, 15.0
"""Smaller grids are icons and check boxes, in points."""

_MOST_ROWS, _MOST_COLUMNS = 150, 40
"""More are the squares of graph paper."""

_NEAR_ROWS, _NEAR_COLUMNS = 3.0, 4.0
"""Rules at heights closer than this are one edge of rows; the same for columns."""


@attrs.frozen(kw_only=True)
class _Grid:
    """Edges, and which of them are drawn where."""

    heights: list[float]
    edges: list[float]
    across: list[Rule]
    down: list[Rule]

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.edges[0], self.heights[0], self.edges[-1], self.heights[-1]

    def divided_after(self, row: int, column: int) -> bool:
        """Return whether a rule stands at the right edge of a place."""
        middle = (self.heights[row] + self.heights[row + 1]) / 2
        return _drawn(self.down, self.edges[column + 1], middle, _NEAR_COLUMNS)

    def divided_below(self, row: int, column: int) -> bool:
        """Return whether a rule lies at the lower edge of a place."""
        middle = (self.edges[column] + self.edges[column + 1]) / 2
        return _drawn(self.across, self.heights[row + 1], middle, _NEAR_ROWS)


def ruled_tables(drawing: Drawing, words: Words) -> list[Table]:
    """Return the ruled tables of a page."""
    found = []
    for across, down in connected(drawing.across, drawing.down, _REACH):
        grid = _grid(across, down)
        if grid is not None and (table := _table(grid, words)) is not None:
            found.append(table)
    return [table for table in found if not any(_is_inside(table, other) for other in found)]


def _is_inside(table: Table, other: Table) -> bool:
    across, down = (table.box[0] + table.box[2]) / 2, (table.box[1] + table.box[3]) / 2
    return table is not other and other.holds(across, down) and other.rows * other.columns > table.rows * table.columns


def _drawn(rules: Sequence[Rule], at: float, along: float, near: float) -> bool:
    return any(abs(rule.at - at) < near and rule.begin - 2 <= along <= rule.end + 2 for rule in rules)


def _grid(across: list[Rule], down: list[Rule]) -> _Grid | None:
    if len(across) < 2 or not down:  # noqa: PLR2004 - an upper and a lower edge
        return None
    heights = _edges(
        [rule.at for rule in across] + [end for rule in down for end in (rule.begin, rule.end)], _NEAR_ROWS
    )
    ends = [end for rule in across for end in (rule.begin, rule.end)]
    edges = _edges([rule.at for rule in down] + [min(ends), max(ends)], _NEAR_COLUMNS)
    rows, columns = len(heights) - 1, len(edges) - 1
    large = edges[-1] - edges[0] >= _LEAST_WIDTH and heights[-1] - heights[0] >= _LEAST_HEIGHT
    if not large or not 2 <= rows <= _MOST_ROWS or not 2 <= columns <= _MOST_COLUMNS:  # noqa: PLR2004 - else a box
        return None
    return _Grid(heights=heights, edges=edges, across=across, down=down)


def _edges(positions: Sequence[float], near: float) -> list[float]:
    edges: list[float] = []
    for position in sorted(positions):
        if not edges or position - edges[-1] > near:
            edges.append(position)
    return edges


def _table(grid: _Grid, words: Words) -> Table | None:
    cells = cells_in(grid.heights, grid.edges, _spans(grid), words)
    if not is_filled(cells):
        return None
    rows, columns = len(grid.heights) - 1, len(grid.edges) - 1
    return Table(box=grid.box, rows=rows, columns=columns, cells=cells, heads=heads_of(cells))


def _spans(grid: _Grid) -> list[Spot]:
    """Return where each cell is: a place grows right, then down, to where a rule is."""
    rows, columns = len(grid.heights) - 1, len(grid.edges) - 1
    taken: set[tuple[int, int]] = set()
    spans = []
    for row in range(rows):
        for column in range(columns):
            if (row, column) in taken:
                continue
            wide = 1
            while column + wide < columns and not _ends(grid, taken, row, column + wide - 1):
                wide += 1
            high = 1
            while row + high < rows and _goes_on(grid, taken, row + high, range(column, column + wide)):
                high += 1
            spans.append((row, column, high, wide))
            taken |= {(row + i, column + j) for i in range(high) for j in range(wide)}
    return spans


def _ends(grid: _Grid, taken: set[tuple[int, int]], row: int, column: int) -> bool:
    return grid.divided_after(row, column) or (row, column + 1) in taken


def _goes_on(grid: _Grid, taken: set[tuple[int, int]], row: int, columns: range) -> bool:
    """Return whether a row belongs to the cell above: no rule between, and none down inside it."""
    if any(grid.divided_below(row - 1, column) or (row, column) in taken for column in columns):
        return False
    return not any(grid.divided_after(row, column) for column in columns[:-1])
