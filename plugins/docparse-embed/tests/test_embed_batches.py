"""Documents that the worker gets together, as on an accelerator: what each becomes, and what it costs the others."""

import json

import numpy as np
import pytest
from embed_calls import alone, together
from embed_servers import Answer, Listening, ModelServer, openai

from docparse_embed._families import _Dense
from docparse_runner import Category, StageError, Status

SHARED = "A duck has a bill."


def chunks(*texts):
    return [{"chunk_id": f"c{n}", "doc_id": "d", "text": text} for n, text in enumerate(texts)]


@pytest.fixture
def tiny(make_context, tiny_bert, splade_folder):
    """A context with tiny models and no cache, unless the test wants one."""

    def make(**options):
        given = {"model": str(tiny_bert), "sparse_model": str(splade_folder), "cache": False}
        return make_context(**given | options)

    return make


def test_documents_get_together_the_vectors_that_each_gets_alone(tiny, make_item, read_vectors):
    context = tiny(families=("dense", "sparse", "lexical"))
    texts = [[SHARED, "An invoice."], ["A feather of the duck " * 9, SHARED], [], ["ledger " * n for n in range(1, 9)]]
    apart = [make_item(chunks(*each), f"apart/{n}.pdf") for n, each in enumerate(texts)]
    items = [make_item(chunks(*each), f"together/{n}.pdf") for n, each in enumerate(texts)]

    expected = [alone(context, item) for item in apart]
    outcomes = together(context, *items)

    for item, other in zip(items, apart, strict=True):
        mine, theirs = (read_vectors(each.outputs["embeddings"]) for each in (item, other))
        assert mine.table.drop_columns(["dense", "sparse_values"]) == theirs.table.drop_columns(
            ["dense", "sparse_values"]
        )
        np.testing.assert_allclose(mine.dense, theirs.dense, atol=1e-6)
        for mine_row, their_row in zip(mine.sparse_values, theirs.sparse_values, strict=True):
            np.testing.assert_allclose(mine_row, their_row, atol=1e-5)
    counted = ("chunks", "truncated", "split", "tokens", "norm_min")
    for name in counted:
        assert [outcome.metrics[name] for outcome in outcomes] == [outcome.metrics[name] for outcome in expected], name
    assert [outcome.metrics["encoded"] for outcome in expected] == [2, 2, 0, 8]
    assert [outcome.metrics["encoded"] for outcome in outcomes] == [2, 1, 0, 8], "the shared text counts once"


def test_a_document_that_cannot_be_read_fails_alone(tiny, make_item):
    items = [make_item(chunks(SHARED), f"{name}.pdf") for name in ("good", "torn", "twice", "fine")]
    torn, twice = (item.inputs["chunks"] for item in items[1:3])
    torn.write_bytes(torn.read_bytes()[:-9])
    twice.write_bytes(twice.read_bytes() * 2)

    outcomes = together(tiny(), *items)

    assert [outcome.status for outcome in outcomes] == ["success", "failure", "failure", "success"]
    assert [outcome.error.category for outcome in outcomes[1:3]] == [Category.INPUT, Category.INPUT]
    assert outcomes[2].reason == "row 2 of twice.pdf.chunks.jsonl repeats the chunk_id c0"
    assert [item.outputs["embeddings"].exists() for item in items] == [True, False, False, True]


def test_a_document_that_is_refused_names_its_chunks_and_costs_nobody(tiny, make_item):
    items = [make_item(chunks(SHARED), "short.pdf"), make_item(chunks(SHARED, "duck " * 99), "long.pdf")]

    short, long = together(tiny(on_overflow="refuse"), *items)

    assert short.status is Status.SUCCESS
    assert long.reason.startswith("longer than the 64 tokens that the model reads: chunk c1;")


def test_a_family_that_fails_for_one_document_leaves_that_one_partial(tiny, make_item, monkeypatch):
    def make(self, documents, tell):
        return [StageError("the vectors are bad"), *_make(self, documents[1:], tell)]

    _make = _Dense.make
    monkeypatch.setattr(_Dense, "make", make)
    items = [make_item(chunks(SHARED), f"{name}.pdf") for name in "ab"]

    first, second = together(tiny(families=("dense", "lexical")), *items)

    assert (first.status, first.reason) == (Status.PARTIAL, "no dense: the vectors are bad")
    assert second.status is Status.SUCCESS


def test_an_error_of_nobody_in_particular_is_left_to_the_runner(tiny, make_item, monkeypatch):
    def make(_self, _documents, _tell):
        msg = "the server refuses the text"
        raise StageError(msg, category=Category.INPUT)

    monkeypatch.setattr(_Dense, "make", make)

    with pytest.raises(StageError, match="the server refuses the text"):
        together(tiny(), make_item(chunks(SHARED), "a.pdf"), make_item(chunks("duck"), "b.pdf"))


def test_a_server_that_is_away_is_asked_once_for_all(make_context, make_item):
    pytest.importorskip("httpx", reason="pip install 'docparse-embed[http]'")
    with Listening(ModelServer(openai), "/v1") as server:
        context = make_context(provider="openai", endpoint=server.url, model="any", cache=False)
        items = [make_item(chunks(f"duck {name}"), f"{name}.pdf") for name in "abc"]
        server.troubles = [None, Answer({"error": {"message": "Overloaded"}}, 503)]

        outcomes = together(context, *items)

    assert {outcome.error.category for outcome in outcomes} == {Category.PROVIDER}
    assert len(server.asked) == 2


def documents():
    """Sixteen of them, with a text that all share and one of another length each."""
    rows = {f"{n:02}.pdf": [SHARED, f"The ledger of invoice {n} " * (n % 5 + 1)] for n in range(16)}
    return {name: "".join(json.dumps(row) + "\n" for row in chunks(*texts)) for name, texts in rows.items()}


@pytest.fixture
def harness(stage_harness, tiny_bert):
    """The stage under the real runner; documents of one batch share a text, which is then encoded once."""

    def make(**options):
        return stage_harness("embed", **{"model": str(tiny_bert), "provider": "sentence-transformers"} | options)

    return make


def counted(harness, name):
    return sum(row.metrics.get(name, 0) for row in harness.rows().values())


@pytest.mark.long  # workers import torch, and some are killed
def test_the_runner_makes_batches_under_the_policy_gpu_and_the_vectors_stay_the_same(harness, read_vectors):
    usual = harness(cache=False)
    usual.write(documents())
    batched = usual.fresh("batched")

    usual.run(workers=1)
    outcome = batched.run(workers=1, policy="gpu")

    assert outcome.succeeded == 16
    assert counted(usual, "encoded") == 32
    assert counted(batched, "encoded") == 17, "one batch: the shared text went through the model once"
    for name in documents():
        one, other = (
            read_vectors(each.workspace.artifact("embeddings", each.item_id(name), ".vectors.parquet"))
            for each in (usual, batched)
        )
        np.testing.assert_allclose(one.dense, other.dense, atol=1e-6)
        assert one.chunk_id == other.chunk_id


@pytest.mark.long  # as above
@pytest.mark.parametrize("poison", ["segfault", "eat_memory"])
def test_of_a_batch_only_the_document_that_kills_the_worker_fails(harness, poison):
    embed = harness()
    torn = {"torn.pdf": '{"chunk_id": "c0", "te'}
    embed.write({**documents(), **torn})

    outcome = embed.run(poison={"07.pdf": poison}, workers=1, policy="gpu", memory_limit_mb=2500)

    category = {"segfault": "crash", "eat_memory": "oom"}[poison]
    failed = {name: row.category for name, row in embed.rows().items() if row.status == "failure"}
    assert failed == {"07.pdf": category, "torn.pdf": "input"}
    assert outcome.succeeded == 15
