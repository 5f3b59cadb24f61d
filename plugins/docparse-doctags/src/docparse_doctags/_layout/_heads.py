"""Heads of tables that span columns, told by a rule below them, or by the places that they leave empty."""

from collections.abc import Sequence

import attrs

from docparse_doctags._layout._rules import Rule
from docparse_doctags._layout._table import Cell

_HEAD_ROWS = 3
"""Rules in lower rows are below sums, not heads."""

_SEPARATE = 3
"""So many heads side by side, none missing, are one each, as below a first column that spans two rows."""


def with_spanning_heads(cells: Sequence[Cell], parts: Sequence[Rule]) -> tuple[Cell, ...]:
    """Return the cells, those above a partial rule put together, and those beside them grown down over the next row."""
    for part in parts:
        row = _row_above(cells, part)
        if row is not None:
            cells = _united(cells, row, part)
    rows = {row for part in parts if (row := _row_above(cells, part)) is not None}
    if not rows and _are_stacked(cells):
        cells, rows = _filled(cells), {0}
    return _grown(tuple(cells), rows)


def _are_stacked(cells: Sequence[Cell]) -> bool:
    """Return whether the first row has gaps that the second fills, and the second none but below the first column."""
    first, second = ([cell for cell in cells if cell.row == row] for row in (0, 1))
    if len(first) != len(second) or not first[0].text or second[0].text or any(cell.columns > 1 for cell in second):
        return False
    filled = all(cell.text and not _is_figure(cell.text) for cell in second[1:])
    return filled and any(not cell.text for cell in first) and bool(first[1].text)


def _is_figure(text: str) -> bool:
    return sum(letter.isdigit() for letter in text) > len(text) / 2


def _filled(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells, each of the first row widened over the empty ones that follow it."""
    kept: list[Cell] = []
    for cell in cells:
        if cell.row == 0 and not cell.text and kept:
            last = kept.pop()
            box = (last.box[0], last.box[1], cell.box[2], last.box[3])
            kept.append(attrs.evolve(last, columns=last.columns + cell.columns, box=box))
        else:
            kept.append(cell)
    return kept


def _row_above(cells: Sequence[Cell], part: Rule) -> int | None:
    rows = {cell.row: cell.box for cell in cells if cell.row < _HEAD_ROWS}
    near = [row for row, box in rows.items() if (box[1] + box[3]) / 2 < part.at]
    below = any((box[1] + box[3]) / 2 > part.at for box in rows.values())
    return max(near) if near and below else None


def _united(cells: Sequence[Cell], row: int, part: Rule) -> tuple[Cell, ...]:
    these = [cell for cell in cells if cell.row == row and _is_over(cell, part)]
    if len(these) < 2 or (len(these) >= _SEPARATE and all(cell.text for cell in these)):  # noqa: PLR2004 - one is whole
        return tuple(cells)
    first, last = these[0], these[-1]
    whole = attrs.evolve(
        first,
        columns=last.column + last.columns - first.column,
        text=" ".join(cell.text for cell in these if cell.text),
        box=(first.box[0], first.box[1], last.box[2], last.box[3]),
    )
    return tuple(whole if cell is first else cell for cell in cells if cell is first or cell not in these)


def _is_over(cell: Cell, part: Rule) -> bool:
    shared = min(cell.box[2], part.end) - max(cell.box[0], part.begin)
    return shared > (cell.box[2] - cell.box[0]) / 2


def _grown(cells: tuple[Cell, ...], rows: set[int]) -> tuple[Cell, ...]:
    """Return the cells, those in a row with partial rules that have nothing in the place below grown over it."""
    for row in rows:
        for cell in [cell for cell in cells if cell.row == row and cell.columns == 1 and cell.rows == 1]:
            below = next((other for other in cells if other.row == row + 1 and other.column == cell.column), None)
            if below is not None and below.columns == 1 and not (cell.text and below.text):
                box = (cell.box[0], cell.box[1], cell.box[2], below.box[3])
                grown = attrs.evolve(cell, rows=2, text=cell.text or below.text, box=box)
                cells = tuple(grown if one is cell else one for one in cells if one is not below)
    return cells
