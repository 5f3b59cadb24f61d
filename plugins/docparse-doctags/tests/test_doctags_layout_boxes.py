"""The native layout: text boxes beside each other, as on slides."""

import pytest
from reportlab.pdfgen.canvas import Canvas

BOXES = [
    ["Instruments", "Tide gauge", "Current meter", "Barometer"],
    ["Keepers", "Anna at the pier", "Peter at the lock", "Maria at sea"],
    ["Paper", "Charts of the bay", "Drums of the gauge"],
]
ROWS = [[box[row] for box in BOXES if row < len(box)] for row in range(4)]


@pytest.fixture
def draw(tmp_path):
    """Draw words at places on a page, in the order given, and return the PDF's path."""

    def build(places):
        path = tmp_path / "page.pdf"
        canvas = Canvas(str(path), pagesize=(720, 540), invariant=1)
        canvas.setFont("Helvetica", 14)
        for across, down, text in places:
            canvas.drawString(across, 540 - down, text)
        canvas.save()
        return path

    return build


def _box(number, down=150, leading=18):
    return [(60 + 220 * number, down + leading * row, text) for row, text in enumerate(BOXES[number])]


def _words(result):
    return " ".join(result.texts)


def test_boxes_that_are_drawn_one_after_the_other_are_read_so(convert, draw):
    result = convert(draw([(60, 80, "The harbour"), *_box(0), *_box(1), *_box(2)]))

    assert _words(result) == " ".join(["The harbour", *(text for box in BOXES for text in box)])


def test_boxes_that_are_drawn_row_by_row_are_read_so(convert, draw):
    places = sorted([*_box(0), *_box(1), *_box(2)], key=lambda place: place[1])

    result = convert(draw(places))

    assert _words(result) == " ".join(text for row in ROWS for text in row)


def test_a_box_beside_the_middle_of_another_does_not_interrupt_it(convert, draw):
    result = convert(draw([*_box(0, leading=30), *_box(1, down=195)]))

    assert _words(result) == " ".join([*BOXES[0], *BOXES[1]])


def test_rows_of_boxes_are_read_row_by_row(convert, draw):
    result = convert(draw([*_box(0), *_box(1), *_box(0, down=350), *_box(1, down=350)]))

    assert _words(result) == " ".join([*BOXES[0], *BOXES[1]] * 2)


def test_columns_of_figures_are_a_table_however_they_are_drawn(convert, draw):
    figures = [(280, 150 + 18 * row, text) for row, text in enumerate(["Metres", "3.1", "0.4", "2.7"])]

    [table] = convert(draw([*_box(0), *figures])).document["tables"]

    assert (table["data"]["num_rows"], table["data"]["num_cols"]) == (4, 2)
