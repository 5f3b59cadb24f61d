"""Sources as slides: a heading begins one."""

from itertools import takewhile
from pathlib import Path

import pptx
from marks import colour_of
from pptx.dml.color import RGBColor
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls
from pptx.slide import Slide
from pptx.text.text import TextFrame, _Paragraph
from pptx.util import Inches, Pt
from sources import Part, Source


def write_pptx(source: Source, path: Path) -> None:
    """Write a deck."""
    deck = pptx.Presentation()
    slide: Slide | None = None
    for index, part in enumerate(source.parts):
        if part.label == "heading":
            below = source.parts[index + 1]
            layout = 5 if below.label == "table" or below.box else 1
            slide = deck.slides.add_slide(deck.slide_layouts[layout])
            _say(slide.shapes.title.text_frame.paragraphs[0], part, index, source)
        elif part.label == "table":
            _table(slide, index, part, source)
        elif part.box:
            paragraph = _next_paragraph(_box(slide, index, source))
            _say(paragraph, part, index, source)
            _mark(paragraph, part)
        else:
            paragraph = _next_paragraph(slide.placeholders[1].text_frame)
            paragraph.level = part.level
            _say(paragraph, part, index, source)
    deck.save(str(path))


def _box(slide: Slide, index: int, source: Source) -> TextFrame:
    """Return the text box that a part is in; a slide has as many beside each other as follow its heading."""
    number = source.parts[index].box
    if source.parts[index - 1].box == number:
        return slide.shapes[-1].text_frame
    rest = takewhile(lambda part: part.label != "heading", source.parts[index:])
    width = 8.8 / max(part.box for part in rest)
    frame = slide.shapes.add_textbox(
        Inches(0.6 + width * (number - 1)), Inches(2), Inches(width - 0.4), Inches(3)
    ).text_frame
    frame.word_wrap = True
    return frame


def _mark(paragraph: _Paragraph, part: Part) -> None:
    """Give a list item its bullet or number, which text boxes do not have of themselves."""
    if part.label != "list_item":
        return
    style = paragraph._p.get_or_add_pPr()  # noqa: SLF001 - python-pptx has no public way to bullets
    style.set("marL", str(Pt(18)))
    style.set("indent", str(-Pt(18)))
    kind = "<a:buAutoNum {} type='arabicPeriod'/>" if part.ordered else "<a:buChar {} char='\u2022'/>"
    style.append(parse_xml(kind.format(nsdecls("a"))))


def _next_paragraph(frame: TextFrame) -> _Paragraph:
    first = frame.paragraphs[0]
    return frame.add_paragraph() if first.runs else first


def _say(paragraph: _Paragraph, part: Part, index: int, source: Source) -> None:
    run = paragraph.add_run()
    run.text = part.text
    run.font.color.rgb = RGBColor(*colour_of(index))
    run.font.name = source.font
    if part.label == "list_item" or part.box:
        run.font.size = Pt(source.size - 2 * part.level * (not part.box))


def _table(slide: Slide, index: int, part: Part, source: Source) -> None:
    grid = part.grid()
    frame = slide.shapes.add_table(len(grid), len(grid[0]), Inches(0.7), Inches(2), Inches(8.5), Inches(3))
    for row, cells in enumerate(grid):
        for column, text in enumerate(cells):
            run = frame.table.cell(row, column).text_frame.paragraphs[0].add_run()
            run.text = text
            run.font.size = Pt(source.size - 4)
            run.font.color.rgb = RGBColor(*colour_of(index))
