"""Single words of a page, for what has to be cut finer than lines: the cells of tables."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from docling_core.types.doc.page import PdfTextCell, TextCell

from docparse_doctags._layout._edges import edges_of

_SAME_ROW = 0.5
"""Words of one line of a cell differ in height on the page by less than this share of their size."""

_MARKS = 0.12
"""Words closer than this share of their size are one, as a letter and its accent."""


_HYPHEN = re.compile(r"(?<=[^\W\d])[-\u00ad\u2010\x02]\n(?=[^\W\d_A-Z])")
"""A word that is broken at the end of a line."""


class Word(NamedTuple):
    """A word and its box, from the top left of the page; not mirrored.

    A page has hundreds, and a frozen class of attrs takes five times as long to make one.

    Attributes:
        text: as the parser reads it.
        left: of the box, in points, as the other edges.
        top: upper edge.
        right: right edge.
        bottom: lower edge.
        font_key: what the page calls the font; empty where the parser does not say.
        font_name: its name.
        place: its place in the order in which the page draws its words.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    font_key: str = ""
    font_name: str = ""
    place: int = 0

    @property
    def across(self) -> float:
        """Return how far across the page its middle is."""
        return (self.left + self.right) / 2

    @property
    def down(self) -> float:
        """Return how far down the page its middle is."""
        return (self.top + self.bottom) / 2

    @property
    def size(self) -> float:
        """Return its height."""
        return self.bottom - self.top


def words_in(cells: Iterable[TextCell], height: float) -> list[Word]:
    """Return docling's cells of words on a page of that height."""
    return [_word(text, cell, height) for cell in cells if (text := cell.text.strip())]


def _word(text: str, cell: TextCell, height: float) -> Word:
    font = (cell.font_key, cell.font_name) if isinstance(cell, PdfTextCell) else ("", "")
    return Word(text, *edges_of(cell.rect, height), *font, cell.index)


class Words:
    """The words of a page, found by where they are."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._unsorted = words

    @cached_property
    def _words(self) -> list[Word]:
        """Return the words from top to bottom; sorted when a table is looked for, as on most pages there is none."""
        return sorted(self._unsorted, key=lambda word: word.down)

    @cached_property
    def _heights(self) -> list[float]:
        return [word.down for word in self._words]

    def __iter__(self) -> Iterator[Word]:
        return iter(self._words)

    def inside(self, left: float, top: float, right: float, bottom: float) -> list[Word]:
        """Return the words whose middle is in a box, from top to bottom."""
        these = self._words[bisect_left(self._heights, top) : bisect_right(self._heights, bottom)]
        return [word for word in these if left <= word.across <= right]


def text_of_words(words: Sequence[Word]) -> str:
    """Return words as read: line by line, and from right to left where most letters are."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.down):
        if lines and word.down - lines[-1][0].down < _SAME_ROW * max(word.size, lines[-1][0].size):
            lines[-1].append(word)
        else:
            lines.append([word])
    mirrored = reads_right_to_left(word.text for word in words)
    return _HYPHEN.sub("", "\n".join(_line(line, mirrored=mirrored) for line in lines)).replace("\n", " ")


def _line(words: list[Word], *, mirrored: bool) -> str:
    ordered = sorted(words, key=lambda word: -word.right if mirrored else word.left)
    text = ""
    before: Word | None = None
    for word in ordered:
        gap = 0.0 if before is None else (before.left - word.right if mirrored else word.left - before.right)
        text += word.text if before is None or gap < _MARKS * word.size else f" {word.text}"
        before = word
    return text


def reads_right_to_left(texts: Iterable[str]) -> bool:
    """Return whether more letters are read from right to left than from left to right."""
    texts = list(texts)
    if all(map(str.isascii, texts)):
        return False
    balance = 0
    for text in texts:
        if text.isascii():
            balance -= sum(letter.isalpha() for letter in text)
            continue
        for letter in text:
            direction = unicodedata.bidirectional(letter)
            balance += 1 if direction in {"R", "AL"} else -1 if direction == "L" else 0
    return balance > 0
