"""The height of a line, whatever letters are on it.

The parser measures some fonts by their box and others, such as the TrueType fonts that LibreOffice embeds, by the ink
of their letters: there ``Flood`` is a fifth lower than ``Flooding``. Unmended, a heading without descenders counts as
small, and the space between two lines depends on their letters.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from docling_core.types.doc.page import PdfTextCell, TextCell

from docparse_doctags._layout._words import Word

_UP, _LOW, _DOWN = 0.74, 0.52, 0.21
"""Heights of capitals and ascenders, of small letters, and of descenders, in parts of the font size: means of Times,
Helvetica, DejaVu and Noto, which differ by up to a tenth."""

_ASCENDS = re.compile(r"[A-Zbdfhklit0-9ÄÖÜß()\[\]{}/|!?\"'%&]")
_DESCENDS = re.compile(r"[gjpqyQ,;()\[\]{}/|µçß]")
_LATIN = re.compile(r"[A-Za-z0-9]")
_OTHER = re.compile(r"[\u0370-\u1fff\u2c00-\ud7ff]")
"""Greek to Hangul: what letters reach up or down is not known."""

_VOTES = 12
"""So many pairs of neighbours settle how a font is measured."""

_EQUAL = 0.02
"""Heights that differ by less than this share are one."""


class Heights:
    """How the fonts of a page are measured, told by words beside each other.

    Args:
        words: the words, in the parser's order.
    """

    def __init__(self, words: Iterable[Word]) -> None:
        votes: Counter[tuple[str, bool]] = Counter()
        for one, other in pairwise(word for word in words if word.font_key):
            font = one.font_key
            if font != other.font_key or votes[font, True] + votes[font, False] >= _VOTES:
                continue
            if _shape(one.text) != _shape(other.text) and _are_beside(one, other):
                votes[font, not _are_equal(one.size, other.size)] += 1
        fonts = {font for font, _ in votes}
        self._by_ink = {font: votes[font, True] > votes[font, False] for font in fonts}
        self._mostly = 2 * sum(self._by_ink.values()) > len(fonts)

    def missing(self, cell: TextCell, height: float) -> tuple[float, float]:
        """Return how much higher above and below a cell would be with an ascender and a descender in it."""
        font = cell.font_key if isinstance(cell, PdfTextCell) else ""
        if not self._by_ink.get(font, self._mostly):
            return 0.0, 0.0
        return missing_ink(cell.text, height)


def missing_ink(text: str, height: float) -> tuple[float, float]:
    """Return the same for a text that is measured by its ink; other scripts and signs alone are left as they are."""
    up, down = _shape(text)
    scale = height / (up + down)
    return (_UP - up) * scale, (_DOWN - down) * scale


@lru_cache(maxsize=4096)
def _shape(text: str) -> tuple[float, float]:
    if not _LATIN.search(text) or _OTHER.search(text):
        return _UP, _DOWN
    return _UP if _ASCENDS.search(text) else _LOW, _DOWN if _DESCENDS.search(text) else 0.0


def _are_beside(one: Word, other: Word) -> bool:
    return min(abs(one.bottom - other.bottom), abs(one.top - other.top)) < 0.35 * one.size


def _are_equal(one: float, other: float) -> bool:
    return abs(one - other) < _EQUAL * max(one, other)
