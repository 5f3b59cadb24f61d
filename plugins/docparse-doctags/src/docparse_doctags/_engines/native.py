"""The engine that needs no model: what the PDF itself says about its text."""

from docling.datamodel.pipeline_options import NativePdfPipelineOptions
from docling.document_converter import FormatOption, NativePdfFormatOption

NAME = "native"


def pdf_option() -> FormatOption:
    """Return docling's torch-free pipeline: no layout model, no OCR, no rendering.

    One parser thread: processes scale, threads do not (0.8 x for two), and the runner starts one process per core.
    """
    return NativePdfFormatOption(
        pipeline_options=NativePdfPipelineOptions(
            generate_page_images=False, generate_picture_images=False, parser_threads=1
        )
    )
