"""docling's native PDF pipeline with a layout."""

from collections.abc import Collection, Iterable, Mapping

from docling.datamodel.base_models import AssembledUnit, Page, PageElement
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import HeadingHierarchyOptions, NativePdfPipelineOptions
from docling.models.stages.heading_hierarchy.heading_hierarchy_model import HeadingHierarchyModel
from docling.models.stages.reading_order.readingorder_model import ReadingOrderModel, ReadingOrderOptions
from docling.pipeline.native_pdf_pipeline import NativePdfPipeline
from docling_core.types.doc import DocItemLabel

from docparse_doctags._layout._body import Body, body_of
from docparse_doctags._layout._elements import picture_element, table_element, text_element
from docparse_doctags._layout._furniture import furniture_of, is_header
from docparse_doctags._layout._labels import Surroundings, label_of, title_key
from docparse_doctags._layout._lines import Line, PageLines, page_lines
from docparse_doctags._layout._paragraphs import Block, blocks_of
from docparse_doctags._layout._pictures import pictures_of
from docparse_doctags._layout._tables import tabulars_of

_FURNITURE = (DocItemLabel.PAGE_HEADER, DocItemLabel.PAGE_FOOTER)


class LayoutPdfPipeline(NativePdfPipeline):
    """Replaces the assembly of docling's flat pipeline: blocks with labels instead of lines.

    Reading order, captions, paragraphs that go on in the next column or page, list markers and heading levels are the
    work of docling's own rule-based models, as in its standard pipeline.

    Args:
        pipeline_options: see docling.
    """

    def __init__(self, pipeline_options: NativePdfPipelineOptions) -> None:
        super().__init__(pipeline_options)
        self._reading_order = ReadingOrderModel(options=ReadingOrderOptions())
        self._hierarchy = HeadingHierarchyModel(options=HeadingHierarchyOptions(enabled=True))

    def _assemble_document(self, conv_res: ConversionResult) -> ConversionResult:
        outline = conv_res.input._backend.get_document_outline()  # type: ignore[attr-defined]  # noqa: SLF001 - docling's seam
        conv_res._pdf_outline = outline  # noqa: SLF001 - where docling's heading model expects it
        titles: dict[int, set[str]] = {}
        for entry in outline:
            if entry.page_no is not None and entry.title:
                titles.setdefault(entry.page_no, set()).add(title_key(entry.title))
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
        found = _page_elements(text, body, furniture[text.number], titles.get(text.number, set()))
        if page.parsed_page is not None:
            boxes = pictures_of(text, page.parsed_page)
            found += [picture_element(number, box, text) for number, box in enumerate(boxes, len(found))]
        elements += found
    return AssembledUnit(
        elements=elements,
        headers=[element for element in elements if element.label in _FURNITURE],
        body=[element for element in elements if element.label not in _FURNITURE],
    )


def _page_lines(page: Page) -> PageLines:
    if page.size is None or page.parsed_page is None:
        return PageLines(number=page.page_no, width=0, height=0, lines=(), mirrored=False)
    return page_lines(page.page_no, page.size.width, page.size.height, page.parsed_page)


def _page_elements(
    page: PageLines, body: Body, furniture: Collection[Line], titles: Collection[str]
) -> list[PageElement]:
    labelled = [(Block(lines=[line]), _furniture_label(line, page)) for line in page.lines if line in furniture]
    content = [line for line in page.lines if line not in furniture]
    tabulars = tabulars_of(content)
    in_rows = {line for tabular in tabulars for line in tabular.lines}
    for block in blocks_of(line for line in content if line not in in_rows):
        around = Surroundings(body=body, page=page, titles=titles, lonely=_is_lonely(block, content))
        labelled.append((block, label_of(block, around)))
    labelled += [(Block(lines=part.lines), DocItemLabel.TEXT) for part in tabulars if not part.regular]
    texts = [text_element(number, block, label, page) for number, (block, label) in enumerate(labelled)]
    tables = [part for part in tabulars if part.regular]
    return [*texts, *(table_element(number, part, page) for number, part in enumerate(tables, len(texts)))]


def _furniture_label(line: Line, page: PageLines) -> DocItemLabel:
    return DocItemLabel.PAGE_HEADER if is_header(line, page) else DocItemLabel.PAGE_FOOTER


def _is_lonely(block: Block, lines: Iterable[Line]) -> bool:
    """Return whether no line of the same look stands beside the first one, as in the head of a table."""
    first = block.lines[0]
    return not any(
        line is not first and abs(line.centre - first.centre) < first.size / 2 and line.font.bold == first.font.bold
        for line in lines
    )
