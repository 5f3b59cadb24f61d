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


ENGINES = ("auto", "native", "ml", "vlm")
"""What can convert PDFs and images."""


@attrs.frozen(kw_only=True)
class Options:
    """What the user may choose.

    The limits decide whether a document is converted, not how; they redo nothing when they change, and what they
    refused before is tried again with ``--retry-quarantined``. What ``auto`` and ``artifacts`` mean, and model and
    prompt of the engine ``vlm`` where it is used, enter the config hash through ``docparse_resolve``.

    Attributes:
        pages: the pages of PDFs and slides to convert.
        engine: what converts PDFs and images.
        ocr: whether pages without text are read by OCR where it is installed.
        artifacts: the folder of docling's models; None means ``DOCLING_ARTIFACTS_PATH``, then the hub's cache.
        table_mode: how docling's models read tables.
        vlm_url: the endpoint of a vision-language model.
        vlm_model: its name there.
        vlm_answers: what the model answers with.
        vlm_prompt: what it is asked.
        vlm_key: the endpoint's key.
        also: further exports beside the JSON and DocTags.
        pictures: whether pictures are written as PNG files.
        password: of encrypted PDFs.
        legacy_office: whether LibreOffice converts legacy Office files and RTF.
        pages_at_once: how many pages of one PDF are in memory together.
        max_pages: limit of the pages, slides or sheets of one document.
        max_file_mb: limit of the size of one file, in megabytes (1,000,000 bytes).
        max_unpacked_mb: limit of the sum of an office file's or EPUB's unpacked members, in megabytes.
        max_text_mb: limit of the size of a text: HTML, Markdown, CSV, XML and the like, in megabytes.
        max_cells: limit of the cells of one workbook or CSV file.
    """

    pages: str | None = option(
        None,
        help="Convert only these pages of PDFs and slides, for example 1-20, 3 or 5-.",
        default_text="all",
        validator=_is_page_range,
    )
    engine: str = option(
        "auto",
        help="What converts PDFs and images; auto is ml where its weights are, else native.",
        choices=ENGINES,
    )
    ocr: str = option(
        "auto",
        help="Read pages that have no text with OCR, where the extra ocr is installed.",
        choices=("auto", "off"),
    )
    artifacts: str | None = option(
        None,
        help="Folder of docling's models, for the engine ml.",
        default_text="DOCLING_ARTIFACTS_PATH, or the hub's cache",
        affects_output=False,
    )
    table_mode: str = option("accurate", help="How the engine ml reads tables.", choices=("accurate", "fast", "off"))
    vlm_url: str = option(
        "http://localhost:8000/v1/chat/completions",
        help="Endpoint of the engine vlm, in the way of OpenAI's chat completions.",
        affects_output=False,
    )
    vlm_model: str = option(
        "ibm-granite/granite-docling-258M", help="Model of the engine vlm, by its name there.", affects_output=False
    )
    vlm_answers: str = option(
        "doctags",
        help="What the model of the engine vlm answers with.",
        choices=("doctags", "markdown"),
    )
    vlm_prompt: str = option(
        "Convert this page to docling.", help="What the engine vlm asks of each page.", affects_output=False
    )
    vlm_key: str | None = option(None, help="Key of the endpoint of the engine vlm.", secret=True)
    also: tuple[str, ...] = option((), help="Write these too.", choices=("markdown", "html", "doclang"))
    pictures: bool = option(False, help="Write the pictures of each document as PNG files in one zip file.")
    password: str | None = option(None, help="Password of encrypted PDFs; each line of its file is tried.", secret=True)
    legacy_office: bool = option(
        False, help="Have LibreOffice convert .doc, .ppt, .xls and .rtf files first.", affects_output=False
    )
    pages_at_once: int = option(
        200, help="Convert longer PDFs in parts, which bounds the memory that one takes.", unit="pages", ge=1
    )
    max_pages: int = option(
        5000, help="Refuse PDFs, slides and workbooks that have more.", unit="pages", affects_output=False, ge=1
    )
    max_file_mb: float = option(200.0, help="Refuse larger files.", unit="MB", affects_output=False, gt=0)
    max_unpacked_mb: float = option(
        1000.0, help="Refuse office files and EPUBs that unpack to more.", unit="MB", affects_output=False, gt=0
    )
    max_text_mb: float = option(
        20.0, help="Refuse larger HTML, Markdown, CSV, XML and other text files.", unit="MB", affects_output=False, gt=0
    )
    max_cells: int = option(
        500_000, help="Refuse workbooks and CSV files that have more.", unit="cells", affects_output=False, ge=1
    )
