"""docling's parser of PDFs, told to keep the lines that are drawn on a page without rendering it."""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from docling.backend.docling_parse_backend import (
    ThreadedDoclingParseDocumentBackend,
    ThreadedDoclingParsePageBackend,
)
from docling.backend.pdf_backend import PdfDocumentBackend
from docling.datamodel.backend_options import PdfBackendOptions, ThreadedDoclingParseBackendOptions
from docling.datamodel.document import InputDocument
from docling.exceptions import DocumentLoadError
from docling_parse.pdf_parser import (
    ContentConfig,
    ContentLevel,
    DecodeConfig,
    DoclingThreadedPdfParser,
    ThreadedPdfParserConfig,
)

from docparse_doctags._layout._words import Word

_CONTENT = ContentConfig(
    char_cells_content_level=ContentLevel.COMPUTE,
    word_cells_content_level=ContentLevel.COMPUTE,
    line_cells_content_level=ContentLevel.COMPUTE_AND_MATERIALIZE,
    shapes_content_level=ContentLevel.COMPUTE,
    bitmaps_content_level=ContentLevel.COMPUTE_AND_MATERIALIZE,
    include_bitmap_bytes=False,
)
"""docling computes shapes only where it renders the page, and tables are told by their lines.

Words are computed and not made into docling's cells: a validated cell with its rectangle takes 37 µs, a ``Word`` 6, and
a page has 300 of them.
"""

_DEFAULTS = ThreadedDoclingParseBackendOptions.model_validate({})


class LayoutPage(ThreadedDoclingParsePageBackend):
    """A parsed page; the parameters are those of docling's pages."""

    def words(self) -> list[Word]:
        """Return the words of the page, in the parser's order."""
        page = self.get_segmented_page()
        if page is None:
            return []
        decoder = self._result._require_page_decoder()  # noqa: SLF001 - as docling's own page does for shapes
        height = page.dimension.height
        return [_word(cell, height, place) for place, cell in enumerate(decoder.get_word_cells())]


def _word(cell: Any, height: float, place: int) -> Word:
    """Return a word of the parser, whose edges count from the bottom left."""
    return Word(cell.text, cell.x0, height - cell.y1, cell.x1, height - cell.y0, cell.font_key, cell.font_name, place)


class LayoutBackend(ThreadedDoclingParseDocumentBackend):
    """Parses a PDF; the parameters are those of docling's backends."""

    def __init__(
        self, in_doc: InputDocument, path_or_stream: BytesIO | Path, options: PdfBackendOptions | None = None
    ) -> None:
        options = options or _DEFAULTS
        # docling's own constructor opens a parser that skips shapes
        PdfDocumentBackend.__init__(self, in_doc, path_or_stream, options)  # type: ignore[no-untyped-call, unused-ignore]
        self._closed = self._iterating = self._render_pages = False
        content = _CONTENT.model_copy(update={"include_bitmap_bytes": options.include_bitmap_images})
        threads = getattr(options, "parser_threads", None) or 1
        self.parser = DoclingThreadedPdfParser(
            parser_config=ThreadedPdfParserConfig(loglevel="fatal", threads=threads, page_content_config=content),
            decode_config=DecodeConfig(enforce_same_font=options.enforce_same_font),
        )
        if isinstance(self.path_or_stream, BytesIO):
            self.path_or_stream.seek(0)  # the parser's key is a digest from where the stream stands
        first, last = (min(number, sys.maxsize) for number in in_doc.limits.page_range)
        password = options.password.get_secret_value() if options.password else None
        try:
            self.doc_key = self.parser.load(self.path_or_stream, password=password, page_range=(first, last))
        except (RuntimeError, ValueError) as error:
            msg = f"docling-parse could not load document {self.document_hash}: {error}"
            raise DocumentLoadError(msg) from error

    def iter_pages(self) -> Iterator[LayoutPage]:
        """Yield the pages as they are parsed."""
        self._iterating = True
        for result in self.parser.iterate_results():
            yield LayoutPage(result, rendered=False)
        self._iterating = False
