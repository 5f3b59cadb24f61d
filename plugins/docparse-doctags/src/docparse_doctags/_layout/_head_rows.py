"""Rows of a table above the first rule that is as long as the table: heads without a line above them."""

from bisect import bisect_right
from collections.abc import Sequence

import attrs

from docparse_doctags._layout._aligned import aligned_table, pieces_of
from docparse_doctags._layout._rules import Rule
from docparse_doctags._layout._words import Word, Words

_FARTHEST = 6.0
"""A rule over some of the columns is less than this many word heights above the next."""

_APART = 5.0
"""Rules closer than this, in points, are one edge."""

_BESIDE = 1.4
"""A head in the middle of two rows is at most this many word heights from those beside it."""

_ALIGNED = 0.3
"""A head begins within this many word heights of where its column does."""


@attrs.frozen(kw_only=True)
class HeadRows:
    """What is needed to look for rows above a table.

    Attributes:
        words: of the page.
        sides: where the table begins and ends across the page.
        parts: rules over some of its columns.
        pitch: how far above a head without a rule may be, in points.
        size: height of its words.
        ruled: whether there is a rule between every two of its rows.
    """

    words: Words
    sides: tuple[float, float]
    parts: Sequence[Rule]
    pitch: float
    size: float
    ruled: bool

    def above(self, bands: Sequence[float], inside: Sequence[Word]) -> tuple[list[Word], float]:
        """Return the row above the uppermost of the bands and its upper edge; no words where there is none."""
        top = bands[0]
        ends = [rule.at for rule in self.parts if 0 < top - _APART - rule.at < _FARTHEST * self.size]
        if ends:
            return self.words.inside(self.sides[0], ends[-1], self.sides[1], top), ends[-1]
        over = [rule for rule in self.parts if abs(rule.at - top) < _APART]
        row = self._nearest(top, _BESIDE if over else 0.5)
        return (
            (row, min(word.top for word in row) - 1) if row and self._is_head(row, over, bands, inside) else ([], top)
        )

    def _nearest(self, top: float, reach: float) -> list[Word]:
        near = self.words.inside(self.sides[0], top - self.pitch - self.size / 2, self.sides[1], top)
        last = max((word.down for word in near), default=0.0)
        return [word for word in near if last - word.down < reach * self.size]

    def _is_head(
        self, row: Sequence[Word], over: Sequence[Rule], bands: Sequence[float], inside: Sequence[Word]
    ) -> bool:
        """Return whether a row is in the columns of those below; a caption is not, and a sentence is over all."""
        alone = aligned_table(inside, bands if self.ruled else ())
        if alone is None:
            return False
        edges = [cell.box[0] for cell in alone.cells if cell.row == alone.rows - 1]
        pieces = pieces_of(row, self.size)
        if not all(_is_in_column(piece, edges) or any(_is_within(piece, rule) for rule in over) for piece in pieces):
            return False
        if over:
            return True
        apart = len({bisect_right(edges, piece[0].across) for piece in pieces}) == len(pieces) > 1
        if not apart:
            return False
        at_edge = abs(min(word.left for word in row) - min(word.left for word in inside)) < self.size
        return at_edge or all(self._is_aligned(piece, edges, inside) for piece in pieces)

    def _is_aligned(self, piece: Sequence[Word], edges: Sequence[float], inside: Sequence[Word]) -> bool:
        """Return whether a head begins where the words of its column begin, as where the first column has no head."""
        column = bisect_right(edges, piece[0].across)
        lefts = [word.left for word in inside if bisect_right(edges, word.across) == column]
        return bool(lefts) and abs(piece[0].left - min(lefts)) < _ALIGNED * self.size


def _is_in_column(piece: Sequence[Word], edges: Sequence[float]) -> bool:
    return bisect_right(edges, piece[0].across) == bisect_right(edges, piece[-1].across)


def _is_within(piece: Sequence[Word], rule: Rule) -> bool:
    return rule.begin - 2 <= piece[0].left and piece[-1].right <= rule.end + 2
