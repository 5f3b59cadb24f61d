"""Lines that belong together."""

import re
import statistics
from collections.abc import Sequence
from itertools import pairwise

import attrs

from docparse_doctags._layout._lines import Line
from docparse_doctags._layout._patterns import CAPTION, LIST_ITEM, NUMBERED, SENTENCE_END

_LINE_GAP = 0.85
"""Lines of one paragraph are less than this many line heights apart."""

_OVERLAP = 0.45
"""They lie below each other for at least this share of the shorter one."""

_MONO_REACH = 4.0
"""Indented code begins up to this many line heights beside the bracket above it."""

_SIZE = 0.22
"""Their heights differ by at most this share."""

_INDENT = 0.8
"""A first line is indented by at least this many line heights."""

_WIDER = 0.3
"""Space between paragraphs exceeds the space between lines by at least this many line heights."""

_BACK = 0.3
"""A line this many line heights left of a list item is outside the list."""

_NUMBER = re.compile(r"(\d{1,3})[.)]\s+\S")

_OPEN = 12
"""How many blocks may still grow: more than there are columns on any page."""


@attrs.define(kw_only=True, eq=False)
class Block:
    """Lines below each other that are read in one go.

    Attributes:
        lines: from top to bottom; never empty.
    """

    lines: list[Line]

    @property
    def left(self) -> float:
        """Return where the longest line begins."""
        return min(line.left for line in self.lines)

    @property
    def right(self) -> float:
        """Return where the longest line ends."""
        return max(line.right for line in self.lines)

    @property
    def top(self) -> float:
        """Return the upper edge."""
        return min(line.top for line in self.lines)

    @property
    def bottom(self) -> float:
        """Return the lower edge."""
        return max(line.bottom for line in self.lines)

    @property
    def size(self) -> float:
        """Return the median height of the letters."""
        return statistics.median(line.size for line in self.lines)

    @property
    def text(self) -> str:
        """Return the lines, one space between them."""
        return " ".join(line.text for line in self.lines)


def blocks_of(lines: Sequence[Line]) -> list[Block]:
    """Return the paragraphs that the lines of one part of a page make up.

    Each line, from top to bottom, goes to the nearest block that it continues; one that begins a new paragraph closes
    that block.
    """
    usual = _usual_space(lines)
    counted = _counted(lines)
    right = max((line.right for line in lines), default=0.0)
    blocks: list[Block] = []
    growing: list[Block] = []
    for line in lines:
        above = min(
            (block for block in growing if _fits(block, line)), key=lambda block: _gap(block, line), default=None
        )
        if above is not None and line not in counted and not _begins_paragraph(above, line, usual, right):
            above.lines.append(line)
            continue
        if above is not None:
            growing.remove(above)
        block = Block(lines=[line])
        blocks.append(block)
        growing = [*growing, block][-_OPEN:]
    return blocks


def _counted(lines: Sequence[Line]) -> set[Line]:
    """Return the lines that begin with numbers which count up, at one edge: items of a list, whatever is above them."""
    numbered = [(line, int(match[1])) for line in lines if (match := _NUMBER.match(line.text))]
    pairs = [
        (line, other)
        for (line, number), (other, following) in pairwise(numbered)
        if following == number + 1 and abs(line.left - other.left) < _INDENT * line.size
    ]
    return {line for pair in pairs for line in pair}


def counted_items(blocks: Sequence[Block]) -> set[Block]:
    """Return the blocks that are numbered one after the other with nothing but list items between them.

    In text that has one look, ``2. Ocean mean`` may be a heading; between ``1.`` and ``3.`` and bullets it is none.
    """
    found: set[Block] = set()
    last: tuple[Block, int] | None = None
    for block in blocks:
        match = _NUMBER.match(block.lines[0].text)
        if match is None:
            last = last if LIST_ITEM.match(block.lines[0].text) else None
            continue
        if last is not None and int(match[1]) == last[1] + 1:
            found |= {last[0], block}
        last = block, int(match[1])
    return found


def _gap(block: Block, line: Line) -> float:
    return line.top - block.lines[-1].bottom


def _fits(block: Block, line: Line) -> bool:
    """Return whether the line could continue the block: it lies close below and looks the same."""
    last = block.lines[-1]
    if line.sideways or last.sideways or line.top < last.top + 0.3 * last.size:
        return False
    if _gap(block, line) > _LINE_GAP * max(line.size, last.size):
        return False
    reach = _MONO_REACH * line.size if line.font.mono else 0.0
    overlap = min(line.right, block.right + reach) - max(line.left, block.left - reach)
    if overlap < _OVERLAP * min(line.width, block.right - block.left):
        return False
    return _looks_alike(block, line)


def _looks_alike(block: Block, line: Line) -> bool:
    last = block.lines[-1]
    if last.tag is not None and last.tag == line.tag:
        return True
    if abs(line.size - last.size) > _SIZE * max(line.size, last.size):
        return False
    if line.font.mono != last.font.mono:
        return False
    alone = len(block.lines) == 1
    if line.font.italic != last.font.italic and alone and last.width < 0.75 * line.width:
        return False
    # a caption's label is often bold and the rest is not
    return line.font.bold == last.font.bold or (alone and CAPTION.match(last.text) is not None)


def _usual_space(lines: Sequence[Line]) -> float:
    """Return the median space between lines of one size that follow each other."""
    pairs = [(above, below) for above, below in pairwise(lines) if abs(below.size - above.size) < below.size / 10]
    gaps = [below.top - above.bottom for above, below in pairs if below.top > above.centre]
    return statistics.median(gaps or [0.0])


def _begins_paragraph(block: Block, line: Line, usual: float, right: float) -> bool:
    """Return whether the line begins a paragraph; a block of one line is judged by what is usual around it."""
    if len(block.lines) > 1:
        usual, right = _usual_space(block.lines), block.right
    last = block.lines[-1]
    if last.tag is not None and line.tag is not None:
        return last.tag.element != line.tag.element
    if _gap(block, line) > usual + _WIDER * line.size or _follows_short_line(block, line, right):
        return True
    return any(sign(block, line) for sign in (_item, _after_item, _indented, _numbered_heading))


def _item(block: Block, line: Line) -> bool:
    """A list item begins; a number may also just stand at the start of a line, unless the line above ends early."""
    if not LIST_ITEM.match(line.text):
        return False
    if not line.text[:1].isdigit():
        return True
    last = block.lines[-1]
    return LIST_ITEM.match(block.lines[0].text) is not None or last.right < block.right - 1.5 * last.size


def _after_item(block: Block, line: Line) -> bool:
    """The text of a list item does not come back to the left of its first line, or of its bullet."""
    first = block.lines[0]
    begin = first.left if first.hang is None else first.hang
    return LIST_ITEM.match(first.text) is not None and line.left < begin - _BACK * line.size


def _indented(block: Block, line: Line) -> bool:
    """A first line is indented, in text whose lines begin at one edge; list items hang instead."""
    last = block.lines[-1]
    if len(block.lines) == 1 or LIST_ITEM.match(block.lines[0].text):
        return False
    at_edge = abs(last.left - block.left) < 0.5 * last.size
    return at_edge and line.left - last.left > _INDENT * last.size and SENTENCE_END.search(last.text) is not None


def _follows_short_line(block: Block, line: Line, right: float) -> bool:
    """The line above ends a sentence well before the right edge, and this one begins like a sentence."""
    last = block.lines[-1]
    slack = 0.12 * (right - block.left) + last.size
    if last.right > right - slack or not SENTENCE_END.search(last.text):
        return False
    return not line.text[0].islower()


def _numbered_heading(block: Block, line: Line) -> bool:
    """A bold numbered line under text that is not bold."""
    return line.font.bold and not block.lines[-1].font.bold and NUMBERED.fullmatch(line.text) is not None
