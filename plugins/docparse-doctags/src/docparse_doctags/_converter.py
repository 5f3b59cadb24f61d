"""docling, kept warm: one converter per worker."""

from pathlib import Path

import attrs
from docling.datamodel.backend_options import PdfBackendOptions
from docling.datamodel.base_models import ConversionStatus, InputFormat
from docling.datamodel.document import ConversionResult, InputDocument
from docling.datamodel.settings import DocumentLimits
from docling.pipeline.base_pipeline import BasePipeline
from docling_core.types.doc import DoclingDocument, DocumentOrigin
from pydantic import SecretStr

from docparse_doctags._complaints import complaints
from docparse_doctags._office import office_stream
from docparse_doctags._problems import DAMAGE, failed, given_up, unconvertible, unreadable
from docparse_doctags._readers import Reader, Readers, reader_of
from docparse_doctags._source import openable, shown_name

_LATEX_TYPE = "application/x-latex"
"""Unlike ``x-tex``, known to ``mimetypes`` on every machine, which is what docling-core accepts."""


@attrs.frozen(kw_only=True)
class Conversion:
    """What docling made of one document.

    Attributes:
        document: the result.
        problems: what was given up, one clause each; empty when the document is whole.
        ocr_pages: how many pages OCR read.
    """

    document: DoclingDocument
    problems: tuple[str, ...] = ()
    ocr_pages: int = 0


class Converter:
    r"""Converts documents of known format, one after the other, with pipelines that stay open.

    It does without docling's ``DocumentConverter``, which believes magic numbers first and takes a CSV file that begins
    with ``BM25`` for a bitmap. It gives readers a stream and not a path, except for PDFs, so that none can look for
    files beside the document (LaTeX ``\input``). Remote and local resources and docling's external plugins stay off, as
    they are by default.

    Args:
        chosen: the engine's readers, of PDFs and of the images that it can read.
        max_pages: documents with more pages, slides or sheets are refused.
    """

    def __init__(self, chosen: Readers, *, max_pages: int) -> None:
        self._readers: dict[InputFormat, Reader] = dict(chosen)
        self._pipelines: dict[type[BasePipeline], BasePipeline] = {}
        self._max_pages = max_pages

    def convert(self, path: Path, name: str, *, pages: tuple[int, int], password: str | None = None) -> Conversion:
        """Convert one file.

        Args:
            path: the file.
            name: docling's name for its format.
            pages: the first and the last page to convert, counted from 1; formats without pages ignore it.
            password: of a PDF that has one.

        Raises:
            StageError: of category ``input``: docling cannot read the document.
            OSError: the file cannot be read.
        """
        limits = DocumentLimits(max_num_pages=self._max_pages, page_range=pages)
        with complaints() as logged:
            given = self._open(path, InputFormat(name), limits, password)
            result = self._run(given)
        if result.status is ConversionStatus.FAILURE:
            raise failed(result)
        return Conversion(
            document=_with_origin(result),
            problems=(*given_up(result), *logged),
            ocr_pages=getattr(given._backend, "ocr_pages", 0),  # noqa: SLF001 - ours, where there is OCR
        )

    def _open(self, path: Path, kind: InputFormat, limits: DocumentLimits, password: str | None) -> InputDocument:
        reader = self._reader(kind)
        settings = reader.backend_options
        if password and kind is InputFormat.PDF:
            settings = (settings or PdfBackendOptions.model_validate({})).model_copy(
                update={"password": SecretStr(password)}
            )
        try:
            given = InputDocument(
                path_or_stream=openable(path) if kind is InputFormat.PDF else office_stream(path, kind.value),
                format=kind,
                backend=reader.backend,
                backend_options=settings,
                filename=shown_name(path),
                limits=limits,
            )
        except DAMAGE as error:
            raise unconvertible(error) from None
        if not given.valid:
            raise unreadable(given)
        return given

    def _run(self, given: InputDocument) -> ConversionResult:
        pipeline = self._pipeline(self._reader(given.format))
        try:
            return pipeline.execute(given, raises_on_error=True)
        except RuntimeError as error:  # docling wraps whatever a reader raised while it walked the document
            cause = error.__cause__ or error
            if isinstance(cause, MemoryError | ImportError):
                raise cause from None
            raise unconvertible(cause) from None

    def _reader(self, kind: InputFormat) -> Reader:
        if kind not in self._readers:
            self._readers[kind] = reader_of(kind)
        return self._readers[kind]

    def _pipeline(self, reader: Reader) -> BasePipeline:
        if reader.pipeline not in self._pipelines:
            self._pipelines[reader.pipeline] = reader.opened()
        return self._pipelines[reader.pipeline]


def _with_origin(result: ConversionResult) -> DoclingDocument:
    """Return the document; docling's LaTeX reader alone does not say what it was made from."""
    document = result.document
    if document.origin is None and result.input.format is InputFormat.LATEX:
        digest = int(result.input.document_hash, 16) & (2**64 - 1)
        document.origin = DocumentOrigin(mimetype=_LATEX_TYPE, binary_hash=digest, filename=result.input.file.name)
    return document
