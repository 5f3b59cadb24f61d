"""Sizes of fonts as the PDF sets them, for headings: heights of letters are too inexact to tell 14 from 15 points."""

import ctypes
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from docling.utils.locks import pypdfium2_lock

from docparse_doctags._layout._lines import Line, PageLines

_MOST_OBJECTS = 3000


def font_sizes(
    headings: Mapping[int, Sequence[Line]],
    pages: Iterable[PageLines],
    source: Path | BytesIO,
    password: str | None = None,
) -> dict[Line, float]:
    """Return line → its font size in points, as far as PDFium finds text in the middle of it.

    Args:
        headings: number of a page → the lines.
        pages: those pages.
        source: the PDF.
        password: to open it with.
    """
    if isinstance(source, BytesIO):
        source.seek(0)
    with pypdfium2_lock:  # PDFium is not thread-safe
        try:
            document = pdfium.PdfDocument(source, password=password)
        except pdfium.PdfiumError:
            return {}
        found: dict[Line, float] = {}
        for page in pages:
            if headings.get(page.number):
                found |= _sizes(document, page, headings[page.number])
        document.close()
    return found


def _sizes(document: pdfium.PdfDocument, page: PageLines, lines: Sequence[Line]) -> dict[Line, float]:
    try:
        opened = document[page.number - 1]
    except pdfium.PdfiumError:
        return {}
    height = opened.get_height()
    edges = [ctypes.c_float() for _ in range(4)]
    found: dict[Line, float] = {}
    for index in range(min(pdfium_c.FPDFPage_CountObjects(opened), _MOST_OBJECTS)):
        item = pdfium_c.FPDFPage_GetObject(opened, index)
        if pdfium_c.FPDFPageObj_GetType(item) != pdfium_c.FPDF_PAGEOBJ_TEXT:
            continue
        if not pdfium_c.FPDFPageObj_GetBounds(item, *edges):
            continue
        left, bottom, right, top = (edge.value for edge in edges)
        for line in lines:
            if line not in found and page.is_inside(line, left - 1, height - top - 1, right + 1, height - bottom + 1):
                found[line] = _size(item)
        if len(found) == len(lines):
            break
    opened.close()
    return {line: size for line, size in found.items() if size > 0}


def _size(item: pdfium_c.FPDF_PAGEOBJECT) -> float:
    size, matrix = ctypes.c_float(), pdfium_c.FS_MATRIX()
    pdfium_c.FPDFTextObj_GetFontSize(item, size)
    pdfium_c.FPDFPageObj_GetMatrix(item, matrix)
    return round(size.value * float((matrix.c**2 + matrix.d**2) ** 0.5), 1)
