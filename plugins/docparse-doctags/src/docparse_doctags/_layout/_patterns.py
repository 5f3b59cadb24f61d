"""What text looks like when it is a list item, a caption, a numbered heading."""

import re

_BULLETS = "•·●○◦▪■□–‣➢✓❖∙∞*\uf0b7\uf0a7-"  # noqa: RUF001 - bullets as PDFs have them
"""The infinity sign is what the parser makes of the bullet in Word's Symbol font."""
_INDEX = r"\(?(?:(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|[A-Z]\))"
"""Not a capital with a full stop: more often than not it is an initial."""

MARKER = re.compile(rf"[{_BULLETS}]|{_INDEX}|\[\d{{1,3}}\]")
"""A bullet or the number of a list item, alone."""

LIST_ITEM = re.compile(rf"\s*(?:[{_BULLETS}]|{_INDEX}|\[\d{{1,3}}\])\s+\S")
"""A line that begins a list item."""

CAPTION = re.compile(
    r"\s*(?i:fig(?:ure|\.)?|table|listing|algorithm|chart|photo|scheme|abb(?:ildung|\.)|tabelle|tableau)"
    r"\s*(?:\d|[IVX]+\b|[A-Z]\.?\d)[\d.\-a-z]*\s*[:.\-–|]?\s+\S"  # noqa: RUF001 - captions have en dashes
)
"""``Figure 3: …``; ``Figure 3 shows`` in running text begins so too, but is not a block of its own."""

NUMBERED = re.compile(
    r"\s*(?i:(?:chapter|section|appendix|part)\s+)?"
    r"(?:\d{1,2}(?:\.\d{1,2}){0,4}\.?|[A-Z](?:\.\d{1,2}){1,3}\.?|[A-Z]\.|[IVX]{1,5}\.)\s+[^\W\d_a-z][^.]{1,110}"
)
"""The whole of a numbered heading: ``3.1 Results``."""

FOOTNOTE = re.compile(r"\s*(?:\d{1,2}|[*†‡§])\s*\S")
PAGE_NUMBER = re.compile(
    r"[\[(–-]?\s*(?:page|seite|p\.)?\s*(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:of|von|/)\s*\d{1,4})?\s*[\])–-]?",  # noqa: RUF001
    re.IGNORECASE,
)
"""A page number alone: ``7``, ``- 7 -``, ``Page 7 of 12``, ``xii``."""
LEADERS = re.compile(r"(?:\. ?){4,}")
"""The dots of a table of contents."""

WEB = re.compile(r"https?://|www\.|\S@\S+\.\w")
SENTENCE_END = re.compile(r"[.:;!?。؟][\"'”’)\]]*\s*$")  # noqa: RUF001 - quotation marks as printed
"""A line that may end a paragraph."""
