# ruff: noqa: RUF001 - texts in other scripts are part of what is tested
"""What shares a chunk, under which headings."""

import pytest

from docparse_chunk._page import page
from docparse_chunk._structural import structural
from docparse_chunk._units import Limits

SENTENCE = "Ducks swim on lakes and ponds, and dive for plants."


@pytest.fixture
def chunks(minilm):
    """Return a function that chunks a paper structurally."""

    def run(paper, max_tokens=100, **limits):
        made = structural(paper.read(), minilm, Limits(max_tokens=max_tokens, **{"min_tokens": 30} | limits))
        return [(" > ".join(chunk.headings), chunk.text) for chunk in made]

    return run


def long(sentences):
    return " ".join([SENTENCE] * sentences)


def test_small_siblings_share_a_chunk_under_their_parent(chunks, paper):
    paper.title("Birds")
    paper.heading("Ducks")
    paper.text("They dive.")
    paper.heading("Geese")
    paper.text("They graze.")

    assert chunks(paper) == [("Birds", "Ducks\n\nThey dive.\n\nGeese\n\nThey graze.")]


def test_a_small_text_shares_a_chunk_with_the_section_below_it(chunks, paper):
    paper.title("Birds")
    paper.text("About birds.")
    paper.heading("Ducks")
    paper.text("They dive.")

    assert chunks(paper) == [("Birds", "About birds.\n\nDucks\n\nThey dive.")]


def test_large_siblings_do_not(chunks, paper):
    for name in ("Ducks", "Geese"):
        paper.heading(name)
        paper.text(long(3))

    assert [headings for headings, _ in chunks(paper)] == ["Ducks", "Geese"]


def test_a_small_section_joins_a_large_one_that_has_room(chunks, paper):
    paper.heading("Ducks")
    paper.text(long(3))
    paper.heading("Geese")
    paper.text("They graze.")

    assert chunks(paper) == [("", f"Ducks\n\n{long(3)}\n\nGeese\n\nThey graze.")]


def test_a_small_section_joins_the_beginning_of_one_that_has_to_be_cut(chunks, paper):
    paper.title("Birds")
    paper.text("About birds.")
    paper.heading("Ducks")
    paper.text(long(16))

    made = chunks(paper)

    assert made[0][0] == "Birds"
    assert made[0][1].startswith(f"About birds.\n\nDucks\n\n{SENTENCE}")
    assert {headings for headings, _ in made[1:]} == {"Birds > Ducks"}


def test_a_small_section_joins_the_end_of_what_it_stands_below(chunks, paper):
    paper.title("Birds")
    paper.text(long(10))
    paper.heading("Ducks")
    paper.text("They dive.")

    *before, last = chunks(paper)

    assert [headings for headings, _ in before] == ["Birds"]
    assert last == ("Birds", f"{long(3)}\n\nDucks\n\nThey dive.")


def test_a_small_section_does_not_join_the_end_of_a_sibling_whose_heading_it_would_cost(chunks, paper):
    for name, text in (("Ducks", long(10)), ("Geese", "They graze.")):
        paper.heading(name)
        paper.text(text)

    assert [headings for headings, _ in chunks(paper)] == ["Ducks", "Ducks", "Geese"]


def test_a_heading_without_text_begins_the_chunk_of_the_next_one(chunks, paper):
    paper.heading("Ducks")
    paper.text(long(3))
    paper.heading("Chapter 2")
    paper.heading("Geese")
    paper.text(long(3))

    assert chunks(paper) == [("Ducks", long(3)), ("", f"Chapter 2\n\nGeese\n\n{long(3)}")]


def test_a_heading_without_text_that_nothing_follows_ends_the_chunk_before(chunks, paper):
    paper.title("Birds")
    paper.heading("Ducks")
    paper.text(long(10))
    paper.heading("Gallery")

    *_, last = chunks(paper)

    assert last == ("Birds > Ducks", f"{long(3)}\n\nGallery")


def test_the_end_of_a_chapter_does_not_join_the_next_one(chunks, paper):
    paper.heading("Ducks", 1)
    paper.text(long(4))
    paper.heading("Teal", 2)
    paper.text("Small.")
    paper.heading("Geese", 1)
    paper.text(long(4))

    assert [headings for headings, _ in chunks(paper, max_tokens=50)] == ["Ducks", "Ducks > Teal", "Geese"]


def test_no_heading_is_lost_where_nothing_follows_it(chunks, paper):
    paper.heading("Ducks", 1)
    paper.heading("Mallard", 2)
    paper.heading("Geese", 1)
    paper.text(long(4))
    paper.heading("Swans", 1)

    text = "\n".join("\n".join(pair) for pair in chunks(paper, min_tokens=0))

    for heading in ("Ducks", "Mallard", "Geese", "Swans"):
        assert heading in text


def test_headings_that_fill_a_chunk_lose_their_outermost_first(chunks, paper):
    paper.title(SENTENCE)
    paper.text(long(2))
    paper.heading("Ducks of the lakes in the north", 1)
    paper.text(long(2))

    assert [headings for headings, _ in chunks(paper, max_tokens=45, min_tokens=0)] == [
        SENTENCE,
        "Ducks of the lakes in the north",
    ]


def test_a_heading_that_is_a_paragraph_is_written_like_one(chunks, paper):
    paper.heading(long(8))
    paper.text("They dive.")

    made = chunks(paper, max_tokens=64)

    assert {headings for headings, _ in made} == {""}
    assert " ".join(text for _, text in made).split() == [*long(8).split(), "They", "dive."]


def test_two_sections_with_one_name_both_keep_it(chunks, paper):
    paper.heading("Example")
    paper.text("One.")
    paper.heading("Example")
    paper.text("Two.")

    assert chunks(paper) == [("Example", "One.\n\nExample\n\nTwo.")]


def test_a_table_is_cut_by_rows_under_its_repeated_header(chunks, paper):
    paper.table([["Name", "Size"], *([f"Duck number {number}", "small"] for number in range(20))], caption="Table 1")

    made = [text for _, text in chunks(paper)]

    assert made[0].startswith("Table 1\n\n| Name | Size |\n|-|-|\n| Duck number 0 | small |")
    assert all(text.startswith("| Name | Size |\n|-|-|\n| Duck") for text in made[1:])
    rows = [line for text in made for line in text.split("\n") if line.startswith("| Duck")]
    assert rows == [f"| Duck number {number} | small |" for number in range(20)]


def test_a_caption_is_not_left_behind(chunks, paper):
    paper.text(long(5), label="paragraph")
    paper.table([["Name", "Size"], ["Duck", "small"], ["Teal", "tiny"]], caption="Table 1: of ducks and teals")

    made = [text for _, text in chunks(paper, max_tokens=80, min_tokens=0)]

    assert made[0] == long(5)
    assert made[1].startswith("Table 1: of ducks and teals\n\n| Name")


def test_rows_too_wide_for_a_chunk_are_cut_between_cells(chunks, paper):
    titles = [f"title {number}" for number in range(12)]
    paper.table([["Name", *titles], ["Duck", *(f"value of {number}" for number in range(12))]])

    made = [text for _, text in chunks(paper, max_tokens=40)]

    lines = [line for text in made for line in text.split("\n")]
    assert [line for line in lines if line.startswith("title")] == [
        f"title {number}: value of {number}" for number in range(12)
    ]


def test_a_chunk_that_begins_in_the_middle_of_a_row_repeats_its_label(chunks, paper):
    paper.table([["Name", "Size", "Text"], ["Duck", "small", long(10)]])

    first, *rest = [text for _, text in chunks(paper, max_tokens=60)]

    assert first.startswith("| Name | Size | Text |")
    assert rest
    assert all(text.startswith("Name: Duck\n") for text in rest)


def test_a_first_cell_as_long_as_a_text_labels_nothing(chunks, paper):
    paper.table([["Name", "Text"], [SENTENCE, long(8)]])

    made = " ".join(text for _, text in chunks(paper, max_tokens=60))

    assert made.count("Name:") == 1
    assert made.count(SENTENCE) == 9


def test_a_cell_too_long_for_a_chunk_is_cut_into_sentences(chunks, paper):
    paper.table([["Name", "Text"], ["Duck", long(10)]])

    made = " ".join(text for _, text in chunks(paper, max_tokens=40))

    assert made.count(SENTENCE) == 10
    assert "Name: Duck" in made


def test_code_is_cut_between_its_blocks(chunks, paper):
    block = "def swim(duck):\n    return duck.swim()"
    paper.text("\n\n".join([block] * 12), label="code")

    made = [text for _, text in chunks(paper, max_tokens=50)]

    assert len(made) > 1
    assert all(text.startswith("def swim") and text.endswith("swim()") for text in made)


def test_lists_are_cut_between_items(chunks, paper):
    paper.items(*[f"{SENTENCE} {SENTENCE}"] * 8)

    assert all(text.startswith("- ") and text.endswith("plants.") for _, text in chunks(paper, max_tokens=70))


def test_sentences_are_kept_whole(chunks, paper):
    paper.text(long(40))

    assert all(text.endswith("plants.") for _, text in chunks(paper))


@pytest.mark.parametrize(
    "text",
    ["人人生而自由，在尊严和权利上一律平等。" * 30, "مرحبا بالعالم، هذه بطة. " * 40, "มนุษย์ทั้งหลาย เกิดมา มีอิสระ " * 40],
)
def test_any_script_is_cut_and_nothing_lost(chunks, paper, text):
    paper.text(text)

    made = [part for _, part in chunks(paper)]

    assert len(made) > 1
    assert "".join("".join(made).split()) == "".join(text.split())


def test_across_headings_a_chunk_is_under_the_headings_it_begins_with(chunks, paper):
    paper.title("Birds")
    for name in ("Ducks", "Geese", "Swans"):
        paper.heading(name)
        paper.text(long(3))

    made = chunks(paper, cross_headings=True)

    assert made[0][0] == "Birds"
    assert made[0][1].startswith(f"Ducks\n\n{SENTENCE}")
    assert made[1][0] == "Birds > Swans"
    assert "".join(text for _, text in made).count(SENTENCE) == 9


def test_pages_keep_headings_that_are_cut_apart(paper, minilm):
    paper.heading("Ducks", 1)["prov"] = [{"page_no": 1, "bbox": {"l": 0, "t": 9, "r": 9, "b": 0}}]
    paper.heading("Teal", 2)["prov"] = [{"page_no": 2, "bbox": {"l": 0, "t": 9, "r": 9, "b": 0}}]
    paper.text("Small.", page=2)

    made = page(paper.read(), minilm, Limits(max_tokens=100))

    assert [(chunk.headings, chunk.text) for chunk in made] == [((), "Ducks"), (("Ducks", "Teal"), "Small.")]


@pytest.mark.parametrize("chunker", [structural, page])
def test_an_empty_document_has_no_chunks(chunker, paper, minilm):
    assert list(chunker(paper.read(), minilm, Limits(max_tokens=100))) == []
