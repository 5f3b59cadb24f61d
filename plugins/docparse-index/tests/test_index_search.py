"""What a search finds, against brute force; what it refuses; what it leaves alone."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docparse_index import Filters, open_index
from docparse_index._dense import Scores, best
from docparse_index._fusion import convex, rrf
from docparse_runner import UsageError

QUERIES = ["duck bill", "how do I open the pump safely?", "water", "payment", "Budget Besprechung"]


@pytest.fixture(scope="module")
def index(library):
    with open_index(library.root) as opened:
        yield opened


@pytest.fixture(scope="module")
def cosines(library_texts, minilm):
    """Return a function: query → (document, number of chunk) → cosine, one by one in float64."""
    keys = [(doc_id, seq) for doc_id, texts in library_texts.items() for seq in range(len(texts))]
    texts = [library_texts[doc_id][seq] for doc_id, seq in keys]
    vectors = minilm.encoder.encode_documents(texts).astype(np.float64)

    def of(query: str) -> dict[tuple, float]:
        vector = minilm.encoder.encode_query(query).astype(np.float64)
        values = [row @ vector / np.linalg.norm(row) / np.linalg.norm(vector) for row in vectors]
        return dict(zip(keys, values, strict=True))

    return of


def by_key(hits) -> dict[tuple, float]:
    return {(hit.doc_id, hit.seq): hit.score for hit in hits}


def ranked(scores: dict) -> list:
    return sorted(scores, key=lambda key: (-scores[key], key))


@pytest.mark.parametrize("query", QUERIES)
def test_dense_search_is_exact(index, cosines, query):
    expected = cosines(query)

    hits = index.search(query, mode="dense", k=100)

    assert list(by_key(hits)) == ranked(expected)
    assert by_key(hits) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("query", QUERIES)
def test_hybrid_search_is_half_the_scaled_cosine_and_half_the_scaled_bm25(index, cosines, query):
    dense = cosines(query)
    lexical = by_key(index.search(query, mode="lexical", k=100))
    low, high, top = min(dense.values()), max(dense.values()), max(lexical.values())
    expected = {key: 0.5 * (dense[key] - low) / (high - low) + 0.5 * lexical.get(key, 0) / top for key in dense}

    hits = index.search(query, k=100)

    assert list(by_key(hits)) == ranked(expected)
    assert by_key(hits) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("query", QUERIES)
def test_reciprocal_rank_fusion_is_the_sum_of_reciprocal_ranks(index, cosines, query):
    rankings = [ranked(cosines(query)), ranked(by_key(index.search(query, mode="lexical", k=100)))]
    expected = {
        key: sum(1 / (61 + ranking.index(key)) for ranking in rankings if key in ranking) for key in rankings[0]
    }

    hits = index.search(query, k=100, fusion="rrf")

    assert by_key(hits) == pytest.approx(expected, abs=1e-9)


def test_fusion_keeps_what_only_one_side_has():
    dense, lexical = Scores(np.array([1, 2]), np.array([0.1, 0.3])), Scores(np.array([2, 9]), np.array([4.0, 8.0]))

    assert best(convex(dense, lexical), 9) == pytest.approx({1: 0.0, 2: 0.75, 9: 0.5})
    assert best(rrf(dense, lexical), 9) == pytest.approx({1: 1 / 62, 2: 1 / 61 + 1 / 62, 9: 1 / 61})


def test_fusion_of_nothing_is_nothing():
    nothing = Scores(np.array([], np.int64), np.array([]))

    assert best(convex(nothing, nothing), 5) == best(rrf(nothing, nothing), 5) == {}


def test_one_candidate_is_the_best_candidate():
    one, nothing = Scores(np.array([3]), np.array([-0.2])), Scores(np.array([], np.int64), np.array([]))

    assert best(convex(one, nothing), 5) == {3: 0.5}


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 40))
def test_the_best_are_the_highest_and_what_ties_with_the_last(values, k):
    found = best(Scores(np.arange(len(values)), np.array(values, float)), k)

    last = sorted(values, reverse=True)[: k][-1] if values else 0
    assert found == {number: value for number, value in enumerate(values) if value >= last}


def test_meaning_finds_what_words_do_not(index):
    query = "mustelids asleep while floating"

    assert index.search(query, mode="dense", k=1)[0].doc_id == "zoo/otter.html"
    assert index.search(query, k=1)[0].doc_id == "zoo/otter.html"
    assert index.search(query, mode="lexical") == []


def test_words_find_what_meaning_does_not(index):
    assert index.search("4711-B", mode="lexical", k=1)[0].doc_id == "manual/pump.pdf"
    assert index.search("4711-B", k=1)[0].doc_id == "manual/pump.pdf"


@pytest.mark.parametrize("query", ["grossen saal", "GROẞEN SAAL", "uber", "Réunion saál"])
def test_words_match_without_regard_to_case_and_accents(index, query):
    (hit,) = index.search(query, mode="lexical")

    assert hit.doc_id == "office/réunion.md"


def test_words_match_by_their_stem(index):
    (hit,) = index.search("payments accept", mode="lexical", k=1)

    assert hit.doc_id == "office/invoice.docx"


def test_a_heading_is_searched_with_the_text_under_it(index):
    assert {hit.doc_id for hit in index.search("pump.pdf", mode="lexical")} == {"manual/pump.pdf"}


def test_a_hit_carries_what_a_citation_needs(index):
    hit = index.search("mallard", mode="lexical")[0]

    assert hit.chunk_id == "zoo/duck.pdf#0"
    assert hit.headings == ("Chapter One", "duck.pdf")
    assert hit.pages == (1,)
    assert hit.boxes == ({"page": 1, "bbox": [0, 0, 10, 10]},)
    assert hit.metadata["n_tokens"] == 17
    assert "text" not in hit.metadata


def test_a_hit_says_where_its_words_are(index):
    hit = index.search("ducks BILLS, plant", mode="lexical")[0]

    assert [hit.text[start:end] for start, end in hit.matches] == ["duck", "bill", "plants"]


def test_a_hit_by_meaning_alone_has_no_matched_words(index):
    assert index.search("mustelids", mode="dense", k=1)[0].matches == ()


@pytest.mark.parametrize(
    ("filters", "documents"),
    [
        ({"paths": ["zoo/*"]}, {"zoo/duck.pdf", "zoo/otter.html"}),
        ({"paths": ["*.pdf"]}, {"zoo/duck.pdf", "manual/pump.pdf"}),
        ({"paths": ["otter.html"]}, {"zoo/otter.html"}),
        ({"paths": ["*.html", "*.md"]}, {"zoo/otter.html", "office/réunion.md"}),
        ({"paths": ["*.PDF"]}, set()),
        ({"heading": "DUCK"}, {"zoo/duck.pdf"}),
        ({"heading": "réunion"}, {"office/réunion.md"}),
        ({"heading": "One duck"}, set()),
        ({"paths": ["zoo/*"], "heading": "otter"}, {"zoo/otter.html"}),
        ({"page": 9}, set()),
        ({"paths": ["' OR 1=1 --"]}, set()),
        ({"paths": ["[", "*[a"]}, set()),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_filters_apply_before_scoring(index, filters, documents, mode):
    hits = index.search("water", mode=mode, k=100, filters=Filters(**filters))

    assert {hit.doc_id for hit in hits} == documents


def test_filters_apply_to_words_too(index):
    everywhere = index.search("water", mode="lexical")
    filtered = index.search("water", mode="lexical", k=1, filters=Filters(paths=["manual/*"]))

    assert {hit.doc_id for hit in everywhere} == {"zoo/duck.pdf", "zoo/otter.html", "manual/pump.pdf"}
    assert [hit.doc_id for hit in filtered] == ["manual/pump.pdf"]


def test_a_page_is_one_that_the_chunk_touches(index):
    hits = index.search("water", mode="dense", k=100, filters=Filters(page=2))

    assert {hit.seq for hit in hits} == {1}


def test_equal_scores_come_in_the_order_of_documents_and_chunks(pipeline):
    for doc_id in ("c.pdf", "a.pdf", "b.pdf"):
        pipeline.add(doc_id, "same words", "same words")

    with open_index(pipeline.root) as index:
        hits = index.search("words", mode="lexical", k=10)

    assert [(hit.doc_id, hit.seq) for hit in hits] == [(name, seq) for name in ("a.pdf", "b.pdf", "c.pdf") for seq in (0, 1)]


HOSTILE = [
    '"',
    '""',
    '"half',
    "a AND",
    "NOT NOT",
    "text:duck",
    "{text headings}: duck",
    "NEAR(duck bill, 2)",
    "duck*",
    "^duck",
    "(((((",
    "duck - bill + -",
    "'; DROP TABLE chunks; --",
    "C++ C# .NET",
    "?",
    "…",
    "a\x00b",
    "\x00duck",
    "\ud800 duck",
    "\ufdd0 duck \ufdd1",
    "🦆🦆",
    "鸭子 有 扁平的 喙",
    "البط",
    "\u202educk",
    "%s {} {0} \\",
    "duck " * 5_000,
    " ".join(f"w{number}" for number in range(5_000)),
    "x" * 100_000,
]


@pytest.mark.parametrize("query", HOSTILE)
@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_whatever_is_typed_is_text(index, query, mode):
    hits = index.search(query, mode=mode)

    assert isinstance(hits, list)


@pytest.mark.parametrize("query", ["text:duck", "NEAR(duck)", '"duck', "^duck", "duck -", "duck*", "NOT duck", "\x00duck"])
def test_syntax_around_a_word_does_not_hide_it(index, query):
    assert "zoo/duck.pdf" in {hit.doc_id for hit in index.search(query, mode="lexical")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.text(min_size=1) | st.text(alphabet='"*^():{}+-, ANDORTEX', min_size=1))
def test_no_query_is_an_error_unless_it_is_empty(index, query):
    try:
        hits = index.search(query, mode="lexical", filters=Filters(paths=[query], heading=query))
    except UsageError as error:
        assert not query.replace("\x00", "").strip()
        assert "the query is empty" in str(error)
    else:
        assert isinstance(hits, list)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=4), word=st.sampled_from(["duck", "naïve", "水"]))
def test_matches_are_inside_the_text(tmp_path_factory, make_rows, texts, word):
    from conftest import Pipeline
