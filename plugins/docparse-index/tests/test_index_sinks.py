"""The contract that every sink keeps, checked of each in turn; a server is one of our own."""

import attrs
import numpy as np
import pytest

from docparse_index import Filters
from docparse_index._query import Request
from docparse_index.sinks import Chunk, Document, Model, Place, load_sink
from docparse_runner import StageError

MODEL = Model(digest="sha256:noise", dimension=8, provider="noise", name="noise", normalized=True)


@pytest.fixture(params=["sqlite", "lancedb", pytest.param("postgres", marks=[pytest.mark.long, pytest.mark.system])])
def made(request, tmp_path):
    """An empty store of a sink: (sink, place)."""
    if request.param == "lancedb":
        pytest.importorskip("lancedb", reason="pip install 'docparse-index[lancedb]'")
    url = request.getfixturevalue("postgres") if request.param == "postgres" else None
    sink, place = load_sink(request.param), Place(root=tmp_path / "data", collection="tests", url=url)
    sink.reset(place)
    sink.generation(place, create=True)
    return sink, place


@pytest.fixture
def write(made, make_rows, make_noise):
    """A function that makes a document of some texts the only one of its name."""
    sink, place = made

    def upsert(doc_id, *texts, model=MODEL, **columns):
        rows = make_rows(doc_id, texts, **columns)
        vectors = [None] * len(texts)
        if model is not None:
            vectors = [vector.tobytes() for vector in make_noise(texts, dimension=model.dimension)]
        chunks = [Chunk(row=row, vector=vector) for row, vector in zip(rows, vectors, strict=True)]
        with sink.open_writer(place) as writer:
            return writer.upsert(Document(doc_id=doc_id, digest=f"sha256:{doc_id}", model=model, chunks=chunks))

    return upsert


@pytest.fixture
def find(made, make_noise):
    """A function that searches, by the vector of a text when one is given."""
    sink, place = made

    def search(text, *, like=None, limit=100, **asked):
        mode = asked.pop("mode", "lexical" if like is None else "dense")
        vector = None if like is None else make_noise([like])[0]
        with sink.open_reader(place) as reader, reader.snapshot():
            return reader.find(
                Request(text=text, mode=mode, filters=Filters(**asked.pop("filters", {})), **asked), limit, vector
            )

    return search


def texts(hits):
    return sorted(hit.text for hit in hits)


def delete(made, doc_id):
    sink, place = made
    with sink.open_writer(place) as writer:
        return writer.delete(doc_id)


def test_an_upsert_leaves_exactly_the_chunks_of_the_document(made, write, find):
    write("a.pdf", "common one", "common two", "common three")
    write("b.pdf", "common other")

    count = write("a.pdf", "common one", "common four")

    sink, place = made
    assert count == 2
    assert texts(find("common")) == ["common four", "common one", "common other"]
    assert texts(find("x", like="x")) == ["common four", "common one", "common other"]
    assert sink.documents(place) == {"a.pdf": 2, "b.pdf": 1}
    assert list(sink.problems(place)) == []


def test_a_document_is_found_as_soon_as_it_is_written(made, make_rows, find):
    sink, place = made
    with sink.open_writer(place) as writer:
        for number in range(2):
            (row,) = make_rows(f"{number}.pdf", ["common"])
            writer.upsert(Document(doc_id=f"{number}.pdf", model=None, chunks=[Chunk(row=row, vector=None)]))

            assert texts(find("common")) == ["common"] * (number + 1)


def test_a_deleted_document_is_gone_and_may_be_deleted_again(made, write, find):
    write("a.pdf", "common one", "common two")
    write("b.pdf", "common other")

    removed = [delete(made, "a.pdf"), delete(made, "a.pdf")]

    assert removed == [2, 0]
    assert texts(find("common")) == texts(find("x", like="x")) == ["common other"]


def test_a_refused_document_leaves_the_old_one(made, write, find):
    write("a.pdf", "old")
    write("b.pdf", "third")

    with pytest.raises(
        StageError, match=r"chunk id b\.pdf#0 is in the index already, in the document b\.pdf"
    ) as caught:
        write("a.pdf", "new", chunk_id="b.pdf#0")

    assert caught.value.category == "contract"
    assert texts(find("old new third")) == ["old", "third"]


@pytest.mark.parametrize("what", ["store.json", "_versions/*", "data/*"])
def test_a_damaged_store_is_told_in_a_sentence(made, write, find, what):
    if not made[0].__name__.endswith("lancedb"):
        pytest.skip("SQLite's are tested with its files, and a server looks after its own")
    write("a.pdf", "common one")
    for path in made[1].folder.rglob(what):
        path.write_bytes(b"{")

    with pytest.raises(StageError, match="run `docparse index rebuild`") as caught:
        find("common")

    assert caught.value.category == "config"


def test_a_document_without_chunks_is_known(made, write):
    sink, place = made

    assert write("empty.pdf") == 0
    assert sink.documents(place) == {"empty.pdf": 0}


def test_the_generation_stays_until_the_store_is_reset(made, write):
    sink, place = made
    write("a.pdf", "one")
    first = sink.generation(place, create=True)

    sink.reset(place)

    assert sink.generation(place, create=False) is None
    assert sink.generation(place, create=True) not in (None, first)
    assert sink.documents(place) == {}


def test_vector_search_is_exact(write, find, make_noise):
    for number in range(12):
        write(f"{number}.pdf", *(f"text {number} {each}" for each in range(10)))
    every = [f"text {number} {each}" for number in range(12) for each in range(10)]
    cosines = make_noise(every).astype(float) @ make_noise(["sought"])[0].astype(float)

    hits = find("sought", like="sought", limit=10)

    assert [hit.text for hit in hits] == [every[place] for place in np.argsort(-cosines)[:10]]
    assert [hit.score for hit in hits] == pytest.approx(sorted(cosines, reverse=True)[:10], abs=1e-6)


@pytest.mark.parametrize("fusion", ["convex", "rrf"])
def test_hybrid_search_finds_what_either_side_finds(write, find, fusion):
    write("a.pdf", "a duck", "a pump")
    write("b.pdf", "an otter")

    hits = find("duck", like="an otter", mode="hybrid", fusion=fusion, limit=2)

    assert {hit.text for hit in hits} == {"a duck", "an otter"}


FILTERS = [
    ({"paths": ["zoo/*"]}, {"zoo/a.pdf"}),
    ({"paths": ["*.md", "a.pdf"]}, {"zoo/a.pdf", "b.md"}),
    ({"paths": ["[a-c].m?"]}, {"b.md"}),
    ({"paths": ["[", "*[a"]}, set()),
    ({"documents": ["b.md"]}, {"b.md"}),
    ({"page": 7}, {"zoo/a.pdf"}),
    ({"heading": "ÜBER"}, {"zoo/a.pdf"}),
    ({"heading": "enten teich"}, set()),
    ({"kinds": ["table", "code"]}, {"zoo/a.pdf"}),
    ({"metadata": {"tokenizer": "bert"}}, {"b.md"}),
    ({"metadata": {"pictures.kind": "chart"}}, {"b.md"}),
    ({"metadata": {"n_tokens": "2", "checked": "true"}}, {"b.md"}),
    ({"metadata": {"tokenizer": "' OR 1=1"}}, set()),
    ({"paths": ["*"], "page": 7, "kinds": ["table"]}, {"zoo/a.pdf"}),
]


@pytest.mark.parametrize("mode", ["lexical", "dense", "hybrid"])
def test_filters_apply_before_scoring(write, find, mode):
    write("zoo/a.pdf", "a duck", pages=[6, 7], kinds=["table"], headings=["Über Enten", "Teich"])
    write("b.md", "a duck", tokenizer="bert", checked=True, pictures=[{"kind": "chart"}])
    like = None if mode == "lexical" else "x"

    found = [{hit.doc_id for hit in find("duck", like=like, mode=mode, filters=each)} for each, _ in FILTERS]

    assert found == [expected for _, expected in FILTERS]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"flat bill"', ["a broad, flat bill"]),
        ("invoic*", ["the invoicing bill"]),
        ("bill -flat", ["the invoicing bill"]),
        ("bill AND flat", ["a broad, flat bill"]),
        ("bill NOT invoicing", ["a broad, flat bill"]),
        ("ENTENTEICH", ["der Ententeich, größer"]),
        ("grosser", ["der Ententeich, größer"]),
        ("鸭子", ["鸭子有扁平的喙"]),
    ],
)
def test_words_phrases_prefixes_and_boolean_words_are_understood(made, write, find, query, expected):
    if query.endswith("*") and made[0].__name__.endswith("lancedb"):
        pytest.skip("its full-text index knows no prefixes")
    write("a.pdf", "a broad, flat bill", "the invoicing bill", "der Ententeich, größer", "鸭子有扁平的喙")

    assert texts(find(query)) == expected


def test_what_is_typed_is_never_an_error(write, find):
    write("a.pdf", "a duck", "\x00 nul", "")
    hostile = ['"', "a AND", "(((", "duck:*", "'; DROP TABLE chunks; --", "!! & | <->", "\\", "a\x00b", "-", "%s", "🦆"]

    for query in hostile:
        found = find(query, like="x", mode="hybrid")
        assert len(found) <= 3
        assert isinstance(find(query), list)


def test_a_hit_carries_what_a_citation_needs(write, find):
    write("a.pdf", "a duck's bills", headings=["One", "Two"], captions=["C"], extra={"deep": [1]})

    (hit,) = find("bill")

    assert (hit.doc_id, hit.doc_digest, hit.chunk_id, hit.seq) == ("a.pdf", "sha256:a.pdf", "a.pdf#0", 0)
    assert (hit.headings, hit.captions, hit.kinds, hit.pages) == (("One", "Two"), ("C",), ("text",), (1,))
    assert hit.boxes == ({"page": 1, "bbox": [0, 0, 10, 10]},)
    assert hit.metadata["extra"] == {"deep": [1]}
    assert [hit.text[start:end] for start, end in hit.matches] == ["bills"]


def test_neighbours_come_in_their_order_and_from_the_same_document(made, write, find):
    write("a.pdf", "zero", "one", "two", "three", "four")
    write("b.pdf", "other")
    (hit,) = find("two")

    sink, place = made
    with sink.open_reader(place) as reader, reader.snapshot():
        around = reader.neighbours(hit, 1)

    assert [(each.text, each.pages) for each in around] == [("one", (2,)), ("two", (3,)), ("three", (4,))]


def test_a_newer_model_is_the_one_that_is_searched(made, write, find):
    sink, place = made
    write("a.pdf", "common one")
    write("b.pdf", "common two", model=attrs.evolve(MODEL, digest="sha256:new"))

    with sink.open_reader(place) as reader, reader.snapshot() as contents:
        held = contents

    assert (held.documents, held.chunks, held.searchable, held.left_behind) == (2, 2, 1, 1)
    assert held.model.digest == "sha256:new"
    assert texts(find("x", like="x")) == ["common two"]
    assert texts(find("common")) == ["common one", "common two"]


def held(made):
    sink, place = made
    assert list(sink.problems(place)) == []
    with sink.open_reader(place) as reader, reader.snapshot() as contents:
        return contents


@pytest.mark.parametrize("first", ["a.pdf", "b.pdf"])
def test_a_document_without_vectors_is_found_by_its_words_alone(made, write, find, first):
    models = {"a.pdf": MODEL, "b.pdf": None}
    for doc_id in sorted(models, key=lambda each: each != first):
        write(doc_id, f"common {doc_id}", model=models[doc_id])

    contents = held(made)
    assert (contents.chunks, contents.searchable, contents.without_vectors, contents.left_behind) == (2, 1, 1, 0)
    assert contents.model == MODEL
    assert texts(find("common")) == texts(find("common", like="x", mode="hybrid")) == ["common a.pdf", "common b.pdf"]
    assert texts(find("common", like="x")) == ["common a.pdf"]


def test_a_document_gets_vectors_and_loses_them(made, write, find):
    write("a.pdf", "common", model=None)
    without = held(made)
    write("a.pdf", "common")
    found = texts(find("x", like="x"))
    write("a.pdf", "common", model=None)

    assert (without.model, without.without_vectors, without.searchable) == (None, 1, 0)
    assert found == ["common"]
    assert held(made) == attrs.evolve(without, revision=held(made).revision)
    assert texts(find("common")) == ["common"]
    assert texts(find("common", mode="hybrid")) == ["common"]
