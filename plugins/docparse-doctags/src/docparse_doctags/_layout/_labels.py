"""What a block of text is."""

import re
from collections.abc import Collection

import attrs
from docling_core.types.doc import DocItemLabel

from docparse_doctags._layout._body import Body
from docparse_doctags._layout._lines import Line, PageLines
from docparse_doctags._layout._paragraphs import Block
from docparse_doctags._layout._patterns import (
    CAPTION,
    FOOTNOTE,
    LEADERS,
    LIST_ITEM,
    NUMBERED,
    SENTENCE_END,
    WEB,
)

_HEADING_LINES = 3
_HEADING_LETTERS = 200
_LEAST_LETTERS = 2
_BOLD_LETTERS = 120
"""Longer bold text is emphasis."""

_LARGER = 1.15
"""Headings in a larger size exceed the body by at least this factor; heights of letters vary by less within a font."""

_OUTDENT = 1.5
"""Headings of typewritten text begin at least this many line heights left of the body."""

_APART = 0.8
"""Words of a heading are at most this many line heights apart; cells of a table's head are farther."""

_APART_MONO = 2.0
"""The same in a typewriter font, whose spaces are as wide as its letters."""

_SMALLER = 0.86
"""Footnotes are set smaller than this share of the body."""

_ROLES = {
    "Caption": DocItemLabel.CAPTION,
    "Code": DocItemLabel.CODE,
    "FENote": DocItemLabel.FOOTNOTE,
    "LBody": DocItemLabel.LIST_ITEM,
    "LI": DocItemLabel.LIST_ITEM,
    "Note": DocItemLabel.FOOTNOTE,
}
"""What tags say of paragraphs. Paragraphs of the role ``P`` may be anything that has no style of its own."""

_CAPTION_LINES = 8
_CODE_LETTERS = 25
"""Shorter text in a typewriter font, alone on its line, may be a name or a path."""


@attrs.frozen(kw_only=True)
class Surroundings:
    """What a block is judged against.

    Attributes:
        body: the running text of the document.
        page: the page it is on.
        titles: the page's bookmarks, in the form of ``title_key``.
        tagged: whether the document has tags that say what its headings are.
        lonely: whether nothing else stands beside the block on its first line.
        counted: whether the block is one of several list items that are numbered one after the other.
    """

    body: Body
    page: PageLines
    titles: Collection[str] = ()
    tagged: bool = False
    lonely: bool = True
    counted: bool = False


def title_key(text: str) -> str:
    """Return what is compared of a bookmark and a heading: letters and digits, without a leading number."""
    return re.sub(r"\W+", "", re.sub(r"^\s*(?:[\dA-Z]\.?)+(?:\d+\.?)*\s+", "", text)).casefold()


def label_of(block: Block, around: Surroundings) -> DocItemLabel:
    """Return the label of a block that is not furniture."""
    tag = block.lines[0].tag
    if tag is not None and tag.level and len(block.text) <= _HEADING_LETTERS:
        return DocItemLabel.SECTION_HEADER
    if tag is not None and tag.role in _ROLES:
        return _ROLES[tag.role]
    text = block.text
    if CAPTION.match(text) and len(block.lines) <= _CAPTION_LINES:
        return DocItemLabel.CAPTION
    by_look = tag is None or not around.tagged
    if _is_bookmarked(block, around) or (by_look and _is_heading(block, around)):
        return DocItemLabel.SECTION_HEADER
    if LIST_ITEM.match(text):
        return DocItemLabel.LIST_ITEM
    return _label_by_look(block, around)


def _label_by_look(block: Block, around: Surroundings) -> DocItemLabel:
    if _is_code(block, around.body):
        return DocItemLabel.CODE
    return DocItemLabel.FOOTNOTE if _is_footnote(block, around) else DocItemLabel.TEXT


def _is_bookmarked(block: Block, around: Surroundings) -> bool:
    return len(block.lines) <= _HEADING_LINES and title_key(block.text) in around.titles


def _is_heading(block: Block, around: Surroundings) -> bool:
    if not around.lonely or not _reads_like_a_heading(block):
        return False
    numbered = NUMBERED.fullmatch(block.text) is not None and not around.counted
    if LIST_ITEM.match(block.text) and not numbered:
        return False
    if not _stands_out(block, around.body, numbered=numbered):
        return False
    return not any(_is_no_title(line, around.page) for line in block.lines)


def _stands_out(block: Block, body: Body, *, numbered: bool) -> bool:
    if body.plain and len(block.lines) == 1 and (numbered or _is_outdented(block, body)):
        return True
    bold = all(line.font.bold for line in block.lines) and not body.font.bold
    return block.size > _LARGER * body.size or (bold and len(block.text) <= _BOLD_LETTERS)


def _is_outdented(block: Block, body: Body) -> bool:
    """Return whether a line begins left of the body, as headings do in text that has one font and one size."""
    return block.left < body.left - _OUTDENT * body.size


def _reads_like_a_heading(block: Block) -> bool:
    text = block.text
    letters = sum(character.isalpha() for character in text)
    if len(block.lines) > _HEADING_LINES or letters < _LEAST_LETTERS or len(text) > _HEADING_LETTERS:
        return False
    if 2 * letters < len(text.replace(" ", "")):
        return False
    if WEB.search(text) or LEADERS.search(text):
        return False
    return not (SENTENCE_END.search(text) and not text.rstrip().endswith(("?", "!"))) and not text.endswith(",")


def _is_no_title(line: Line, page: PageLines) -> bool:
    apart = _APART_MONO if line.font.mono else _APART
    return line.sideways or page.widest_gap(line) > apart * line.size


def _is_code(block: Block, body: Body) -> bool:
    if body.font.mono or not all(line.font.mono for line in block.lines):
        return False
    return len(block.lines) > 1 or len(block.text) > _CODE_LETTERS


def _is_footnote(block: Block, around: Surroundings) -> bool:
    small = block.size < _SMALLER * around.body.size and block.top > 0.6 * around.page.height
    return small and FOOTNOTE.match(block.text) is not None
