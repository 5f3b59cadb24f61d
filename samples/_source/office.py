"""Word, PowerPoint and Excel files from blocks, byte for byte the same each time."""

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

from _source.markup import Block, Text, plain, spans
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt as DocxPt
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from pptx import Presentation
from pptx.util import Inches, Pt

_AUTHOR = "The docparse authors"
_DATE = b"2024-01-15T09:00:00Z"
_TITLE_LAYOUT, _LIST_LAYOUT, _TABLE_LAYOUT = 0, 1, 5  # of python-pptx's default template


def build_docx(text: Text) -> bytes:
    """Render a text as a Word document; its first heading becomes the title."""
    document = Document()
    document.styles["Normal"].font.name = "Calibri"
    document.styles["Normal"].font.size = DocxPt(11)
    document.sections[0].header.paragraphs[0].text = "docparse sample corpus"
    for block in text.blocks:
        _DOCX[block.kind](document, block)
    _describe(document.core_properties, text)
    return _saved(document.save)


def _docx_heading(document: Any, block: Block) -> None:
    document.add_heading(plain(block.text), level=block.level - 1)


def _docx_paragraph(document: Any, block: Block, style: str | None = None) -> None:
    _docx_runs(document.add_paragraph(style=style), block.text)


def _docx_caption(document: Any, block: Block) -> None:
    document.add_paragraph(plain(block.text), style="Caption")


def _docx_list(document: Any, block: Block) -> None:
    style = "List Bullet" if block.kind == "bullets" else "List Number"
    for _, entry in block.items:
        _docx_runs(document.add_paragraph(style=style), entry)


def _docx_table(document: Any, block: Block) -> None:
    table = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
    for number, row in enumerate(block.rows):
        cells = table.add_row().cells
        for cell, value in zip(cells, row, strict=True):
            cell.text = plain(value)
            if number == 0:
                cell.paragraphs[0].runs[0].bold = True
                cell._tc.get_or_add_tcPr().append(_shade())  # noqa: SLF001 - python-docx has no public cell shading
    table.rows[0]._tr.get_or_add_trPr().append(_repeat())  # noqa: SLF001 - nor a public header row
    document.add_paragraph()


def _docx_runs(paragraph: Any, text: str) -> None:
    for piece, emphasised in spans(text):
        paragraph.add_run(piece).italic = emphasised or None


def _shade() -> Any:
    return parse_xml(f'<w:shd {nsdecls("w")} w:val="clear" w:color="auto" w:fill="DCE6F1"/>')


def _repeat() -> Any:
    return parse_xml(f"<w:tblHeader {nsdecls('w')}/>")


_DOCX: dict[str, Callable[[Any, Block], None]] = {
    "heading": _docx_heading,
    "text": _docx_paragraph,
    "title": _docx_caption,
    "bullets": _docx_list,
    "numbers": _docx_list,
    "table": _docx_table,
}


def build_pptx(text: Text) -> bytes:
    """Render a text as slides: one for the title, then one for each second-level heading."""
    deck = Presentation()
    first, *rest = _sections(text)
    slide = deck.slides.add_slide(deck.slide_layouts[_TITLE_LAYOUT])
    slide.shapes.title.text = first[0].text
    slide.placeholders[1].text = first[1].text
    for section in rest:
        _pptx_slide(deck, section)
    _describe(deck.core_properties, text)
    return _saved(deck.save)


def _pptx_slide(deck: Any, section: list[Block]) -> None:
    found = {block.kind: block for block in section}
    layout = deck.slide_layouts[_TABLE_LAYOUT if "table" in found else _LIST_LAYOUT]
    slide = deck.slides.add_slide(layout)
    slide.shapes.title.text = section[0].text
    if "table" in found:
        _pptx_caption(slide, found["title"].text)
        _pptx_table(slide, found["table"].rows)
    else:
        _pptx_list(slide.placeholders[1].text_frame, found["bullets"])
    if "notes" in found:
        slide.notes_slide.notes_text_frame.text = found["notes"].text


def _pptx_list(frame: Any, block: Block) -> None:
    for number, (depth, entry) in enumerate(block.items):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.text, paragraph.level = plain(entry), depth
        paragraph.font.size = Pt(24 - 4 * depth)


def _pptx_caption(slide: Any, text: str) -> None:
    frame = slide.shapes.add_textbox(Inches(0.6), Inches(1.5), Inches(8.8), Inches(0.5)).text_frame
    frame.text = text
    frame.paragraphs[0].font.size = Pt(16)


def _pptx_table(slide: Any, rows: tuple[tuple[str, ...], ...]) -> None:
    height = Inches(0.5 * len(rows))
    shape = slide.shapes.add_table(len(rows), len(rows[0]), Inches(0.6), Inches(2.1), Inches(8.8), height)
    for row, values in zip(shape.table.rows, rows, strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = plain(value)
            cell.text_frame.paragraphs[0].font.size = Pt(16)


def build_xlsx(text: Text) -> bytes:
    """Render a text as a workbook: a sheet for each second-level heading, its remark above its table."""
    book = Workbook()
    book.remove(book.active)
    for section in _sections(text)[1:]:
        sheet = book.create_sheet(section[0].text)
        found = {block.kind: block for block in section}
        if "text" in found:
            sheet.append([found["text"].text])
            sheet.append([])
        _xlsx_table(sheet, found["table"].rows)
    book.properties.title, book.properties.creator = text.title, _AUTHOR
    return _saved(book.save)


def _xlsx_table(sheet: Any, rows: tuple[tuple[str, ...], ...]) -> None:
    sheet.append(list(rows[0]))
    header = sheet.max_row
    for cell in sheet[header]:
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="DCE6F1")
    for row in rows[1:]:
        sheet.append([_number(value) for value in row])
    for position, column in enumerate(zip(*rows, strict=True), start=1):
        sheet.column_dimensions[get_column_letter(position)].width = min(60, max(map(len, column)) + 2)
    for line in sheet.iter_rows(min_row=header):
        for cell in line:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = f"A{header + 1}"


def _number(value: str) -> str | int | float:
    if re.fullmatch(r"\d+", value):
        return int(value)
    return float(value) if re.fullmatch(r"\d+\.\d+", value) else value


def _sections(text: Text) -> list[list[Block]]:
    """Cut a text before each heading."""
    sections: list[list[Block]] = []
    for block in text.blocks:
        if block.kind == "heading":
            sections.append([])
        sections[-1].append(block)
    return sections


def _describe(properties: Any, text: Text) -> None:
    properties.title, properties.author, properties.last_modified_by = text.title, _AUTHOR, _AUTHOR
    properties.comments = "docparse sample corpus"


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    """Save and pack again: members sorted, one date, so that the bytes depend on the content alone."""
    raw, packed = io.BytesIO(), io.BytesIO()
    save(raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(packed, "w") as target:
        for name in sorted(source.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            target.writestr(member, _dated(name, source.read(name)))
    return packed.getvalue()


def _dated(name: str, content: bytes) -> bytes:
    if name != "docProps/core.xml":
        return content
    return re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + _DATE, content)
