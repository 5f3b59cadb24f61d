"""Sparse and lexical vectors, shorter and smaller dense ones, and documents of which a family failed."""

import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from embed_calls import alone as run

from docparse_embed import docparse_resolve
from docparse_embed._families import _Dense
from docparse_embed._terms import term_counts
from docparse_runner import Category, StageError, Status


@pytest.fixture
def all_families(make_context, tiny_bert, splade_folder):
    """A context with all families, of tiny models."""

    def make(**options):
        given = {
            "model": str(tiny_bert),
            "sparse_model": str(splade_folder),
            "families": ("dense", "sparse", "lexical"),
        }
        return make_context(**{**given, **options})

    return make


@pytest.fixture
def words():
    """Chunks of words that the tiny models know."""
    texts = ["duck bill feather", "invoice ledger", "word1 word2 word3 word4 word5 word6 duck duck"]
    return [{"chunk_id": f"c{n}", "doc_id": "d", "text": text} for n, text in enumerate(texts)]


def test_each_family_has_its_columns_in_one_file(all_families, make_item, words, read_vectors):
    item = make_item(words)

    outcome = run(all_families(), item)

    file = read_vectors(item.outputs["embeddings"])
    assert file.table.column_names == [
        *("chunk_id", "doc_id", "dense", "sparse_indices", "sparse_values"),
        *("lexical_terms", "lexical_counts", "lexical_length"),
    ]
    assert file.footer["families"] == ["dense", "sparse", "lexical"]
    assert file.footer["sparse"]["dimension"] == 60
    assert file.footer["lexical"] == {"tokenizer": "unicode-words/1"}
    assert outcome.status is Status.SUCCESS
    assert outcome.metrics["sparse"]["encoded"] == outcome.metrics["encoded"] == 3


def test_sparse_vectors_are_those_of_the_sparse_encoder(all_families, make_item, words, read_vectors, splade_folder):
    from sentence_transformers import SparseEncoder  # noqa: PLC0415 - imports torch

    item = make_item(words)

    run(all_families(families=("sparse",)), item)

    model = SparseEncoder(str(splade_folder), device="cpu", local_files_only=True)
    expected = model.encode_document([row["text"] for row in words]).to_dense().numpy()
    file = read_vectors(item.outputs["embeddings"])
    assert max(map(len, file.sparse_indices)) == 8
    rows = np.zeros_like(expected)
    for row, indices, values in zip(rows, file.sparse_indices, file.sparse_values, strict=True):
        row[indices] = values
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_of_a_split_text_each_index_has_its_largest_weight(all_families, make_item, read_vectors):
    text = " ".join(f"word{n}" for n in range(45))
    item = make_item([{"chunk_id": "c0", "doc_id": "d", "text": text}])

    outcome = run(all_families(families=("sparse",), on_overflow="split"), item)

    indices = read_vectors(item.outputs["embeddings"]).sparse_indices[0]
    assert outcome.metrics["sparse"]["split"] == 1
    assert indices == sorted(set(indices))


def test_lexical_counts_are_those_of_a_textbook_tokenizer(make_context, make_item, read_vectors):
    texts = ["A duck, a DUCK; a bill!", "Straße 12 und straSSE_12", "", "naïve ﬁnd x²"]
    item = make_item([{"chunk_id": f"c{n}", "doc_id": "d", "text": text} for n, text in enumerate(texts)])

    outcome = run(make_context(families=("lexical",)), item)

    file = read_vectors(item.outputs["embeddings"])
    counted = [dict(zip(*pair, strict=True)) for pair in zip(file.lexical_terms, file.lexical_counts, strict=True)]
    assert counted == [
        {"a": 3, "bill": 1, "duck": 2},
        {"12": 2, "strasse": 2, "und": 1},
        {},
        {"find": 1, "naïve": 1, "x2": 1},
    ]
    assert file.lexical_length == [6, 5, 0, 3]
    assert outcome.metrics["lexical"] == {"words": 14, "terms": {"0": 1, "3": 3}}


def test_plain_english_is_counted_as_by_splitting_at_what_is_no_letter():
    text = "The keeper wrote; the KEEPER read. 30 ducks, 3 bills (and a ledger)."

    assert term_counts(text) == Counter(re.split(r"[^a-z0-9]+", text.lower().strip(".)")))


def test_adding_a_family_takes_the_others_from_the_cache(all_families, make_item, words):
    run(all_families(families=("dense",)), make_item(words))

    outcome = run(all_families(), make_item(words))

    assert (outcome.metrics["cached"], outcome.metrics["sparse"]["cached"]) == (3, 0)


def test_each_family_brings_its_own_part_of_the_fingerprint(all_families):
    context = all_families()

    assert context.resolved.keys() == {"model_digest", "sparse_model_digest", "terms"}
    assert all_families(families=("lexical",)).resolved.keys() == {"terms"}


def failing(category):
    def make(self, chunks, tell):
        msg = "the vectors are bad"
        raise StageError(msg, category=category)

    return make


def test_a_family_that_fails_leaves_the_document_partial(all_families, make_item, words, read_vectors, monkeypatch):
    monkeypatch.setattr(_Dense, "make", failing(Category.RUNTIME))
    item = make_item(words)

    outcome = run(all_families(families=("dense", "lexical")), item)

    assert outcome.status is Status.PARTIAL
    assert outcome.reason == "no dense: the vectors are bad"
    assert read_vectors(item.outputs["embeddings"]).footer["families"] == ["lexical"]


@pytest.mark.parametrize("category", [Category.PROVIDER, Category.IO, Category.CONFIG])
def test_a_failure_that_may_pass_or_stops_the_run_gives_no_half_result(
    all_families, make_item, words, monkeypatch, category
):
    monkeypatch.setattr(_Dense, "make", failing(category))

    with pytest.raises(StageError) as caught:
        run(all_families(families=("dense", "lexical")), make_item(words))

    assert caught.value.category is category


def test_sparse_without_a_model_says_what_to_do(make_context):
    with pytest.raises(StageError, match=r"needs a model: .* with --sparse-model") as caught:
        make_context(families=("sparse",))

    assert caught.value.category == "config"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"provider": "splade"}, "makes sparse vectors, not dense ones"),
        ({"families": ("sparse",), "sparse_model": "x", "sparse_provider": "auto"}, "makes dense vectors, not sparse"),
    ],
)
def test_a_provider_of_another_family_is_refused(make_context, options, message):
    with pytest.raises(StageError, match=message):
        make_context(**options)


def test_families_must_be_known_and_one_at_least(make_context):
    with pytest.raises(ValueError, match="must be in"):
        make_context(families=("dense", "dance"))
    with pytest.raises(ValueError, match="at least one of dense, sparse, lexical"):
        make_context(families=())


def test_fewer_dimensions_are_the_first_ones_at_length_one(make_context, make_item, rows, read_vectors):
    whole, short = make_item(rows, "whole.pdf"), make_item(rows, "short.pdf")
    run(make_context(), whole)

    outcome = run(make_context(dimensions=64), short)

    expected = np.array(read_vectors(whole.outputs["embeddings"]).dense)[:, :64]
    file = read_vectors(short.outputs["embeddings"])
    np.testing.assert_allclose(file.dense, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert (file.footer["dimension"], file.footer["model_dimension"]) == (64, 384)
    assert outcome.metrics["cached"] == 3


def test_more_dimensions_than_the_model_has_stop_the_run(make_context, make_item, rows):
    with pytest.raises(StageError, match="--dimensions 385 is more than the 384") as caught:
        run(make_context(dimensions=385), make_item(rows))

    assert caught.value.category == "config"


def test_half_precision_vectors_take_half_the_space_and_are_close(make_context, make_item, rows, read_vectors):
    whole, half = make_item(rows, "whole.pdf"), make_item(rows, "half.pdf")
    run(make_context(), whole)

    run(make_context(dtype="float16"), half)

    file = read_vectors(half.outputs["embeddings"])
    assert file.table.schema.field("dense").type.value_type == pa.float16()
    assert file.footer["dtype"] == "float16"
    np.testing.assert_allclose(file.dense, read_vectors(whole.outputs["embeddings"]).dense, atol=1e-3)


def test_a_split_chunk_has_the_mean_of_its_parts(make_context, make_item, read_vectors, minilm):
    item = make_item([{"chunk_id": "c0", "doc_id": "d", "text": "duck " * 200 + "bill " * 200}])

    outcome = run(make_context(on_overflow="split"), item)

    (row,) = np.array(read_vectors(item.outputs["embeddings"]).dense)
    parts = minilm.encode_documents([("duck " * 200).strip(), ("bill " * 200).strip()]).mean(axis=0)
    assert (outcome.metrics["split"], outcome.metrics["truncated"]) == (1, 0)
    np.testing.assert_allclose(row, parts / np.linalg.norm(parts), atol=1e-5)


def test_a_prompt_of_the_user_replaces_the_models(make_context, make_item, tiny_bert, read_vectors):
    item, other = make_item([CHUNK], "own.pdf"), make_item([CHUNK], "other.pdf")
    run(make_context(model=str(tiny_bert)), item)

    outcome = run(make_context(model=str(tiny_bert), document_prompt="invoice ", query_prompt="ledger "), other)

    own, changed = (read_vectors(each.outputs["embeddings"]) for each in (item, other))
    assert (own.footer["document_prompt"], own.footer["query_prompt"]) == ("the duck ", "the bill ")
    assert (changed.footer["document_prompt"], changed.footer["query_prompt"]) == ("invoice ", "ledger ")
    assert outcome.metrics["cached"] == 0
    assert own.dense != changed.dense
    assert own.footer["config_hash"] != changed.footer["config_hash"]


CHUNK = {"chunk_id": "c0", "doc_id": "d", "text": "feather"}


def test_the_same_options_resolve_to_the_same(all_families):
    context = all_families()

    assert docparse_resolve(context) == context.resolved
