"""Which neighbouring texts are one paragraph: for PDFs of which only the lines are known.

A converter without a layout model gives every line of a page as a text of its own. Lines are told from paragraphs, and
paragraphs from each other, by their boxes alone; the thresholds hold on the text lines of right-to-left, monospaced
and proportional PDFs, where lines stand 0.1 to 0.6 of their height apart and paragraphs 1.5 and more.
"""

import re
from typing import Self

import attrs

from docparse_chunk._docling import BBox, Item
from docparse_chunk._scripts import BULLETS, CLOSING, FULL_STOPS, SPACED_FULL_STOPS

_LINE_SHAPE = 4.5
"""Height times characters by width of a text: 1 to 3.5 for one line, four times that for two lines."""
_SAME_LINE = 0.5
_LEADING = 0.75
_FONT_RATIO = 1.35
_SHORT_LINE = 0.8

_BULLET = re.compile(rf"(?:[{BULLETS}]|\(?(?:\d{{1,3}}|[a-zA-Z]|[ivx]{{1,4}})[.)])\s")
_SOFT_HYPHEN = "\u00ad"
_HYPHENATED = re.compile(r"(?<![\w-])[^\W\d_]{2,}[-\u2010]$")
_SENTENCE_END = re.compile(rf"[.!?:{FULL_STOPS}{SPACED_FULL_STOPS}][{CLOSING}]*$")


@attrs.frozen(kw_only=True)
class _Extent:
    """A box with y growing downwards."""

    page: int
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, page: int, box: BBox) -> Self:
        sign = -1 if box.coord_origin == "BOTTOMLEFT" else 1
        return cls(page=page, left=box.l, top=sign * box.t, right=box.r, bottom=sign * box.b)

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    def with_other(self, other: Self) -> Self:
        return attrs.evolve(
            self,
            left=min(self.left, other.left),
            top=min(self.top, other.top),
            right=max(self.right, other.right),
            bottom=max(self.bottom, other.bottom),
        )


@attrs.frozen(kw_only=True)
class Line:
    """What is known of the line that the last text stands on.

    Attributes:
        text: the last text.
        extent: of all texts on that line; None when the place is unknown or the text is more than one line.
    """

    text: str
    extent: _Extent | None = None


def line_of(item: Item, text: str) -> Line:
    """Return where a text stands, as far as it is one line on one page."""
    if len(item.prov) != 1:
        return Line(text=text)
    extent = _Extent.of(item.prov[0].page_no, item.prov[0].bbox)
    is_line = extent.height > 0 and extent.height * len(text) <= _LINE_SHAPE * extent.width
    return Line(text=text, extent=extent if is_line else None)


def join(last: Line, line: Line) -> tuple[str, Line] | None:
    """Return what goes between two texts of one paragraph and the line they now end with; None for a new paragraph.

    Args:
        last: the end of the paragraph so far.
        line: the text that follows in reading order.
    """
    if last.extent is None or line.extent is None or last.extent.page != line.extent.page:
        return ("\n", line) if _reads_on(last.text, line.text) else None
    above, below = last.extent, line.extent
    common = min(above.bottom, below.bottom) - max(above.top, below.top)
    if common > _SAME_LINE * min(above.height, below.height):
        return " ", attrs.evolve(line, extent=above.with_other(below))
    return ("\n", line) if _is_next_line(above, below) and not _begins_anew(last, line) else None


def _is_next_line(above: _Extent, below: _Extent) -> bool:
    low, high = sorted((above.height, below.height))
    gap = below.top - above.bottom
    beside = below.left > above.right or below.right < above.left
    return high <= _FONT_RATIO * low and -_SAME_LINE * high <= gap <= _LEADING * high and not beside


def _begins_anew(last: Line, line: Line) -> bool:
    """Say whether the line begins a list item, or follows the short last line of a paragraph."""
    assert last.extent is not None  # noqa: S101 - the caller checked both
    assert line.extent is not None  # noqa: S101 - as above
    is_short = last.extent.width < _SHORT_LINE * line.extent.width
    return is_list_item(line.text) or (is_short and _SENTENCE_END.search(last.text) is not None)


def is_list_item(text: str) -> bool:
    """Say whether a text begins with a bullet or a number of a list."""
    return _BULLET.match(text) is not None


def _reads_on(last: str, text: str) -> bool:
    """Say whether a sentence goes on across a page, a column or a subtitle."""
    return (last[-1:].isalnum() or last[-1:] in {",", "-"}) and text[:1].islower()


def without_hyphen(last: str, text: str) -> str | None:
    """Return a line without the hyphen that parts a word from its rest in the next line; None when there is none.

    A soft hyphen always goes; a hyphen between letters when the rest begins with a small one, unless the word has
    another hyphen and so is a compound.
    """
    if last.endswith(_SOFT_HYPHEN):
        return last.rstrip(_SOFT_HYPHEN)
    word = _HYPHENATED.search(last)
    return last[:-1] if word is not None and text[:1].islower() else None
