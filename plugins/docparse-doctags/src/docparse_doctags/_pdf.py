"""What is looked at before docling sees a PDF: a password, the number of pages, a text layer."""

from collections.abc import Iterable
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from docling.utils.locks import pypdfium2_lock

from docparse_doctags._refusal import AGAIN, refusal
from docparse_doctags._source import openable

NO_TEXT = "the PDF has no text layer and OCR is off: it is a scan, or its text is drawn as shapes"


def check_pdf(path: Path, *, max_pages: int, pages: tuple[int, int]) -> None:
    """Refuse a PDF that cannot be converted.

    A damaged one passes: docling's parser repairs more than PDFium does, so it has the last word.

    Args:
        path: the PDF.
        max_pages: the limit.
        pages: first and last page wanted, counted from 1.

    Raises:
        StageError: of category ``input``: encrypted, too many pages, none of the pages wanted, or no text layer.
    """
    with pypdfium2_lock:  # PDFium is not thread-safe
        try:
            document = pdfium.PdfDocument(openable(path))
        except pdfium.PdfiumError as error:
            if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
                msg = "the PDF is encrypted: save it without a password"
                raise refusal(msg) from None
            return
        try:
            _check_pages(document, max_pages=max_pages, pages=pages)
        finally:
            document.close()


def _check_pages(document: pdfium.PdfDocument, *, max_pages: int, pages: tuple[int, int]) -> None:
    count = len(document)
    if count > max_pages:
        msg = f"the PDF has {count:,} pages, more than the limit --max-pages {max_pages}: {AGAIN}"
        raise refusal(msg)
    wanted = range(pages[0] - 1, min(pages[1], count))
    if count and not wanted:
        msg = f"the PDF has {count} pages and --pages begins at {pages[0]}"
        raise refusal(msg)
    if not _has_text(document, wanted):
        raise refusal(NO_TEXT)


def _has_text(document: pdfium.PdfDocument, wanted: Iterable[int]) -> bool:
    """Return whether a page has a character, or cannot be read by PDFium, which settles nothing."""
    for index in wanted:
        try:
            page = document[index]
            characters = page.get_textpage().count_chars()
        except pdfium.PdfiumError:
            return True
        page.close()
        if characters:
            return True
    return False
