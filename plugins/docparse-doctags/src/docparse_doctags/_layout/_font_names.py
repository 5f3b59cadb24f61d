"""Names of fonts for which the parser only knows the page's own key, such as ``/F2``.

That is so for the standard 14 fonts where a PDF does not describe them: Helvetica, Times and Courier in the output of
many report generators. Without the name, bold headings and code look like text, and a line that begins in bold is one
cell with the text after it. PDFium knows the names; words tell how much of a line has which.
"""

import ctypes
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from docling.datamodel.base_models import Page
from docling.utils.locks import pypdfium2_lock
from docling_core.types.doc import BoundingBox, CoordOrigin
from docling_core.types.doc.page import PdfTextCell

from docparse_doctags._layout._words import Word

_NAME_BYTES = 256
_MOST_OBJECTS = 2000
"""How many pieces of text of one page are looked at; a font that is not among them is rare on the page."""


def name_fonts(
    pages: Iterable[Page], words: Mapping[int, Sequence[Word]], source: Path | BytesIO, password: str | None = None
) -> None:
    """Write the names of fonts into the lines of the pages where the parser had none.

    Args:
        pages: pages with parsed lines, which are changed.
        words: number of a page → its words.
        source: the PDF.
        password: to open it with.
    """
    nameless = [(page, cells) for page in pages if (cells := _nameless_cells(page))]
    if not nameless:
        return
    if isinstance(source, BytesIO):
        source.seek(0)
    with pypdfium2_lock:  # PDFium is not thread-safe
        try:
            document = pdfium.PdfDocument(source, password=password)
        except pdfium.PdfiumError:
            return
        names = [_names(document[page.page_no - 1], cells) for page, cells in nameless]
        document.close()
    for (page, cells), known in zip(nameless, names, strict=True):
        ordered = sorted(words.get(page.page_no, ()), key=_down)
        for cell in cells:
            cell.font_name = _most(cell, ordered, known)


def _nameless_cells(page: Page) -> list[PdfTextCell]:
    cells = page.parsed_page.textline_cells if page.parsed_page else []
    return [cell for cell in cells if isinstance(cell, PdfTextCell) and cell.font_name in {cell.font_key, "", "null"}]


def _names(page: pdfium.PdfPage, cells: Sequence[PdfTextCell]) -> dict[str, str]:
    """Return font key → name, as far as a piece of text lies in one of the cells."""
    height = page.get_height()
    boxes = [(_bottom_left(cell, height), cell) for cell in cells]
    wanted = {cell.font_key for cell in cells}
    names: dict[str, str] = {}
    for across, up, name in _text_objects(page):
        for box, cell in boxes:
            if cell.font_key not in names and box.l < across < box.r and box.b < up < box.t:
                names[cell.font_key] = name
        if len(names) == len(wanted):
            break
    page.close()
    return names


def _most(line: PdfTextCell, words: Sequence[Word], names: Mapping[str, str]) -> str:
    """Return the name of the font that most letters of a line have."""
    box = line.rect.to_bounding_box()
    low, high = sorted((box.t, box.b))
    letters: Counter[str] = Counter()
    for word in words[bisect_left(words, low, key=_down) : bisect_right(words, high, key=_down)]:
        if box.l <= word.across <= box.r:
            letters[names.get(word.font_key, line.font_name)] += len(word.text)
    return letters.most_common(1)[0][0] if letters else names.get(line.font_key, line.font_name)


def _down(word: Word) -> float:
    return word.down


def _bottom_left(cell: PdfTextCell, height: float) -> BoundingBox:
    box = cell.rect.to_bounding_box()
    return box if box.coord_origin is CoordOrigin.BOTTOMLEFT else box.to_bottom_left_origin(height)


def _text_objects(page: pdfium.PdfPage) -> Iterator[tuple[float, float, str]]:
    """Yield the middle, in points from the bottom left, and the font name of each piece of text."""
    edges = [ctypes.c_float() for _ in range(4)]
    name = ctypes.create_string_buffer(_NAME_BYTES)
    for index in range(min(pdfium_c.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        item = pdfium_c.FPDFPage_GetObject(page, index)
        if pdfium_c.FPDFPageObj_GetType(item) != pdfium_c.FPDF_PAGEOBJ_TEXT:
            continue
        if not pdfium_c.FPDFPageObj_GetBounds(item, *edges):
            continue
        left, bottom, right, top = (edge.value for edge in edges)
        pdfium_c.FPDFFont_GetBaseFontName(pdfium_c.FPDFTextObj_GetFont(item), name, _NAME_BYTES)
        yield (left + right) / 2, (bottom + top) / 2, name.value.decode("latin-1")
