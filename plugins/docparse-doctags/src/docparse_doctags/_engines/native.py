"""The engine that needs no model: what the PDF itself says about its text, and a layout drawn from that."""

from docling.datamodel.backend_options import ThreadedDoclingParseBackendOptions
from docling.datamodel.pipeline_options import NativePdfPipelineOptions

from docparse_doctags._layout._backend import LayoutBackend
from docparse_doctags._layout._pipeline import LayoutPdfPipeline
from docparse_doctags._readers import Reader

NAME = "native"


def pdf_reader() -> Reader:
    """Return docling's torch-free pipeline with our layout: no model, no OCR, no rendering.

    One parser thread: processes scale, threads do not (0.8 x for two), and the runner starts one process per core.
    """
    return Reader(
        pipeline=LayoutPdfPipeline,
        backend=LayoutBackend,
        options=NativePdfPipelineOptions(generate_page_images=False, generate_picture_images=False, parser_threads=1),
        backend_options=ThreadedDoclingParseBackendOptions.model_validate(
            {"parser_threads": 1, "include_bitmap_images": False, "render_pages": False}
        ),
    )
