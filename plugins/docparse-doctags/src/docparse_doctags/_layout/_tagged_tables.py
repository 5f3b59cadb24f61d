"""Tables that a tagged PDF tells itself (ISO 32000-2, 14.8.4.8.3): rows, cells and spans, whatever is drawn.

Tags are as good as who wrote them, so a table is taken only where nothing contradicts it: its cells fill a grid, and
their text lies in rows below one another and in columns beside one another. Any other is told by what is drawn, as on a
page without tags.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from docparse_doctags._layout._lines import PageLines
from docparse_doctags._layout._structure import Element, Structure
from docparse_doctags._layout._table import Cell, Spot, Table, cells_in, heads_of, is_filled
from docparse_doctags._layout._tagged_grids import Grid, Place, grid_of
from docparse_doctags._layout._words import Words

_Box = tuple[float, float, float, float]

_LAYOUT = frozenset({"Table", "Title", "H", "H1", "H2", "H3", "H4", "H5", "H6"})
"""What is in no cell of a table of data."""

_OVERLAP = 2.0
"""Letters of a row or column reach into the next by less than this, in points."""

_MARGIN = 2.0
"""A table ends so many points beyond the ink of its letters, so that the middle of the line of a dash is in it."""

_PAGE, _PROSE = 0.8, 150
"""A table of more than this share of a page's letters, so many to a cell, is how the page is laid out."""


def tagged_tables(page: PageLines, structure: Structure, boxes: Mapping[int, Sequence[_Box]]) -> Iterator[Table]:
    """Yield the tables of a page that its tags tell and nothing contradicts; columns count from the left.

    Args:
        page: its lines, with their tags.
        structure: of the page.
        boxes: number of an element → where its text is.
    """
    words = Words(page.words)
    for element in structure.root.all() if structure.whole else ():
        if element.role == "Table" and not _is_layout(element) and (grid := grid_of(element)) is not None:
            table = _table(grid, boxes, words, mirrored=page.mirrored)
            if table is not None and _is_alone(table, element, page):
                yield table


def _is_layout(table: Element) -> bool:
    return any(element.role in _LAYOUT for element in table.all() if element is not table)


def _table(grid: Grid, boxes: Mapping[int, Sequence[_Box]], words: Words, *, mirrored: bool) -> Table | None:
    """Return the table, or None where its text does not lie in its rows and columns."""
    spots = grid.spots(mirrored=mirrored)
    found = [_around(place.cell, boxes) for place in grid.places]
    heights, edges = _edges(spots, found, 0, grid.rows), _edges(spots, found, 1, grid.columns)
    if not heights or not edges:
        return None
    cells = cells_in(heights, edges, spots, words)
    if not is_filled(cells) or not all(map(_is_within, found, cells)):
        return None
    heads = heads_of(cells) if grid.heads is None else grid.heads
    scopes = (_scope(place, heads) for place in grid.places)
    cells = tuple(attrs.evolve(cell, scope=scope) for cell, scope in zip(cells, scopes, strict=True))
    box = (edges[0], heights[0], edges[-1], heights[-1])
    return Table(box=box, rows=grid.rows, columns=grid.columns, cells=cells, heads=heads)


def _around(cell: Element | None, boxes: Mapping[int, Sequence[_Box]]) -> _Box | None:
    """Return the box around the text of a cell."""
    found = [box for number in (cell.numbers if cell is not None else ()) for box in boxes.get(number, ())]
    if not found:
        return None
    lefts, tops, rights, bottoms = zip(*found, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _edges(spots: Sequence[Spot], boxes: Sequence[_Box | None], axis: int, count: int) -> list[float]:
    """Return what is between the rows (axis 0) or columns (axis 1) and around them, nothing where they overlap."""
    extents: dict[int, tuple[float, float]] = {}
    for spot, box in zip(spots, boxes, strict=True):
        if box is not None and spot[axis + 2] == 1:
            low, high = extents.get(spot[axis], (box[1 - axis], box[3 - axis]))
            extents[spot[axis]] = min(low, box[1 - axis]), max(high, box[3 - axis])
    if 0 not in extents or count - 1 not in extents:
        return []
    edges = [extents[0][0] - _MARGIN]
    for one, other in pairwise(sorted(extents)):
        begin, end = extents[one][1], extents[other][0]
        if begin > end + _OVERLAP:
            return []
        steps = other - one + 1  # rows and columns between that are empty share the space
        edges += [begin + (end - begin) * step / steps for step in range(1, steps)]
    edges.append(extents[count - 1][1] + _MARGIN)
    return edges if all(one < other for one, other in pairwise(edges)) else []


def _is_within(box: _Box | None, cell: Cell) -> bool:
    """Return whether the middle of a text is in its cell."""
    if box is None:
        return True
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return cell.box[0] <= across <= cell.box[2] and cell.box[1] <= down <= cell.box[3]


def _scope(place: Place, heads: int) -> str:
    """Return what a cell heads; header cells that do not say so head their row where they are its first."""
    if place.cell is None or place.cell.role != "TH":
        return ""
    return place.cell.scope or ("Column" if place.column or place.row < heads else "Row")


def _is_alone(table: Table, element: Element, page: PageLines) -> bool:
    """Return whether no text of others lies in a table, and it is not how its page is laid out."""
    lines = [line for line in page.lines if page.is_inside(line, *table.box)]
    own = element.numbers
    others = [line for line in lines if line.tag is not None and line.tag.element[1] not in own]
    letters, everything = (sum(len(line.text) for line in some) for some in (lines, page.lines))
    cells = sum(bool(cell.text) for cell in table.cells)
    return not others and not (letters > _PAGE * everything and letters > _PROSE * cells)
