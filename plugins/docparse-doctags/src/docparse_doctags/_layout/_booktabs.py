"""Tables with rules across only: above, below and between their rows."""

from collections.abc import Sequence
from itertools import pairwise

import attrs

from docparse_doctags._layout._aligned import aligned_table
from docparse_doctags._layout._head_rows import HeadRows
from docparse_doctags._layout._rules import Drawing, Rule
from docparse_doctags._layout._table import Table
from docparse_doctags._layout._words import Word, Words

_SHORTEST = 80.0
"""Rules of tables are at least this long, in points; those above footnotes are alone."""

_SAME_ENDS = 5.0
"""They begin and end within so many points of each other."""

_FARTHEST = 400.0
"""The next one below is at most this many points away."""

_LEAST_RULES = 3
"""Above and below the head, and below the rest. Two are the frame of a text box or two separators."""

_HEAD_GAP = 1.6
"""A head without a rule above it is at most this many word heights above the first rule."""

_MOST_HEADS = 3
"""Rows above the first rule that is as long as the table: heads, and rows beside a cell that spans them."""

_SHORTEST_PART = 20.0

_PART = 0.9
"""A rule shorter than this share of the table is below some of its columns only."""

_ALONE = 0.34
"""In a table at most this share of the rows has text in one column only; text between separators has more."""


def booktabs_tables(drawing: Drawing, words: Words) -> list[Table]:
    """Return the tables between rules of one length that lie below each other."""
    groups = (_without_doubles(group) for group in _groups(drawing.across))
    found = (_table(group, drawing, words) for group in groups if len(group) >= _LEAST_RULES)
    return [table for table in found if table is not None]


def _groups(rules: Sequence[Rule]) -> list[list[Rule]]:
    groups: list[list[Rule]] = []
    for rule in rules:
        if rule.end - rule.begin < _SHORTEST:
            continue
        group = next((group for group in groups if _continues(group[-1], rule)), None)
        if group is None:
            groups.append([rule])
        else:
            group.append(rule)
    return groups


def _continues(last: Rule, rule: Rule) -> bool:
    same = abs(last.begin - rule.begin) < _SAME_ENDS and abs(last.end - rule.end) < _SAME_ENDS
    return same and rule.at - last.at < _FARTHEST


def _without_doubles(group: list[Rule]) -> list[Rule]:
    """Return the rules without the second of two that lie close, as in a double line."""
    return [group[0], *(below for above, below in pairwise(group) if below.at - above.at > _SAME_ENDS)]


def _table(group: Sequence[Rule], drawing: Drawing, words: Words) -> Table | None:
    left, right = group[0].begin - 1, group[0].end + 1
    inside = words.inside(left, group[0].at, right, group[-1].at)
    if not inside:
        return None
    bands = [rule.at for rule in group]
    ruled = _is_ruled_by_row(bands, inside)
    size = max(word.size for word in inside)
    parts = [rule for rule in drawing.across if left <= rule.begin and rule.end <= right]
    parts = [rule for rule in parts if _SHORTEST_PART < rule.end - rule.begin < _PART * (right - left)]
    pitch = max(_HEAD_GAP * size, 1.3 * (bands[1] - bands[0]) if ruled else 0.0)
    sought = HeadRows(words=words, sides=(left, right), parts=parts, pitch=pitch, size=size, ruled=ruled)
    for _ in range(_MOST_HEADS):
        head, top = sought.above(bands, inside)
        bands = [top, *bands] if head else bands
        inside = [*head, *inside]
    found = aligned_table(inside, bands if ruled else (), [rule for rule in parts if bands[0] < rule.at < bands[-1]])
    if found is None or _is_prose(found):
        return None
    box = (group[0].begin, bands[0], group[0].end, group[-1].at)
    return attrs.evolve(found, box=box)


def _is_ruled_by_row(bands: Sequence[float], inside: Sequence[Word]) -> bool:
    """Return whether there is a rule between every two rows: bands of about one height, none much higher."""
    heights = [below - above for above, below in pairwise(bands)]
    size = max(word.size for word in inside)
    return len(bands) > _LEAST_RULES and max(heights) < max(2.5 * min(heights), 4 * size)


def _is_prose(table: Table) -> bool:
    """Return whether too many rows have one column only, as text between separators does."""
    filled: dict[int, int] = {}
    for cell in table.cells:
        filled[cell.row] = filled.get(cell.row, 0) + bool(cell.text)
    return sum(count < 2 for count in filled.values()) > _ALONE * table.rows  # noqa: PLR2004 - two make a row
