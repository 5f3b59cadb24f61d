"""Links and emphasis of an item, and how Markdown writes them."""

import re

from docparse_chunk._docling import Item

_SAFE = re.compile(r"(?:https?|mailto|ftp|tel):|[^:]*(?:[/?#]|$)", re.IGNORECASE)
"""Addresses of known schemes, and those without one; not ``javascript:`` and the like."""

_MARKS = {"bold": "**", "italic": "*", "strikethrough": "~~"}
_TAGS = {"underline": "u", "sub": "sub", "super": "sup"}


def styles_of(item: Item) -> tuple[str, ...]:
    """Return how a text is set: of ``bold``, ``italic``, ``underline``, ``strikethrough``, ``sub``, ``super``."""
    formatting = item.formatting
    if formatting is None:
        return ()
    styles = [style for style in ("bold", "italic", "underline", "strikethrough") if getattr(formatting, style)]
    return (*styles, formatting.script) if formatting.script in _TAGS else tuple(styles)


def markdown(text: str, item: Item) -> str:
    """Return a text in Markdown, with its emphasis and, unless a browser would run it, its link."""
    for style in styles_of(item):
        if style in _MARKS:
            text = f"{_MARKS[style]}{text}{_MARKS[style]}"
        else:
            text = f"<{_TAGS[style]}>{text}</{_TAGS[style]}>"
    return f"[{text}]({item.hyperlink})" if item.hyperlink and _SAFE.match(item.hyperlink) else text
