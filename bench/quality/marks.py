"""Colours that nobody sees and that tell, in the exported PDF, which part of the source a letter or line belongs to."""

import ctypes
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

_STEPS = 40
"""Red and green below this are black to the eye."""


def colour_of(index: int) -> tuple[int, int, int]:
    """Return the colour of the part with that index, counted from 0."""
    return (index + 1) % _STEPS, (index + 1) // _STEPS, 0


def hex_of(index: int) -> str:
    """Return the same as six hexadecimal digits."""
    return "".join(f"{value:02x}" for value in colour_of(index))


def boxes(path: Path) -> dict[int, dict[int, tuple[float, float, float, float]]]:
    """Return index of a part → number of a page → left, top, right, bottom of what has its colour there."""
    found: dict[int, dict[int, tuple[float, float, float, float]]] = {}
    document = pdfium.PdfDocument(path)
    for number, page in enumerate(document, 1):
        height = page.get_height()
        for item in page.get_objects(max_depth=4):
            index = _index(item.raw)
            if index is None:
                continue
            left, bottom, right, top = item.get_bounds()
            new = (left, height - top, right, height - bottom)
            old = found.setdefault(index, {}).get(number, new)
            found[index][number] = (
                min(old[0], new[0]),
                min(old[1], new[1]),
                max(old[2], new[2]),
                max(old[3], new[3]),
            )
        page.close()
    document.close()
    return found


def _index(item: pdfium_c.FPDF_PAGEOBJECT) -> int | None:
    kind = pdfium_c.FPDFPageObj_GetType(item)
    if kind not in {pdfium_c.FPDF_PAGEOBJ_TEXT, pdfium_c.FPDF_PAGEOBJ_PATH}:
        return None
    getters = [pdfium_c.FPDFPageObj_GetFillColor]
    if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
        mode, stroked = ctypes.c_int(), ctypes.c_int()
        pdfium_c.FPDFPath_GetDrawMode(item, mode, stroked)
        getters = [pdfium_c.FPDFPageObj_GetFillColor] if mode.value else [pdfium_c.FPDFPageObj_GetStrokeColor]
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not getters[0](item, red, green, blue, alpha):
        return None
    if blue.value or red.value >= _STEPS or green.value >= _STEPS:
        return None
    index = green.value * _STEPS + red.value - 1
    return index if index >= 0 else None
