"""docling's standard pipeline: its layout model, its table model, and whatever text the pages have."""

from pathlib import Path

from docling.backend.docling_parse_backend import ThreadedDoclingParseDocumentBackend
from docling.datamodel.accelerator_options import AcceleratorOptions
from docling.datamodel.pipeline_options import PdfPipelineOptions, TableStructureOptions
from docling.pipeline.standard_pdf_pipeline import StandardPdfPipeline

from docparse_doctags._readers import Reader

NAME = "ml"


def pdf_reader(*, artifacts: Path | None, tables: str, device: str, threads: int) -> Reader:
    """Return docling's standard pipeline without its OCR, which needs models of its own.

    Args:
        artifacts: the folder of the weights; None means the hub's cache.
        tables: ``accurate``, ``fast`` or ``off``.
        device: ``cpu`` or the number of a GPU.
        threads: how many the models may use.
    """
    options = PdfPipelineOptions(
        artifacts_path=artifacts,
        do_ocr=False,
        do_table_structure=tables != "off",
        accelerator_options=AcceleratorOptions(
            num_threads=threads, device="cpu" if device == "cpu" else f"cuda:{device}"
        ),
    )
    if tables != "off":
        options.table_structure_options = TableStructureOptions.model_validate({"mode": tables})
    return Reader(backend=ThreadedDoclingParseDocumentBackend, pipeline=StandardPdfPipeline, options=options)
