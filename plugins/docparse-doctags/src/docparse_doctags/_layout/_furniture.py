"""Running headers, footers and page numbers: what stands above and below the text of the pages."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from docparse_doctags._layout._body import Body
from docparse_doctags._layout._lines import Line, PageLines, rows_of
from docparse_doctags._layout._patterns import PAGE_NUMBER

_ROWS = 3
"""Headers and footers have at most this many rows."""

_APART = 1.0
"""They are set apart from the text by at least this many line heights, wherever on the paper it begins and ends."""

_NUMBER_EDGE = 0.15
"""A page number that does not repeat lies within this share of the page height from its edges."""

_MARGIN = 0.1
"""Text that runs up the page within this share of its width from a side is a stamp, such as arXiv's."""

_SHARE = 0.2
"""A text that stands there on this share of the pages repeats."""

_QUOTED = 10
"""A header of at least this many letters that is part of the title quotes it."""

_TALLER = 1.2
"""Headers are set in the size of the body or smaller; what is larger than this is a heading that recurs."""


def furniture_of(pages: Sequence[PageLines], body: Body) -> dict[int, frozenset[Line]]:
    """Return page number → the lines of that page that are furniture."""
    outer = {page.number: _outer_lines(page, body) for page in pages}
    repeated = _repeated(outer)
    title = _title(pages[0], body) if pages else ""
    return {page.number: _page_furniture(page, outer[page.number], repeated, title) for page in pages}


def is_header(line: Line, page: PageLines) -> bool:
    """Return whether a line of furniture is a header, not a footer."""
    return line.centre < page.height / 2


def _outer_lines(page: PageLines, body: Body) -> list[Line]:
    """Return what is set apart above and below the text and is not too large to be furniture."""
    rows = rows_of([line for line in page.lines if not line.sideways])
    outer = [*_set_apart(rows), *_set_apart(rows[::-1])]
    return [line for row in outer for line in row if line.size <= _TALLER * body.size]


def _set_apart(rows: Sequence[Sequence[Line]]) -> Sequence[Sequence[Line]]:
    """Return the rows before the first wide gap, when they are few; the rows come from one edge of the page."""
    for count, (outer, inner) in enumerate(pairwise(rows[: _ROWS + 1]), 1):
        gap = max(inner[0].top - outer[0].bottom, outer[0].top - inner[0].bottom)
        if gap > _APART * min(outer[0].size, inner[0].size):
            return rows[:count]
    return []


def _repeated(outer: Mapping[int, Sequence[Line]]) -> set[str]:
    """Return the texts, digits apart, that stand there on several pages; figures are those of tables."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for number, lines in outer.items():
        for line in lines:
            if any(letter.isalpha() for letter in line.text) or PAGE_NUMBER.fullmatch(line.text):
                found[_key(line)].add(number)
    least = max(2, _SHARE * len(outer))
    return {text for text, numbers in found.items() if len(numbers) >= least}


def _key(line: Line) -> str:
    return re.sub(r"\d+", "#", re.sub(r"\s+", " ", line.text)).casefold()


def _title(page: PageLines, body: Body) -> str:
    """Return the large text of the first page, which running headers quote."""
    return " ".join(_key(line) for line in page.lines if line.size > _TALLER * body.size)


def _page_furniture(page: PageLines, outer: Sequence[Line], repeated: Collection[str], title: str) -> frozenset[Line]:
    stamps = [line for line in page.lines if line.sideways and _in_margin(line, page)]
    found = [
        line
        for line in outer
        if _key(line) in repeated
        or _is_page_number(line, page)
        or (len(line.text) >= _QUOTED and page.number > 1 and _key(line) in title)
    ]
    beside = [line for line in outer if any(abs(line.centre - other.centre) < line.size / 2 for other in found)]
    return frozenset([*stamps, *beside])


def _is_page_number(line: Line, page: PageLines) -> bool:
    at_edge = line.bottom < _NUMBER_EDGE * page.height or line.top > (1 - _NUMBER_EDGE) * page.height
    if not at_edge or not PAGE_NUMBER.fullmatch(line.text):
        return False
    others = (other for other in page.lines if abs(other.centre - line.centre) > line.size / 2 and not other.sideways)
    return all(abs(other.centre - line.centre) > 2 * line.size for other in others)


def _in_margin(line: Line, page: PageLines) -> bool:
    return line.right < _MARGIN * page.width or line.left > (1 - _MARGIN) * page.width
