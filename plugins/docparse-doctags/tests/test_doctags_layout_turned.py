"""The native layout: pages whose text runs up, down or upside down."""

import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from docparse_doctags._layout._turned import Turn

WIDTH, HEIGHT = 400, 600
TEXT = ["The harbour gauge has recorded the height of the", "water every hour since 1911, at first with a pen."]
ROWS = [["North", "3.1"], ["South", "0.4"]]


@pytest.fixture
def turned(tmp_path):
    """Write a page of text and a table, turned against the clock or by ``/Rotate``, and return the PDF's path."""

    def build(degrees, *, rotate=0):
        path = tmp_path / f"{degrees}-{rotate}.pdf"
        size = (HEIGHT, WIDTH) if degrees % 180 else (WIDTH, HEIGHT)
        canvas = Canvas(str(path), pagesize=size, invariant=1)
        canvas.translate(*{0: (0, 0), 90: (HEIGHT, 0), 180: (WIDTH, HEIGHT), 270: (0, WIDTH)}[degrees])
        canvas.rotate(degrees)
        _draw(canvas)
        canvas.save()
        if rotate:
            writer = PdfWriter(clone_from=PdfReader(path))
            writer.pages[0].rotate(rotate)
            writer.write(path)
        return path

    return build


def _draw(canvas):
    for row, line in enumerate(TEXT):
        canvas.drawString(50, 550 - 15 * row, line)
    canvas.rect(50, 300, 200, 60)
    canvas.line(150, 300, 150, 360)
    canvas.line(50, 330, 250, 330)
    for row, cells in enumerate(ROWS):
        for column, text in enumerate(cells):
            canvas.drawString(55 + 100 * column, 340 - 30 * row, text)


def _rows(table):
    rows = [[""] * table["data"]["num_cols"] for _ in range(table["data"]["num_rows"])]
    for cell in table["data"]["table_cells"]:
        rows[cell["start_row_offset_idx"]][cell["start_col_offset_idx"]] = cell["text"]
    return rows


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_page_reads_like_an_upright_one(degrees, convert, turned):
    result = convert(turned(degrees))

    assert result.texts == [" ".join(TEXT)]
    assert [_rows(table) for table in result.document["tables"]] == [ROWS]


@pytest.mark.parametrize(("degrees", "rotate"), [(90, 90), (180, 180), (270, 270), (0, 90)])
def test_a_page_that_is_shown_turned_reads_like_an_upright_one(degrees, rotate, convert, turned):
    result = convert(turned(degrees, rotate=rotate))

    assert result.texts == [" ".join(TEXT)]
    assert [_rows(table) for table in result.document["tables"]] == [ROWS]


def test_boxes_are_where_the_text_is_on_the_page_as_it_is_shown(convert, turned):
    document = convert(turned(90)).document

    box = document["tables"][0]["prov"][0]["bbox"]
    assert (round(box["l"]), round(box["r"])) == (HEIGHT - 360, HEIGHT - 300)
    assert sorted((round(box["b"]), round(box["t"]))) == [50, 250]
    assert document["pages"]["1"]["size"] == {"width": HEIGHT, "height": WIDTH}


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turning_back_undoes_turning(degrees):
    turn = Turn(degrees, WIDTH, HEIGHT)
    box = (10.0, 20.0, 110.0, 50.0)

    assert turn.back(turn.box(box)) == box
