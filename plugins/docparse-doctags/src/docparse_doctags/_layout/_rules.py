"""Lines drawn on a page, across and down: what tables are ruled with."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

import attrs
from docling_core.types.doc import BoundingBox

_THICKEST = 3.0
"""A filled box up to this many points thick is a rule; Word and LibreOffice draw rules so."""

_SAME = 1.5
"""Rules less than this many points beside each other are one: the two edges of a stroked box."""

_JOIN = 2.5
"""Pieces of one rule are at most this many points apart, as where each cell draws its own."""

_SHORTEST = 4.0
"""Shorter ones belong to letters and symbols."""

_MOST = 4000
"""A page with more is a drawing or a map: to look for tables in it costs much and finds none."""


@attrs.frozen
class Rule:
    """A straight line, in points from the top left of the page.

    Attributes:
        at: its height on the page if it runs across, else how far across it is.
        begin: where it begins, along its direction.
        end: where it ends.
    """

    at: float
    begin: float
    end: float


@attrs.frozen(kw_only=True)
class Drawing:
    """What is drawn on a page beside text and bitmaps.

    Attributes:
        across: rules that run across, from top to bottom.
        down: rules that run down, from left to right.
        boxes: what is neither, as (left, top, right, bottom).
    """

    across: tuple[Rule, ...] = ()
    down: tuple[Rule, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()


class _DrawnPage(Protocol):
    """What is used of docling's page backend."""

    def get_shape_lines(self, *, horizontal: bool, vertical: bool) -> list[BoundingBox] | None: ...

    def get_thin_shape_boxes(self, *, max_thickness: float) -> list[BoundingBox] | None: ...

    def get_connected_shape_bounding_boxes(self, *, tolerance: float) -> list[BoundingBox] | None: ...


def drawing_of(page: _DrawnPage) -> Drawing:
    """Return what is drawn on a parsed page."""
    thin = page.get_thin_shape_boxes(max_thickness=_THICKEST) or []
    across = [box for box in thin if box.width >= box.height]
    down = [box for box in thin if box.width < box.height]
    across += page.get_shape_lines(horizontal=True, vertical=False) or []
    down += page.get_shape_lines(horizontal=False, vertical=True) or []
    if len(across) + len(down) > _MOST:
        across, down = [], []
    solid = page.get_connected_shape_bounding_boxes(tolerance=1.0) or []
    return Drawing(
        across=merged(Rule((box.t + box.b) / 2, box.l, box.r) for box in across),
        down=merged(Rule((box.l + box.r) / 2, box.t, box.b) for box in down),
        boxes=tuple((box.l, box.t, box.r, box.b) for box in solid if min(box.width, box.height) > _THICKEST),
    )


def merged(pieces: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that pieces make up, in the order of where they are."""
    levels: list[list[Rule]] = []
    for piece in sorted(pieces, key=lambda piece: piece.at):
        if levels and piece.at - levels[-1][0].at <= _SAME:
            levels[-1].append(piece)
        else:
            levels.append([piece])
    joined = [rule for level in levels for rule in _joined(level)]
    return tuple(rule for rule in joined if rule.end - rule.begin >= _SHORTEST)


def _joined(level: Sequence[Rule]) -> list[Rule]:
    rules: list[Rule] = []
    for piece in sorted(level, key=lambda piece: piece.begin):
        if rules and piece.begin <= rules[-1].end + _JOIN:
            last = rules.pop()
            rules.append(Rule(last.at, last.begin, max(last.end, piece.end)))
        else:
            rules.append(piece)
    return rules


def connected(across: Sequence[Rule], down: Sequence[Rule], reach: float) -> list[tuple[list[Rule], list[Rule]]]:
    """Return the groups of rules that touch or cross each other, within so many points."""
    parents = list(range(len(across) + len(down)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = index = parents[parents[index]]
        return index

    for i, one in enumerate(across):
        for j, other in enumerate(down, len(across)):
            meets = one.begin - reach <= other.at <= one.end + reach
            if meets and other.begin - reach <= one.at <= other.end + reach:
                parents[root(j)] = root(i)
    groups: defaultdict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for index, rule in enumerate([*across, *down]):
        groups[root(index)][index >= len(across)].append(rule)
    return list(groups.values())
