"""Displayed formulas: set apart from the text, with everything that belongs to one in one block.

The signs are those of the literature on formulas in born-digital PDFs (Lin and others, 2011; Baker, Sexton and Sorge,
2009): fonts made for mathematics, operators and Greek letters instead of words, a place away from the margin, a number
in brackets at the right. What the formula says cannot be told from glyphs, so its text is the glyphs, row by row.
"""

import re
from collections.abc import Iterable, Sequence

from docling_core.types.doc import DocItemLabel, DoclingDocument

from docparse_doctags._layout._lines import Line, rows_of
from docparse_doctags._layout._patterns import LIST_ITEM

_FONT = re.compile(
    r"^/?(?:[A-Z]{6}\+)?(?:CM(?:MI|SY|EX|BSY|MIB)|MS[AB]M|LM(?:Math|MI|SY)|Euclid|Latin-?Modern-?Math|MTMI|MTSY|RMTMI)"
    r"|math|Symbol",
    re.IGNORECASE,
)
"""Fonts of TeX, Word, Asana, STIX and MathJax that hold mathematical signs and variables."""

_RELATION = re.compile(r"[=<>\u2190-\u21ff\u2248\u2243\u2245\u2260-\u2265\u226a\u226b\u2208\u2209\u2282-\u2287\u221d]")
_OPERATOR = re.compile(r"[\u2200-\u22ff\u0370-\u03ff\u2a00-\u2aff\u00b1\u00d7\u00f7+/^]")
_WORD = re.compile(r"[^\W\d_]{3,}")
_FUNCTION = re.compile(
    r"arg|cosh?|cot|det|dim|div|exp|grad|inf|lim|log|max|min|mod|rot|sgn|sinh?|sup|tanh?|var|and|for|otherwise|where|with",
    re.IGNORECASE,
)
"""Words that formulas have."""

_NUMBER = re.compile(r"\((?:[A-Z]\.?)?\d{1,3}(?:\.\d{1,3})?[a-z]?\)")
_MOST_WORDS = 0.34
"""Formulas have at most this share of their tokens as words."""

_INDENT = 1.2
"""They begin at least this many line heights right of the text."""

_NEAR = 0.9
"""Their pieces are less than this many line heights above or below each other: limits, fractions, further lines."""


def formulas_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines of each displayed formula of a region, row by row.

    Args:
        lines: of one column, from top to bottom.
    """
    if not any(_is_seed(line) for line in lines):
        return []
    left = min((line.left for line in lines if not line.sideways), default=0.0)
    candidates = [line for line in lines if _is_piece(line)]
    prose = [line for line in lines if not _is_piece(line)]
    groups = _groups(candidates)
    return [_in_order(group) for group in groups if _is_formula(group, left, prose)]


def keep_glyphs(document: DoclingDocument) -> None:
    """Write what formulas look like into their text, which docling leaves empty for LaTeX: it would not be found."""
    for item in document.texts:
        if item.label is DocItemLabel.FORMULA and not item.text:
            item.text = item.orig


def _is_seed(line: Line) -> bool:
    """Return whether a line has a relation or a mathematical font, and reads like a formula."""
    if not _is_piece(line) or _NUMBER.fullmatch(line.text):
        return False
    return _RELATION.search(line.text) is not None or (_is_mathematical(line) and len(line.text) > 1)


def _is_piece(line: Line) -> bool:
    """Return whether a line could be part of a formula: hardly any words, and no item of a list."""
    if line.sideways or line.font.mono or not line.text or LIST_ITEM.match(line.text):
        return False
    words = [word for word in _WORD.findall(line.text) if not _FUNCTION.fullmatch(word)]
    return len(words) <= _MOST_WORDS * len(line.text.split())


def _is_mathematical(line: Line) -> bool:
    return any(_FONT.search(span.font_name) for span in line.spans)


def _groups(lines: Iterable[Line]) -> list[list[Line]]:
    """Return the pieces that lie close below or beside each other."""
    groups: list[list[Line]] = []
    for line in lines:
        near = [group for group in groups if any(_is_near(line, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(other for group in near for other in group), line])
    return groups


def _is_near(line: Line, other: Line) -> bool:
    size = max(line.size, other.size)
    gap = max(line.top - other.bottom, other.top - line.bottom)
    if gap < 0:  # beside each other; the number may be far
        return True
    return gap < _NEAR * size and min(line.right, other.right) > max(line.left, other.left)


def _is_formula(group: Sequence[Line], left: float, prose: Iterable[Line]) -> bool:
    """Return whether pieces are a formula: one is a seed, all stand away from the margin and from words."""
    seeds = [line for line in group if _is_seed(line)]
    if not seeds or sum(len(line.text) for line in group) < 3:  # noqa: PLR2004 - x=1
        return False
    numbered = any(_NUMBER.fullmatch(line.text) or _NUMBER.search(line.text[-8:]) for line in group)
    signs = numbered or any(map(_is_mathematical, seeds)) or any(_OPERATOR.search(line.text) for line in seeds)
    indented = min(line.left for line in group) > left + _INDENT * max(line.size for line in group)
    beside = any(line.top < other.centre < line.bottom for line in group for other in prose)
    return signs and indented and not beside


def _in_order(group: Iterable[Line]) -> list[Line]:
    return [line for row in rows_of(list(group)) for line in row]
