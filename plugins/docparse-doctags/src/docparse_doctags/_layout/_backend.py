"""docling's parser of PDFs, told to keep the lines that are drawn on a page without rendering it."""

import sys
from io import BytesIO
from pathlib import Path

from docling.backend.docling_parse_backend import ThreadedDoclingParseDocumentBackend
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

_CONTENT = ContentConfig(
    char_cells_content_level=ContentLevel.COMPUTE,
    word_cells_content_level=ContentLevel.COMPUTE_AND_MATERIALIZE,
    line_cells_content_level=ContentLevel.COMPUTE_AND_MATERIALIZE,
    shapes_content_level=ContentLevel.COMPUTE,
    bitmaps_content_level=ContentLevel.COMPUTE_AND_MATERIALIZE,
    include_bitmap_bytes=False,
)
"""docling computes shapes only where it renders the page, and tables are told by their lines."""


_DEFAULTS = ThreadedDoclingParseBackendOptions.model_validate({})


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
