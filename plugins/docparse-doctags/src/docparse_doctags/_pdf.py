"""What is looked at before docling sees a PDF: a password, the number of pages, a text layer."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from docling.utils.locks import pypdfium2_lock

from docparse_doctags._refusal import AGAIN, refusal
from docparse_doctags._source import openable

NO_TEXT = "the PDF has no text layer and OCR is off: it is a scan, or its text is drawn as shapes"
NOTHING_READ = "the PDF has no text layer, and OCR found no text in it either"

_LOCKED = (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY)


@attrs.frozen(kw_only=True)
class PdfFacts:
    """What PDFium knows of a PDF.

    Attributes:
        pages: how many there are; 0 where PDFium cannot open it.
        password: the one that opens it, or None where it needs none.
    """

    pages: int = 0
    password: str | None = None


def check_pdf(
    path: Path, *, max_pages: int, pages: tuple[int, int], passwords: Sequence[str] = (), needs_text: bool = True
) -> PdfFacts:
    """Return what is known of a PDF, and refuse one that cannot be converted.

    A damaged one passes: docling's parser repairs more than PDFium does, so it has the last word.

    Args:
        path: the PDF.
        max_pages: the limit.
        pages: first and last page wanted, counted from 1.
        passwords: to try, one after the other.
        needs_text: whether one without a text layer cannot be converted.

    Raises:
        StageError: of category ``input``: encrypted, too many pages, none of the pages wanted, or no text layer.
    """
    with pypdfium2_lock:  # PDFium is not thread-safe
        document, password = _opened(path, passwords)
        if document is None:
            return PdfFacts()
        try:
            wanted = _wanted(len(document), max_pages=max_pages, pages=pages)
            if needs_text and not _has_text(document, wanted):
                raise refusal(NO_TEXT)
            return PdfFacts(pages=len(document), password=password)
        finally:
            document.close()


def _opened(path: Path, passwords: Sequence[str]) -> tuple[pdfium.PdfDocument | None, str | None]:
    for password in (None, *passwords):
        try:
            return pdfium.PdfDocument(openable(path), password=password), password
        except pdfium.PdfiumError as error:
            if error.err_code not in _LOCKED:
                return None, None
    if passwords:
        msg = "the PDF is encrypted, and no password that was given opens it"
        raise refusal(msg)
    msg = "the PDF is encrypted: save it without a password"
    raise refusal(msg, detail="or put the password into a file, and name that in DOCPARSE_DOCTAGS__PASSWORD_FILE")


def _wanted(count: int, *, max_pages: int, pages: tuple[int, int]) -> range:
    if count > max_pages:
        msg = f"the PDF has {count:,} pages, more than the limit --max-pages {max_pages}: {AGAIN}"
        raise refusal(msg)
    wanted = range(pages[0] - 1, min(pages[1], count))
    if count and not wanted:
        msg = f"the PDF has {count} pages and --pages begins at {pages[0]}"
        raise refusal(msg)
    return wanted


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
