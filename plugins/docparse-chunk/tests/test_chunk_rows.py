import hashlib
import json
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from docparse_chunk.schema import ChunkRow, json_schema

FIELDS = [
    "chunk_id",
    "doc_id",
    "seq",
    "text",
    "contextualized_text",
    "headings",
    "captions",
    "kinds",
    "pages",
    "boxes",
    "char_span",
    "doc_items",
    "links",
    "emphasis",
    "pictures",
    "n_tokens",
    "tokenizer",
    "content_digest",
    "schema_version",
]


def test_a_row_says_everything_about_its_chunk(chunk, paper, minilm):
    paper.title("Birds")
    paper.heading("Ducks")
    paper.text("Ducks swim on lakes.", page=2, box=(72, 700, 500, 688))
    paper.table([["Name", "Size"], ["Teal", "small"]], caption="Table 1: Sizes", page=3)

    _, (row,) = chunk(paper.data())

    table = "| Name | Size |\n|-|-|\n| Teal | small |"
    text = f"Ducks swim on lakes.\n\nTable 1: Sizes\n\n{table}"
    context = f"Ducks\nBirds\n{text}"
    assert list(row) == FIELDS
    assert row == {
        "chunk_id": hashlib.sha256(f"papers/made.pdf\0{text}\x000".encode()).hexdigest()[:32],
        "doc_id": "papers/made.pdf",
        "seq": 0,
        "text": text,
        "contextualized_text": context,
        "headings": ["Birds", "Ducks"],
        "captions": ["Table 1: Sizes"],
        "kinds": ["text", "caption", "table"],
        "pages": [2, 3],
        "boxes": [
            {"page": 2, "l": 72.0, "t": 700.0, "r": 500.0, "b": 688.0, "coord_origin": "BOTTOMLEFT"},
            {"page": 3, "l": 72.0, "t": 600.0, "r": 500.0, "b": 400.0, "coord_origin": "BOTTOMLEFT"},
        ],
        "char_span": [14, 14 + len(text)],
        "doc_items": ["#/texts/2", "#/texts/3", "#/tables/0"],
        "links": [],
        "emphasis": [],
        "pictures": [],
        "n_tokens": minilm.count([context])[0] + 2,
        "tokenizer": "sentence-transformers/all-MiniLM-L6-v2",
        "content_digest": "sha256:" + hashlib.sha256(context.encode()).hexdigest(),
        "schema_version": 1,
    }


def test_equal_texts_of_a_document_have_different_ids(chunk, paper):
    for name in ("Ducks", "Geese"):
        paper.heading(name)
        paper.text("They swim.")

    _, rows = chunk(paper.data(), min_tokens=0)

    assert rows[0]["text"] == rows[1]["text"]
    assert rows[0]["chunk_id"] != rows[1]["chunk_id"]


def test_equal_documents_have_different_ids(chunk, paper):
    paper.text("They swim.")

    _, (one,) = chunk(paper.data(), item_id="papers/one.pdf")
    _, (other,) = chunk(paper.data(), item_id="papers/other.pdf")

    assert one["chunk_id"] != other["chunk_id"]
    assert one["content_digest"] == other["content_digest"]


def test_ids_survive_edits_elsewhere(chunk, paper, new_paper):
    edited = new_paper()
    for document, first in ((paper, "They swim."), (edited, "They swim and dive.")):
        document.heading("Ducks")
        document.text(first)
        document.heading("Geese")
        document.text("They graze.")

    _, before = chunk(paper.data(), min_tokens=0)
    _, after = chunk(edited.data(), min_tokens=0)

    assert before[0]["chunk_id"] != after[0]["chunk_id"]
    assert before[1]["chunk_id"] == after[1]["chunk_id"]


def test_one_sentence_edited_changes_few_chunks(chunk, paper, new_paper):
    edited = new_paper()
    for document, word in ((paper, "ducks"), (edited, "mallards and other ducks")):
        for section in range(12):
            document.heading(f"Section {section}")
            for paragraph in range(8):
                subject = word if (section, paragraph) == (6, 2) else "ducks"
                document.text(f"Paragraph {paragraph} of section {section} tells how {subject} swim and dive. " * 4)

    _, before = chunk(paper.data())
    _, after = chunk(edited.data())

    kept = {row["chunk_id"] for row in before} & {row["chunk_id"] for row in after}
    assert len(before) >= 20
    assert len(kept) >= 0.9 * len(before)


def test_the_span_is_where_the_text_stands_in_the_body_text(chunk, paper):
    paper.heading("Ducks")
    paper.text("Ducks swim. 🦆 They dive. " * 60)
    paper.items("Mallard", "Teal")
    paper.table([["Name", "Size"], ["Teal", "small"]], caption="Table 1")
    body = paper.read().body_text

    _, rows = chunk(paper.data(), max_tokens=64)

    assert [body[slice(*row["char_span"])] for row in rows] == [row["text"] for row in rows]
    assert all(before["char_span"][1] <= after["char_span"][0] for before, after in pairwise(rows))


def test_a_continued_table_still_names_its_caption(chunk, paper):
    paper.table([["Name"], *([f"Duck number {number} of many"] for number in range(60))], caption="Table 1")

    _, rows = chunk(paper.data())

    assert len(rows) > 1
    assert [row["captions"] for row in rows] == [["Table 1"]] * len(rows)


def test_rows_decode_into_the_class_that_the_schema_describes(chunk, paper):
    paper.text("Ducks swim.", page=1)

    _, (row,) = chunk(paper.data())

    assert msgspec.convert(row, ChunkRow).boxes[0].page == 1
    properties = json_schema()["$defs"]["ChunkRow"]["properties"]
    assert list(properties) == FIELDS
    json.dumps(json_schema())


PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "chunk.schema.json"


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the reference pages are in the repository only")
def test_the_published_schema_is_the_rows_and_rows_fit_it(chunk, paper):
    jsonschema = pytest.importorskip("jsonschema", reason="pip install jsonschema")
    paper.text("Ducks swim.", page=1, hyperlink="https://example.org/")
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))

    _, (row,) = chunk(paper.data())

    assert {key: published[key] for key in json_schema()} == json_schema()
    jsonschema.validate(row, published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row | {"n_tokens": "many"}, published)
