"""What a query for words means, in any script."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_index import open_index
from docparse_index._folding import aligned, folded
from docparse_index._words import parse

DOCUMENTS = {
    "duck.md": "The mallard is a duck with a broad flat bill.",
    "otter.md": "An otter has no bill, and it is no duck either; its fur is broad.",
    "invoice.md": "Invoicing: the bill is due, the flat is broad.",
    "zh.md": "鸭子有扁平的喙\uff0c生活在池塘里。",
    "ja.md": "カモは平らなくちばしを持つ水鳥です。ｶﾓの羽。",
    "th.md": "เป็ดมีปากแบนและว่ายน้ำในสระ",
    "ko.md": "오리는 넓은 부리를 가지고 있다.",
    "hi.md": "बत्तख की चोंच चौड़ी होती है",
    "ar.md": "لِلْبَطَّةِ مِنْقَارٌ عَرِيضٌ",
    "de.md": "Straße, Fluß, Øresund, Łódź, œuvre",
    "pdf.md": "The ﬁrst eﬃcient \uff26\uff55\uff4c\uff4c width co\u00adop\u00aderation",
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory, make_pipeline):
    pipeline = make_pipeline(tmp_path_factory.mktemp("words") / "data")
    for doc_id, text in DOCUMENTS.items():
        pipeline.add(doc_id, text)
    with open_index(pipeline.root) as index:
        yield index


def found(index, query):
    return {hit.doc_id.removesuffix(".md") for hit in index.search(query, mode="lexical", k=100)}


@pytest.mark.parametrize(
    ("query", "documents"),
    [
        ("duck", {"duck", "otter"}),
        ('"flat bill"', {"duck"}),
        ('"bill flat"', set()),
        ('"broad flat" otter', {"duck", "otter"}),
        ("invoic*", {"invoice"}),
        ("mall* ott*", {"duck", "otter"}),
        ("duck AND otter", {"otter"}),
        ("duck AND bill OR invoicing", {"duck", "otter", "invoice"}),
        ("bill NOT duck", {"invoice"}),
        ("bill AND NOT duck", {"invoice"}),
        ("bill -duck", {"invoice"}),
        ('bill -"flat bill"', {"otter", "invoice"}),
        ("bill -duck -invoicing", set()),
        ("-duck", {"duck", "otter"}),
        ("NOT duck", {"duck", "otter"}),
        ("mallard AND", {"duck", "otter"}),
        ("mallard -5", {"duck"}),
        ("otter --flat", {"duck", "otter", "invoice"}),
    ],
)
def test_phrases_prefixes_and_boolean_words_are_understood(texts, query, documents):
    assert found(texts, query) == documents


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("鸭子", "zh"),
        ("喙", "zh"),
        ("扁平的喙", "zh"),
        ('"生活在池塘"', "zh"),
        ("水鳥", "ja"),
        ("カモ", "ja"),
        ("くちばし", "ja"),
        ("ว่ายน้ำ", "th"),
        ("ปาก", "th"),
        ("오리", "ko"),
        ("부리", "ko"),
        ("चोंच", "hi"),
        ("للبطة", "ar"),
        ("منقار", "ar"),
        ("STRASSE", "de"),
        ("fluss", "de"),
        ("oresund lodz", "de"),
        ("first", "pdf"),
        ("efficient", "pdf"),
        ("cooperation", "pdf"),
        ("full", "pdf"),
    ],
)
def test_words_of_any_script_are_found(texts, query, document):
    assert found(texts, query) == {document}


@pytest.mark.parametrize("query", ['"池塘鸭"', "鸡", '"くちばし平"', "चोंचक"])
def test_signs_that_do_not_stand_beside_each_other_are_not_found(texts, query):
    assert found(texts, query) == set()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("扁平的", ["扁平的"]),
        ("カモ", ["カモ", "ｶﾓ"]),
        ("ปากแบน", ["ปากแบน"]),
        ("मुँह चोंच", ["चोंच"]),
        ("efficient cooperation", ["eﬃcient", "co\u00adop\u00aderation"]),
        ("fluss", ["Fluß"]),
    ],
)
def test_matched_words_are_marked_as_they_stand_in_the_text(texts, query, words):
    (hit,) = texts.search(query, mode="lexical")

    assert [hit.text[start:end] for start, end in hit.matches] == words


def test_a_model_reads_the_query_without_syntax_and_without_what_is_excluded():
    assert parse("how is a duck's bill built?").spoken == "how is a duck's bill built?"
    assert parse('"broad bill" AND duck* -otter NOT beaver').spoken == "broad bill duck"
    assert parse("-otter").spoken == "otter"


@given(st.text())
def test_folding_keeps_track_of_every_character(text):
    plain, origins = aligned(text)

    assert plain == folded(text)
    assert len(origins) == len(plain)
    assert all(0 <= start < end <= len(text) for start, end in origins)
    assert origins == sorted(origins)


@given(st.text(alphabet='ab"*-()^:AND ORT鸭子\u0e1b\u0301ß\t') | st.text())
def test_what_is_typed_is_never_an_error_of_fts5(text):
    words = parse(text.replace("\0", " ").encode("utf-8", "replace").decode())
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5 (text)")

    rows = connection.execute("SELECT * FROM words WHERE words MATCH ?", (words.expression,)).fetchall()

    assert rows == []
    connection.close()
