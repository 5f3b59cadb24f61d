"""What a chunker made too long is cut, whatever it is made of."""

import pytest

from docparse_chunk._fit import fitted
from docparse_chunk._units import Chunk
from docparse_runner import Category, StageError


def everything(paper, **fields):
    return Chunk(**{"headings": ()} | fields, units=tuple(paper.read().units))


def texts(made):
    return [chunk.text for chunk, _ in made]


def test_what_fits_is_left_alone_and_counted(paper, minilm):
    paper.text("Ducks swim.")
    chunk = everything(paper, headings=("Ducks",))

    assert fitted([chunk], minilm, 20) == [(chunk, minilm.count(["Ducks\nDucks swim."])[0])]


def test_halves_are_cut_between_units(paper, minilm):
    paper.items(*["Ducks swim on lakes."] * 8)

    made = fitted([everything(paper)], minilm, 20)

    assert all(set(text.split("\n")) == {"- Ducks swim on lakes."} for text in texts(made))
    assert sum(text.count("Ducks") for text in texts(made)) == 8


def test_a_caption_stays_with_what_follows(paper, minilm):
    paper.items("Ducks swim on lakes.", "Geese graze on meadows.")
    paper.table([["Name"], ["Teal"]], caption="Table 1")

    made = fitted([everything(paper)], minilm, 24)

    assert "Table 1\n\n| Name |\n|-|\n| Teal |" in texts(made)[-1]


def test_the_header_of_a_table_is_repeated_in_the_second_half(paper, minilm):
    paper.table([["Name", "Size"], *([f"Duck {number}", "small"] for number in range(8))])

    made = fitted([everything(paper)], minilm, 32)

    assert len(made) > 2
    assert all(text.startswith("| Name | Size |\n|-|-|\n") for text in texts(made))


def test_a_single_long_unit_is_cut(paper, minilm):
    paper.text("ducks and " * 15, label="paragraph")

    made = fitted([everything(paper)], minilm, 20)

    assert " ".join(texts(made)).split() == ["ducks", "and"] * 15


def test_a_single_long_row_is_cut_into_cells(paper, minilm):
    paper.table([["Name", "Size"], ["A duck with quite a long name", "A size that takes many words to tell"]])
    row = paper.read().units[-1]

    made = fitted([Chunk(headings=(), units=(row,), header=row.row.header.text)], minilm, 16)

    assert any(text.startswith("Name: A duck") for text in texts(made))


def test_headings_that_fill_a_chunk_are_given_up_from_the_outside(paper, minilm):
    paper.text("Ducks swim on lakes.")
    headings = ("A heading that says much more than a heading should say", "Ducks")

    ((chunk, tokens),) = fitted([everything(paper, headings=headings)], minilm, 16)

    assert chunk.headings == ("Ducks",)
    assert tokens <= 16


def test_a_repeated_header_is_given_up_before_the_headings(paper, minilm):
    paper.text("Ducks swim on lakes.")
    header = "| A header of a table that is far too long to be repeated above every row |"

    ((chunk, _),) = fitted([everything(paper, headings=("Ducks",), header=header)], minilm, 16)

    assert (chunk.headings, chunk.header) == (("Ducks",), "")


def test_one_letter_over_the_limit_is_a_config_error(paper):
    class Strict:
        name, limit, specials = "strict", 16, 0

        def count(self, texts):
            return [100 * len(text) for text in texts]

    paper.text("A")

    with pytest.raises(StageError, match="strict counts more for 'A' alone") as caught:
        fitted([everything(paper)], Strict(), 16)

    assert caught.value.category is Category.CONFIG
