"""Batches, checks and the cache, with an encoder that does as it is told."""

import tempfile
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docparse_embed._batches import token_batches
from docparse_embed._cache import Identity, open_cache
from docparse_embed._checks import check_sparse, check_vectors, stacked
from docparse_embed._chunks import Chunks
from docparse_embed._encode import DocumentEncoder
from docparse_embed._overflow import split_text
from docparse_runner import StageError

IDENTITY = Identity(model_digest="m", prompt="", dimension=2)


@attrs.define
class Fake:
    """One token a character; a text's vector is its first character's code, normalised or as `bend` wants it."""

    bend: object = None
    dimension: int = 2
    max_tokens: int | None = 8
    normalized: bool = True
    calls: list = attrs.field(factory=list)

    def count_tokens(self, texts):
        return [len(text) for text in texts]

    def encode_documents(self, texts):
        self.calls.append(list(texts))
        rows = np.array([[ord(text[0]), 1] for text in texts], dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return self.bend(rows) if self.bend else rows


def checked(rows, names):
    check_vectors(stacked(rows, names, 2), names, normalized=True)


def chunks_of(texts, prefix="c"):
    return Chunks(ids=[f"{prefix}{n}" for n in range(len(texts))], texts=list(texts))


def encode_together(encoder, *documents, **options):
    """Return what becomes of some documents, their chunks called a0, a1, …, b0, …"""
    chunks = [chunks_of(texts, prefix) for texts, prefix in zip(documents, "abcdef", strict=False)]
    return DocumentEncoder(encoder=encoder, check=checked, **options).encode(chunks, lambda *_: None)


def encode(encoder, texts, **options):
    """Return the vectors of a document that is alone; an error is raised."""
    (answer,) = DocumentEncoder(encoder=encoder, check=checked, **options).encode([chunks_of(texts)], lambda *_: None)
    if isinstance(answer, StageError):
        raise answer
    return answer


def vectors_of(encoded):
    return np.array([parts[0].vector for parts in encoded.rows])


def test_rows_come_back_in_the_order_of_the_texts():
    texts = ["a", "bbbbb", "cc", "dddd"]

    vectors = vectors_of(encode(Fake(), texts, batch_tokens=8))

    np.testing.assert_allclose(vectors[:, 0] / vectors[:, 1], [ord(text[0]) for text in texts], rtol=1e-5)


def test_equal_texts_are_encoded_once():
    encoder = Fake()

    encoded = encode(encoder, ["a", "b", "a"])

    assert encoder.calls == [["a", "b"]]
    assert (encoded.encoded, encoded.cached) == (2, 0)
    np.testing.assert_array_equal(*vectors_of(encoded)[[0, 2]])


@given(
    st.dictionaries(st.text(min_size=1), st.integers(0, 60), max_size=40),
    st.integers(1, 100),
    st.none() | st.integers(1, 50),
)
def test_batches_hold_every_text_once_and_stay_in_bounds(tokens, batch_tokens, limit):
    batches = list(token_batches(tokens, limit, batch_tokens))

    assert sorted(text for batch in batches for text in batch) == sorted(tokens)
    for batch in batches:
        longest = max(tokens[text] if limit is None else min(tokens[text], limit) for text in batch)
        assert len(batch) == 1 or longest * len(batch) <= batch_tokens


def _spoil(value):
    def bend(rows):
        rows[1:] = value
        return rows

    return bend


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "NaN or infinite values"),
        (np.inf, "NaN or infinite values"),
        (0.0, "only zeros"),
        (3.0, "a length other than 1"),
    ],
)
def test_a_bad_vector_fails_the_document_and_names_the_chunks(value, problem, tmp_path):
    with open_cache(tmp_path / "v.sqlite", IDENTITY) as cache:
        with pytest.raises(StageError, match=f"vectors with {problem} for chunks c1, c2, c3 and 1 more") as caught:
            encode(Fake(bend=_spoil(value)), ["a", "b", "c", "d", "e"], cache=cache)

        assert cache.get(["a", "b"]) == {}
    assert caught.value.category == "runtime"


def test_a_model_that_does_not_normalise_may_give_any_length():
    check_vectors(np.array([[3.0, 4.0]], dtype=np.float32), ["c0"], normalized=False)


@pytest.mark.parametrize(
    ("bend", "problem"),
    [
        (lambda rows: rows.astype(np.float64), "returned float64"),
        (lambda rows: rows[:1], "1 vectors for 2 texts"),
        (lambda rows: np.hstack([rows, rows]), "another length than 2 for chunks c0, c1"),
    ],
)
def test_an_encoder_that_breaks_its_contract_is_said_to(bend, problem):
    with pytest.raises(StageError, match=problem) as caught:
        encode(Fake(bend=bend), ["a", "b"])

    assert caught.value.category == "contract"


def test_refusing_comes_before_encoding():
    encoder = Fake()

    with pytest.raises(StageError, match="chunk c1"):
        encode(encoder, ["a", "b" * 9], on_overflow="refuse")

    assert encoder.calls == []


def test_progress_is_told_after_each_batch():
    told = []
    DocumentEncoder(encoder=Fake(), check=checked, batch_tokens=2).encode(
        [chunks_of("abc")], lambda *now: told.append(now)
    )

    assert told == [(2, 3), (3, 3)]


def test_what_was_encoded_before_a_failure_is_kept(tmp_path):
    def fail_at_the_second(rows):
        if len(encoder.calls) == 2:
            rows[:] = np.nan
        return rows

    encoder = Fake(bend=fail_at_the_second)
    with open_cache(tmp_path / "v.sqlite", IDENTITY) as cache:
        with pytest.raises(StageError, match="for chunk c1"):
            encode(encoder, ["aa", "b"], cache=cache, batch_tokens=2)

        assert cache.get(["aa", "b"]).keys() == {"aa"}


@attrs.define
class Cramped(Fake):
    """Runs out of memory when it gets more than two texts, or any that begins with a z."""

    def encode_documents(self, texts):
        if len(texts) > 2 or any(text.startswith("z") for text in texts):
            raise MemoryError
        return Fake.encode_documents(self, texts)


def test_a_batch_that_does_not_fit_into_memory_is_halved_until_it_does():
    encoder = Cramped()

    encoded = encode(encoder, ["a", "b", "c", "d", "e"])

    assert encoder.calls == [["a", "b"], ["c"], ["d", "e"]]
    assert encoded.halved == 2
    np.testing.assert_allclose(vectors_of(encoded)[:, 0] / vectors_of(encoded)[:, 1], list(b"abcde"), rtol=1e-5)


def test_a_text_that_does_not_fit_alone_fails_its_document_for_lack_of_memory():
    with pytest.raises(StageError, match="no memory to encode even one text: chunk c1") as caught:
        encode(Cramped(), ["a", "z"])

    assert caught.value.category == "oom"


def test_a_text_that_is_too_long_is_encoded_in_parts_that_are_not():
    encoder = Fake()

    encoded = encode(encoder, ["duck", "bill and feather"], on_overflow="split")

    assert sorted(text for call in encoder.calls for text in call) == ["bill and", "duck", "feather"]
    assert [len(parts) for parts in encoded.rows] == [1, 2]
    assert (encoded.split, encoded.truncated, encoded.tokens) == (1, 0, [4, 16])


def test_parts_come_from_the_cache_too(tmp_path):
    texts = ["duck", "bill and feather"]
    with open_cache(tmp_path / "v.sqlite", IDENTITY) as cache:
        first = encode(Fake(), texts, on_overflow="split", cache=cache)
        second = encode(encoder := Fake(), texts, on_overflow="split", cache=cache)

    assert encoder.calls == []
    assert (first.cached, first.encoded, second.cached, second.encoded) == (0, 3, 2, 0)


@given(st.text(max_size=60), st.integers(1, 20))
def test_parts_are_short_enough_and_make_up_the_text(text, limit):
    parts = split_text(text, lambda texts: [len(each) for each in texts], limit)

    assert all(len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split()) or not text.strip()


# --- several documents of one call


def test_a_text_of_several_documents_is_encoded_once_and_counts_for_the_first():
    encoder = Fake()

    first, second = encode_together(encoder, ["a", "b"], ["c", "b", "b"])

    assert encoder.calls == [["a", "b", "c"]]
    assert (first.encoded, first.cached) == (2, 0)
    assert (second.encoded, second.cached) == (1, 2)
    np.testing.assert_array_equal(vectors_of(first)[1], vectors_of(second)[2])


@settings(max_examples=20)
@given(
    documents=st.lists(st.lists(st.text("ab ", min_size=1, max_size=12), max_size=6), max_size=5),
    batch_tokens=st.integers(1, 40),
    on_overflow=st.sampled_from(["split", "truncate"]),
)
def test_documents_become_together_what_they_become_one_after_the_other(documents, batch_tokens, on_overflow):
    chosen = {"batch_tokens": batch_tokens, "on_overflow": on_overflow}
    with tempfile.TemporaryDirectory() as folder, open_cache(Path(folder, "v.sqlite"), IDENTITY) as cache:
        alone = [encode(Fake(), texts, cache=cache, **chosen) for texts in documents]

    answers = encode_together(Fake(), *documents, **chosen)

    assert [attrs.evolve(each, rows=[]) for each in answers] == [attrs.evolve(each, rows=[]) for each in alone]
    for mine, other in zip(answers, alone, strict=True):
        assert [[part.tokens for part in parts] for parts in mine.rows] == [
            [part.tokens for part in parts] for parts in other.rows
        ]
        flat, expected = ([part.vector for parts in each.rows for part in parts] for each in (mine, other))
        np.testing.assert_array_equal(flat, expected)


def _spoil_x(rows):
    """Spoil the vectors of texts that begin with an x."""
    rows[np.isclose(rows[:, 0], ord("x") * rows[:, 1])] = np.nan
    return rows


def test_a_bad_vector_fails_the_documents_that_need_it_each_with_its_own_chunks(tmp_path):
    with open_cache(tmp_path / "v.sqlite", IDENTITY) as cache:
        first, second, third = encode_together(
            Fake(bend=_spoil_x), ["a", "x"], ["b", "c"], ["xx", "x", "d"], batch_tokens=100, cache=cache
        )

        assert cache.get(["a", "b", "c", "d", "x", "xx"]).keys() == {"b", "c"}
    assert first.message == "the model gave vectors with NaN or infinite values for chunk a1"
    assert third.message == "the model gave vectors with NaN or infinite values for chunks c0, c1"
    assert (second.encoded, len(second.rows)) == (2, 2)


def test_of_a_document_that_failed_nothing_more_is_encoded():
    encoder = Fake(bend=_spoil_x)

    first, second = encode_together(encoder, ["xxx", "a"], ["bb", "a", "c"], batch_tokens=3)

    assert encoder.calls == [["xxx"], ["bb"], ["a", "c"]]
    assert isinstance(first, StageError)
    assert (second.encoded, second.cached) == (3, 0), "what it shares with the one that failed counts for it"


def test_no_memory_for_a_text_fails_the_documents_that_have_it_and_no_other():
    first, second, third = encode_together(Cramped(), ["a", "z"], ["b", "c"], ["zz", "d", "z"])

    assert [first.message[:52], third.message[:52]] == [
        "no memory to encode even one text: chunk a1 ()",
        "no memory to encode even one text: chunk c0 ()",
    ]
    assert {first.category, third.category} == {"oom"}
    assert len(second.rows) == 2


def test_halves_of_a_batch_count_once_for_all_its_documents():
    answers = encode_together(Cramped(), ["a", "b"], ["c"], ["d", "e"])

    assert sum(each.halved for each in answers) == 2


def test_a_document_with_a_text_that_is_refused_goes_alone_and_without_being_encoded():
    encoder = Fake()

    first, second = encode_together(encoder, ["a", "b" * 9], ["c", "a"], on_overflow="refuse")

    assert encoder.calls == [["c", "a"]]
    assert first.message.startswith("longer than the 8 tokens that the model reads: chunk a1;")
    assert (second.encoded, second.cached) == (2, 0)


SPARSE = [("index", "<i4"), ("value", "<f4")]


@pytest.mark.parametrize(
    "bad", [[(3, 1.0), (3, 1.0)], [(4, 1.0), (3, 1.0)], [(-1, 1.0)], [(9, 1.0)], [(1, np.nan)], [(1, 0.0)]]
)
def test_a_bad_sparse_vector_fails_the_document_and_names_the_chunk(bad):
    rows = [np.array([(0, 0.5), (8, 2.0)], SPARSE), np.array([], SPARSE), np.array(bad, SPARSE)]

    with pytest.raises(StageError, match="impossible indices for chunk c2"):
        check_sparse(rows, ["c0", "c1", "c2"], 9)
