"""What a page says beside its letters: tags, font sizes, drawings, the direction of reading."""

import io

import pytest
from docling.datamodel.base_models import InputFormat
from docling.datamodel.document import InputDocument
from docling_core.types.doc import CoordOrigin
from docling_core.types.doc.page import BoundingRectangle, PdfCellRenderingMode, PdfTextCell
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas

from docparse_doctags._engines import native
from docparse_doctags._layout._ink import Heights, missing_ink
from docparse_doctags._layout._levels import Look, levels_of
from docparse_doctags._layout._right_to_left import runs_of
from docparse_doctags._layout._words import Word

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=10, leading=12, spaceAfter=8)
TIDE = "The harbour gauge has recorded the height of the water every hour since 1911."


@pytest.fixture
def tagged(tagged_pdf, tmp_path):
    """Write a tagged PDF, one line of text for each (role, text), and return its path."""

    def write(parts, *, sizes=None, leading=24):
        pdf = tagged_pdf()
        for number, ((role, text), size) in enumerate(zip(parts, sizes or [10] * len(parts), strict=True)):
            pdf.size = size
            pdf.text(None, role, text, 72, 82 + leading * number)
        return pdf.save(tmp_path / "tagged.pdf")

    return write


def _levels(result):
    return [(item["text"], item["level"]) for item in result.document["texts"] if item["label"] == "section_header"]


def test_tags_tell_headings_that_look_like_text_and_their_levels(convert, tagged):
    path = tagged([("H1", "The Gauge"), ("P", TIDE), ("H3", "Its clock"), ("P", TIDE)])

    assert _levels(convert(path)) == [("The Gauge", 1), ("Its clock", 3)]


def test_tags_tell_where_paragraphs_end(convert, tagged):
    path = tagged([("H1", "The Gauge"), ("P", TIDE), ("P", TIDE), ("P", TIDE)], leading=11)

    assert convert(path).texts == ["The Gauge", TIDE, TIDE, TIDE]


def test_a_paragraph_of_a_list_item_is_a_list_item(convert, tagged):
    path = tagged([("H1", "The Gauge"), ("LBody", "Read it."), ("P", TIDE)])

    assert convert(path).labels["Read it."] == "list_item"


def test_a_document_that_is_tagged_as_all_headings_is_read_by_its_look(convert, tagged):
    path = tagged([("H1", TIDE), ("H1", TIDE), ("P", "The end.")])

    assert _levels(convert(path)) == []


def test_without_tagged_headings_headings_are_told_by_their_look(convert, tagged):
    path = tagged([("P", "The Gauge"), ("P", TIDE), ("P", TIDE)], sizes=[18, 10, 10])

    assert _levels(convert(path)) == [("The Gauge", 1)]


def test_headings_of_one_font_size_have_one_level(convert, tmp_path):
    path = tmp_path / "sizes.pdf"
    canvas = Canvas(str(path), invariant=1)
    for index, (text, size) in enumerate(
        [("Jury of piers", 16), (TIDE, 10), ("Sea men", 16), (TIDE, 10), ("Gauges", 13), (TIDE, 10)]
    ):
        canvas.setFont("Times-Roman", size)
        canvas.drawString(72, 760 - 30 * index, text)
    canvas.save()

    assert _levels(convert(path)) == [("Jury of piers", 1), ("Sea men", 1), ("Gauges", 2)]


@pytest.mark.parametrize(
    ("texts", "levels"),
    [
        (["1 Tides", "1.1 Low", "1.2 High", "2 Storms"], [1, 2, 2, 1]),
        (["1 Tides", "1.1 Low", "References"], [1, 2, 1]),
        (["Chapter 1 Tides", "Low"], [1, 1]),
    ],
)
def test_numbers_tell_levels_where_headings_look_the_same(texts, levels):
    assert levels_of([Look(text=text, size=12, bold=True) for text in texts]) == levels


def test_size_and_weight_come_before_numbers():
    looks = [Look(text="Tides of 1911", size=20), Look(text="1 Low", size=14, bold=True), Look(text="Sum", size=14)]

    assert levels_of(looks) == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "above", "below"), [("Flag", False, False), ("Flood", False, True), ("on", True, True)]
)
def test_ink_is_missing_where_no_letter_reaches(text, above, below):
    up, down = missing_ink(text, 10)

    assert (up > 0, down > 0) == (above, below)


def _pdf_cell(text, height):
    corners = {"r_x0": 0, "r_x1": 9, "r_x2": 9, "r_x3": 0}
    heights = {"r_y0": 0, "r_y1": 0, "r_y2": height, "r_y3": height}
    return PdfTextCell(
        text=text,
        orig=text,
        rect=BoundingRectangle(**corners, **heights, coord_origin=CoordOrigin.BOTTOMLEFT),
        rendering_mode=PdfCellRenderingMode.FILL_TEXT,
        widget=False,
        font_key="/F1",
        font_name="/Some",
    )


def test_a_font_is_measured_by_ink_when_its_words_differ_in_height():
    inky = Heights([Word("Flood", 0, 2, 9, 10, "/F1"), Word("Flag", 10, 0, 19, 10, "/F1")])
    boxed = Heights([Word("Flood", 0, 0, 9, 10, "/F1"), Word("Flag", 10, 0, 19, 10, "/F1")])

    assert inky.missing(_pdf_cell("Flood", 8), 8)[1] > 0
    assert boxed.missing(_pdf_cell("Flood", 8), 8) == (0.0, 0.0)


def _word(text, left, right, top=0.0, bottom=10.0):
    return Word(text, left, top, right, bottom)


def test_signs_of_another_font_stand_where_they_are_in_a_line_read_from_the_right():
    words = [_word("שפת", 80, 100), _word("GPS", 50, 70), _word(".", 48, 50, 8, 10), _word("new", 20, 45)]

    [run] = runs_of(words, lambda *_: False)

    assert run.text == "שפת GPS. new"


def test_latin_words_in_a_line_read_from_the_right_are_read_from_the_left():
    words = [_word("שפת", 80, 100), _word("New", 40, 55), _word("York", 57, 70)]

    [run] = runs_of(words, lambda *_: False)

    assert run.text == "שפת New York"


def test_words_of_two_scripts_are_two_words_however_close():
    words = [_word("שפת", 80, 100), _word("GPS", 50, 79.9), _word("היא", 20, 50)]

    [run] = runs_of(words, lambda *_: False)

    assert run.text == "שפת GPS היא"


def test_a_drawing_is_a_picture_and_its_letters_are_not_text(convert, tmp_path):
    path = tmp_path / "drawing.pdf"
    canvas = Canvas(str(path), invariant=1)
    canvas.drawString(72, 760, TIDE)
    for bar in range(6):
        canvas.rect(80 + 30 * bar, 500, 26, 20 + 15 * bar, fill=1)
    canvas.drawString(85, 590, "metres")
    canvas.save()

    result = convert(path)

    assert len(result.document["pictures"]) == 1
    assert result.document["texts"][0]["text"] == TIDE
    assert result.document["body"]["children"] == [{"$ref": "#/texts/0"}, {"$ref": "#/pictures/0"}]


def test_a_frame_around_text_is_no_picture(convert, tmp_path):
    path = tmp_path / "frame.pdf"
    canvas = Canvas(str(path), invariant=1)
    canvas.setFillGray(0.9)
    canvas.rect(60, 690, 460, 90, fill=1)
    canvas.setFillGray(0)
    for row in range(5):
        canvas.drawString(72, 760 - 14 * row, TIDE)
    canvas.save()

    result = convert(path)

    assert result.document["pictures"] == []
    assert TIDE in result.texts[0]


def test_figures_at_the_foot_of_pages_are_no_furniture(convert, tmp_path):
    path = tmp_path / "figures.pdf"
    canvas = Canvas(str(path), invariant=1)
    for page in range(3):
        canvas.drawString(72, 760, TIDE)
        canvas.drawString(72, 400, f"-{page}.5")
        canvas.showPage()
    canvas.save()

    labels = convert(path).labels

    assert {labels[f"-{page}.5"] for page in range(3)} == {"text"}


def test_a_stream_is_read_like_a_file(tagged):
    path = tagged([("H1", "The Gauge"), ("P", TIDE), ("P", TIDE)])
    reader = native.pdf_reader()
    given = InputDocument(
        path_or_stream=io.BytesIO(path.read_bytes()),
        format=InputFormat.PDF,
        backend=reader.backend,
        backend_options=reader.backend_options,
        filename="tagged.pdf",
    )

    document = reader.opened().execute(given, raises_on_error=True).document

    assert [item.text for item in document.texts] == ["The Gauge", TIDE, TIDE]
