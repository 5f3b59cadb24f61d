"""Tables: cells, spans and headers as a reader sees them, from rules or from the space between columns."""

import pytest
from docling_core.types.doc import CoordOrigin
from docling_core.types.doc.page import BoundingRectangle, TextCell
from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from docparse_doctags._layout._aligned import aligned_table
from docparse_doctags._layout._rules import Rule, connected, merged
from docparse_doctags._layout._table import Cell
from docparse_doctags._layout._table import Table as Found
from docparse_doctags._layout._words import Word, Words, text_of_words, words_in

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=10, leading=12, spaceAfter=8)
TIDE = "The harbour gauge has recorded the height of the water every hour since 1911, at first with a pen on a drum."
ROWS = [
    ["Station", "Low", "High"],
    ["North pier", "0.4", "3.1"],
    ["South pier", "", "3.3"],
    ["Lock", "0.9", "2.8"],
]
GRID = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]


@pytest.fixture
def tables(convert, tmp_path):
    """Return the tables that a table with some style becomes between two paragraphs, and the other texts."""

    def run(rows, style, widths=120):
        path = tmp_path / "table.pdf"
        story = [Paragraph(TIDE, BODY), Table(rows, colWidths=widths, style=style), Paragraph(TIDE, BODY)]
        SimpleDocTemplate(str(path), invariant=1).build(story)
        result = convert(path)
        return [item["data"] for item in result.document["tables"]], result.texts

    return run


def _grid(data):
    return [[cell["text"] for cell in row] for row in data["grid"]]


def _word(text, left, down, width=None):
    return Word(text, left, down - 4, left + (width or 5 * len(text)), down + 4)


def test_a_ruled_table_keeps_its_empty_cells(tables):
    [table], texts = tables(ROWS, GRID)

    assert _grid(table) == ROWS
    assert texts == [TIDE, TIDE]


def test_two_rows_and_two_columns_are_a_table_where_they_are_ruled(tables):
    [table], _ = tables([["Low", "High"], ["0.4", "3.1"]], GRID)

    assert _grid(table) == [["Low", "High"], ["0.4", "3.1"]]


def test_a_ruled_cell_spans_to_where_a_rule_is(tables):
    rows = [["Station", "Tide", ""], ["", "Low", "High"], ["Lock", "0.9", "2.8"]]

    [table], _ = tables(rows, [*GRID, ("SPAN", (0, 0), (0, 1)), ("SPAN", (1, 0), (2, 0))])

    assert _grid(table) == [["Station", "Tide", "Tide"], ["Station", "Low", "High"], ["Lock", "0.9", "2.8"]]
    assert [cell["column_header"] for cell in table["table_cells"]] == [True] * 4 + [False] * 3


def test_a_box_around_text_is_no_table(tables):
    found, texts = tables([[Paragraph(TIDE, BODY)]], GRID, widths=300)

    assert (found, texts) == ([], [TIDE, TIDE, TIDE])


def test_rules_above_and_below_make_a_table(tables):
    style = [("LINEABOVE", (0, row), (-1, row), 0.5, colors.black) for row in (0, 1)]

    [table], texts = tables(ROWS, [*style, ("LINEBELOW", (0, -1), (-1, -1), 0.5, colors.black)])

    assert _grid(table) == ROWS
    assert texts == [TIDE, TIDE]


def test_a_rule_below_every_row_leaves_the_head_in_the_table(tables):
    [table], texts = tables(ROWS, [("LINEBELOW", (0, 0), (-1, -1), 0.5, colors.black)])

    assert _grid(table) == ROWS
    assert texts == [TIDE, TIDE]


def test_a_rule_below_some_columns_says_what_a_head_spans(tables):
    rows = [["Station", "Tide", ""], ["", "Low", "High"], ["North pier", "0.4", "3.1"], ["Lock", "0.9", "2.8"]]
    style = [("LINEABOVE", (0, row), (-1, row), 0.5, colors.black) for row in (0, 2)]
    style += [("LINEBELOW", (0, -1), (-1, -1), 0.5, colors.black), ("LINEBELOW", (1, 0), (2, 0), 0.5, colors.black)]

    [table], _ = tables(rows, style)

    assert _grid(table)[:2] == [["Station", "Tide", "Tide"], ["Station", "Low", "High"]]


def test_columns_of_figures_without_rules_are_a_table(tables):
    [table], texts = tables(ROWS, [])

    assert _grid(table) == ROWS
    assert texts == [TIDE, TIDE]


def test_words_side_by_side_without_rules_or_figures_are_text(tables):
    rows = [["Anna Keeper", "Peter Pilot"], ["North pier", "South pier"], ["by the sea", "by the lock"]]

    found, texts = tables(rows, [])

    assert found == []
    assert "Anna Keeper Peter Pilot North pier South pier by the sea by the lock" in texts


def test_a_word_broken_in_a_cell_is_whole_again():
    words = [_word("The", 0, 10), _word("har-", 20, 10), _word("bour", 0, 20)]

    assert text_of_words(words) == "The harbour"


def test_a_line_that_goes_on_a_cell_is_no_row():
    rows = [("Lock", 0.9, 10), ("Northern", 0.4, 30), ("pier", None, 40), ("Weir", 0.5, 60), ("Sluice", 0.6, 80)]
    words = [_word(name, 0, down) for name, _, down in rows]
    words += [_word(str(figure), 100, down) for _, figure, down in rows if figure]

    table = aligned_table([*words, *(_word("1.0", 200, down) for _, figure, down in rows if figure)])

    assert table is not None
    assert [cell.text for cell in table.cells if cell.column == 0] == ["Lock", "Northern pier", "Weir", "Sluice"]


@pytest.mark.parametrize(("first", "second"), [("Northern", "pier"), ("North-", "ern"), ("Mea\u00adsure", "ments")])
def test_a_cell_that_goes_on_with_a_small_letter_is_no_row_however_close_rows_are(first, second):
    rows = [("Lock", 0.9), (first, 0.4), (second, None), ("Weir", 0.5), ("Sluice", 0.6)]
    words = [_word(name, 0, 14 * number) for number, (name, _) in enumerate(rows)]
    words += [
        _word(str(figure), place, 14 * number)
        for number, (_, figure) in enumerate(rows)
        for place in (100, 200)
        if figure
    ]

    table = aligned_table(words)

    assert table is not None
    assert table.rows == 4


def test_words_without_columns_are_no_table():
    assert aligned_table([_word("one", 0, 10), _word("two", 17, 10), _word("three", 0, 20)]) is None
    assert aligned_table([]) is None


def test_pieces_of_a_rule_are_one():
    assert merged([Rule(10, 0, 20), Rule(10.5, 21, 40), Rule(10, 100, 120), Rule(50, 0, 2)]) == (
        Rule(10, 0, 40),
        Rule(10, 100, 120),
    )


def test_rules_that_meet_are_together():
    groups = connected([Rule(0, 0, 10), Rule(50, 0, 10)], [Rule(5, 0, 9)], 1)

    assert ([Rule(0, 0, 10)], [Rule(5, 0, 9)]) in groups
    assert ([Rule(50, 0, 10)], []) in groups


def test_columns_count_from_the_right_on_a_page_read_from_there():
    cells = [Cell(row=0, column=column, text=text, box=(0, 0, 1, 1)) for column, text in enumerate(["1.5-", "שם"])]

    table = Found(box=(0, 0, 1, 1), rows=1, columns=2, cells=tuple(cells), heads=0).flipped()

    assert [(cell.column, cell.text) for cell in table.cells] == [(0, "שם"), (1, "-1.5")]


def test_words_are_found_by_where_they_are():
    corners = {"r_x0": 10, "r_x1": 30, "r_x2": 30, "r_x3": 10}
    heights = {"r_y0": 90, "r_y1": 90, "r_y2": 100, "r_y3": 100}
    rectangle = BoundingRectangle(**corners, **heights, coord_origin=CoordOrigin.BOTTOMLEFT)
    words = Words(words_in([TextCell(text="Lock", orig="Lock", rect=rectangle, from_ocr=False)], 200))

    assert [word.text for word in words.inside(0, 100, 50, 110)] == ["Lock"]
    assert words.inside(0, 0, 50, 50) == []
