"""What reads PDFs and images, for each engine and each fallback."""

import os

import attrs
from docling.backend.image_backend import ImageDocumentBackend
from docling.backend.pypdfium2_backend import PyPdfiumDocumentBackend
from docling.datamodel.base_models import InputFormat

from docparse_doctags._detect import find_models
from docparse_doctags._options import Options
from docparse_doctags._readers import Reader, Readers
from docparse_runner import StageContext


def readers_of(context: StageContext, engine: str, *, ocr: bool, other_backend: bool = False) -> Readers:
    """Return what reads PDFs, and images where the engine can.

    Args:
        context: of the worker.
        engine: ``native``, ``ml`` or ``vlm``.
        ocr: whether pages without text are read by OCR; the engine ``vlm`` needs none.
        other_backend: whether PDFium reads the PDFs instead of docling's own parser.
    """
    reader = _pdf_reader(context, engine)
    if other_backend:
        reader = attrs.evolve(reader, backend=PyPdfiumDocumentBackend, backend_options=None)
    if engine == "vlm":
        image = attrs.evolve(reader, backend=ImageDocumentBackend, backend_options=None)
        return {InputFormat.PDF: reader, InputFormat.IMAGE: image}
    if not ocr:
        return {InputFormat.PDF: reader}
    from docparse_doctags import _ocr  # noqa: PLC0415 - an extra

    return {InputFormat.PDF: _ocr.with_ocr(reader), InputFormat.IMAGE: _ocr.image_reader(reader)}


def _pdf_reader(context: StageContext, engine: str) -> Reader:
    options: Options = context.options
    if engine == "ml":
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # what is not on this machine is not waited for
        from docparse_doctags._engines import ml  # noqa: PLC0415 - torch

        models = find_models(options.artifacts)
        tables = context.resolved.get("tables", "off")
        return ml.pdf_reader(artifacts=models.artifacts, tables=tables, device=context.device, threads=context.threads)
    if engine == "vlm":
        from docparse_doctags._engines import vlm  # noqa: PLC0415 - transformers, where it is installed

        return vlm.pdf_reader(
            url=options.vlm_url,
            model=options.vlm_model,
            answers=options.vlm_answers,
            prompt=options.vlm_prompt,
            key=options.vlm_key,
        )
    from docparse_doctags._engines import native  # noqa: PLC0415 - docling

    return native.pdf_reader()
