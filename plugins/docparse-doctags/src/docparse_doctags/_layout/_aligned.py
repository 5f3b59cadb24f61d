"""Tables whose columns are told by the space between them: booktabs, and tables without any line."""

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import attrs

from docparse_doctags._layout._heads import with_spanning_heads
from docparse_doctags._layout._rules import Rule
from docparse_doctags._layout._table import Cell, Table, heads_of, is_filled
from docparse_doctags._layout._words import Word, text_of_words

_SAME_ROW = 0.5
"""Words of one row differ in height on the page by less than this share of their size."""

_GAP = 0.55
"""Columns are at least this many word heights apart, all the way down; spaces between words are half that."""

_COVERED = 0.12
"""A gap may be crossed in this share of the rows, by a cell that spans columns."""

_PIECE = 0.75
"""Words of one cell are less than this many word heights apart."""

_LINE = 2.1
"""Lines of one cell are at most this many word heights apart, from middle to middle."""

_TIGHT = 1.45
"""The same where rows are not farther apart than lines."""

_WRAPPED = 2.4
"""The same where the words say that they go on: a hyphen above, or a small letter below; sizes of fonts that are
measured by their ink are up to a quarter too small."""

_CLOSER = 0.9
"""Lines of one cell are less than this share of the usual distance of rows apart, where cells have padding."""

_HEAD_ROWS = 2
"""The heads of columns often span several, so they do not tell where columns are."""

_ENOUGH = 4
"""With fewer rows below, they have to."""


@attrs.frozen
class _Row:
    down: float
    words: list[Word]

    def columns(self, edges: Sequence[float]) -> set[int]:
        """Return the columns that have a word."""
        return {_column(word.across, edges) for word in self.words}

    def pieces(self, size: float) -> list[list[Word]]:
        """Return the words that stand close together, from left to right."""
        return pieces_of(self.words, size)


def pieces_of(words: Sequence[Word], size: float) -> list[list[Word]]:
    """Return the words of a line that stand close together, from left to right."""
    pieces: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.left):
        if pieces and word.left - pieces[-1][-1].right < _PIECE * size:
            pieces[-1].append(word)
        else:
            pieces.append([word])
    return pieces


def aligned_table(words: Sequence[Word], bands: Sequence[float] = (), parts: Sequence[Rule] = ()) -> Table | None:
    """Return the table that words make up, or None where there are no columns.

    Args:
        words: all of them.
        bands: heights of rules between every two rows, where there are such.
        parts: rules below some of the columns, under the heads that span them.
    """
    if not words:
        return None
    size = statistics.median(word.size for word in words)
    rows = _rows(words, bands)
    edges = _edges(rows, size)
    if len(edges) < 3 or len(rows) < 2:  # noqa: PLR2004 - two columns and two rows are a table
        return None
    if not bands:
        rows = _without_wrapped(rows, edges, size)
    heights = _heights(rows, bands)
    cells = tuple(cell for number, row in enumerate(rows) for cell in _cells(row, number, edges, heights, size))
    cells = with_spanning_heads(cells, parts)
    if not is_filled(cells):
        return None
    box = (edges[0], heights[0], edges[-1], heights[-1])
    return Table(box=box, rows=len(rows), columns=len(edges) - 1, cells=cells, heads=heads_of(cells))


def _rows(words: Sequence[Word], bands: Sequence[float]) -> list[_Row]:
    rows: list[_Row] = []
    last = None
    for word in sorted(words, key=lambda word: word.down):
        band = bisect_right(bands, word.down)
        same = band == last if bands else bool(rows) and _is_beside(rows[-1], word)
        if same:
            rows[-1].words.append(word)
        else:
            rows.append(_Row(word.down, [word]))
        last = band
    return rows


def _is_beside(row: _Row, word: Word) -> bool:
    return word.down - row.down < _SAME_ROW * max(word.size, *(other.size for other in row.words))


def _edges(rows: Sequence[_Row], size: float) -> list[float]:
    """Return the left edge, the middle of each gap between columns, and the right edge."""
    telling = rows[_HEAD_ROWS:] if len(rows) >= _HEAD_ROWS + _ENOUGH else rows
    several = [row for row in telling if len(row.pieces(size)) > 1] or telling
    changes = sorted(
        (edge, step)
        for row in several
        for piece in row.pieces(size)
        for edge, step in ((piece[0].left, 1), (piece[-1].right, -1))
    )
    most = _COVERED * len(several)
    gaps = []
    depth = 0
    for (begin, step), (end, _) in pairwise(changes):
        depth += step
        if depth <= most and end - begin > 0:
            gaps.append((begin, end))
    wide = [gap for gap in _united(gaps) if gap[1] - gap[0] >= _GAP * size]
    everything = [word for row in rows for word in row.words]
    left, right = min(word.left for word in everything), max(word.right for word in everything)
    return [left, *(_clearest(gap, everything) for gap in wide), right]


def _clearest(gap: tuple[float, float], words: Sequence[Word]) -> float:
    """Return the middle of the widest part of a gap that the fewest words lie over; heads of columns hang into it."""
    begin, end = gap
    near = [word for word in words if word.left < end and word.right > begin]
    stops = sorted({begin, end, *(edge for word in near for edge in (word.left, word.right) if begin < edge < end)})
    parts = [
        (sum(word.left < (one + other) / 2 < word.right for word in near), one - other, (one + other) / 2)
        for one, other in pairwise(stops)
    ]
    return min(parts)[2]


def _united(gaps: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    united: list[tuple[float, float]] = []
    for begin, end in gaps:
        if united and begin <= united[-1][1]:
            united[-1] = (united[-1][0], end)
        else:
            united.append((begin, end))
    return united


def _without_wrapped(rows: Sequence[_Row], edges: Sequence[float], size: float) -> list[_Row]:
    """Return the rows, lines that only go on a cell above put together with it.

    Such a line leaves at least half of the columns empty and follows more closely than rows do, or, where all lines are
    close, leaves the first column empty too, or its first letter or a hyphen above says that it goes on. A head that
    spans two rows stands between them.
    """
    steps = [below.down - above.down for above, below in pairwise(rows)]
    half = (len(edges) - 1) // 2
    full = [step for row, step in zip(rows[1:], steps, strict=True) if len(row.columns(edges)) > half]
    usual = statistics.median(full or steps)
    kept = [_Row(rows[0].down, list(rows[0].words))]
    for row, step in zip(rows[1:], steps, strict=True):
        columns = row.columns(edges)
        close = step <= _LINE * size and step < _CLOSER * usual
        close = close or (step <= _TIGHT * size and 0 not in columns)
        between = columns == {0} and step < _CLOSER * usual and len(kept) == 1 and 0 not in kept[0].columns(edges)
        wrapped = step <= _WRAPPED * size and (_is_broken(kept[-1], row, edges) or _goes_on(kept[-1], row, edges))
        if between or wrapped or (close and len(columns) <= half):
            kept[-1].words.extend(row.words)
        else:
            kept.append(_Row(row.down, list(row.words)))
    return kept


def _is_broken(above: _Row, row: _Row, edges: Sequence[float]) -> bool:
    """Return whether every cell of a row ends a word that the cell above it begins."""
    ends = {
        _column(word.across, edges): word.text for word in sorted(above.words, key=lambda word: (word.down, word.left))
    }
    return all(ends.get(column, "").endswith("-") for column in row.columns(edges))


def _goes_on(above: _Row, row: _Row, edges: Sequence[float]) -> bool:
    """Return whether a row is one cell alone that begins with a small letter, below words."""
    columns = row.columns(edges)
    first = min(row.words, key=lambda word: word.left)
    over = [word.text for word in above.words if _column(word.across, edges) in columns]
    return len(columns) == 1 and first.text[0].islower() and any(text[0].isalpha() for text in over)


def _column(across: float, edges: Sequence[float]) -> int:
    return min(max(bisect_right(edges, across) - 1, 0), len(edges) - 2)


def _heights(rows: Sequence[_Row], bands: Sequence[float]) -> list[float]:
    """Return the upper edge, what is between the rows, and the lower edge."""
    if len(bands) == len(rows) + 1:
        return list(bands)
    tops = [min(word.top for word in row.words) for row in rows]
    bottoms = [max(word.bottom for word in row.words) for row in rows]
    between = [(bottom + top) / 2 for bottom, top in zip(bottoms[:-1], tops[1:], strict=True)]
    return [min([tops[0], *bands[:1]]), *between, max([bottoms[-1], *bands[-1:]])]


def _cells(row: _Row, number: int, edges: Sequence[float], heights: Sequence[float], size: float) -> list[Cell]:
    """Return the cells of a row; a piece that lies in several columns spans them."""
    taken: dict[int, list[Word]] = {}
    spans: dict[int, int] = {}
    for piece in row.pieces(size):
        first, last = _column(piece[0].left, edges), _column(piece[-1].right, edges)
        if last > first and _fits(piece, edges):
            spans[first] = last - first + 1
            taken.setdefault(first, []).extend(piece)
        else:
            for word in piece:
                taken.setdefault(_column(word.across, edges), []).append(word)
    cells = []
    column = 0
    while column < len(edges) - 1:
        wide = spans.get(column, 1)
        said = [word for place in range(column, column + wide) for word in taken.get(place, [])]
        box = (edges[column], heights[number], edges[column + wide], heights[number + 1])
        cells.append(Cell(row=number, column=column, columns=wide, text=text_of_words(said), box=box))
        column += wide
    return cells


def _fits(piece: Sequence[Word], edges: Sequence[float]) -> bool:
    """Return whether a piece spans columns, and is not two cells that came close: a word lies over an edge."""
    inner = edges[1:-1]
    return any(word.left < edge < word.right for word in piece for edge in inner) or len(piece) == 1
