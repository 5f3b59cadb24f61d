"""Batches, checks and the cache, with an encoder that does as it is told."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_embed._cache import open_cache
from docparse_embed._encode import DocumentEncoder, check_vectors, token_batches
from docparse_runner import StageError


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


def encode(encoder, texts, **options):
    return DocumentEncoder(encoder=encoder, **options).encode(
        [f"c{n}" for n in range(len(texts))], texts, lambda *_: None
    )


def test_rows_come_back_in_the_order_of_the_texts():
    texts = ["a", "bbbbb", "cc", "dddd"]

    vectors = encode(Fake(), texts, batch_tokens=8).vectors

    np.testing.assert_allclose(vectors[:, 0] / vectors[:, 1], [ord(text[0]) for text in texts], rtol=1e-5)


def test_equal_texts_are_encoded_once():
    encoder = Fake()

    encoded = encode(encoder, ["a", "b", "a"])

    assert encoder.calls == [["a", "b"]]
    assert (encoded.encoded, encoded.cached) == (2, 0)
    np.testing.assert_array_equal(encoded.vectors[0], encoded.vectors[2])


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
    with open_cache(tmp_path / "v.sqlite", model_digest="m", prompt="", dimension=2) as cache:
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
        (lambda rows: rows[:1], "for 2 texts"),
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
        encode(encoder, ["a", "b" * 9], refuse=True)

    assert encoder.calls == []


def test_progress_is_told_after_each_batch():
    told = []
    DocumentEncoder(encoder=Fake(), batch_tokens=2).encode(
        ["x", "y", "z"], ["a", "b", "c"], lambda *now: told.append(now)
    )

    assert told == [(2, 3), (3, 3)]
