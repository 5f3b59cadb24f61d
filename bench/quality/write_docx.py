"""Sources as Word documents."""
# ruff: noqa: SLF001 - python-docx has no public way to much of what Word can do

import io
from pathlib import Path

import docx
from docx.document import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part as OpcPart
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Emu, Pt, RGBColor
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from docx.text.run import Run
from marks import colour_of, hex_of
from PIL import Image, ImageDraw
from sources import Part, Source

_SCALES = {1: 1.7, 2: 1.35, 3: 1.15}
_NOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"


def write_docx(source: Source, path: Path) -> None:
    """Write a document."""
    _DocxWriter(source).write().save(str(path))


def drawing(index: int) -> io.BytesIO:
    """Return a picture, PNG."""
    image = Image.new("RGB", (360, 200), "white")
    pen = ImageDraw.Draw(image)
    for step in range(12):
        top = 30 + (step * index) % 90
        pen.ellipse((20 + 25 * step, top, 60 + 25 * step, top + 20 + 5 * step), fill=(40, 20 * step, 180))
    data = io.BytesIO()
    image.save(data, "PNG")
    data.seek(0)
    return data


class _DocxWriter:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.document: Document = docx.Document()
        self.notes: list[tuple[int, str]] = []

    def write(self) -> Document:
        self._prepare()
        for index, part in enumerate(self.source.parts):
            if index == 1 and self.source.columns > 1:
                self._columns()
            getattr(self, f"_{part.label}")(index, part)
        if self.notes:
            self._add_notes()
        return self.document

    def _prepare(self) -> None:
        source, section = self.source, self.document.sections[0]
        normal = self.document.styles["Normal"]
        normal.font.name, normal.font.size = source.font, Pt(source.size)
        fonts = normal.element.rPr.rFonts
        for kind in ("w:ascii", "w:hAnsi", "w:cs"):
            fonts.set(qn(kind), source.font)
        if source.landscape:
            section.orientation = WD_ORIENT.LANDSCAPE
            section.page_width, section.page_height = section.page_height, section.page_width
        if source.justified:
            self.document.settings.element.insert(0, OxmlElement("w:autoHyphenation"))
        if source.header:
            section.header.paragraphs[0].text = source.header
            self._page_number(section.footer.paragraphs[0])

    @staticmethod
    def _page_number(paragraph: Paragraph) -> None:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        for kind in ("begin", "instr", "end"):
            run = paragraph.add_run()
            if kind == "instr":
                code = OxmlElement("w:instrText")
                code.text = "PAGE"
            else:
                code = OxmlElement("w:fldChar")
                code.set(qn("w:fldCharType"), kind)
            run._r.append(code)

    def _columns(self) -> None:
        section = self.document.add_section(WD_SECTION.CONTINUOUS)
        columns = section._sectPr.find(qn("w:cols"))
        columns.set(qn("w:num"), str(self.source.columns))
        columns.set(qn("w:space"), "400")

    def _run(self, paragraph: Paragraph, text: str, index: int) -> Run:
        run = paragraph.add_run(text)
        run.font.color.rgb = RGBColor(*colour_of(index))
        run.font.name = self.source.font
        if self.source.mirrored:
            run.font.rtl = True
            run._r.rPr.rFonts.set(qn("w:cs"), self.source.font)
            size = OxmlElement("w:szCs")
            size.set(qn("w:val"), str(int(2 * self.source.size)))
            run._r.rPr.append(size)
        return run

    def _direct(self, paragraph: Paragraph) -> Paragraph:
        if self.source.mirrored:
            paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))
        elif self.source.justified:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        return paragraph

    def _heading(self, index: int, part: Part) -> None:
        source = self.source
        style = "Normal" if source.heading == "fake" else f"Heading {part.level}"
        paragraph = self._direct(self.document.add_paragraph(style=style))
        paragraph.alignment = None
        run = self._run(paragraph, part.text, index)
        run.font.bold = source.heading != "colour"
        same = source.heading in {"bold", "fake"}
        run.font.size = Pt(round(2 * source.size * (1 if same else _SCALES[part.level])) / 2)
        if source.mirrored:
            run._r.rPr.find(qn("w:szCs")).set(qn("w:val"), str(int(2 * source.size * _SCALES[part.level])))

    def _text(self, index: int, part: Part) -> None:
        self._run(self._direct(self.document.add_paragraph()), part.text, index)

    def _list_item(self, index: int, part: Part) -> None:
        style = ("List Number" if part.ordered else "List Bullet") + (" 2" if part.level else "")
        self._run(self._direct(self.document.add_paragraph(style=style)), part.text, index)

    def _caption(self, index: int, part: Part) -> None:
        run = self._run(self._direct(self.document.add_paragraph(style="Caption")), part.text, index)
        run.font.bold = False
        run.font.size = Pt(self.source.size - 1)

    def _code(self, index: int, part: Part) -> None:
        paragraph = self.document.add_paragraph()
        for number, line in enumerate(part.text.split("\n")):
            run = self._run(paragraph, line, index)
            run.font.name, run.font.size = "Liberation Mono", Pt(self.source.size - 1)
            if number < part.text.count("\n"):
                run.add_break()

    def _picture(self, index: int, _part: Part) -> None:
        self.document.add_paragraph().add_run().add_picture(drawing(index), width=Emu(2_400_000))

    def _footnote(self, index: int, part: Part) -> None:
        self.notes.append((index, part.text))
        run = self.document.paragraphs[-1].add_run()
        mark = parse_xml(f'<w:footnoteReference {nsdecls("w")} w:id="{len(self.notes)}"/>')
        run.font.superscript = True
        run._r.append(mark)

    def _add_notes(self) -> None:
        body = "".join(
            f'<w:footnote w:id="{number}"><w:p><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:footnoteRef/>'
            f'</w:r><w:r><w:rPr><w:color w:val="{hex_of(index)}"/><w:sz w:val="16"/></w:rPr>'
            f'<w:t xml:space="preserve"> {text}</w:t></w:r></w:p></w:footnote>'
            for number, (index, text) in enumerate(self.notes, 1)
        )
        blob = f"<w:footnotes {nsdecls('w')}>{body}</w:footnotes>".encode()
        part = OpcPart(PackURI("/word/footnotes.xml"), _NOTES, blob, self.document.part.package)
        self.document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)

    def _table(self, index: int, part: Part) -> None:
        grid = part.grid()
        table = self.document.add_table(rows=len(grid), cols=len(grid[0]))
        if self.source.columns > 1:
            _narrow(table, Emu(2_500_000 // len(grid[0])))
        if self.source.mirrored:
            table._tbl.tblPr.append(OxmlElement("w:bidiVisual"))
        for row, cells in enumerate(part.places()):
            for column, text, down, across in cells:
                last = (row + down - 1, column + across - 1)
                cell = table.cell(row, column)
                self._cell(cell if last == (row, column) else cell.merge(table.cell(*last)), text, index, head=row == 0)
        for row in range(len(grid)):
            for column in range(len(grid[0])):
                _border(table.cell(row, column), part, (row, column), index)
        self.document.add_paragraph()

    def _cell(self, cell: _Cell, text: str, index: int, *, head: bool) -> None:
        paragraph = self._direct(cell.paragraphs[0])
        paragraph.alignment = None
        paragraph.paragraph_format.keep_with_next = True
        if len(self.source.name) % 2 or self.source.columns > 1:
            paragraph.paragraph_format.space_after = Pt(1)
        run = self._run(paragraph, text, index)
        run.font.size = Pt(self.source.size - 1)
        run.font.bold = head


def _narrow(table: Table, width: Emu) -> None:
    table.autofit = False
    for column in table.columns:
        column.width = width
        for cell in column.cells:
            cell.width = width


def sides(part: Part, row: int, count: int) -> list[str]:
    """Return which sides of a cell in that row have a line."""
    if part.look == "ruled":
        return ["top", "bottom", "left", "right"]
    if part.look == "open":
        return []
    if part.look == "banded":
        return ["bottom"]
    head = sum(any(down > 1 for _, down, _ in cells) for cells in part.rows)
    edges = ["top"] if row == 0 else []
    return [*edges, "bottom"] if row in {head, count - 1} else edges


def _border(cell: _Cell, part: Part, place: tuple[int, int], index: int) -> None:
    properties = cell._tc.get_or_add_tcPr()
    for old in properties.findall(qn("w:tcBorders")):
        properties.remove(old)
    lines = "".join(
        f'<w:{side} w:val="single" w:sz="6" w:space="0" w:color="{hex_of(index)}"/>'
        for side in ("top", "left", "bottom", "right")
        if side in sides(part, place[0], len(part.rows))
    )
    properties.append(parse_xml(f"<w:tcBorders {nsdecls('w')}>{lines}</w:tcBorders>"))
