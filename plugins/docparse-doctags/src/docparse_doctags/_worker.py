"""One document at a time: checked, converted, written. Nothing heavy is imported before a worker opens."""

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from docparse_doctags._checks import checked_format
from docparse_doctags._light_import import without_modules
from docparse_doctags._options import Options, page_range
from docparse_doctags._refusal import refusal
from docparse_runner import ItemOutcome, StageContext, WorkItem

if TYPE_CHECKING:
    from docling_core.types.doc import DoclingDocument


def open_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Return the function that converts one document, with docling loaded."""
    with without_modules("torch", "transformers"):
        from docparse_doctags import _converter, _export, _pdf, _problems  # noqa: PLC0415 - docling takes 1.5 s
        from docparse_doctags._engines import native  # noqa: PLC0415 - as above
    options: Options = context.options
    pages = page_range(options.pages)
    converter = _converter.Converter(pdf=native.pdf_option(), max_pages=options.max_pages, pages=pages)
    docling = version("docling-slim")

    def convert(item: WorkItem) -> ItemOutcome:
        path = item.inputs["source"]
        kind = checked_format(path, options)
        if kind == "pdf":
            _pdf.check_pdf(path, max_pages=options.max_pages, pages=pages)
        conversion = converter.convert(path, kind)
        measured = _measures(conversion.document)
        if kind == "pdf" and not measured["characters"]:
            raise refusal(_pdf.NO_TEXT)
        _export.write_json(conversion.document, item.outputs["docling"])
        lost = _export.write_doctags(conversion.document, item.outputs["doctags"])
        problems = [*conversion.problems, *([lost] if lost else [])]
        engine = native.NAME if kind == "pdf" else "docling"
        metrics = {"format": kind, "engine": engine, "docling": docling, **measured}
        if problems:
            return ItemOutcome.partial(_problems.listed(problems), **metrics)
        return ItemOutcome.success(**metrics)

    return convert


def _measures(document: "DoclingDocument") -> dict[str, Any]:
    """Return how much there is of what; formats without pages have none."""
    in_tables = sum(len(cell.text) for table in document.tables for cell in table.data.table_cells)
    return {
        "pages": len(document.pages),
        "items": len(document.texts),
        "tables": len(document.tables),
        "pictures": len(document.pictures),
        "characters": sum(len(item.text) for item in document.texts) + in_tables,
    }
