# ruff: noqa: RUF001 - texts in other scripts are part of what is tested
"""From a DoclingDocument to units: what is read, in which order, under which headings."""

import pytest


def texts(document):
    return [unit.text for unit in document.units]


def paths(document):
    return {unit.text: section.path for section in document.sections for unit in section.units}


def test_headings_give_paths_by_level(paper):
    paper.title("Birds")
    paper.text("Intro.")
    paper.heading("Ducks", 1)
    paper.heading("Mallard", 2)
    paper.text("Common.")
    paper.heading("Geese", 1)
    paper.text("Larger.")

    assert paths(paper.read()) == {
        "Intro.": ("Birds",),
        "Common.": ("Birds", "Ducks", "Mallard"),
        "Larger.": ("Birds", "Geese"),
    }


def test_a_heading_right_below_another_shares_its_section(paper):
    paper.heading("Ducks", 1)
    paper.heading("Mallard", 2)
    paper.text("Common.")

    (section,) = paper.read().sections

    assert [head.text for head in section.heads] == ["Ducks", "Mallard"]


def test_text_inside_a_heading_item_is_read_below_it(paper):
    heading = paper.heading("Ducks")
    paper.text("Common.", parent=heading)

    assert paths(paper.read()) == {"Common.": ("Ducks",)}


def test_headings_of_a_slide_end_with_it(paper):
    first = paper.group("chapter", name="slide-0")
    paper.add("texts", "title", first, text="Ducks")
    paper.text("One.", parent=first)
    second = paper.group("chapter", name="slide-1")
    paper.text("Two.", parent=second)

    assert paths(paper.read()) == {"One.": ("Ducks",), "Two.": ()}


def test_the_name_of_a_sheet_is_a_heading(paper):
    sheet = paper.group("sheet", name="Counts  2024")
    paper.text("Two.", parent=sheet)

    assert paths(paper.read()) == {"Two.": ("Counts 2024",)}


def test_levels_beyond_the_last_are_the_last(paper):
    paper.heading("Deep", 100)
    paper.heading("Deeper", 5000)
    paper.text("Text.")

    assert paths(paper.read()) == {"Text.": ("Deeper",)}


def test_furniture_is_left_out_wherever_it_is(paper):
    paper.text("Page 1", label="page_header")
    paper.text("Menu", content_layer="furniture")
    menu = paper.group("list", content_layer="furniture")
    paper.text("Real text in a list of furniture.", parent=menu)
    paper.text("17", label="page_footer")

    assert texts(paper.read()) == ["Real text in a list of furniture."]
    assert "Menu" in texts(paper.read("body", "furniture"))


def test_lists_keep_markers_numbers_and_depth(paper):
    first, _ = paper.items("Ducks", "Geese")
    paper.items("Mallard", "Teal", parent=first, enumerated=True)
    paper.items("Swans", marker="•")
    paper.items("Roman", marker="iv.")

    assert paper.read().body_text == "- Ducks\n  1. Mallard\n  2. Teal\n- Geese\n- Swans\niv. Roman"


def test_checkboxes_keep_their_state(paper):
    paper.text("Done", label="checkbox_selected")
    paper.text("Open", label="checkbox_unselected")
    paper.text("", label="checkbox_unselected")

    assert paper.read().body_text == "[x] Done\n[ ] Open"


def test_inline_parts_become_one_text_with_all_their_sources(paper):
    inline = paper.group("inline")
    paper.text("The bird", parent=inline)
    paper.text("Anas", parent=inline)
    paper.text("(a duck", parent=inline)
    paper.text("), with formula", parent=inline)
    paper.text("E=mc^2", label="formula", parent=inline)
    paper.text("'s name", parent=inline)

    (unit,) = paper.read().units

    assert unit.text == "The bird Anas (a duck), with formula $E=mc^2$'s name"
    assert [source.ref for _, source in unit.sources] == [f"#/texts/{number}" for number in range(6)]


def test_inline_parts_of_chinese_are_joined_without_spaces(paper):
    inline = paper.group("inline")
    paper.text("鸭子", parent=inline)
    paper.text("游泳", parent=inline)
    paper.text("duck", parent=inline)

    assert texts(paper.read()) == ["鸭子游泳 duck"]


def test_an_inline_group_below_an_empty_item_is_its_text(paper):
    item = paper.items("")[0]
    inline = paper.group("inline", item)
    paper.text("a bold", parent=inline)
    paper.text("duck", parent=inline)
    heading = paper.heading("")
    inline = paper.group("inline", heading)
    paper.text("Teal &", parent=inline)
    paper.text("co", parent=inline)

    assert texts(paper.read()) == ["- a bold duck", "Teal & co"]


def test_formulas_keep_their_source_or_what_stands_on_the_page(paper):
    paper.text("a^2", label="formula")
    paper.text("", label="formula", orig="b 2")
    paper.text("", label="formula")

    assert texts(paper.read()) == ["$$a^2$$", "$$b 2$$"]


def test_code_is_units_of_lines_with_their_indentation(paper):
    paper.text("def f():\n    return 1\n\nprint(f())\n", label="code")

    document = paper.read()

    assert [(unit.text, unit.opens) for unit in document.units] == [
        ("def f():", True),
        ("    return 1", False),
        ("print(f())", True),
    ]
    assert document.body_text == "def f():\n    return 1\n\nprint(f())"


def test_captions_stand_before_their_table_and_footnotes_after(paper):
    table = paper.table([["Name", "Size"], ["Teal", "small"]])
    note = paper.text("Measured in 2024.", label="footnote")
    caption = paper.text("Table 1: Sizes", label="caption")
    table["captions"] = [{"$ref": caption["self_ref"]}]
    table["footnotes"] = [{"$ref": note["self_ref"]}]

    units = paper.read().units

    assert [(unit.kind, unit.text) for unit in units] == [
        ("caption", "Table 1: Sizes"),
        ("table", "| Name | Size |\n|-|-|"),
        ("table", "| Teal | small |"),
        ("footnote", "Measured in 2024."),
    ]
    assert {unit.caption for unit in units} == {"Table 1: Sizes"}


def test_pictures_give_caption_descriptions_once_chart_numbers_and_text_inside(paper, new_cell):
    described = {"kind": "description", "text": "A duck on a lake."}
    cells = [new_cell("Year", 0, 0, column_header=True), new_cell("2024", 1, 0)]
    picture = paper.add(
        "pictures",
        "picture",
        annotations=[described, {"kind": "classification", "predicted_classes": []}],
        meta={"description": {"text": "A duck on a lake."}, "tabular_chart": {"chart_data": {"table_cells": cells}}},
    )
    picture["captions"] = [{"$ref": paper.text("Figure 1: Duck", label="caption")["self_ref"]}]
    paper.text("Written in the picture.", parent=picture)

    assert [(unit.kind, unit.text) for unit in paper.read().units] == [
        ("caption", "Figure 1: Duck"),
        ("picture", "A duck on a lake."),
        ("table", "| Year |\n|-|"),
        ("table", "| 2024 |"),
        ("text", "Written in the picture."),
    ]


def test_code_keeps_its_caption(paper):
    code = paper.text("print(1)", label="code")
    code["captions"] = [{"$ref": paper.text("Listing 1", label="caption")["self_ref"]}]

    assert texts(paper.read()) == ["Listing 1", "print(1)"]


def test_forms_give_keys_with_their_values(paper):
    cells = [
        {"cell_id": 1, "label": "key", "text": "Name:"},
        {"cell_id": 2, "label": "value", "text": "Donald"},
        {"cell_id": 3, "label": "key", "text": "Alone"},
        {"cell_id": 4, "label": "value", "text": "told elsewhere", "item_ref": {"$ref": "#/texts/0"}},
    ]
    links = [{"label": "to_value", "source_cell_id": 1, "target_cell_id": 2}]
    paper.text("told elsewhere")
    paper.add("key_value_items", "key_value_region", graph={"cells": cells, "links": links})

    assert texts(paper.read()) == ["told elsewhere", "Name: Donald", "Alone"]


def test_form_fields_give_key_and_value_on_a_line(paper):
    region = paper.add("field_regions", "field_region")
    field = paper.add("field_items", "field_item", region)
    paper.text("Name", label="field_key", parent=field)
    paper.text("Donald", label="field_value", parent=field)

    (unit,) = paper.read().units

    assert (unit.kind, unit.text) == ("key_value", "Name: Donald")


def test_rich_cells_give_their_text_once(paper, new_cell):
    table = paper.add("tables", "table", data={"table_cells": []})
    group = paper.group("unspecified", table)
    paper.text("from the", parent=group)
    paper.text("group", parent=group)
    table["data"]["table_cells"] = [
        new_cell("Name", 0, 0, column_header=True),
        new_cell("", 1, 0, ref={"$ref": group["self_ref"]}),
    ]

    assert texts(paper.read()) == ["| Name |\n|-|", "| from the group |"]


def test_every_item_is_read_once_even_in_a_loop(paper):
    group = paper.group("unspecified")
    paper.text("Once.", parent=group)
    group["children"].append({"$ref": group["self_ref"]})
    paper.body.append({"$ref": "#/texts/0"})

    assert texts(paper.read()) == ["Once."]


def test_very_deep_trees_are_read(paper):
    parent = None
    for _ in range(5000):
        parent = paper.group("list", parent)
    paper.text("Deep.", parent=parent)

    assert texts(paper.read()) == ["Deep."]


def test_offsets_count_in_the_body_text(paper):
    paper.heading("Ducks")
    paper.text("One sentence. " * 30)
    paper.items("Mallard", "Teal")
    paper.table([["a", "b"], ["c", "d"]], caption="Table 1")

    document = paper.read()

    assert len(document.units) > 30
    assert [document.body_text[unit.start : unit.end] for unit in document.units] == texts(document)


@pytest.mark.parametrize("text", ["Some ducks are:", "Table of ducks", "Ducks (all)", "鸭子："])
def test_what_introduces_is_known_by_its_form(paper, text):
    paper.text(text, label="paragraph")
    paper.text("A full sentence.", label="paragraph")

    assert [unit.leads for unit in paper.read().units] == [True, False]
