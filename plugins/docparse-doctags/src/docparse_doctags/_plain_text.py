"""The text of a document and nothing else: what is left when docling cannot convert it at all.

Nothing here recurses, builds a tree, or takes longer than reading the file a few times.
"""

import codecs
import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pypdfium2 as pdfium
from docling.utils.locks import pypdfium2_lock
from docling_core.types.doc import (
    BoundingBox,
    CoordOrigin,
    DocItemLabel,
    DoclingDocument,
    ProvenanceItem,
    Size,
)

from docparse_doctags._archive import opened
from docparse_doctags._formats import ARCHIVES
from docparse_doctags._refusal import refusal
from docparse_doctags._sniff import OLE
from docparse_doctags._source import openable, shown_name

_LONGEST = 20_000_000
"""So much text of one document at most, in characters."""

_TEXT_PARTS = re.compile(
    r"word/document\.xml|ppt/slides/slide\d+\.xml|xl/sharedStrings\.xml|xl/worksheets/sheet\d+\.xml|content\.xml|.*\.x?html?",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"<(script|style|head|v|f)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
"""What is no text: of a worksheet, numbers and formulas; the numbers of cells with text are those of the text."""

_BLOCK = re.compile(
    r"</?(?:\w+:)?(?:p|div|h[1-6h]?|li|tr|td|th|br|table|section|article|si|is|a:p|title|sec|blockquote|pre)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"\n\s*\n")
_TAGGED = ARCHIVES | {"html", "mhtml", "xml_jats", "xml_doclang", "xml_uspto"}


def plain_document(path: Path, kind: str, *, pages: tuple[int, int], password: str | None) -> DoclingDocument:
    """Return a document of paragraphs; those of a PDF have their page.

    Raises:
        StageError: of category ``input``: there is no text in it.
        OSError: the file cannot be read.
    """
    document = DoclingDocument(name=Path(shown_name(path)).stem)
    if kind == "pdf":
        _fill_from_pdf(document, path, pages, password)
    elif not (data := path.read_bytes()).startswith(OLE):  # an Outlook message, whose bytes are no text
        text = _archived(path) if kind in ARCHIVES else _decoded(data)
        for paragraph in _paragraphs(_untagged(text) if kind in _TAGGED else text):
            document.add_text(label=DocItemLabel.TEXT, text=paragraph)
    if not document.texts:
        msg = "docling cannot convert it, and there is no text in it that could be saved"
        raise refusal(msg)
    return document


def _paragraphs(text: str) -> Iterator[str]:
    for block in _BREAK.split(text[:_LONGEST]):
        words = " ".join(block.split())
        if words:
            yield words


def _untagged(markup: str) -> str:
    return html.unescape(_TAG.sub("", _BLOCK.sub("\n\n", _HIDDEN.sub(" ", markup))))


def _decoded(data: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def _archived(path: Path) -> str:
    """Return the markup of the parts of an office file or EPUB that hold its text."""
    parts: list[str] = []
    with opened(path) as archive:
        for member in archive.infolist():
            if _TEXT_PARTS.fullmatch(member.filename):
                with archive.open(member) as file:
                    parts.append(file.read(_LONGEST).decode("utf-8", "replace"))
    return "\n\n".join(parts)


def _fill_from_pdf(document: DoclingDocument, path: Path, pages: tuple[int, int], password: str | None) -> None:
    with pypdfium2_lock:  # PDFium is not thread-safe
        source = pdfium.PdfDocument(openable(path), password=password)
        try:
            for number in range(pages[0], min(pages[1], len(source)) + 1):
                _add_page(document, source, number)
        finally:
            source.close()


def _add_page(document: DoclingDocument, source: pdfium.PdfDocument, number: int) -> None:
    try:
        page = source[number - 1]
    except pdfium.PdfiumError:
        return
    width, height = page.get_size()
    document.add_page(page_no=number, size=Size(width=width, height=height))
    box = BoundingBox(l=0, b=0, r=width, t=height, coord_origin=CoordOrigin.BOTTOMLEFT)
    for paragraph in _of_lines(page.get_textpage().get_text_range().split("\r\n")):
        place = ProvenanceItem(page_no=number, bbox=box, charspan=(0, len(paragraph)))
        document.add_text(label=DocItemLabel.TEXT, text=paragraph, prov=place)
    page.close()


def _of_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the paragraphs of a page; PDFium marks a hyphen at the end of a line with U+FFFE."""
    yield from _paragraphs("\n".join(lines).replace("\ufffe\n", "").replace("\ufffe", ""))
