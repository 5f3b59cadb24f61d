"""What is tried after a document failed for a reason that is not the document's: less, until something is left."""

import attrs

from docparse_doctags._formats import PAGED
from docparse_runner import StageError

RUNGS = ("pypdfium2", "no-ocr", "native", "text")
"""The names of the fallbacks, in the order in which they are tried."""

_GIVEN_UP = {
    "pypdfium2": "read by PDFium, without the fonts and rules that docling's parser sees",
    "no-ocr": "without OCR",
    "native": "by the native engine instead of {engine}",
    "text": "text only: no headings, tables, lists or pictures",
}


@attrs.frozen(kw_only=True)
class Way:
    """One way to convert a document.

    Attributes:
        engine: ``native``, ``ml``, ``vlm``, or ``text``, which is no engine of docling's.
        ocr: whether pages without text are read by OCR.
        other_backend: whether PDFium reads PDFs instead of docling's parser.
        given_up: what a fallback leaves out, for the person who owns the document; empty for the first try.
    """

    engine: str
    ocr: bool
    other_backend: bool = False
    given_up: str = ""


def way_of(first: Way, kind: str, fallback: str | None) -> Way:
    """Return how to convert a document of this format in this attempt.

    Raises:
        StageError: the fallback would do what was tried before; the next one is tried.
    """
    if fallback is None:
        return first
    if not _differs(first, kind, fallback):
        msg = f"the fallback {fallback!r} changes nothing for this document"
        raise StageError(msg)
    given_up = _GIVEN_UP[fallback].format(engine=first.engine)
    if fallback == "pypdfium2":
        return attrs.evolve(first, other_backend=True, given_up=given_up)
    if fallback == "no-ocr":
        return attrs.evolve(first, ocr=False, given_up=given_up)
    needs_ocr = kind == "image" or first.engine == "vlm"  # else the ladder has just come from doing without
    return Way(engine=fallback, ocr=first.ocr and needs_ocr, given_up=given_up)


def _differs(first: Way, kind: str, fallback: str) -> bool:
    if fallback == "text":
        return kind != "image"
    if kind not in PAGED:
        return False
    if fallback == "no-ocr":
        return first.ocr and kind == "pdf"
    if fallback == "native":
        return first.engine != "native" and (kind == "pdf" or first.ocr)
    return kind == "pdf" and first.engine != "vlm"
