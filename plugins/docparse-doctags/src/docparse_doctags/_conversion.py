"""One document from its file to its artifacts."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
from docling_core.types.doc import DoclingDocument

from docparse_doctags import _export, _pdf, _problems
from docparse_doctags._checks import checked_format
from docparse_doctags._converter import Conversion, Converter
from docparse_doctags._detect import ocr_version
from docparse_doctags._engine_readers import readers_of
from docparse_doctags._formats import PAGED
from docparse_doctags._ladder import Way, way_of
from docparse_doctags._legacy import modernised, refused_legacy
from docparse_doctags._metadata import facts_of
from docparse_doctags._options import Options, page_range
from docparse_doctags._pictures import write_pictures
from docparse_doctags._plain_text import plain_document
from docparse_doctags._ranges import joined, parts_of
from docparse_doctags._refusal import refusal
from docparse_runner import Category, ItemOutcome, SkipItem, StageContext, StageError, WorkItem

_NO_READER = "an image, and nothing here reads images: pip install 'docparse-doctags[ocr]', or use --engine vlm"
_NO_TEXT_IN_IMAGE = "an image without text"
_PAGE_S = 5.0
"""So long may a page take: docling's layout model alone takes about 1.5 s of CPU for one, a model server more."""

_SHORT = 200
"""So much of a server's answer is repeated, in characters."""


@attrs.frozen(kw_only=True)
class _Source:
    """One document as it was found.

    Attributes:
        path: what docling reads: the user's file, or what LibreOffice made of it.
        kind: docling's name for the format.
        facts: what PDFium knows, of a PDF.
        was: the ending of a legacy file; empty for others.
    """

    path: Path
    kind: str
    facts: _pdf.PdfFacts
    was: str = ""


class DocumentWorker:
    """Converts one document after the other; an engine is opened when the first document needs it.

    Args:
        context: of the worker.
        first: what is tried first.
    """

    def __init__(self, context: StageContext, first: Way) -> None:
        self._context = context
        self.options: Options = context.options
        self._first = first
        self._pages = page_range(self.options.pages)
        self._passwords = tuple((self.options.password or "").splitlines())
        self._converters: dict[Way, Converter] = {}
        self._converter(first)

    def __call__(self, item: WorkItem) -> ItemOutcome:
        """Convert one document, or raise why it cannot be."""
        path = item.inputs["source"]
        source = self._checked(path)
        self._context.allow(_PAGE_S * source.facts.pages)
        way = way_of(self._first, source.kind, item.fallback)
        conversion = self._converted(source, way)
        document = conversion.document
        measured = _measures(document)
        self._check_result(source, way, measured["characters"])
        digest = _digest(path)
        if source.was or way.engine == "text":
            _export.name_after(document, path, source.kind, digest)
        told = {**self._engine_facts(source, way, conversion), **_about(source, document), "digest": f"sha256:{digest}"}
        _export.describe(document, told)
        problems = [*([way.given_up] if way.given_up else []), *conversion.problems]
        problems += self._written(document, source, item.outputs)
        metrics = {"format": source.was or source.kind, **told, **measured}
        if problems:
            return ItemOutcome.partial(_problems.listed(problems), **metrics)
        return ItemOutcome.success(**metrics)

    def _checked(self, path: Path) -> _Source:
        """Return the document, of which nothing speaks against an attempt.

        Raises:
            StageError: of category ``input``: it cannot be converted.
            SkipItem: it is nothing that is converted here.
        """
        kind, was = checked_format(path, self.options), ""
        if kind.startswith("."):
            if not self.options.legacy_office:
                raise refused_legacy(kind)
            was = kind.removeprefix(".")
            path, kind = modernised(path, kind, self._context.scratch)
        if kind == "image" and not self._first.ocr and self._first.engine != "vlm":
            raise SkipItem(_NO_READER)
        if kind != "pdf":
            return _Source(path=path, kind=kind, was=was, facts=_pdf.PdfFacts())
        facts = _pdf.check_pdf(
            path,
            max_pages=self.options.max_pages,
            pages=self._pages,
            passwords=self._passwords,
            needs_text=not self._first.ocr and self._first.engine != "vlm",
        )
        return _Source(path=path, kind=kind, facts=facts)

    def _converted(self, source: _Source, way: Way) -> Conversion:
        if way.engine == "text":
            password = source.facts.password
            return Conversion(document=plain_document(source.path, source.kind, pages=self._pages, password=password))
        converter = self._converter(way)
        try:
            return self._in_parts(converter, source)
        except StageError as error:
            if way.engine == "vlm" and _problems.NO_ANSWER in error.message:
                answer = error.message.partition(_problems.NO_ANSWER)[2][:_SHORT]
                msg = f"the model at {self.options.vlm_url} does not answer: {answer.strip(': ')}"
                raise StageError(msg, category=Category.PROVIDER, detail=error.detail) from None
            if source.kind == "pdf" and source.facts.pages and error.category is Category.INPUT:
                # PDFium can open it: what docling's parser makes of it is not the last word
                raise StageError(error.message, category=Category.RUNTIME, detail=error.detail) from None
            raise

    def _in_parts(self, converter: Converter, source: _Source) -> Conversion:
        """Convert a long PDF part by part, and anything else at once."""
        at_once, count, password = self.options.pages_at_once, source.facts.pages, source.facts.password
        ranges = list(parts_of(self._pages, count, at_once))
        if len(ranges) <= 1:
            return converter.convert(source.path, source.kind, pages=self._pages, password=password)
        parts = []
        for pages in ranges:
            parts.append((pages, _part(converter, source, pages)))
            self._context.progress(pages[1], count)
        if not any(part.document.pages for _pages, part in parts):
            raise refusal(parts[0][1].problems[0])
        return Conversion(
            document=joined([(pages, part.document) for pages, part in parts]),
            problems=tuple(problem for _pages, part in parts for problem in part.problems),
            ocr_pages=sum(part.ocr_pages for _pages, part in parts),
        )

    def _converter(self, way: Way) -> Converter:
        key = attrs.evolve(way, given_up="")
        if key not in self._converters:
            chosen = readers_of(self._context, way.engine, ocr=way.ocr, other_backend=way.other_backend)
            self._converters[key] = Converter(chosen, max_pages=self.options.max_pages)
        return self._converters[key]

    def _check_result(self, source: _Source, way: Way, characters: int) -> None:
        if characters or source.kind not in PAGED:
            return
        if source.kind == "image":
            raise SkipItem(_NO_TEXT_IN_IMAGE)
        raise refusal(_pdf.NOTHING_READ if way.ocr or way.engine == "vlm" else _pdf.NO_TEXT)

    def _engine_facts(self, source: _Source, way: Way, conversion: Conversion) -> dict[str, Any]:
        """Return what converted the document, with versions."""
        engine = way.engine if source.kind in PAGED or way.engine == "text" else "docling"
        versions = {"docling": version("docling-slim"), "docling_core": version("docling-core")}
        if source.kind in PAGED:
            versions["docling_parse"] = version("docling-parse")
        ocr = {"ocr": f"rapidocr {ocr_version()}", "ocr_pages": conversion.ocr_pages} if conversion.ocr_pages else {}
        model = {"model": self._context.resolved["model"]} if engine == "vlm" else {}
        return {"engine": engine, **model, **versions, **ocr}

    def _written(self, document: DoclingDocument, source: _Source, outputs: Mapping[str, Path]) -> list[str]:
        _export.write_json(document, outputs["docling"])
        if "pictures" in outputs:
            pdf = source.path if source.kind == "pdf" else None
            write_pictures(document, outputs["pictures"], pdf, source.facts.password)
        return _export.write_exports(document, outputs)


def _part(converter: Converter, source: _Source, pages: tuple[int, int]) -> Conversion:
    """Return one part of a long PDF; one that cannot be read is empty, as the pages of it would be in one pass."""
    try:
        return converter.convert(source.path, source.kind, pages=pages, password=source.facts.password)
    except StageError as error:
        if error.category is not Category.INPUT or _problems.NO_ANSWER in error.message:
            raise
        empty = DoclingDocument(name=source.path.stem)
        return Conversion(document=empty, problems=(f"pages {pages[0]}-{pages[1]}: {error.message}",))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _about(source: _Source, document: DoclingDocument) -> dict[str, Any]:
    """Return what the document says about itself, and how many pages it has."""
    pages = {"page_count": source.facts.pages or len(document.pages)} if document.pages else {}
    told = facts_of(source.path, source.kind, password=source.facts.password)
    if source.was:  # LibreOffice writes the time of day where the document says none
        told = {name: value for name, value in told.items() if name not in {"created", "modified"}}
    return {**told, **pages}


def _measures(document: DoclingDocument) -> dict[str, Any]:
    """Return how much there is of what; formats without pages have none."""
    in_tables = sum(len(cell.text) for table in document.tables for cell in table.data.table_cells)
    return {
        "pages": len(document.pages),
        "items": len(document.texts),
        "tables": len(document.tables),
        "pictures": len(document.pictures),
        "characters": sum(len(item.text) for item in document.texts) + in_tables,
    }
