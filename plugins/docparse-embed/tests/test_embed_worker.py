"""What the stage writes for one document."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from embed_calls import alone as run

from docparse_runner import StageError, Status


def read(path: Path) -> tuple[pa.Table, np.ndarray, dict]:
    table = pq.read_table(path)
    dense = table["dense"].combine_chunks()
    vectors = dense.flatten().to_numpy().reshape(len(table), dense.type.list_size)
    return table, vectors, json.loads(table.schema.metadata[b"docparse"])


def test_vectors_are_those_of_sentence_transformers_for_the_text_in_context(make_context, make_item, rows, minilm):
    item = make_item(rows)

    outcome = run(make_context(), item)

    table, vectors, footer = read(item.outputs["embeddings"])
    expected = minilm._model.encode([row["contextualized_text"] for row in rows])
    assert outcome.status is Status.SUCCESS
    assert table["chunk_id"].to_pylist() == ["c0", "c1", "c2"]
    assert table["doc_id"].to_pylist() == ["papers/duck.pdf"] * 3
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert footer["dimension"] == 384
    assert footer["normalized"] is True
    assert footer["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert footer["pooling"] == "mean"
    assert footer["max_tokens"] == 256


def test_metrics_count_chunks_and_say_where_the_vectors_came_from(make_context, make_item, rows):
    context = make_context()
    repeated = {**rows[0], "chunk_id": "c3"}

    first = run(context, make_item([*rows, repeated]))
    second = run(context, make_item([*rows, repeated]))

    model = "sentence-transformers/all-MiniLM-L6-v2"
    expected = {
        "chunks": 4,
        "dimension": 384,
        "cached": 0,
        "encoded": 3,
        "truncated": 0,
        "split": 0,
        "halved": 0,
        "tokens": {"12": 1, "13": 2, "16": 1},
        "model": model,
        "provider": "sentence-transformers",
        "norm_min": 1.0,
        "norm_max": 1.0,
    }
    assert first.metrics == expected
    assert second.metrics == {**expected, "cached": 4, "encoded": 0}


@pytest.mark.parametrize("cache", [True, False])
def test_two_runs_give_identical_bytes(make_context, make_item, rows, cache):
    item = make_item(rows)

    digests = set()
    for _ in range(2):
        run(make_context(cache=cache), item)
        digests.add(hashlib.sha256(item.outputs["embeddings"].read_bytes()).hexdigest())

    assert len(digests) == 1


def test_a_chunk_without_context_is_encoded_by_its_text(make_context, make_item, rows, minilm):
    item = make_item([{"chunk_id": "c0", "doc_id": "d", "text": rows[0]["text"]}])

    run(make_context(), item)

    _table, vectors, _footer = read(item.outputs["embeddings"])
    np.testing.assert_allclose(vectors[0], minilm.encode_documents([rows[0]["text"]])[0], atol=1e-6)


def test_a_document_without_chunks_gives_an_empty_file_of_the_same_schema(make_context, make_item, rows):
    full, empty = make_item(rows, "full.pdf"), make_item([], "empty.pdf")

    run(make_context(), full)
    outcome = run(make_context(), empty)

    expected, _vectors, _footer = read(full.outputs["embeddings"])
    table, vectors, _footer = read(empty.outputs["embeddings"])
    assert table.schema.equals(expected.schema, check_metadata=True)
    assert vectors.shape == (0, 384)
    assert outcome.metrics["chunks"] == 0


def test_chunks_may_come_as_parquet(make_context, make_item, rows, tmp_path):
    item = make_item(rows)
    path = tmp_path / "duck.chunks.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    item.inputs["chunks"] = path

    outcome = run(make_context(), item)

    assert outcome.metrics["chunks"] == 3


def test_text_of_any_script_and_no_text_at_all_is_encoded(make_context, make_item):
    texts = ["", "   ", "鸭子", "البط طائر", "утка", "🦆" * 40, "a\x00b", "\u202edrawkcab", "x" * 20_000]
    item = make_item([{"chunk_id": f"c{n}", "doc_id": "d", "text": text} for n, text in enumerate(texts)])

    outcome = run(make_context(), item)

    _table, vectors, _footer = read(item.outputs["embeddings"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert outcome.metrics["chunks"] == len(texts)


def test_chunks_over_the_limit_are_cut_and_counted(make_context, make_item, minilm, caplog):
    long = "duck " * 300
    item = make_item(
        [{"chunk_id": "c0", "doc_id": "d", "text": long}, {"chunk_id": "c1", "doc_id": "d", "text": "duck"}]
    )

    first = run(make_context(), item)
    from_cache = run(make_context(), item)

    _table, vectors, _footer = read(item.outputs["embeddings"])
    np.testing.assert_allclose(vectors[0], minilm.encode_documents(["duck " * 254])[0], atol=1e-6)
    assert first.metrics["truncated"] == from_cache.metrics["truncated"] == 1
    assert "1 chunks cut to what the dense model reads" in caplog.text


def test_exactly_the_limit_is_not_too_long(make_context, make_item):
    item = make_item([{"chunk_id": "c0", "doc_id": "d", "text": "duck " * 254}])

    outcome = run(make_context(on_overflow="refuse"), item)

    assert outcome.metrics["truncated"] == 0


def test_chunks_over_the_limit_can_be_refused(make_context, make_item):
    item = make_item([{"chunk_id": "c7", "doc_id": "d", "text": "duck " * 255}])

    with pytest.raises(StageError, match="longer than the 256 tokens that the model reads: chunk c7") as caught:
        run(make_context(on_overflow="refuse"), item)

    assert caught.value.category == "input"
    assert not item.outputs["embeddings"].exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "no id"}, "row 2 of duck.pdf.chunks.jsonl has no chunk_id or no text"),
        ({"chunk_id": "c9"}, "row 2 of duck.pdf.chunks.jsonl has no chunk_id or no text"),
        ({"chunk_id": 9, "text": "number"}, "row 2 of duck.pdf.chunks.jsonl has no chunk_id or no text"),
        ({"chunk_id": "c0", "text": "again"}, "row 2 of duck.pdf.chunks.jsonl repeats the chunk_id c0"),
    ],
)
def test_rows_that_are_not_chunks_are_an_input_error(make_context, make_item, rows, row, message):
    with pytest.raises(StageError, match=message) as caught:
        run(make_context(), make_item([rows[0], row]))

    assert caught.value.category == "input"


def test_a_torn_chunks_file_is_an_input_error(make_context, make_item, rows):
    item = make_item(rows)
    path = item.inputs["chunks"]
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(StageError, match=r"line 3 of duck\.pdf\.chunks\.jsonl") as caught:
        run(make_context(), item)

    assert caught.value.category == "input"


def test_inputs_are_never_touched(make_context, make_item, rows):
    item = make_item(rows)
    path = item.inputs["chunks"]
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir()))

    run(make_context(), item)

    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())) == before


def test_a_model_of_another_dimension_works_by_its_folder(make_context, make_item, tiny_folder):
    item = make_item(
        [{"chunk_id": "c0", "doc_id": "d", "text": "duck bill"}, {"chunk_id": "c1", "doc_id": "d", "text": "ledger"}]
    )

    outcome = run(make_context(model=str(tiny_folder)), item)

    _table, vectors, footer = read(item.outputs["embeddings"])
    assert vectors.shape == (2, 16)
    assert footer["model"] == str(tiny_folder)
    assert footer["normalized"] is False
    assert footer["max_tokens"] is None
    assert outcome.metrics["model"] == "tiny"


def test_models_share_the_cache_file_and_no_vector(make_context, make_item, rows, tiny_folder):
    run(make_context(model=str(tiny_folder)), make_item(rows))
    outcome = run(make_context(), make_item(rows))

    assert outcome.metrics["cached"] == 0


def test_no_cache_leaves_no_file(make_context, make_item, rows, data_root):
    run(make_context(cache=False), make_item(rows))

    assert not (data_root.cache / "vectors.sqlite").exists()


def test_model_files_that_change_during_a_run_stop_it(make_context, make_item, rows):
    context = make_context()
    context.resolved = {**context.resolved, "model_digest": "sha256:of-another-model"}

    with pytest.raises(StageError, match="changed since the run started") as caught:
        run(context, make_item(rows))

    assert caught.value.category == "config"
