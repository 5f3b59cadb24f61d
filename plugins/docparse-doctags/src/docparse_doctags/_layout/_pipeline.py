"""docling's native PDF pipeline with a layout."""

from collections.abc import Mapping
from typing import Any

from docling.datamodel.base_models import AssembledUnit, Page, PageElement
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import HeadingHierarchyOptions, NativePdfPipelineOptions
from docling.models.postprocessing.reading_order_rb import PageElement as OrderedElement
from docling.models.postprocessing.reading_order_rb import ReadingOrderPredictor
from docling.models.stages.heading_hierarchy.heading_hierarchy_model import HeadingHierarchyModel
from docling.models.stages.reading_order.readingorder_model import ReadingOrderModel, ReadingOrderOptions
from docling.pipeline.native_pdf_pipeline import NativePdfPipeline

from docparse_doctags._layout._body import body_of
from docparse_doctags._layout._font_names import name_fonts
from docparse_doctags._layout._furniture import furniture_of
from docparse_doctags._layout._labels import title_key
from docparse_doctags._layout._lines import PageLines, page_lines
from docparse_doctags._layout._page import FURNITURE, PageLayout
from docparse_doctags._layout._pictures import pictures_of


class _GivenOrder(ReadingOrderPredictor):
    """Keeps the order of the elements: it comes from the columns, which docling's predictor has to guess from boxes.

    Where two columns begin with a heading each, it reads both headings first.
    """

    def predict_reading_order(self, page_elements: list[OrderedElement], *_: Any, **__: Any) -> list[OrderedElement]:
        """Return the elements as they are."""
        return page_elements


class LayoutPdfPipeline(NativePdfPipeline):
    """Replaces the assembly of docling's flat pipeline: blocks with labels instead of lines.

    Captions, paragraphs that go on in the next column or page, list markers and heading levels are the work of
    docling's own rule-based models, as in its standard pipeline.

    Args:
        pipeline_options: see docling.
    """

    def __init__(self, pipeline_options: NativePdfPipelineOptions) -> None:
        super().__init__(pipeline_options)
        self._reading_order = ReadingOrderModel(options=ReadingOrderOptions())
        self._reading_order.ro_model = _GivenOrder()  # type: ignore[no-untyped-call]  # docling leaves it untyped  # type: ignore[no-untyped-call]  # of its base class
        self._hierarchy = HeadingHierarchyModel(options=HeadingHierarchyOptions(enabled=True))

    def _assemble_document(self, conv_res: ConversionResult) -> ConversionResult:
        outline = conv_res.input._backend.get_document_outline()  # type: ignore[attr-defined]  # noqa: SLF001 - docling's seam
        conv_res._pdf_outline = outline  # noqa: SLF001 - where docling's heading model expects it
        titles: dict[int, set[str]] = {}
        for entry in outline:
            if entry.page_no is not None and entry.title:
                titles.setdefault(entry.page_no, set()).add(title_key(entry.title))
        name_fonts(conv_res.pages, conv_res.input._backend.path_or_stream)  # noqa: SLF001 - as above
        conv_res.assembled = _assembled(conv_res.pages, titles)
        conv_res.document = self._reading_order(conv_res)
        conv_res.document = self._hierarchy(conv_res)
        return conv_res


def _assembled(pages: list[Page], titles: Mapping[int, set[str]]) -> AssembledUnit:
    texts = [_page_lines(page) for page in pages]
    body = body_of(texts)
    furniture = furniture_of(texts, body)
    elements: list[PageElement] = []
    for page, text in zip(pages, texts, strict=True):
        pictures = pictures_of(text, page.parsed_page) if page.parsed_page else []
        elements += PageLayout(
            page=text,
            body=body,
            furniture=furniture[text.number],
            pictures=pictures,
            titles=titles.get(text.number, frozenset()),
        ).elements()
    return AssembledUnit(
        elements=elements,
        headers=[element for element in elements if element.label in FURNITURE],
        body=[element for element in elements if element.label not in FURNITURE],
    )


def _page_lines(page: Page) -> PageLines:
    if page.size is None or page.parsed_page is None:
        return PageLines(number=page.page_no, width=0, height=0, lines=(), mirrored=False)
    return page_lines(page.page_no, page.size.width, page.size.height, page.parsed_page)
