"""The text of a block."""

import statistics

from docling.models.stages.page_assemble.page_assemble_model import PageAssembleModel, PageAssembleOptions
from docling_core.types.doc import DocItemLabel

from docparse_doctags._layout._paragraphs import Block

_SIGNS = str.maketrans({"\x02": "-", "\u00ad": "-", "\uf0b7": "•", "\uf0a7": "▪"})
"""What PDF writers leave at the end of a line that was broken inside a word, and bullets of Word's Symbol font."""

_SYMBOL_BULLET = "∞"
"""What the parser makes of the bullet in Word's Symbol font; docling strips bullets that it knows."""

_sanitize = PageAssembleModel(options=PageAssembleOptions()).sanitize_text


def text_of(block: Block, label: DocItemLabel) -> str:
    """Return the text as docling's own pipelines write it: hyphenation undone, ligatures expanded; code as is."""
    if label is DocItemLabel.CODE:
        return _code(block)
    lines = [line.text.translate(_SIGNS) for line in block.lines]
    if label is DocItemLabel.LIST_ITEM and lines[0].startswith(_SYMBOL_BULLET):
        lines[0] = lines[0].replace(_SYMBOL_BULLET, "•", 1)
    return _sanitize(lines)


def _code(block: Block) -> str:
    """Return lines of code with the indentation that their left edges show."""
    letter = statistics.median(line.width / len(line.text) for line in block.lines)
    return "\n".join(" " * round((line.left - block.left) / letter) + line.text for line in block.lines)
