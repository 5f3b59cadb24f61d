"""What a search finds, against brute force; what it refuses; what it leaves alone."""

import os
import shutil
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docparse_index import Filters, open_index
from docparse_index._contents import read_contents
from docparse_index._dense import Scores, best
from docparse_index._folding import CLOSE, OPEN, folded
from docparse_index._fusion import convex, rrf
from docparse_index._rows import spans
from docparse_index._store import open_readable, open_store
from docparse_index._vectors import read_matrix
from docparse_runner import UsageError

UNMARKED = st.text(st.characters(exclude_characters="\ufdd0\ufdd1", exclude_categories=["Cs"]))
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

    assert best(convex(dense, lexical, 9), 9) == pytest.approx({1: 0.0, 2: 0.75, 9: 0.5})
    assert best(rrf(dense, lexical, 9), 9) == pytest.approx({1: 1 / 62, 2: 1 / 61 + 1 / 62, 9: 1 / 61})


def test_fusion_of_nothing_is_nothing():
    nothing = Scores(np.array([], np.int64), np.array([]))

    assert best(convex(nothing, nothing, 5), 5) == best(rrf(nothing, nothing, 5), 5) == {}


def test_one_candidate_is_the_best_candidate():
    one, nothing = Scores(np.array([3]), np.array([-0.2])), Scores(np.array([], np.int64), np.array([]))

    assert best(convex(one, nothing, 5), 5) == {3: 0.5}


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 40))
def test_the_best_are_the_highest_and_what_ties_with_the_last(values, k):
    found = best(Scores(np.arange(len(values)), np.array(values, float)), k)

    last = sorted(values, reverse=True)[:k][-1] if values else 0
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

    assert [(hit.doc_id, hit.seq) for hit in hits] == [
        (name, seq) for name in ("a.pdf", "b.pdf", "c.pdf") for seq in (0, 1)
    ]


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


@pytest.mark.parametrize(
    "query",
    ["text:duck", "NEAR(duck)", '"duck', "^duck", "duck -", "duck*", "NOT duck", "\x00duck", "a/duck", "duck's"],
)
def test_syntax_around_a_word_does_not_hide_it(index, query):
    assert "zoo/duck.pdf" in {hit.doc_id for hit in index.search(query, mode="lexical")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.text(min_size=1) | st.text(alphabet='"*^():{}+-, ANDORTEX', min_size=1))
def test_no_query_is_an_error_unless_it_is_empty(index, query):
    is_empty = not query.replace("\x00", " ").strip()

    with pytest.raises(UsageError, match="the query is empty") if is_empty else nullcontext():
        index.search(query, mode="lexical", filters=Filters(paths=[query], heading=query))


@given(st.lists(st.tuples(UNMARKED, UNMARKED.filter(str.strip))), UNMARKED)
def test_marks_become_offsets_into_the_text_as_it_was(pairs, rest):
    # between two words there is a letter, so that they stay two
    pairs = [(f"{between}x", word) for between, word in pairs if folded(word).strip()]
    text = "".join(between + word for between, word in pairs) + rest
    marked = "".join(f"{folded(between)}{OPEN}{folded(word)}{CLOSE}" for between, word in pairs) + folded(rest)
    if marked.replace(OPEN, "").replace(CLOSE, "") != folded(text):
        return  # a mark of the next piece belongs to the letter before it

    found = [text[start:end] for start, end in spans(marked, text)]

    assert [folded(each).strip() for each in found] == [folded(word).strip() for _, word in pairs]


def test_a_text_with_such_marks_of_its_own_is_searched_like_any(pipeline):
    pipeline.add("a.pdf", "a \ufdd0 duck \ufdd1")

    with open_index(pipeline.root) as index:
        (hit,) = index.search("duck", mode="lexical")

    assert [hit.text[start:end] for start, end in hit.matches] == ["duck"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": ""}, "the query is empty"),
        ({"query": " \t\x00\n"}, "the query is empty"),
        ({"query": "duck", "k": 0}, "k must be at least 1, not 0"),
        ({"query": "duck", "k": 10**20}, "k must be at most 2147483647, not 1"),
        ({"query": "duck", "context": 2**31}, "context must be at most 2147483647, not 2147483648"),
        ({"query": "duck", "filters": Filters(page=10**20)}, "there is no page 1"),
        ({"query": "duck", "mode": "psychic"}, "no mode 'psychic'; there are hybrid, dense, lexical"),
        ({"query": "duck", "fusion": "cold"}, "no fusion 'cold'; there are convex, rrf"),
    ],
)
def test_a_request_that_makes_no_sense_is_a_usage_error(index, arguments, message):
    with pytest.raises(UsageError, match=message):
        index.search(**arguments)


def test_a_missing_index_says_what_to_run(tmp_path):
    with pytest.raises(UsageError, match=rf"^no index in {tmp_path}; run `docparse run all` first$"):
        open_index(tmp_path)


def test_a_database_can_be_named_instead_of_its_data_root(library):
    with open_index(str(library.database)) as index:
        assert index.search("mallard", mode="lexical")[0].doc_id == "zoo/duck.pdf"


def test_a_file_that_is_no_index_is_a_usage_error(tmp_path):
    (tmp_path / "index.sqlite").write_text("not a database " * 100)

    with pytest.raises(UsageError, match="is not an index"):
        open_index(tmp_path / "index.sqlite")


@pytest.mark.parametrize("mode", ["lexical", "dense"])
def test_a_damaged_index_is_a_usage_error(pipeline, mode):
    pipeline.add("a.pdf", *(f"duck {number}" for number in range(100)))
    content = pipeline.database.read_bytes()
    pipeline.database.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))

    with (
        open_index(pipeline.root) as index,
        pytest.raises(UsageError, match=r"cannot be read \(.*malformed\): run `docparse index rebuild`"),
    ):
        index.search("duck", mode=mode)


def test_an_index_on_a_read_only_file_system_is_searched(pipeline, monkeypatch):
    pipeline.add("a.pdf", "a duck")
    monkeypatch.setattr("os.statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_RDONLY))

    with open_index(pipeline.root) as index:
        assert len(index.search("duck", mode="lexical")) == 1
        assert sorted(path.name for path in pipeline.database.parent.iterdir()) == ["index.sqlite", "sink.json"]


def test_a_state_that_is_not_in_the_file_yet_is_never_overlooked(pipeline, monkeypatch):
    pipeline.add("a.pdf", "a duck")
    with open_store(pipeline.database) as connection:
        connection.execute("UPDATE meta SET revision = 77")
        monkeypatch.setattr("os.statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_RDONLY))

        with open_index(pipeline.root) as index:
            assert index.contents().revision == 77


def test_searching_leaves_every_file_of_the_index_as_it_was(library):
    def state():
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in library.database.parent.glob("*.sqlite")}

    before = state()
    with open_index(library.root) as index:
        index.search("duck")

    assert state() == before


def test_an_empty_index_has_no_hits_and_no_model(pipeline):
    pipeline.context()

    with open_index(pipeline.root) as index:
        assert index.search("duck", mode="lexical") == []
        with pytest.raises(UsageError, match="is empty; run `docparse run all` first"):
            index.search("duck")


def test_an_index_without_vectors_is_searched_by_words_and_opens_no_model(pipeline):
    pipeline.add_words("a.pdf", "a duck")

    with open_index(pipeline.root) as index:
        found = [index.search("duck", mode=mode)[0].doc_id for mode in ("hybrid", "lexical")]
        with pytest.raises(UsageError, match=r"^the index has no vectors: `docparse run embed --families dense` and"):
            index.search("duck", mode="dense")

    assert found == ["a.pdf", "a.pdf"]


def test_an_empty_index_has_no_vectors(pipeline):
    pipeline.context()

    with open_readable(pipeline.database) as connection:
        assert len(read_matrix(connection, read_contents(connection)).ids) == 0


def test_a_provider_that_is_not_installed_is_named(pipeline):
    pipeline.add("a.pdf", "duck")

    with open_index(pipeline.root) as index:
        with pytest.raises(UsageError, match="'not-installed', which is not installed: pip install docparse-embed"):
            index.search("duck", mode="dense")
        assert len(index.search("duck", mode="lexical")) == 1


@pytest.mark.usefixtures("provider")
def test_a_model_that_is_not_on_this_machine_is_named(pipeline, make_rows, make_noise, tmp_path):
    footer = {"provider": "sentence-transformers", "model": str(tmp_path / "moved")}
    pipeline.run(pipeline.item("a.pdf", make_rows("a.pdf", ["duck"]), make_noise(["duck"]), **footer))

    with (
        open_index(pipeline.root) as index,
        pytest.raises(UsageError, match=r"there is no folder .*moved.*; say where it is with --model, or search with"),
    ):
        index.search("duck")


def test_another_model_than_that_of_the_index_is_refused(pipeline, make_rows, make_noise, minilm):
    footer = {"provider": "sentence-transformers", "model": minilm.found.name, "model_digest": "sha256:" + 64 * "0"}
    pipeline.run(pipeline.item("a.pdf", make_rows("a.pdf", ["duck"]), make_noise(["duck"]), **footer))

    with (
        open_index(pipeline.root) as index,
        pytest.raises(
            UsageError, match=r"\(sha256:000000000000\) and sentence-transformers/all-MiniLM-L6-v2 is another"
        ),
    ):
        index.search("duck")


def test_a_model_may_have_moved_when_its_files_are_the_same(library, minilm, tmp_path):
    moved = shutil.copytree(minilm.found.location, tmp_path / "moved")

    with open_index(library.root, model=str(moved)) as index:
        assert index.search("mallard", mode="dense", k=1)[0].doc_id == "zoo/duck.pdf"


def test_vectors_of_any_length_are_compared_by_their_direction(pipeline, make_rows):
    vectors = np.array([[3, 0, 0], [0.1, 0.1, 0], [0, 0, 9]], np.float32)
    rows = make_rows("a.pdf", ["one", "two", "three"])
    pipeline.run(pipeline.item("a.pdf", rows, vectors, normalized=False))

    with open_readable(pipeline.database) as connection:
        matrix = read_matrix(connection, read_contents(connection))

    assert matrix.scores(np.array([7, 0, 0], np.float32)).values == pytest.approx([1, 0.5**0.5, 0])


def test_vectors_of_an_older_model_are_left_out_and_counted(pipeline, make_rows, make_noise):
    pipeline.add("old.pdf", "duck")
    pipeline.run(
        pipeline.item("new.pdf", make_rows("new.pdf", ["duck"]), make_noise(["duck"], 12), model_digest="sha256:new")
    )

    with open_readable(pipeline.database) as connection:
        matrix = read_matrix(connection, read_contents(connection))
    with open_index(pipeline.root) as index:
        assert index.contents().left_behind == 1
        assert {hit.doc_id for hit in index.search("duck", mode="lexical")} == {"old.pdf", "new.pdf"}
    assert matrix.rows.shape == (1, 12)


def test_an_open_index_sees_what_a_run_changes(library_texts, warm, make_rows, minilm):
    footer = {"model": minilm.found.name, "model_digest": minilm.found.digest, "provider": "sentence-transformers"}

    def add(doc_id):
        texts = library_texts[doc_id]
        warm.run(warm.item(doc_id, make_rows(doc_id, texts), minilm.encoder.encode_documents(texts), **footer))

    add("zoo/duck.pdf")
    with open_index(warm.root) as index:
        assert index.search("otters", mode="dense", k=1)[0].doc_id == "zoo/duck.pdf"

        add("zoo/otter.html")
        assert index.search("otters", mode="dense", k=1)[0].doc_id == "zoo/otter.html"

        warm.remove("zoo/otter.html")
        assert index.search("otters", mode="dense", k=1)[0].doc_id == "zoo/duck.pdf"
