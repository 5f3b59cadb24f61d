"""What docling is told about PDFs and images, for each engine and each fallback."""

import os
from collections.abc import Mapping

from docling.backend.image_backend import ImageDocumentBackend
from docling.backend.pypdfium2_backend import PyPdfiumDocumentBackend
from docling.datamodel.base_models import InputFormat
from docling.document_converter import FormatOption

from docparse_doctags._detect import find_models
from docparse_doctags._options import Options
from docparse_runner import StageContext

FormatOptions = Mapping[InputFormat, FormatOption]


def format_options(context: StageContext, engine: str, *, ocr: bool, other_backend: bool = False) -> FormatOptions:
    """Return docling's options for PDFs, and for images where the engine can read them.

    Args:
        context: of the worker.
        engine: ``native``, ``ml`` or ``vlm``.
        ocr: whether pages without text are read by OCR; the engine ``vlm`` needs none.
        other_backend: whether PDFium reads the PDFs instead of docling's own parser.
    """
    option = _pdf_option(context, engine)
    if other_backend:
        option = option.model_copy(update={"backend": PyPdfiumDocumentBackend, "backend_options": None})
    if engine == "vlm":
        image = option.model_copy(update={"backend": ImageDocumentBackend, "backend_options": None})
        return {InputFormat.PDF: option, InputFormat.IMAGE: image}
    if not ocr:
        return {InputFormat.PDF: option}
    from docparse_doctags import _ocr  # noqa: PLC0415 - an extra

    return {InputFormat.PDF: _ocr.with_ocr(option), InputFormat.IMAGE: _ocr.image_option(option)}


def _pdf_option(context: StageContext, engine: str) -> FormatOption:
    options: Options = context.options
    if engine == "ml":
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # what is not on this machine is not waited for
        from docparse_doctags._engines import ml  # noqa: PLC0415 - torch

        models = find_models(options.artifacts)
        tables = context.resolved.get("tables", "off")
        return ml.pdf_option(artifacts=models.artifacts, tables=tables, device=context.device, threads=context.threads)
    if engine == "vlm":
        from docparse_doctags._engines import vlm  # noqa: PLC0415 - transformers, where it is installed

        return vlm.pdf_option(
            url=options.vlm_url,
            model=options.vlm_model,
            answers=options.vlm_answers,
            prompt=options.vlm_prompt,
            key=options.vlm_key,
        )
    from docparse_doctags._engines import native  # noqa: PLC0415 - docling

    return native.pdf_option()
