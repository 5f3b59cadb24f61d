"""Columns: the parts of a page that are read one after the other."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import attrs

from docparse_doctags._layout._lines import Line

_PROSE = 20
"""Lines of a text column have at least this many letters; cells of a table are shorter."""

_LEAST_LINES = 4
"""Columns have at least this many such lines each."""

_LEAST_ROWS = 3
"""At least this many of them stand beside each other."""

_FILLED = 0.65
"""On average they fill this share of their column; text in a table is ragged."""

_STEP = 3.0
"""A gutter is looked for every so many points."""

_MIDDLE = (0.15, 0.85)
"""Between these shares of the text's width."""

_SAME_PARAGRAPH = 0.85
"""A line closer than this many line heights goes on the paragraph above."""


def regions_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the parts of a page in reading order, the lines of each from top to bottom.

    Text that runs over the gutter, such as a title or a wide table, is read before what stands below it in any column.
    """
    gutter = _gutter(lines)
    if gutter is None:
        return [list(lines)] if lines else []
    regions: list[list[Line]] = []
    for band in _bands(lines, gutter):
        if band.wide:
            regions.append(band.lines)
            continue
        for column in (
            [line for line in band.lines if line.centre_across < gutter],
            [line for line in band.lines if line.centre_across >= gutter],
        ):
            regions += regions_of(column)
    return regions


@attrs.define
class _Band:
    """Lines between two heights that all run over the gutter, or none of them does."""

    wide: bool
    lines: list[Line]


def _bands(lines: Iterable[Line], gutter: float) -> list[_Band]:
    bands: list[_Band] = []
    for line in lines:
        wide = line.left < gutter < line.right or (bool(bands) and _ends_wide_paragraph(bands[-1], line))
        if bands and bands[-1].wide == wide:
            bands[-1].lines.append(line)
        else:
            bands.append(_Band(wide, [line]))
    return bands


def _ends_wide_paragraph(band: _Band, line: Line) -> bool:
    """Return whether the line is the short last one of a paragraph that runs over the gutter."""
    last = band.lines[-1]
    if not band.wide or line.top - last.bottom > _SAME_PARAGRAPH * line.size:
        return False
    return line.top > last.centre and abs(line.left - last.left) < line.size


def _gutter(lines: Sequence[Line]) -> float | None:
    """Return where a gutter runs down between two columns of prose, or None."""
    prose = [line for line in lines if len(line.text) >= _PROSE and not line.sideways]
    if len(prose) < 2 * _LEAST_LINES:
        return None
    lefts, rights = sorted(line.left for line in prose), sorted(line.right for line in prose)
    begin, end = lefts[0], rights[-1]
    first, last = (begin + share * (end - begin) for share in _MIDDLE)
    candidates = [first + step * _STEP for step in range(int((last - first) / _STEP) + 1)]
    scores = [_score(lefts, rights, across) for across in candidates]
    most = max(scores)
    best = [across for across, score in zip(candidates, scores, strict=True) if score == most]
    gutter = best[len(best) // 2]
    return gutter if _are_columns(prose, gutter) else None


def _score(lefts: Sequence[float], rights: Sequence[float], across: float) -> int:
    """Return how many lines the smaller side has, less the lines that run over; both edges of the lines are sorted."""
    before = bisect_right(rights, across)
    after = len(lefts) - bisect_left(lefts, across)
    return min(before, after) - (len(lefts) - before - after)


def _are_columns(prose: Sequence[Line], gutter: float) -> bool:
    before = [line for line in prose if line.right <= gutter]
    after = [line for line in prose if line.left >= gutter]
    beside = sum(any(line.top < other.centre < line.bottom for other in before) for line in after)
    if min(len(before), len(after)) < _LEAST_LINES or beside < _LEAST_ROWS:
        return False
    return all(_fill(side) or _gutter(side) is not None for side in (before, after))


def _fill(lines: Sequence[Line]) -> bool:
    """Return whether most lines are about as wide as all of them together: they are one column of prose."""
    across = max(line.right for line in lines) - min(line.left for line in lines)
    return sum(line.width for line in lines) >= _FILLED * across * len(lines)
