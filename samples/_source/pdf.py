"""PDF files with a text layer from blocks: two-column papers, a long report, a plain card."""

import io
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import attrs
import reportlab
from _source.markup import Block, Text, plain, spans
from reportlab.graphics.shapes import Drawing, Line, PolyLine, Rect, String
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)
from reportlab.platypus.tableofcontents import TableOfContents

_WIDTH, _HEIGHT = A4
_CELL_PADDING = 13  # points, left and right together, with a hair to spare


@attrs.frozen(kw_only=True)
class Look:
    """How a document is set.

    Attributes:
        regular: font of the text.
        bold: font of headings and table headers.
        size: of the text, in points.
        width: of a column, in points.
        ruled: whether every cell of a table is boxed; else three horizontal rules.
        alignment: of paragraphs.
    """

    regular: str
    bold: str
    size: float
    width: float
    ruled: bool = True
    alignment: int = TA_JUSTIFY

    def style(self, **changes: Any) -> ParagraphStyle:
        """Return the style of a paragraph, with changes."""
        size = changes.get("fontSize", self.size)
        values = {"fontName": self.regular, "fontSize": size, "leading": 1.25 * size, "spaceAfter": 0.6 * size}
        return ParagraphStyle("docparse", **(values | changes))

    def item(self) -> ParagraphStyle:
        """Return the style of a list item, which hangs beside its sign."""
        hanging = {"leftIndent": 1.6 * self.size, "bulletFontName": self.regular, "bulletFontSize": self.size}
        return self.style(spaceAfter=0.4 * self.size, **hanging)

    def heading(self, level: int) -> ParagraphStyle:
        """Return the style of a heading of a level, from 1."""
        size = self.size * {1: 1.4, 2: 1.15}.get(level, 1.0)
        return self.style(fontName=self.bold, fontSize=size, spaceBefore=size, spaceAfter=0.5 * size, keepWithNext=1)


class _Heading(Paragraph):
    """A paragraph that enters the outline, and the table of contents if there is one."""

    def __init__(self, text: str, style: ParagraphStyle, level: int) -> None:
        super().__init__(text, style)
        self.level = level


class _Outlined(BaseDocTemplate):
    """A document whose headings are its bookmarks."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - reportlab's name
        """Bookmark a heading that has just been drawn."""
        if isinstance(flowable, _Heading):
            text = flowable.getPlainText()
            key = f"heading-{self.page}-{text}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(text, key, flowable.level - 1)
            self.notify("TOCEntry", (flowable.level - 1, text, self.page, key))


def build_paper(text: Text, *, ruled: bool = True) -> bytes:
    """Render a text as a paper: title and abstract across the page, then two columns."""
    margin, gutter = 2 * cm, 0.8 * cm
    column = (_WIDTH - 2 * margin - gutter) / 2
    look = Look(regular="Times-Roman", bold="Times-Bold", size=10, width=column, ruled=ruled)
    head = _paper_head(text, look)
    top = sum(part.wrap(_WIDTH - 2 * margin, _HEIGHT)[1] + part.getSpaceAfter() for part in head) + 0.6 * cm
    full = _HEIGHT - 2 * margin

    def columns(height: float) -> list[Frame]:
        lefts = (margin, margin + column + gutter)
        return [Frame(left, margin, column, height, *[0] * 4, id=f"column-{left:.0f}") for left in lefts]

    across = Frame(margin, margin + full - top, _WIDTH - 2 * margin, top, *[0] * 4, id="head")
    furniture = _furniture(text, look)
    templates = [
        PageTemplate("first", [across, *columns(full - top)], onPage=furniture),
        PageTemplate("later", columns(full), onPage=furniture),
    ]
    return _saved(text, templates, [NextPageTemplate("later"), *head, *_flow(text.blocks, look)])


def build_report(text: Text) -> bytes:
    """Render a text as a long report in one column, with a cover, a table of contents and embedded fonts."""
    _register_fonts()
    margin = 2.4 * cm
    look = Look(regular="Vera", bold="VeraBd", size=10, width=_WIDTH - 2 * margin)
    frame = Frame(margin, margin, look.width, _HEIGHT - 2 * margin, *[0] * 4, id="body")
    templates = [
        PageTemplate("cover", [frame]),
        PageTemplate("body", [frame], onPage=_furniture(text, look)),
    ]
    contents = TableOfContents(dotsMinLevel=0)
    contents.levelStyles = [look.style(), look.style(leftIndent=14, fontSize=8.5)]
    cover = [
        Spacer(0, 6 * cm),
        Paragraph(escape(text.title), look.style(fontName="VeraBd", fontSize=30, spaceAfter=18)),
        Paragraph(escape(text.about["subtitle"]), look.style(fontSize=15, spaceAfter=40)),
        Paragraph(escape(text.about["author"]), look.style()),
        NextPageTemplate("body"),
        PageBreak(),
        Paragraph("Contents", look.heading(1)),
        contents,
        PageBreak(),
    ]
    return _saved(text, templates, [*cover, *_flow(text.blocks, look)])


def build_card(text: Text) -> bytes:
    """Render a text as a plain page in one column."""
    margin = 2.5 * cm
    look = Look(regular="Helvetica", bold="Helvetica-Bold", size=11, width=_WIDTH - 2 * margin, alignment=TA_LEFT)
    frame = Frame(margin, margin, look.width, _HEIGHT - 2 * margin, *[0] * 4, id="body")
    furniture = _furniture(text, look)
    return _saved(text, [PageTemplate("page", [frame], onPage=furniture)], _flow(text.blocks, look))


def rich(text: str) -> str:
    """Return a line in reportlab's markup."""
    return "".join(f"<i>{escape(piece)}</i>" if emphasised else escape(piece) for piece, emphasised in spans(text))


def grid(rows: list[list[Flowable]], widths: list[float], *, ruled: bool) -> Table:
    """Return a table whose first row, its header, is repeated on every page."""
    table = Table(rows, colWidths=widths, repeatRows=1, hAlign="LEFT", spaceAfter=8)
    line = (0.5, colors.black)
    rules = [("GRID", (0, 0), (-1, -1), *line), ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#E4E9F0"))]
    booktabs = [("LINEABOVE", (0, 0), (-1, 1), *line), ("LINEBELOW", (0, -1), (-1, -1), *line)]
    spacing = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 2)]
    table.setStyle([*spacing, *(rules if ruled else booktabs)])
    return table


def column_widths(rows: tuple[tuple[str, ...], ...], look: Look) -> list[float]:
    """Share the width among the columns of a table: each gets its longest word, then by its longest cell."""
    columns = list(zip(*rows, strict=True))
    least = [_CELL_PADDING + max(_wide(word, look) for cell in column for word in cell.split()) for column in columns]
    wish = [max(_CELL_PADDING + _wide(cell, look) for cell in column) for column in columns]
    more = [max(1.0, wanted - needed) for wanted, needed in zip(wish, least, strict=True)]
    rest = look.width - sum(least)
    return [needed + rest * share / sum(more) for needed, share in zip(least, more, strict=True)]


def described(text: Text) -> dict[str, str]:
    """Return what a PDF says about itself."""
    about = {"title": text.title, "author": text.about["author"], "subject": text.about["note"]}
    return {**about, "creator": "docparse sample corpus", "lang": "en"}


def signs(block: Block) -> list[tuple[str, str]]:
    """Return the items of a list, each behind its sign."""
    texts = [text for _, text in block.items]
    return [("\u2022" if block.kind == "bullets" else f"{number}.", text) for number, text in enumerate(texts, start=1)]


def _wide(text: str, look: Look) -> float:
    return float(pdfmetrics.stringWidth(plain(text), look.bold, 0.9 * look.size))


def _paper_head(text: Text, look: Look) -> list[Paragraph]:
    abstract = f"<b>Abstract.</b> {rich(text.about['abstract'])}"
    return [
        Paragraph(escape(text.title), look.style(fontName=look.bold, fontSize=17, alignment=TA_CENTER, spaceAfter=8)),
        Paragraph(escape(text.about["author"]), look.style(fontSize=11, alignment=TA_CENTER, spaceAfter=12)),
        Paragraph(abstract, look.style(leftIndent=30, rightIndent=30, alignment=TA_JUSTIFY)),
    ]


def _flow(blocks: tuple[Block, ...], look: Look) -> list[Flowable]:
    flow: list[Flowable] = []
    for block in blocks:
        flow.extend(_RENDER[block.kind](block, look))
    return flow


def _heading(block: Block, look: Look) -> list[Flowable]:
    return [_Heading(rich(block.text), look.heading(block.level), block.level)]


def _text(block: Block, look: Look) -> list[Flowable]:
    return [Paragraph(rich(block.text), look.style(alignment=look.alignment))]


def _table_title(block: Block, look: Look) -> list[Flowable]:
    return [Paragraph(rich(block.text), look.style(fontName=look.bold, fontSize=0.9 * look.size, keepWithNext=1))]


def _caption(block: Block, look: Look) -> list[Flowable]:
    return [Paragraph(rich(block.text), look.style(fontSize=0.9 * look.size, spaceAfter=12))]


def _list(block: Block, look: Look) -> list[Flowable]:
    items = [Paragraph(rich(entry), look.item(), bulletText=sign) for sign, entry in signs(block)]
    return [*items, Spacer(0, 0.3 * look.size)]


def _table(block: Block, look: Look) -> list[Flowable]:
    size = 0.9 * look.size
    head, body = (look.style(fontName=font, fontSize=size, spaceAfter=0) for font in (look.bold, look.regular))
    cells: list[list[Flowable]] = [
        [Paragraph(rich(cell), head if number == 0 else body) for cell in row] for number, row in enumerate(block.rows)
    ]
    return [grid(cells, column_widths(block.rows, look), ruled=look.ruled), Spacer(0, look.size)]


def _figure(_block: Block, look: Look) -> list[Flowable]:
    """Draw the one figure there is: a title, two columns of blocks, and the path of reading through them."""
    width, height, gap = 0.8 * look.width, 140, 14
    column = (width - gap) / 2
    drawing = Drawing(width, height, hAlign="CENTER")
    boxes: list[tuple[float, int, float, str]] = [(0, 114, width, "Title")]
    boxes += [(0, 76 - 38 * n, column, f"A{n + 1}") for n in range(3)]
    boxes += [(column + gap, 76 - 38 * n, column, f"B{n + 1}") for n in range(3)]
    for left, bottom, wide, name in boxes:
        drawing.add(Rect(left, bottom, wide, 24 if name == "Title" else 32, fillColor=colors.HexColor("#EEF1F5")))
        drawing.add(String(left + 5, bottom + 9, name, fontName=look.regular, fontSize=look.size))
    right = column + gap + column / 2
    path = [column / 2, 126, column / 2, 6, width / 2, 6, width / 2, 100, right, 100, right, 6]
    drawing.add(PolyLine(path, strokeColor=colors.HexColor("#B03A2E"), strokeDashArray=[3, 2]))
    drawing.add(Line(right, 6, right - 3, 12, strokeColor=colors.HexColor("#B03A2E")))
    drawing.add(Line(right, 6, right + 3, 12, strokeColor=colors.HexColor("#B03A2E")))
    return [KeepTogether([Spacer(0, 6), drawing, Spacer(0, 4)])]


_RENDER: dict[str, Callable[[Block, Look], list[Flowable]]] = {
    "heading": _heading,
    "text": _text,
    "title": _table_title,
    "caption": _caption,
    "bullets": _list,
    "numbers": _list,
    "table": _table,
    "figure": _figure,
}


def _furniture(text: Text, look: Look) -> Callable[[Any, Any], None]:
    """Return what draws the page number and, from the second page on, the running head."""

    def draw(canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(look.regular, 8)
        canvas.drawCentredString(_WIDTH / 2, 1.1 * cm, str(document.page))
        if document.page > 1:
            canvas.drawString(2 * cm, _HEIGHT - 1.3 * cm, plain(text.title))
            canvas.drawRightString(_WIDTH - 2 * cm, _HEIGHT - 1.3 * cm, text.about["note"])
        canvas.restoreState()

    return draw


def _register_fonts() -> None:
    """Register the free fonts that travel with reportlab."""
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in ("Vera", "VeraBd", "VeraIt", "VeraBI"):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
    pdfmetrics.registerFontFamily("Vera", normal="Vera", bold="VeraBd", italic="VeraIt", boldItalic="VeraBI")


def _saved(text: Text, templates: list[PageTemplate], flow: list[Flowable]) -> bytes:
    """Lay the flow out; ``invariant`` takes dates and identifiers out of the bytes."""
    target = io.BytesIO()
    document = _Outlined(target, pagesize=A4, pageTemplates=templates, invariant=1, **described(text))
    document.multiBuild(flow)
    return target.getvalue()
