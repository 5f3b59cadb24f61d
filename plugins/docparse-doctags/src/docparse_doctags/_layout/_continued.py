"""Paragraphs that go on in the next column or on the next page.

docling's rule asks for a letter or a comma at the end and any letter at the beginning, so that lines without a full
stop, such as what stands above tables, are joined over pages: ``A table with spans A table with a late row``. Where
the last line ends says more: at the edge of its paragraph when it goes on, as a rule before that when it does not.
"""

import re
from collections.abc import Mapping, Sequence

from docling_core.types.doc import DocItemLabel

from docparse_doctags._layout._lines import Line
from docparse_doctags._layout._page import Part
from docparse_doctags._layout._paragraphs import Block
from docparse_doctags._layout._patterns import LIST_ITEM, SENTENCE_END

_BETWEEN = frozenset(
    {
        DocItemLabel.PAGE_HEADER,
        DocItemLabel.PAGE_FOOTER,
        DocItemLabel.TABLE,
        DocItemLabel.PICTURE,
        DocItemLabel.CAPTION,
        DocItemLabel.FOOTNOTE,
    }
)
"""What may stand between the two parts of a paragraph."""

_HYPHEN = re.compile(r"\w[-\u00ad\u2010\x02]\s*$")
_SAME_SIZE = 0.22
"""Heights of lines differ by at most this share, as within a paragraph."""

_FULL = 0.1
"""A line that ends within this share of its paragraph's width from the edge is full, a line height allowed for more."""


def continuations(parts: Sequence[tuple[int, Part]]) -> Mapping[int, Sequence[int]]:
    """Return place of a paragraph → the places of what it goes on with.

    Args:
        parts: number of the page and what is there, in reading order.
    """
    found: dict[int, list[int]] = {}
    first = place = None
    for number, (_, part) in enumerate(parts):
        if part.label in _BETWEEN:
            continue
        if place is not None and first is not None and _goes_on(parts[place], parts[number]):
            found.setdefault(first, []).append(number)
        else:
            first = number
        place = number
    return found


def _goes_on(before: tuple[int, Part], after: tuple[int, Part]) -> bool:
    (page, one), (other_page, other) = before, after
    if not isinstance(one.content, Block) or not isinstance(other.content, Block):
        return False
    if one.label is not DocItemLabel.TEXT or other.label is not DocItemLabel.TEXT:
        return False
    last, first = one.content.lines[-1], other.content.lines[0]
    if page == other_page:
        if last.tag is not None and first.tag is not None:
            return last.tag.element == first.tag.element
        if other.content.left < one.content.right:
            return False
    return _reads_on(one.content, first, new_page=page != other_page) and _look_alike(last, first)


def _reads_on(block: Block, first: Line, *, new_page: bool) -> bool:
    """Return whether a block does not end with a sentence, and the next line could go on with it."""
    last = block.lines[-1]
    if SENTENCE_END.search(last.text) or LIST_ITEM.match(first.text):
        return False
    small = first.text[0].islower()
    return (small and (new_page or _HYPHEN.search(last.text) is not None)) or _is_full(block)


def _is_full(block: Block) -> bool:
    """Return whether the last of several lines ends at the edge."""
    last = block.lines[-1]
    return len(block.lines) > 1 and last.right > block.right - last.size - _FULL * (block.right - block.left)


def _look_alike(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) < _SAME_SIZE * max(one.size, other.size) and one.font.mono == other.font.mono
