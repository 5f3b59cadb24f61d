"""What stands beside the plain text is carried too: links, emphasis, what is known of pictures; and what goes."""

import pytest


def link(url, **formatting):
    return {"hyperlink": url, "formatting": formatting}


@pytest.fixture
def linked(paper):
    inline = paper.group("inline")
    paper.text("Read of", parent=inline)
    paper.text("ducks", parent=inline, **link("https://example.org/ducks", bold=True, italic=True))
    paper.text("and", parent=inline)
    paper.text("geese", parent=inline, formatting={"strikethrough": True, "script": "super"})
    paper.text(".", parent=inline)
    return paper


def test_links_and_emphasis_are_in_fields_of_their_own(chunk, linked):
    _, (row,) = chunk(linked.data())

    assert row["text"] == "Read of ducks and geese."
    assert row["links"] == [{"text": "ducks", "url": "https://example.org/ducks"}]
    assert row["emphasis"] == [
        {"text": "ducks", "styles": ["bold", "italic"]},
        {"text": "geese", "styles": ["strikethrough", "super"]},
    ]


def test_markup_markdown_writes_them_in_the_text(chunk, linked):
    _, (row,) = chunk(linked.data(), markup="markdown")

    assert row["text"] == "Read of [***ducks***](https://example.org/ducks) and <sup>~~geese~~</sup>."
    assert row["links"] == [{"text": "ducks", "url": "https://example.org/ducks"}]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mailto:duck@example.org", "[Ducks](mailto:duck@example.org)"),
        ("../ducks.html#a:b", "[Ducks](../ducks.html#a:b)"),
        ("JavaScript:alert(1)", "Ducks"),
        ("data:text/html,x", "Ducks"),
    ],
)
def test_a_link_that_a_browser_would_run_is_not_written(chunk, paper, url, text):
    paper.text("Ducks", hyperlink=url)

    _, (row,) = chunk(paper.data(), markup="markdown")

    assert (row["text"], row["links"]) == (text, [{"text": "Ducks", "url": url}])


def test_a_heading_keeps_its_link(chunk, paper):
    paper.heading("Ducks")["hyperlink"] = "https://example.org/"

    _, (row,) = chunk(paper.data(), markup="markdown")

    assert row["text"] == "[Ducks](https://example.org/)"


def test_a_chunk_has_the_links_of_its_own_text_only(chunk, paper):
    for number in range(8):
        paper.text(
            f"Sentence number {number} tells of ducks and of their many ways on the water. " * 3, label="paragraph"
        )
        paper.text(f"More on {number}.", label="paragraph", hyperlink=f"https://example.org/{number}")

    _, rows = chunk(paper.data(), max_tokens=80)

    assert len(rows) > 1
    for row in rows:
        assert [link["text"] for link in row["links"]] == [f"More on {link['url'][-1]}." for link in row["links"]]
        assert all(link["text"] in row["text"] for link in row["links"])
    assert sum(len(row["links"]) for row in rows) == 8


def test_pictures_tell_what_is_known_of_them_with_their_caption(chunk, paper):
    classes = [{"class_name": name, "confidence": sure} for name, sure in (("map", 0.1), ("bird", 0.8), ("logo", 0.05))]
    picture = paper.add(
        "pictures",
        "picture",
        meta={
            "classification": {"predictions": [*classes, {"class_name": "icon"}]},
            "molecule": {"smi": "CCO"},
            "description": {"text": "A duck."},
        },
        prov=[{"page_no": 4, "bbox": {"l": 1, "t": 9, "r": 9, "b": 1}}],
    )
    picture["captions"] = [{"$ref": paper.text("Figure 1", label="caption")["self_ref"]}]

    _, (row,) = chunk(paper.data())

    assert row["text"] == "Figure 1\n\nA duck."
    assert row["pictures"] == [
        {
            "doc_item": "#/pictures/0",
            "descriptions": ["A duck."],
            "classes": [
                {"name": "bird", "confidence": 0.8},
                {"name": "map", "confidence": 0.1},
                {"name": "logo", "confidence": 0.05},
            ],
            "molecule": "CCO",
        }
    ]
    assert (row["doc_items"], row["pages"]) == (["#/texts/0", "#/pictures/0"], [4])


def test_annotations_of_older_documents_are_read_too(chunk, paper, new_cell):
    paper.add(
        "pictures",
        "picture",
        annotations=[
            {"kind": "description", "text": "A duck."},
            {"kind": "classification", "predicted_classes": [{"class_name": "bird", "confidence": 0.9}]},
            {"kind": "molecule_data", "smi": "CCO"},
            {"kind": "tabular_chart_data", "chart_data": {"table_cells": [new_cell("2024", 0, 0)]}},
        ],
    )

    _, (row,) = chunk(paper.data())

    assert row["text"] == "A duck.\n\n2024"
    (picture,) = row["pictures"]
    assert (picture["classes"], picture["molecule"]) == ([{"name": "bird", "confidence": 0.9}], "CCO")


def test_rich_cells_name_what_they_hold_and_flatten_tables_and_pictures_in_them(chunk, paper, new_cell):
    table = paper.add("tables", "table", data={"table_cells": []})
    group = paper.group("unspecified", table)
    paper.text("ducks", parent=group, hyperlink="https://example.org/")
    paper.add("tables", "table", group, data={"table_cells": [new_cell("a", 0, 0), new_cell("b", 0, 1)]})
    paper.add("pictures", "picture", group, annotations=[{"kind": "description", "text": "A teal."}])
    table["data"]["table_cells"] = [
        new_cell("Name", 0, 0, column_header=True),
        new_cell("", 1, 0, ref={"$ref": group["self_ref"]}),
    ]

    _, (row,) = chunk(paper.data())

    assert row["text"] == "| Name |\n|-|\n| ducks a, b A teal. |"
    assert row["doc_items"] == ["#/tables/0", "#/texts/0", "#/tables/1", "#/pictures/0"]
    assert row["links"] == [{"text": "ducks", "url": "https://example.org/"}]


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("Ducks live on wetlands and consti-", "tutional lakes of the north", "wetlands and constitutional lakes"),
        ("Ducks live on wetlands and consti\u00ad", "tutional lakes of the north", "wetlands and constitutional lakes"),
        ("Ducks live near the state-of-the-", "art lakes of the whole north", "state-of-the-\nart lakes"),
        ("Ducks live between Schleswig-", "Holstein and the other lakes", "Schleswig-\nHolstein and"),
        ("Ducks live to the age of 20-", "something years at the lakes", "20-\nsomething years"),
    ],
)
def test_a_hyphen_goes_when_only_the_end_of_a_line_needed_it(paper, first, second, joined):
    for number, text in enumerate((first, second)):
        top = 700 - 14 * number
        paper.text(text, page=1, box=(72, top, 72 + 5 * len(text), top - 10))

    document = paper.read()

    (unit,) = document.units
    assert joined in unit.text
    assert document.body_text == unit.text
    assert [unit.text[offset:].startswith(second) for offset, _ in unit.sources] == [False, True]


def test_markers_begin_a_chunk_however_small_it_is(chunk, paper):
    for text in ("Article 1", "Ducks may swim.", "Article 2", "Geese may graze."):
        paper.text(text, label="paragraph")

    _, (together,) = chunk(paper.data())
    _, apart = chunk(paper.data(), markers=("Article ",))
    _, crossing = chunk(paper.data(), markers=("Article ",), cross_headings=True)

    assert "Article 1" in together["text"]
    assert "Article 2" in together["text"]
    assert [row["text"] for row in apart] == ["Article 1\n\nDucks may swim.", "Article 2\n\nGeese may graze."]
    assert crossing == apart


def test_a_marker_right_below_a_heading_keeps_the_heading(chunk, paper):
    paper.heading("Laws")
    paper.text("Article 1", label="paragraph")
    paper.text("Article 2", label="paragraph")

    _, rows = chunk(paper.data(), markers=("Article ",))

    assert [(row["headings"], row["text"]) for row in rows] == [(["Laws"], "Article 1"), (["Laws"], "Article 2")]


def test_anchors_stand_above_the_text_and_are_not_embedded(chunk, paper):
    paper.text("Ducks swim.")

    _, (plain,) = chunk(paper.data())
    _, (anchored,) = chunk(paper.data(), anchors=True)

    assert anchored["text"] == f"<<chunk:papers/made.pdf:{plain['chunk_id']}>>\nDucks swim."
    assert anchored | {"text": plain["text"]} == plain
