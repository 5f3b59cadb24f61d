"""docling-core's chunker as one of ours."""

import json

import pytest

from docparse_chunk._hybrid import docling_hybrid
from docparse_chunk._units import Limits
from docparse_runner import Category, StageError

pytest.importorskip("tree_sitter", reason="pip install 'docparse-chunk[docling]'")
pytest.importorskip("docling_core", reason="pip install 'docparse-chunk[docling]'")


@pytest.fixture
def whole(paper):
    """Return a document that docling-core accepts."""
    paper.heading("Ducks")
    paper.text("Ducks swim on lakes and ponds, and dive for plants. " * 12, page=1)
    paper.heading("Geese")
    paper.text("Geese graze.", page=2)

    def data():
        made = paper.data()
        body = made["body"] | {"parent": None, "content_layer": "body", "name": "_root_", "label": "unspecified"}
        texts = [
            item | {"parent": {"$ref": "#/body"}, "orig": item["text"], "prov": item.get("prov", [])}
            for item in made["texts"]
        ]
        size = {"width": 600.0, "height": 800.0}
        pages = {str(page): {"size": size, "page_no": page} for page in (1, 2)}
        return made | {"body": body, "texts": texts, "groups": [], "pages": pages}

    return data()


def test_its_chunks_have_headings_items_pages_and_the_limit(chunk, whole):
    _, rows = chunk(whole, chunker="docling-hybrid", max_tokens=64)

    assert len(rows) > 2
    assert max(row["n_tokens"] for row in rows) <= 66
    assert [row["headings"] for row in rows] == [["Ducks"]] * (len(rows) - 1) + [["Geese"]]
    assert [row["pages"] for row in rows] == [[1]] * (len(rows) - 1) + [[2]]
    assert rows[-1]["text"] == "Geese graze."
    assert rows[-1]["doc_items"] == ["#/texts/3"]
    assert rows[-1]["char_span"][1] - rows[-1]["char_span"][0] == len("Geese graze.")


def test_a_document_without_a_file_cannot_be_cut(paper, minilm):
    with pytest.raises(StageError, match="reads the document's file") as caught:
        list(docling_hybrid(paper.read(), minilm, Limits(max_tokens=64)))

    assert caught.value.category is Category.CONFIG


def test_what_is_missing_is_named(paper, minilm, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "docling_core.transforms.chunker.hybrid_chunker", None)

    with pytest.raises(StageError, match=r"docparse-chunk\[docling\]") as caught:
        list(docling_hybrid(paper.read(), minilm, Limits(max_tokens=64)))

    assert caught.value.category is Category.CONFIG


def test_the_document_is_valid_for_docling(whole):
    document = pytest.importorskip("docling_core.types.doc.document")

    assert document.DoclingDocument.model_validate_json(json.dumps(whole)).texts
