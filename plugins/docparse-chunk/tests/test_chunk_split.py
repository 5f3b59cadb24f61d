# ruff: noqa: RUF001 - punctuation of other scripts is what is tested
import time

import pytest

from docparse_chunk._split import by_cells, exploded, line_spans, refined
from docparse_chunk._tokens import cost_of
from docparse_chunk._units import Header, Row, Source, Unit, joined

SOURCE = Source("#/texts/0")


def unit(text, kind="text", **fields):
    values = {"before": "\n\n", "start": 0, "end": len(text), "sources": ((0, SOURCE),)} | fields
    return Unit(text=text, kind=kind, **values)


def words(units):
    """Return one token for each word: a counter that needs no model."""
    return [len(piece.text.split()) for piece in units]


def letters(units):
    return [len(piece.text) for piece in units]


def test_short_text_is_one_unit_and_long_text_is_sentences():
    short = unit("One. Two. Three.")
    long = unit("Ducks swim on lakes and ponds. " * 8)

    assert refined(short) == [short]
    assert [piece.text for piece in refined(long)] == ["Ducks swim on lakes and ponds."] * 8


def test_pieces_together_are_the_unit():
    whole = unit("Ducks swim. \n\n They eat plants. And insects.", before="\n")

    pieces = whole.cut([(0, 11), (15, 31), (32, 44)])

    assert joined(pieces) == whole.text
    assert [piece.before for piece in pieces] == ["\n", " \n\n ", " "]
    assert [piece.opens for piece in pieces] == [True, True, False]


def test_pieces_know_where_they_stand_and_which_items_they_come_from():
    other = Source("#/texts/1")
    whole = unit("Ducks swim. Geese graze.", start=100, end=124, sources=((0, SOURCE), (12, other)), leads=True)

    first, second = whole.cut([(0, 11), (12, 24)])

    assert (first.start, first.end, first.sources, first.leads) == (100, 111, ((0, SOURCE),), False)
    assert (second.start, second.end, second.sources, second.leads) == (112, 124, ((0, other),), True)


def test_lines_keep_their_indentation_and_blank_ones_are_left_out():
    text = "a\n   \n    b  \n\nc"

    assert [text[start:end] for start, end in line_spans(text)] == ["a", "    b", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One two. Three four five.", ["One two.", "Three four five."]),
        ("one two three, four five", ["one two three,", "four five"]),
        ("one two three four", ["one", "two", "three", "four"]),
    ],
)
def test_a_long_unit_is_cut_at_the_best_place_there_is(text, expected):
    pieces = [piece.text for piece, _ in exploded(unit(text), 3, words)]

    assert pieces == expected


def test_words_are_cut_into_letters_only_when_they_alone_are_too_long():
    pieces = [piece.text for piece, _ in exploded(unit("short " + "x" * 20), 8, letters)]

    assert pieces == ["short", *["xx"] * 10]


def test_accents_stay_with_their_letters():
    pieces = [piece.text for piece, _ in exploded(unit("e\u0301" * 12), 8, letters)]

    assert pieces == ["e\u0301"] * 12


def test_a_letter_with_endless_accents_is_cut_all_the_same():
    pieces = exploded(unit("e" + "\u0301" * 1000), 8, letters)

    assert max(tokens for _, tokens in pieces) <= 8


def test_every_piece_fits_and_nothing_is_lost(minilm):
    text = "人人生而自由，在尊严和权利上一律平等" * 20 + " " + "constitution" * 30 + " and so on; " * 40

    pieces = exploded(unit(text.strip()), 20, lambda units: cost_of(minilm, units))

    assert max(tokens for _, tokens in pieces) <= 20
    assert joined(piece for piece, _ in pieces) == text.strip()


def test_a_wide_row_is_cut_into_cells_under_their_titles():
    header = Header("| Name | | Size |\n|-|-|-|", ("Name", "", "Size"))
    row = Row(header, ("Teal", "rare", "small"), (2, 9, 16))
    whole = unit("| Teal | rare | small |", kind="table", start=50, end=73, row=row, caption="Table 1")

    cells = by_cells(whole, row)

    assert [piece.text for piece in cells] == ["Name: Teal", "rare", "Size: small"]
    assert [(piece.start, piece.end) for piece in cells] == [(52, 56), (59, 63), (66, 71)]
    assert {(piece.kind, piece.caption, piece.row) for piece in cells} == {("table", "Table 1", None)}


def test_pieces_of_a_cell_know_where_they_stand_in_the_row():
    cell = unit("Name: a small duck", kind="table", start=50, end=62)

    pieces = cell.cut([(0, 5), (6, 13), (14, 18)])

    assert [(piece.text, piece.start, piece.end) for piece in pieces] == [
        ("Name:", 50, 50),
        ("a small", 50, 57),
        ("duck", 58, 62),
    ]


@pytest.mark.parametrize("text", ["x" * 200_000, "word " * 40_000, "鸭" * 60_000, ", " * 40_000, "a\u0301" * 50_000])
def test_the_time_is_linear_in_the_length_whatever_the_text(text):
    start = time.process_time()

    exploded(unit(text.strip()), 64, letters)

    assert time.process_time() - start < 3
