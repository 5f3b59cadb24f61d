"""What reads each format, imported when the first document of the format comes.

docling's own table, in ``docling.document_converter``, imports all readers and pipelines, speech and video too:
two fifths of the time that a worker took to start. A test compares the two.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

import attrs
from docling.backend.abstract_backend import AbstractDocumentBackend
from docling.datamodel.backend_options import BackendOptions
from docling.datamodel.base_models import InputFormat
from docling.datamodel.pipeline_options import PipelineOptions
from docling.pipeline.base_pipeline import BasePipeline
from docling.pipeline.simple_pipeline import SimplePipeline


@attrs.frozen(kw_only=True)
class Reader:
    """What reads one format.

    Attributes:
        backend: opens and parses a document.
        pipeline: makes a DoclingDocument of what the backend found.
        options: of the pipeline; None means its own defaults.
        backend_options: of the backend; None means its own defaults.
    """

    backend: type[AbstractDocumentBackend]
    pipeline: type[BasePipeline] = SimplePipeline
    options: PipelineOptions | None = None
    backend_options: BackendOptions | None = None

    def opened(self) -> BasePipeline:
        """Return a pipeline, which reads one document after the other."""
        return self.pipeline(self.options or self.pipeline.get_default_options())


Readers = Mapping[InputFormat, Reader]

BACKENDS: Mapping[InputFormat, str] = MappingProxyType(
    {
        InputFormat.ASCIIDOC: "asciidoc_backend.AsciiDocBackend",
        InputFormat.CSV: "csv_backend.CsvDocumentBackend",
        InputFormat.DOCX: "msword_backend.MsWordDocumentBackend",
        InputFormat.EMAIL: "email_backend.EmailDocumentBackend",
        InputFormat.EPUB: "epub_backend.EpubDocumentBackend",
        InputFormat.HTML: "html_backend.HTMLDocumentBackend",
        InputFormat.JSON_DOCLING: "json.docling_json_backend.DoclingJSONBackend",
        InputFormat.LATEX: "latex_backend.LatexDocumentBackend",
        InputFormat.MD: "md_backend.MarkdownDocumentBackend",
        InputFormat.MHTML: "html_backend.HTMLDocumentBackend",
        InputFormat.ODP: "opendocument_backend.OdpDocumentBackend",
        InputFormat.ODS: "opendocument_backend.OdsDocumentBackend",
        InputFormat.ODT: "opendocument_backend.OdtDocumentBackend",
        InputFormat.PPTX: "mspowerpoint_backend.MsPowerpointDocumentBackend",
        InputFormat.VTT: "webvtt_backend.WebVTTDocumentBackend",
        InputFormat.XLSX: "msexcel_backend.MsExcelDocumentBackend",
        InputFormat.XML_DOCLANG: "xml.doclang_backend.DocLangDocumentBackend",
        InputFormat.XML_JATS: "xml.jats_backend.JatsDocumentBackend",
        InputFormat.XML_USPTO: "xml.uspto_backend.PatentUsptoDocumentBackend",
    }
)
"""Format → the class that parses it, below ``docling.backend``."""


def reader_of(kind: InputFormat) -> Reader:
    """Return what reads a format that needs no engine.

    Raises:
        KeyError: the format needs one, or is not read here.
    """
    module, _, name = BACKENDS[kind].rpartition(".")
    backend: Any = getattr(import_module(f"docling.backend.{module}"), name)
    return Reader(backend=backend)
