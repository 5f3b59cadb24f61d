"""Text lines of PDFs without layout: which of them are one paragraph."""

HEIGHT = 10


def line(paper, text, top, *, left=72, page=1, height=HEIGHT):
    return paper.text(text, page=page, box=(left, top, left + 5 * len(text), top - height))


def units(paper):
    return [unit.text for unit in paper.read().units]


def test_lines_below_each_other_are_a_paragraph(paper):
    line(paper, "Ducks swim on lakes and", 700)
    line(paper, "dive for plants in them", 686)
    line(paper, "Another paragraph begins", 650)

    assert units(paper) == ["Ducks swim on lakes and\ndive for plants in them", "Another paragraph begins"]


def test_a_paragraph_keeps_the_box_of_every_line(paper):
    line(paper, "Ducks swim on lakes and", 700)
    line(paper, "dive for plants in them", 686)

    (unit,) = paper.read().units

    assert [(offset, source.ref, source.boxes[0].t) for offset, source in unit.sources] == [
        (0, "#/texts/0", 700),
        (24, "#/texts/1", 686),
    ]


def test_pieces_of_one_line_are_joined_by_spaces_in_reading_order(paper):
    line(paper, "R", 700, left=280)
    line(paper, "و", 700, left=270)
    line(paper, "Python", 700, left=230)
    line(paper, "تعتبر البرمجة بلغة وحل المشكلات من خلال", 686)

    assert units(paper) == ["R و Python\nتعتبر البرمجة بلغة وحل المشكلات من خلال"]


def test_a_larger_font_begins_a_paragraph(paper):
    line(paper, "A title in large letters", 700, height=16)
    line(paper, "Ducks swim on lakes and", 680)

    assert len(units(paper)) == 2


def test_the_next_column_begins_a_paragraph(paper):
    line(paper, "Ducks swim on lakes and", 100)
    line(paper, "The second column is here", 700, left=320)

    assert len(units(paper)) == 2


def test_a_sentence_goes_on_across_pages(paper):
    line(paper, "Ducks swim on lakes and", 100)
    line(paper, "dive for plants in them", 700, page=2)

    (unit,) = paper.read().units

    assert unit.text == "Ducks swim on lakes and\ndive for plants in them"
    assert [source.boxes[0].page for _, source in unit.sources] == [1, 2]


def test_a_sentence_goes_on_without_any_place(paper):
    paper.text("We stay at a hotel, just down the street")
    paper.text("from the museum.")
    paper.text("Thank you.")

    assert units(paper) == ["We stay at a hotel, just down the street\nfrom the museum.", "Thank you."]


def test_the_short_last_line_of_a_sentence_ends_the_paragraph(paper):
    line(paper, "Ducks swim on the lakes and dive for plants", 700)
    line(paper, "in them.", 686)
    line(paper, "Geese graze on meadows and in the parks too", 672)

    assert units(paper) == [
        "Ducks swim on the lakes and dive for plants\nin them.",
        "Geese graze on meadows and in the parks too",
    ]


def test_bullets_begin_a_unit_on_a_new_line(paper):
    line(paper, "• Mallards are common ducks", 700)
    line(paper, "of the north", 686)
    line(paper, "• Teals are small ones here", 672)
    line(paper, "2. Eiders live by the sea", 658)

    document = paper.read()

    assert [unit.text for unit in document.units] == [
        "• Mallards are common ducks\nof the north",
        "• Teals are small ones here",
        "2. Eiders live by the sea",
    ]
    assert document.body_text.count("\n\n") == 0


def test_paragraphs_of_several_lines_are_left_alone(paper):
    text = "Ducks swim on lakes and dive for plants. " * 5
    paper.text(text, page=1, box=(72, 700, 500, 660))
    paper.text(text, page=1, box=(72, 658, 500, 618))

    document = paper.read()

    assert document.body_text == f"{text.strip()}\n\n{text.strip()}"


def test_boxes_may_count_from_the_top(paper):
    for text, top in (("Ducks swim on lakes and", 100), ("dive for plants in them", 114)):
        item = line(paper, text, 0)
        item["prov"][0]["bbox"] |= {"t": top, "b": top + HEIGHT, "coord_origin": "TOPLEFT"}

    assert units(paper) == ["Ducks swim on lakes and\ndive for plants in them"]


def test_the_sources_of_a_sentence_are_its_lines(paper):
    top = 700
    for number in range(12):
        line(paper, f"This is what line number {number} says of ducks.", top)
        top -= 14

    sentences = paper.read().units

    assert len(sentences) == 12
    assert [[source.ref for _, source in unit.sources] for unit in sentences] == [
        [f"#/texts/{number}"] for number in range(12)
    ]
