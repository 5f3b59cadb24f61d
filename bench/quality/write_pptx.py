"""Sources as slides: a heading begins one."""

from pathlib import Path

import pptx
from marks import colour_of
from pptx.dml.color import RGBColor
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
            layout = 5 if source.parts[index + 1].label == "table" else 1
            slide = deck.slides.add_slide(deck.slide_layouts[layout])
            _say(slide.shapes.title.text_frame.paragraphs[0], part, index, source)
        elif part.label == "table":
            _table(slide, index, part, source)
        else:
            paragraph = _next_paragraph(slide.placeholders[1].text_frame)
            paragraph.level = part.level
            _say(paragraph, part, index, source)
    deck.save(str(path))


def _next_paragraph(frame: TextFrame) -> _Paragraph:
    first = frame.paragraphs[0]
    return frame.add_paragraph() if first.runs else first


def _say(paragraph: _Paragraph, part: Part, index: int, source: Source) -> None:
    run = paragraph.add_run()
    run.text = part.text
    run.font.color.rgb = RGBColor(*colour_of(index))
    run.font.name = source.font
    if part.label == "list_item":
        run.font.size = Pt(source.size - 2 * part.level)


def _table(slide: Slide, index: int, part: Part, source: Source) -> None:
    grid = part.grid()
    frame = slide.shapes.add_table(len(grid), len(grid[0]), Inches(0.7), Inches(2), Inches(8.5), Inches(3))
    for row, cells in enumerate(grid):
        for column, text in enumerate(cells):
            run = frame.table.cell(row, column).text_frame.paragraphs[0].add_run()
            run.text = text
            run.font.size = Pt(source.size - 4)
            run.font.color.rgb = RGBColor(*colour_of(index))
