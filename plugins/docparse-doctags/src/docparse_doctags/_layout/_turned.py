"""Pages whose text runs up, down or upside down: tables set sideways, scans that were fed in the wrong way.

Such a page is turned upright before its layout is told, and the boxes that come out are turned back, so that they are
where the text is on the page as it is shown. The parser has already done what ``/Rotate`` says. A page of which most
letters stand upright is left as it is.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import attrs
from docling_core.types.doc import CoordOrigin, Size
from docling_core.types.doc.page import BoundingRectangle, TextCell

from docparse_doctags._layout._rules import Drawing, Rule
from docparse_doctags._layout._words import Word

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in points from the top left."""

_LEAST_LETTERS = 3
"""Shorter cells do not tell which way they run."""


@attrs.frozen
class Turn:
    """How a page is turned.

    Attributes:
        degrees: how far its text is turned against the clock: 90 runs up, 270 down; 0 where it stands upright.
        width: of the page as it is shown, in points.
        height: of the page as it is shown, in points.
    """

    degrees: int
    width: float
    height: float

    @property
    def size(self) -> Size:
        """Return the size of the page when its text stands upright."""
        width, height = (self.height, self.width) if self.degrees % 180 else (self.width, self.height)
        return Size(width=width, height=height)

    def upright(self, across: float, down: float) -> tuple[float, float]:
        """Return where a point of the page is when its text stands upright."""
        turned = {
            0: (across, down),
            90: (self.height - down, across),
            180: (self.width - across, self.height - down),
            270: (down, self.width - across),
        }
        return turned[self.degrees]

    def box(self, box: Box) -> Box:
        """Return where a box of the page is when its text stands upright."""
        return _around(self.upright(*box[:2]), self.upright(*box[2:]))

    def back(self, box: Box) -> Box:
        """Return where a box of the upright page is on the page as it is shown."""
        there = Turn(-self.degrees % 360, self.size.width, self.size.height)
        return _around(there.upright(*box[:2]), there.upright(*box[2:]))


def _around(one: tuple[float, float], other: tuple[float, float]) -> Box:
    (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    return left, top, right, bottom


def turn_of(cells: Iterable[TextCell], size: Size) -> Turn:
    """Return which way most of the letters of a page of this size run."""
    letters: Counter[int] = Counter()
    for cell in cells:
        if len(cell.text) >= _LEAST_LETTERS:
            letters[_degrees(cell.rect)] += len(cell.text)
    degrees, count = letters.most_common(1)[0] if letters else (0, 0)
    return Turn(degrees if 2 * count > letters.total() else 0, size.width, size.height)


def _degrees(rect: BoundingRectangle) -> int:
    across, up = rect.r_x1 - rect.r_x0, rect.r_y1 - rect.r_y0
    if rect.coord_origin is CoordOrigin.TOPLEFT:
        up = -up
    if abs(across) >= abs(up):
        return 0 if across >= 0 else 180
    return 90 if up > 0 else 270


def upright_cells(cells: Sequence[TextCell], turn: Turn) -> Sequence[TextCell]:
    """Return the parser's texts of a page, as if it had been turned."""
    if not turn.degrees:
        return cells
    return [cell.model_copy(update={"rect": _upright_rect(cell.rect, turn)}) for cell in cells]


def upright_rects(rects: Sequence[BoundingRectangle], turn: Turn) -> Sequence[BoundingRectangle]:
    """Return places on a page, as if it had been turned."""
    return [_upright_rect(rect, turn) for rect in rects] if turn.degrees else rects


def upright_words(words: Sequence[Word], turn: Turn) -> Sequence[Word]:
    """Return the words of a page, as if it had been turned."""
    return [_upright_word(word, turn) for word in words] if turn.degrees else words


def _upright_word(word: Word, turn: Turn) -> Word:
    left, top, right, bottom = turn.box((word.left, word.top, word.right, word.bottom))
    return word._replace(left=left, top=top, right=right, bottom=bottom)


def _upright_rect(rect: BoundingRectangle, turn: Turn) -> BoundingRectangle:
    shown = rect.to_top_left_origin(turn.height)
    corners = ((shown.r_x0, shown.r_y0), (shown.r_x1, shown.r_y1), (shown.r_x2, shown.r_y2), (shown.r_x3, shown.r_y3))
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (turn.upright(*corner) for corner in corners)
    places = {"r_x0": x0, "r_y0": y0, "r_x1": x1, "r_y1": y1, "r_x2": x2, "r_y2": y2, "r_x3": x3, "r_y3": y3}
    return BoundingRectangle(**places, coord_origin=CoordOrigin.TOPLEFT)


def upright_drawing(drawing: Drawing, turn: Turn) -> Drawing:
    """Return what is drawn on a page, as if it had been turned."""
    if not turn.degrees:
        return drawing
    across = [turn.box((rule.begin, rule.at, rule.end, rule.at)) for rule in drawing.across]
    down = [turn.box((rule.at, rule.begin, rule.at, rule.end)) for rule in drawing.down]
    if turn.degrees % 180:
        across, down = down, across
    return Drawing(
        across=_in_order(Rule(top, left, right) for left, top, right, _ in across),
        down=_in_order(Rule(left, top, bottom) for left, top, _, bottom in down),
        boxes=tuple(turn.box(box) for box in drawing.boxes),
    )


def _in_order(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    ordered: Sequence[Rule] = sorted(rules, key=lambda rule: (rule.at, rule.begin))
    return tuple(ordered)
