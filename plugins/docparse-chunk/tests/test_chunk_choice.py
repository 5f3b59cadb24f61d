"""Which tokenizer counts."""

import base64
import hashlib
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_chunk import _choice
from docparse_chunk._choice import choose
from docparse_chunk._words import word_counts
from docparse_runner import Category, StageError

WORDS = [
    "duck",
    "Ünïcode",
    "鸭子在湖上游泳",
    "[SEP]",
    "[CLS]x",
    "([sep])",
    "f(a_b)[0]=c;",
    "=\u0338",
    "a\u0301b",
    "x" * 130,
    "don't",
    "—",
    "ΟΔΟΣ",
    "\u200b",
    "🦆",
]
SPACES = [" ", "\n\n", "\t", "\u00a0", "\u2028", "\x0b", "\x1c", "\x85", "", "\u3000"]


@given(st.lists(st.tuples(st.sampled_from(WORDS) | st.text(max_size=6), st.sampled_from(SPACES)), max_size=12))
def test_counting_by_words_is_counting(minilm, pairs):
    text = "".join(word + space for word, space in pairs)

    assert minilm.count([text, text]) == minilm.encoded([text, text])


def test_only_tokenizers_of_berts_kind_are_counted_by_words(minilm, bpe_folder):
    assert word_counts(choose(None, None).file.path.read_bytes(), minilm.encoded) is not None
    assert word_counts((bpe_folder / "tokenizer.json").read_bytes(), minilm.encoded) is None
    assert word_counts(b"{", minilm.encoded) is None


def test_words_are_forgotten_when_there_are_too_many(minilm, monkeypatch):
    monkeypatch.setattr("docparse_chunk._words._MOST_WORDS", 3)
    texts = [" ".join(f"w{number}{place}" for place in range(5)) for number in range(4)]

    counts = [minilm.count([text])[0] for text in texts]

    assert counts == minilm.encoded(texts)


def test_a_tokenizer_may_be_another_than_the_models(make_context, bpe_folder, minilm):
    resolved = make_context(model="sentence-transformers/all-MiniLM-L6-v2", tokenizer=str(bpe_folder)).resolved

    assert (resolved["tokenizer"], resolved["limit"]) == ("small-bpe", 96)


def test_the_approximation_may_be_asked_for_and_is_then_not_warned_about(make_context, caplog):
    resolved = make_context(tokenizer="approximate").resolved

    assert (resolved["tokenizer"], caplog.text) == ("approximate", "")


def test_rows_name_the_approximation(chunk, paper):
    paper.text("Ducks swim.")

    outcome, (row,) = chunk(paper.data(), tokenizer="approximate")

    assert (outcome.metrics["tokenizer"], row["tokenizer"]) == ("approximate", "approximate")


def test_a_file_that_is_no_tokenizer_is_a_config_error(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(StageError, match=r"tokenizer\.json cannot be read by tokenizers") as caught:
        choose(str(tmp_path), None).open()

    assert caught.value.category is Category.CONFIG


def test_tokie_counts_what_tokenizers_counts(minilm):
    pytest.importorskip("tokie", reason="pip install 'docparse-chunk[tokie]'")
    texts = ["Ducks swim on lakes.", "", "鸭子在湖上游泳", "constitutional duck " * 400]

    counter = choose(None, "tokie").open()

    assert counter.count(texts) == minilm.count(texts)
    assert (counter.name, counter.limit, counter.specials) == (minilm.name, minilm.limit, minilm.specials)
    assert choose(None, "tokie").digest() == choose(None, None).digest()


def test_without_tokie_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(_choice, "find_spec", lambda _name: None)

    with pytest.raises(StageError, match=r"docparse-chunk\[tokie\]") as caught:
        choose(None, "tokie")

    assert caught.value.category is Category.CONFIG


@pytest.fixture
def tiny_encoding(tmp_path, monkeypatch):
    """A tiktoken encoding of single bytes and ``duck``, which tiktoken reads from an address or its cache."""
    load = pytest.importorskip("tiktoken.load", reason="pip install 'docparse-chunk[tiktoken]'")
    registry = pytest.importorskip("tiktoken.registry")

    ranks = [bytes([byte]) for byte in range(256)] + [b"du", b"ck", b"duck"]
    file = tmp_path / "ranks"
    file.write_bytes(b"".join(base64.b64encode(token) + f" {rank}\n".encode() for rank, token in enumerate(ranks)))
    address = "https://example.org/tiny.tiktoken"

    def tiny():
        return {
            "name": "tiny",
            "pat_str": r"\w+|\W+",
            "mergeable_ranks": load.load_tiktoken_bpe(address),
            "special_tokens": {},
        }

    extension = types.ModuleType("tiktoken_ext.tiny")
    extension.ENCODING_CONSTRUCTORS = {"tiny": tiny}
    monkeypatch.setitem(sys.modules, "tiktoken_ext.tiny", extension)
    monkeypatch.setattr(registry, "ENCODINGS", {})
    monkeypatch.setattr(registry, "ENCODING_CONSTRUCTORS", {"tiny": tiny})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))

    def cache():
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / hashlib.sha1(address.encode()).hexdigest()).write_bytes(file.read_bytes())

    return cache


def test_tiktoken_counts_by_name(tiny_encoding, make_context):
    tiny_encoding()

    counter = choose(None, "tiktoken:tiny").open()

    assert counter.count(["duck", "ducks", ""]) == [1, 2, 0]
    assert (counter.name, counter.specials) == ("tiktoken:tiny", 0)
    resolved = make_context(tokenizer="tiktoken:tiny").resolved
    assert (resolved["digest"], resolved["max_tokens"]) == ("tiny", 8191)


def test_tiktoken_downloads_nothing(tiny_encoding):
    load = pytest.importorskip("tiktoken.load")
    read = load.read_file

    with pytest.raises(StageError, match="'tiny' is not in tiktoken's cache") as caught:
        choose(None, "tiktoken:tiny").open()

    assert caught.value.category is Category.CONFIG
    assert load.read_file is read


@pytest.mark.parametrize(
    ("name", "says"),
    [("tiktoken:other", "no encoding or model 'other'; encodings: tiny"), ("tiktoken", "needs the name")],
)
def test_a_name_that_tiktoken_does_not_know_is_a_config_error(tiny_encoding, name, says):
    with pytest.raises(StageError, match=says) as caught:
        choose(None, name).open()

    assert caught.value.category is Category.CONFIG


def test_without_tiktoken_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tiktoken", None)

    with pytest.raises(StageError, match=r"docparse-chunk\[tiktoken\]"):
        choose(None, "tiktoken:cl100k_base").open()
