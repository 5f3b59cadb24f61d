"""The pictures of a document as PNG files in one zip file."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pypdfium2 as pdfium
from docling.utils.locks import pypdfium2_lock
from docling_core.types.doc import DoclingDocument, PictureItem
from PIL import Image

from docparse_doctags._source import openable

_SCALE = 2.0
"""Pixels per point of a picture that is cut out of a PDF's page: 144 dots per inch."""

_DATE = (1980, 1, 1, 0, 0, 0)
"""The same in every file, so that equal pictures give equal bytes."""


def write_pictures(document: DoclingDocument, output: Path, pdf: Path | None, password: str | None) -> int:
    """Write each picture as ``N.png``, where ``#/pictures/N`` is its place in the JSON, and return how many there are.

    Those of a PDF are cut out of its pages as one sees them; those of other documents are the embedded files. Without
    pictures no file is written.

    Args:
        document: the converted document.
        output: the zip file.
        pdf: the PDF that it was made from, or None.
        password: of the PDF.
    """
    found = _cut_out(document, pdf, password) if pdf else _embedded(document)
    pictures = [(number, data) for number, data in found if data]
    if pictures:
        with zipfile.ZipFile(output, "w") as archive:
            for number, data in pictures:
                archive.writestr(zipfile.ZipInfo(f"{number}.png", _DATE), data)
    return len(pictures)


def _embedded(document: DoclingDocument) -> Iterator[tuple[int, bytes]]:
    for number, picture in enumerate(document.pictures):
        image = picture.image.pil_image if picture.image else None
        if image is not None:
            yield number, _png(image)


def _cut_out(document: DoclingDocument, path: Path, password: str | None) -> Iterator[tuple[int, bytes]]:
    with pypdfium2_lock:  # PDFium is not thread-safe
        source = pdfium.PdfDocument(openable(path), password=password)
        try:
            for number, picture in enumerate(document.pictures):
                yield number, _region(source, picture)
        finally:
            source.close()


def _region(source: pdfium.PdfDocument, picture: PictureItem) -> bytes:
    """Return what a page shows where the picture is; nothing where that is less than a pixel."""
    if not picture.prov:
        return b""
    place = picture.prov[0]
    try:
        page = source[place.page_no - 1]
    except pdfium.PdfiumError:
        return b""
    width, height = page.get_size()
    box = place.bbox.to_bottom_left_origin(height)
    left, bottom, right, top = max(0, box.l), max(0, box.b), min(width, box.r), min(height, box.t)
    if (right - left) * _SCALE < 1 or (top - bottom) * _SCALE < 1:
        return b""
    image = page.render(scale=_SCALE, crop=(left, bottom, width - right, height - top)).to_pil()
    page.close()
    return _png(image)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGBA" if "A" in image.getbands() else "RGB").save(buffer, "PNG")
    return buffer.getvalue()
