"""The engine that needs no model: what the PDF itself says about its text, and a layout drawn from that."""

from docling.datamodel.pipeline_options import NativePdfPipelineOptions
from docling.document_converter import FormatOption, NativePdfFormatOption

from docparse_doctags._layout._backend import LayoutBackend
from docparse_doctags._layout._pipeline import LayoutPdfPipeline

NAME = "native"


def pdf_option() -> FormatOption:
    """Return docling's torch-free pipeline with our layout: no model, no OCR, no rendering.

    One parser thread: processes scale, threads do not (0.8 x for two), and the runner starts one process per core.
    """
    return NativePdfFormatOption(
        pipeline_cls=LayoutPdfPipeline,
        backend=LayoutBackend,
        pipeline_options=NativePdfPipelineOptions(
            generate_page_images=False, generate_picture_images=False, parser_threads=1
        ),
    )
