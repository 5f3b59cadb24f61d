"""The options of the stage."""

import re
import sys
from typing import Any

import attrs

from docparse_runner import option

_RANGE = re.compile(r"(?P<first>[1-9]\d*)(?P<dash>-(?P<last>[1-9]\d*)?)?")


def page_range(text: str | None) -> tuple[int, int]:
    """Return the first and the last page of a range such as ``1-20``, ``3`` or ``5-``; None means every page.

    Raises:
        ValueError: it is not a range; the message says what one looks like.
    """
    if text is None:
        return 1, sys.maxsize
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        msg = f"pages must be a range such as 1-20, 3 or 5-, not {text!r}"
        raise ValueError(msg)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else sys.maxsize if match["dash"] else first
    if last < first:
        msg = f"pages must not end before they start: {text!r}"
        raise ValueError(msg)
    return first, last


def _is_page_range(_instance: object, _attribute: Any, value: str | None) -> None:
    page_range(value)


@attrs.frozen(kw_only=True)
class Options:
    """What the user may choose.

    The three limits decide whether a document is converted, not how; they redo nothing when they change, and what they
    refused before is tried again with ``--retry-quarantined``.

    Attributes:
        pages: the pages of PDFs and slides to convert.
        max_pages: limit of the pages, slides or sheets of one document.
        max_file_mb: limit of the size of one file, in megabytes (1,000,000 bytes).
        max_unpacked_mb: limit of the sum of an office file's or EPUB's unpacked members, in megabytes.
    """

    pages: str | None = option(
        None,
        help="Convert only these pages of PDFs and slides, for example 1-20, 3 or 5-.",
        default_text="all",
        validator=_is_page_range,
    )
    max_pages: int = option(
        5000, help="Refuse PDFs, slides and workbooks that have more.", unit="pages", affects_output=False, ge=1
    )
    max_file_mb: float = option(200.0, help="Refuse larger files.", unit="MB", affects_output=False, gt=0)
    max_unpacked_mb: float = option(
        1000.0, help="Refuse office files and EPUBs that unpack to more.", unit="MB", affects_output=False, gt=0
    )
