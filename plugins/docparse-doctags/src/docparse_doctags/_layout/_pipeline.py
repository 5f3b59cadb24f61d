"""docling's native PDF pipeline with a layout."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs
from docling.datamodel.base_models import AssembledUnit, Page, PageElement
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import HeadingHierarchyOptions, NativePdfPipelineOptions
from docling.models.postprocessing.reading_order_rb import PageElement as OrderedElement
from docling.models.postprocessing.reading_order_rb import ReadingOrderPredictor
from docling.models.stages.heading_hierarchy.heading_hierarchy_model import HeadingHierarchyModel
from docling.models.stages.reading_order.readingorder_model import ReadingOrderModel, ReadingOrderOptions
from docling.pipeline.native_pdf_pipeline import NativePdfPipeline
from docling_core.types.doc import DocItemLabel, DoclingDocument, SectionHeaderItem

from docparse_doctags._layout._backend import LayoutPage
from docparse_doctags._layout._body import Body, body_of
from docparse_doctags._layout._continued import continuations
from docparse_doctags._layout._font_names import name_fonts
from docparse_doctags._layout._font_sizes import font_sizes
from docparse_doctags._layout._formulas import keep_glyphs
from docparse_doctags._layout._found_tables import tables_of
from docparse_doctags._layout._furniture import furniture_of
from docparse_doctags._layout._labels import title_key
from docparse_doctags._layout._levels import levels_of, look_of
from docparse_doctags._layout._lines import Line, PageLines, page_lines
from docparse_doctags._layout._page import FURNITURE, PageLayout, Part, element_of
from docparse_doctags._layout._paragraphs import Block
from docparse_doctags._layout._pictures import pictures_of
from docparse_doctags._layout._rules import Drawing, drawing_of
from docparse_doctags._layout._tags import has_headings, tagged
from docparse_doctags._layout._turned import turn_of, upright_cells, upright_drawing, upright_rects, upright_words
from docparse_doctags._layout._words import Word, Words, words_in


class _GivenOrder(ReadingOrderPredictor):
    """Keeps the order of the elements, and tells which of them go on with another.

    Both come from the lines; docling's predictor has to guess them from boxes and texts. Where two columns begin with a
    heading each, it reads both headings first.
    """

    def __init__(self, merges: Mapping[int, Sequence[int]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # docling leaves it untyped
        self._merges = merges

    def predict_reading_order(self, page_elements: list[OrderedElement], *_: Any, **__: Any) -> list[OrderedElement]:
        """Return the elements as they are."""
        return page_elements

    def predict_merges(self, sorted_elements: list[OrderedElement]) -> dict[int, list[int]]:
        """Return number of an element → those that go on with it."""
        return {
            element.cid: list(self._merges[element.cid]) for element in sorted_elements if element.cid in self._merges
        }


class LayoutPdfPipeline(NativePdfPipeline):
    """Replaces the assembly of docling's flat pipeline: blocks with labels instead of lines.

    Captions, list markers and heading levels are the work of docling's own rule-based models, as in its standard
    pipeline.

    Args:
        pipeline_options: see docling.
    """

    def __init__(self, pipeline_options: NativePdfPipelineOptions) -> None:
        super().__init__(pipeline_options)
        self._reading_order = ReadingOrderModel(options=ReadingOrderOptions(use_page_separators=False))
        self._hierarchy = HeadingHierarchyModel(options=HeadingHierarchyOptions(enabled=True))
        self._drawings: dict[int, Drawing] = {}
        self._words: dict[int, list[Word]] = {}

    def _build_document(self, conv_res: ConversionResult) -> ConversionResult:
        self._drawings, self._words = {}, {}
        return super()._build_document(conv_res)

    def _parse_page(self, timings: Any, conv_res: ConversionResult, page_backend: Any) -> Page | None:
        page = super()._parse_page(timings, conv_res, page_backend)
        if page is None or page.parsed_page is None or page.size is None:
            return page
        if isinstance(page_backend, LayoutPage):
            self._drawings[page.page_no] = drawing_of(page_backend)
            self._words[page.page_no] = page_backend.words()
        else:
            self._words[page.page_no] = words_in(page.parsed_page.word_cells, page.size.height)
        return page

    def _assemble_document(self, conv_res: ConversionResult) -> ConversionResult:
        outline = conv_res.input._backend.get_document_outline()  # type: ignore[attr-defined]  # noqa: SLF001 - docling's seam
        conv_res._pdf_outline = outline  # noqa: SLF001 - where docling's heading model expects it
        titles: dict[int, set[str]] = {}
        for entry in outline:
            if entry.page_no is not None and entry.title:
                titles.setdefault(entry.page_no, set()).add(title_key(entry.title))
        source = conv_res.input._backend.path_or_stream  # noqa: SLF001 - as above
        password = _password(conv_res)
        name_fonts(conv_res.pages, self._words, source, password)
        texts = tagged([_page_lines(page, self._words) for page in conv_res.pages], source, password)
        parts = _parts(conv_res.pages, texts, titles, self._drawings)
        conv_res.assembled, headings = _assembled(parts, texts)
        self._reading_order.ro_model = _GivenOrder(continuations(parts))
        conv_res.document = self._reading_order(conv_res)
        keep_glyphs(conv_res.document)
        if not headings:
            return conv_res
        if outline and not all(block.lines[0].tag for block in headings.values()):
            conv_res.document = self._hierarchy(conv_res)
        else:
            _level(conv_res.document, headings, _sizes(headings, texts, source, password))
        return conv_res


def _password(conv_res: ConversionResult) -> str | None:
    """Return the password that the parser was given."""
    secret = getattr(conv_res.input._backend.options, "password", None)  # noqa: SLF001 - docling's seam
    return secret.get_secret_value() if secret else None


def _parts(
    pages: Sequence[Page],
    texts: Sequence[PageLines],
    titles: Mapping[int, Collection[str]],
    drawings: Mapping[int, Drawing],
) -> list[tuple[int, Part]]:
    """Return what is on all pages in reading order, with the number of its page."""
    known = has_headings(texts)
    body = body_of(texts)
    furniture = furniture_of(texts, body)
    parts: list[tuple[int, Part]] = []
    for page, text in zip(pages, texts, strict=True):
        layout = _layout(page, text, body, drawings.get(text.number, Drawing()))
        outer = frozenset(line for line in furniture[text.number] if not _in_table(line, layout))
        layout = attrs.evolve(layout, furniture=outer, titles=titles.get(text.number, frozenset()), tagged=known)
        parts += ((text.number, part) for part in layout.parts())
    return parts


def _assembled(
    parts: Sequence[tuple[int, Part]], texts: Sequence[PageLines]
) -> tuple[AssembledUnit, dict[tuple[int, str], Block]]:
    """Return the elements of all pages, and the headings among them by page and text."""
    pages = {text.number: text for text in texts}
    elements: list[PageElement] = []
    headings: dict[tuple[int, str], Block] = {}
    counts: Counter[int] = Counter()
    for number, part in parts:
        element = element_of(counts[number], part, pages[number])
        counts[number] += 1
        elements.append(element)
        if part.label is DocItemLabel.SECTION_HEADER and isinstance(part.content, Block):
            headings[number, element.text or ""] = part.content
    unit = AssembledUnit(
        elements=elements,
        headers=[element for element in elements if element.label in FURNITURE],
        body=[element for element in elements if element.label not in FURNITURE],
    )
    return unit, headings


def _sizes(
    headings: Mapping[tuple[int, str], Block],
    pages: Sequence[PageLines],
    source: Path | BytesIO,
    password: str | None,
) -> dict[Line, float]:
    """Return the font sizes of headings where they decide the levels."""
    if all(block.lines[0].tag for block in headings.values()):
        return {}
    firsts: dict[int, list[Line]] = {}
    for (number, _), block in headings.items():
        firsts.setdefault(number, []).append(block.lines[0])
    return font_sizes(firsts, pages, source, password)


def _level(document: DoclingDocument, headings: Mapping[tuple[int, str], Block], sizes: Mapping[Line, float]) -> None:
    """Write the levels into the headings of a document."""
    items = [item for item in document.texts if isinstance(item, SectionHeaderItem) and item.prov]
    known = [(item, block) for item in items if (block := headings.get((item.prov[0].page_no, item.orig))) is not None]
    looks = [look_of(block, sizes.get(block.lines[0])) for _, block in known]
    for (item, _), level in zip(known, levels_of(looks), strict=True):
        item.level = level


def _layout(page: Page, text: PageLines, body: Body, drawn: Drawing) -> PageLayout:
    drawing = upright_drawing(drawn, text.turn)
    words = Words(text.words)
    tables = tables_of(text, drawing, words)
    bitmaps = [bitmap.rect for bitmap in page.parsed_page.bitmap_resources] if page.parsed_page else []
    pictures = pictures_of(text, upright_rects(bitmaps, text.turn), drawing, tables)
    return PageLayout(page=text, body=body, furniture=frozenset(), words=words, tables=tables, pictures=pictures)


def _in_table(line: Line, layout: PageLayout) -> bool:
    return any(layout.page.is_inside(line, *table.box) for table in layout.tables)


def _page_lines(page: Page, words: Mapping[int, Sequence[Word]]) -> PageLines:
    if page.size is None or page.parsed_page is None:
        return PageLines(number=page.page_no, width=0, height=0, lines=(), mirrored=False)
    cells = page.parsed_page.textline_cells
    turn = turn_of(cells, page.size)
    upright = upright_words(words.get(page.page_no, ()), turn)
    lines = page_lines(page.page_no, turn.size, upright_cells(cells, turn), upright)
    return attrs.evolve(lines, turn=turn) if turn.degrees else lines
