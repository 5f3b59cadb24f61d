"""Text for pages that have none: RapidOCR, with the models that its package carries, between parser and layout."""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import attrs
import numpy as np
import pypdfium2 as pdfium
from docling.backend.image_backend import ImageDocumentBackend
from docling.backend.pdf_backend import PdfDocumentBackend, PdfPageBackend
from docling.utils.locks import pypdfium2_lock
from docling_core.types.doc import BoundingBox, CoordOrigin
from docling_core.types.doc.page import BoundingRectangle, SegmentedPdfPage, TextCell
from PIL import Image

from docparse_doctags._readers import Reader

_SCALE = 2.0
"""Pixels per point: 144 dots per inch. At 216 a page takes four times as long."""


@cache
def _reader() -> Any:
    """Return the one reader of this process; opening it takes 0.3 s."""
    from rapidocr import RapidOCR  # noqa: PLC0415 - an extra

    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))  # the runner's share of the cores
    settings = {"Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": threads}
    return RapidOCR(params=settings)


def _has_text(page: SegmentedPdfPage) -> bool:
    return any(cell.text.strip() for cell in page.textline_cells)


def _read_into(page: SegmentedPdfPage, image: Image.Image, scale: tuple[float, float]) -> None:
    """Add the lines that OCR finds in the image of a page; `scale` is its pixels per point, across and down."""
    found = _reader()(np.asarray(image.convert("RGB"))[:, :, ::-1])  # OpenCV's order of colours
    if found.txts is None:
        return
    for index, (text, box, score) in enumerate(zip(found.txts, found.boxes, found.scores, strict=True)):
        left, top = box.min(axis=0) / scale
        right, bottom = box.max(axis=0) / scale
        corners = BoundingBox(l=left, t=top, r=right, b=bottom, coord_origin=CoordOrigin.TOPLEFT)
        rect = BoundingRectangle.from_bounding_box(corners)
        page.textline_cells.append(
            TextCell(index=index, rect=rect, text=text, orig=text, confidence=float(score), from_ocr=True)
        )
    page.has_lines = True


class _OcrPages:
    """Mixed into a backend for PDFs: pages without a text layer get one before anybody sees them."""

    ocr_pages: int = 0

    def _completed(self, page: PdfPageBackend, image: Image.Image) -> None:
        parsed = page.get_segmented_page()
        if parsed is None:
            return
        size = page.get_size()
        _read_into(parsed, image, (image.width / size.width, image.height / size.height))
        self.ocr_pages += 1


def _pdf_backend(base: type[PdfDocumentBackend]) -> type[PdfDocumentBackend]:
    """Return a backend that reads pages without text by OCR, and is otherwise what it was."""

    class OcrPdfBackend(_OcrPages, base):  # type: ignore[misc, valid-type]  # the base is chosen by the engine
        def iter_pages(self) -> Iterator[PdfPageBackend]:
            for page in super().iter_pages():
                yield self._with_text(page)

        def load_page(self, page_no: int) -> PdfPageBackend:
            return self._with_text(super().load_page(page_no))

        def _with_text(self, page: PdfPageBackend) -> PdfPageBackend:
            parsed = page.get_segmented_page() if page.is_valid() else None
            if parsed is not None and not _has_text(parsed):
                self._completed(page, self._rendered(page.page_no))
            return page

        def _rendered(self, number: int) -> Image.Image:
            secret = self.options.password
            if hasattr(self.path_or_stream, "seek"):
                self.path_or_stream.seek(0)
            with pypdfium2_lock:  # PDFium is not thread-safe
                password = secret.get_secret_value() if secret else None
                document = pdfium.PdfDocument(self.path_or_stream, password=password, autoclose=False)
                try:
                    image: Image.Image = document[number - 1].render(scale=_SCALE).to_pil()
                    return image
                finally:
                    document.close()

    return OcrPdfBackend


class OcrImageBackend(_OcrPages, ImageDocumentBackend):
    """Reads images, all of whose text is found by OCR."""

    def load_page(self, page_no: int) -> PdfPageBackend:  # type: ignore[override]  # docling's names its private class
        """Return one frame with its text."""
        page = super().load_page(page_no)
        parsed = page.get_segmented_page()
        page.get_segmented_page = lambda: parsed  # type: ignore[method-assign]  # docling's makes an empty one each time
        page.get_text_cells = lambda: parsed.textline_cells  # type: ignore[method-assign]
        self._completed(page, page.get_page_image())
        return page


def with_ocr(reader: Reader) -> Reader:
    """Return an engine's reader of PDFs that reads pages without text by OCR."""
    if not issubclass(reader.backend, PdfDocumentBackend):
        return reader
    return attrs.evolve(reader, backend=_pdf_backend(reader.backend))


def image_reader(reader: Reader) -> Reader:
    """Return the same engine's reader of images, whose text OCR reads."""
    return attrs.evolve(reader, backend=OcrImageBackend, backend_options=None)
