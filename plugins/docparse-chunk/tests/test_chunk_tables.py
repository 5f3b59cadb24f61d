import msgspec

from docparse_chunk import _tables
from docparse_chunk._docling import Cell, Table
from docparse_chunk._tables import table_text


def lines(cells):
    table = table_text(msgspec.convert({"table_cells": cells}, Table), lambda cell: cell.text, lambda _: [])
    return None if table is None else [table.header.text, *(text for text, *_ in table.rows)]


def grid(new_cell, *rows, headers=1):
    return [
        new_cell(text, row, column, column_header=row < headers)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    ]


def test_a_table_is_a_header_and_rows(new_cell):
    cells = grid(new_cell, ["Name", "Size"], ["Teal", "small\n duck"])

    assert lines(cells) == ["| Name | Size |\n|-|-|", "| Teal | small duck |"]


def test_several_header_rows_stay_together_and_name_the_columns(new_cell):
    cells = grid(new_cell, ["Duck", "Duck"], ["Name", "Size"], ["Teal", "small"], headers=2)

    table = table_text(msgspec.convert({"table_cells": cells}, Table), lambda cell: cell.text, lambda _: [])

    assert table.header.text == "| Duck | Duck |\n| Name | Size |\n|-|-|"
    assert table.header.titles == ("Duck Name", "Duck Size")


def test_only_the_first_rows_are_header(new_cell):
    cells = grid(new_cell, ["Name"], ["Teal"], ["Family"])
    cells[2]["column_header"] = True

    assert lines(cells) == ["| Name |\n|-|", "| Teal |", "| Family |"]


def test_without_a_marked_header_the_first_row_is_taken_for_it(new_cell):
    assert lines(grid(new_cell, ["Teal", "1"], ["Eider", "2"], headers=0)) == ["| Teal | 1 |\n|-|-|", "| Eider | 2 |"]


def test_empty_rows_and_columns_are_left_out(new_cell):
    cells = grid(new_cell, ["Name", "", "Size"], ["", "", ""], ["Teal", "", "small"])

    assert lines(cells) == ["| Name | Size |\n|-|-|", "| Teal | small |"]


def test_a_table_without_text_is_none(new_cell):
    assert lines(grid(new_cell, ["", " "])) is None
    assert lines([]) is None


def test_a_single_cell_is_plain_text(new_cell):
    assert lines([new_cell("Ducks of the year", 0, 0)]) == ["Ducks of the year"]


def test_a_header_alone_has_no_rule(new_cell):
    assert lines(grid(new_cell, ["Name", "Size"])) == ["| Name | Size |"]


def test_a_label_over_several_rows_is_repeated_and_a_long_text_is_not(new_cell):
    long = "A text too long to be a label of rows."
    cells = [
        *grid(new_cell, ["Year", "Note", "Sum"]),
        new_cell("2024", 1, 0, rows=2),
        new_cell(long, 1, 1, rows=2),
        new_cell("1", 1, 2),
        new_cell("2", 2, 2),
    ]

    assert lines(cells)[1:] == [f"| 2024 | {long} | 1 |", "| 2024 |  | 2 |"]


def test_a_cell_over_several_columns_is_written_once(new_cell):
    cells = [*grid(new_cell, ["a", "b"]), new_cell("both", 1, 0, columns=2), *grid(new_cell, [], [], ["c", "d"])]

    assert lines(cells)[1:] == ["| both |  |", "| c | d |"]


def test_cells_in_one_place_are_written_together(new_cell):
    assert lines([new_cell("a", 0, 0), new_cell("b", 0, 0)]) == ["a b"]


def test_rows_know_where_their_cells_begin(new_cell):
    table = table_text(
        msgspec.convert({"table_cells": grid(new_cell, ["a", "b"], ["Teal", "small"])}, Table),
        lambda cell: cell.text,
        lambda _: [],
    )

    ((text, row, _),) = table.rows

    assert [text[start:].startswith(cell) for start, cell in zip(row.starts, row.cells, strict=True)] == [True, True]


def test_a_huge_table_with_hardly_any_text_is_written_in_one_column(monkeypatch):
    monkeypatch.setattr(_tables, "_MOST_CELLS", 100)
    cells = [
        Cell(
            start_row_offset_idx=place,
            end_row_offset_idx=place + 1,
            start_col_offset_idx=place,
            end_col_offset_idx=place + 1,
            text=str(place),
        )
        for place in range(11)
    ]

    table = table_text(Table(cells), lambda cell: cell.text, lambda _: [])

    assert [text for text, *_ in table.rows] == [f"| {place} |" for place in range(1, 11)]
