"""Lines of Arabic and Hebrew, put together from single words.

The parser joins words to lines font by font, and signs often come from another font than letters: full stops, brackets
and figures then are cells of their own, inside the box of the line that they are missing from. Put together from words,
Hebrew exports of known sources have .99 of their words in order, from the parser's lines .87.
"""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby

import attrs

from docparse_doctags._layout._patterns import MARKER
from docparse_doctags._layout._words import Word

_SPACE = 0.1
"""Words closer than this share of the line's height are one."""

_LETTERS = 0.5
"""Cells lower than this share of the tallest in a row are signs, which are not on its middle."""


@attrs.frozen
class Run:
    """Words of one line in the order in which they are read."""

    words: tuple[Word, ...]
    text: str


def runs_of(words: Sequence[Word], is_gap: Callable[[Word, Word, float], bool]) -> list[Run]:
    """Return the lines of a page.

    Args:
        words: of the page.
        is_gap: whether a line ends between two words, given the height of the line.
    """
    found = []
    for row in _rows(words):
        size = max(word.size for word in row)
        piece = [row[0]]
        for word in row[1:]:
            if is_gap(piece[-1], word, size):
                found.append(_run(piece, size))
                piece = []
            piece.append(word)
        found.append(_run(piece, size))
    return found


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Group words by line, each from right to left: letters first, then the signs that lie within their height."""
    tallest = max((word.size for word in words), default=0.0)
    rows: list[list[Word]] = []
    signs = [word for word in words if word.size < _LETTERS * tallest and not _has_letters(word)]
    small = set(signs)
    for word in sorted((word for word in words if word not in small), key=lambda word: word.down):
        if rows and _overlaps(rows[-1], word):
            rows[-1].append(word)
        else:
            rows.append([word])
    for sign in signs:
        row = next((row for row in rows if _holds(row, sign)), None)
        if row is None:
            rows.append([sign])
        else:
            row.append(sign)
    return [sorted(row, key=lambda word: -word.right) for row in rows]


def _has_letters(word: Word) -> bool:
    return any(letter.isalnum() for letter in word.text)


def _overlaps(row: Sequence[Word], word: Word) -> bool:
    last = row[-1]
    shared = min(last.bottom, word.bottom) - max(last.top, word.top)
    return shared > min(last.size, word.size) / 2


def _holds(row: Sequence[Word], sign: Word) -> bool:
    top, bottom = min(word.top for word in row), max(word.bottom for word in row)
    return top - sign.size <= sign.down <= bottom + sign.size


def _run(words: Sequence[Word], size: float) -> Run:
    """Return words in reading order: words of Latin letters beside each other from left to right."""
    ordered: list[Word] = []
    for latin, group in groupby(words, key=_is_latin):
        these = list(group)
        ordered += these[::-1] if latin else these
    text = ""
    for before, word in zip([None, *ordered[:-1]], ordered, strict=True):
        near = before is None or (_gap(before, word) < _SPACE * size and not _is_apart(text, word))
        text += word.text if near or (word.text == "." and text.isdigit()) else f" {word.text}"
    return Run(tuple(ordered), text)


def _is_apart(text: str, word: Word) -> bool:
    """Return whether a word is not the rest of the one before, however close: after a bullet, or in another script.

    The box of a Latin word includes the space after it, on its right or left.
    """
    scripts = {unicodedata.bidirectional(letter) for letter in (text[-1], word.text[0])}
    return MARKER.fullmatch(text) is not None or ("L" in scripts and bool(scripts & {"R", "AL"}))


def _is_latin(word: Word) -> bool:
    return any(unicodedata.bidirectional(letter) == "L" for letter in word.text)


def _gap(one: Word, other: Word) -> float:
    return max(one.left - other.right, other.left - one.right)
