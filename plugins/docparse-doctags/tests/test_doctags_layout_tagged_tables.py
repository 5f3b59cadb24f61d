"""Tables that a tagged PDF tells itself, and when it is not believed."""

import pytest

from docparse_doctags._layout._structure import Element
from docparse_doctags._layout._tagged_grids import grid_of

ROWS = [
    ["Station", "Keeper", "Remark"],
    ["North pier", "Ada", "silted up"],
    ["South pier", "", "under repair"],
    ["Lock", "Max", "dry at low tide"],
]
ACROSS = (72, 200, 330)


@pytest.fixture
def pdf(tagged_pdf):
    """Return a tagged PDF with a paragraph."""
    made = tagged_pdf()
    made.text(None, "P", "The gauges of the harbour and who reads them.", 72, 100)
    return made


@pytest.fixture
def tables(convert, tmp_path):
    """Return the tables of a PDF."""
    return lambda pdf: [item["data"] for item in convert(pdf.save(tmp_path / "a.pdf")).document["tables"]]


def _grid(data):
    return [[cell["text"] for cell in row] for row in data["grid"]]


def _heads(data, kind):
    return [cell["text"] for cell in data["table_cells"] if cell[kind]]


def test_tags_tell_a_table_that_nothing_else_does_with_its_empty_cells(pdf, tables):
    pdf.table(ROWS)

    [table] = tables(pdf)

    assert _grid(table) == ROWS


def test_the_text_around_a_tagged_table_stays_where_it_was(pdf, convert, tmp_path):
    pdf.table(ROWS)
    pdf.text(None, "P", "They are read once a day.", 72, 300)

    result = convert(pdf.save(tmp_path / "a.pdf"))

    assert [child["$ref"] for child in result.document["body"]["children"]] == ["#/texts/0", "#/tables/0", "#/texts/1"]


def test_a_tagged_table_has_the_spans_that_its_cells_say(pdf, tables):
    table = pdf.table([[("TD", "Station", "/RowSpan 2"), ("TD", "People", "/ColSpan 2")]])
    pdf.rows(table, [ROWS[0][1:]], top=220, across=ACROSS[1:])
    pdf.rows(table, ROWS[1:], top=240)

    [found] = tables(pdf)

    assert _grid(found)[:2] == [["Station", "People", "People"], ["Station", "Keeper", "Remark"]]


def test_an_empty_corner_goes_down_to_where_the_rows_are_full(pdf, tables):
    table = pdf.table([["", ("TD", "People", "/ColSpan 2")]])
    pdf.rows(table, [ROWS[0][1:]], top=220, across=ACROSS[1:])
    pdf.rows(table, ROWS[1:], top=240)

    [found] = tables(pdf)

    assert [cell["row_span"] for cell in found["table_cells"] if not cell["text"]] == [2, 1]


def test_header_cells_head_their_columns_or_rows(pdf, tables):
    head = [("TH", said, "") for said in ROWS[0]]
    pdf.table([head, *([("TH", cells[0], "/Scope /Row"), *cells[1:]] for cells in ROWS[1:])])

    [table] = tables(pdf)

    assert _heads(table, "column_header") == ROWS[0]
    assert _heads(table, "row_header") == ["North pier", "South pier", "Lock"]


def test_header_cells_without_a_scope_head_their_row_where_they_are_its_first(pdf, tables):
    pdf.table([[("TH", cells[0], ""), *cells[1:]] for cells in ROWS])

    [table] = tables(pdf)

    assert _heads(table, "row_header") == [cells[0] for cells in ROWS]
    assert _heads(table, "column_header") == []


def test_what_a_group_of_rows_says_is_a_head_is_one(pdf, tables):
    table = pdf.element(None, "Table")
    pdf.rows(pdf.element(table, "THead"), ROWS[:1])
    pdf.rows(pdf.element(table, "TBody"), ROWS[1:], top=220)

    [found] = tables(pdf)

    assert _heads(found, "column_header") == ROWS[0]


def test_a_row_without_anything_is_a_row(pdf, tables):
    pdf.table([*ROWS[:2], [], *ROWS[2:]])

    [table] = tables(pdf)

    assert _grid(table)[2] == ["", "", ""]


def test_tags_come_before_rules(pdf, tables):
    pdf.draw("72 850 m 72 600 l 560 600 l S 60 655 m 480 655 l S 60 620 m 480 620 l S 60 560 m 480 560 l S")
    pdf.table(ROWS)

    [table] = tables(pdf)

    assert _grid(table) == ROWS


def test_a_tagged_table_reaches_to_the_rules_around_it(pdf, convert, tmp_path):
    pdf.draw("50 658 m 500 658 l S 50 570 m 500 570 l S")
    pdf.table(ROWS)

    [table] = convert(pdf.save(tmp_path / "a.pdf")).document["tables"]

    box = table["prov"][0]["bbox"]
    assert [round(box[edge]) for edge in "ltrb"] == [50, 658, 500, 570]


def test_a_head_that_is_repeated_without_a_tag_stays_in_the_table_that_is_drawn(pdf, tables):
    rules = "".join(f"60 {842 - down} m 480 {842 - down} l S " for down in (165, 186, 206, 226, 246, 266))
    rules += "".join(f"{across} 576 m {across} 677 l S " for across in (60, 190, 320, 480))
    said = zip(("Gauge", "Reader", "Note"), ACROSS, strict=True)
    pdf.draw(rules + "".join(f"BT /F1 10 Tf {left} 662 Td ({word}) Tj ET " for word, left in said))
    pdf.table(ROWS)

    [table] = tables(pdf)

    assert _grid(table) == [["Gauge", "Reader", "Note"], *ROWS]


WRONG = {
    "one row": [ROWS[0]],
    "one column": [[cells[0]] for cells in ROWS],
    "rows of unequal width": [*ROWS[:3], ROWS[3][:2]],
    "a span of nothing": [[("TD", "Station", "/ColSpan 0"), *ROWS[0][1:]], *ROWS[1:]],
    "a span of half a row": [[("TD", "Station", "/RowSpan 1.5"), *ROWS[0][1:]], *ROWS[1:]],
    "an absurd span": [[("TD", "Station", "/ColSpan 2000000000"), *ROWS[0][1:]], *ROWS[1:]],
    "spans over one another": [
        ["Station", ("TD", "Keeper", "/RowSpan 2"), "Remark"],
        [("TD", "North pier", "/ColSpan 2")],
        *ROWS[2:],
    ],
    "other elements in a row": [[("P", "Station", ""), *ROWS[0][1:]], *ROWS[1:]],
    "headings in its cells": [[("H2", "Station", ""), *ROWS[0][1:]], *ROWS[1:]],
    "hardly any text": [["Station", "", ""], ["", "", ""], ["", "", "Remark"]],
}


@pytest.mark.parametrize("rows", WRONG.values(), ids=WRONG)
def test_a_table_is_not_believed_that_has(rows, pdf, tables):
    pdf.table(rows)

    assert tables(pdf) == []


def test_rows_that_do_not_lie_below_each_other_are_not_believed(pdf, tables):
    pdf.table(ROWS, pitch=-20)

    assert tables(pdf) == []


def test_columns_that_lie_over_each_other_are_not_believed(pdf, tables):
    table = pdf.element(None, "Table")
    for number, cells in enumerate(ROWS):
        pdf.rows(table, [cells], top=200 + 20 * number, across=ACROSS if number % 2 else ACROSS[::-1])

    assert tables(pdf) == []


def test_a_table_over_the_text_of_others_is_not_believed(pdf, tables):
    pdf.table(ROWS)
    pdf.text(None, "P", "Beware of the tide.", 330, 220 + 8)

    assert tables(pdf) == []


def test_a_page_that_is_laid_out_in_a_table_is_no_table(convert, tagged_pdf, tmp_path):
    pdf = tagged_pdf()
    table = pdf.element(None, "Table")
    for side in range(2):
        row = pdf.element(table, "TR")
        for left in (40, 310):
            cell = pdf.element(row, "TD")
            for line in range(5):
                pdf.text(cell, "P", "The gauge was moved to the south pier in 1931.", left, 100 + 80 * side + 12 * line)

    assert convert(pdf.save(tmp_path / "a.pdf")).document["tables"] == []


def test_of_a_table_in_a_cell_only_the_inner_one_is_a_table(pdf, tables):
    outer = pdf.element(None, "Table")
    for number in range(2):
        row = pdf.element(outer, "TR")
        pdf.text(row, "TD", "Below", 40, 150 + 300 * number)
        pdf.text(row, "TD", "Above", 500, 150 + 300 * number)
    cell = pdf.element(row, "TD")
    pdf.rows(pdf.element(cell, "Table"), ROWS)

    assert [_grid(table) for table in tables(pdf)] == [ROWS]


def test_a_tree_with_a_loop_is_not_believed(pdf, convert, tmp_path):
    table = pdf.table(ROWS)
    pdf.put_into(table + 1, table)

    result = convert(pdf.save(tmp_path / "a.pdf"))

    assert result.document["tables"] == []
    assert "dry at low tide" in " ".join(result.texts)


def _rows(count, columns=2):
    cells = [Element(number=0, role="TD") for _ in range(columns)]
    return [Element(number=0, role="TR", children=list(cells)) for _ in range(count)]


def test_a_table_that_began_on_the_page_before_has_its_heads_there():
    grid = grid_of(Element(number=0, role="Table", children=[None, None, *_rows(3), None]))

    assert (grid.rows, grid.columns, grid.heads) == (3, 2, 0)


def test_columns_of_a_page_that_reads_from_right_to_left_begin_on_the_right():
    grid = grid_of(Element(number=0, role="Table", children=_rows(2)))

    assert grid.spots(mirrored=True) == [(0, 1, 1, 1), (0, 0, 1, 1), (1, 1, 1, 1), (1, 0, 1, 1)]


def test_a_table_with_more_places_than_a_page_holds_is_not_believed():
    assert grid_of(Element(number=0, role="Table", children=_rows(200, 60))) is None
