"""Around a run: what is checked before it, what is said after it, and what `docparse validate` finds."""

import json

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from embed_calls import alone as embedded

from docparse_embed import (
    docparse_after_item,
    docparse_after_stage,
    docparse_before_stage,
    docparse_validate,
)
from docparse_embed._spread import percentiles, spread_of
from docparse_runner import UsageError


def summary_of(context, *outcomes):
    docparse_before_stage(context)
    for outcome in outcomes:
        docparse_after_item(outcome, context)
    return docparse_after_stage(context)


def test_the_summary_counts_the_corpus(make_context, make_item, rows, tiny_folder):
    context = make_context(model=str(tiny_folder), families=("dense", "lexical"))
    outcomes = [embedded(context, make_item(rows)), embedded(context, make_item(rows))]

    summary = summary_of(context, *outcomes)

    norms = summary["dense"].pop("norms")
    assert 0 < norms["min"] <= norms["max"]
    assert summary == {
        "documents": 2,
        "chunks": 6,
        "dense": {
            "cached": 3,
            "encoded": 3,
            "truncated": 0,
            "split": 0,
            "halved": 0,
            "hit_rate": 0.5,
            "tokens": {"p50": 11, "p95": 12, "p99": 12, "max": 12},
            "providers": {"sentence-transformers": 2},
        },
        "lexical": {"words": 58, "terms": {"p50": 9, "p95": 10, "p99": 10, "max": 10}},
        "evicted": 0,
    }


def test_the_summary_of_a_run_without_work_says_so(make_context):
    assert summary_of(make_context()) == {"documents": 0, "chunks": 0, "evicted": 0}


def test_after_a_run_the_cache_is_no_larger_than_allowed(make_context, make_item, data_root):
    rows = [{"chunk_id": f"c{n}", "doc_id": "d", "text": f"duck number {n}"} for n in range(900)]
    context = make_context(cache_limit_mb=1)
    texts = {row["text"]: row for row in rows}
    _fill(data_root.cache / "vectors.sqlite", context, texts)

    summary = summary_of(context)

    assert summary["evicted"] > 0
    assert (data_root.cache / "vectors.sqlite").stat().st_size < 1_000_000


def _fill(path, context, texts):
    from docparse_embed._cache import Entry, Identity, open_cache  # noqa: PLC0415 - only here

    identity = Identity(model_digest=context.resolved["model_digest"], prompt="", dimension=384)
    with open_cache(path, identity) as cache:
        cache.put({text: Entry(3, np.ones(384, np.float32)) for text in texts})


def chunked(data_root, run="20260101T000000-aaaa", **resolved):
    path = data_root.runs / run / "config.json"
    path.parent.mkdir(parents=True)
    own = {"tokenizer": "sentence-transformers/all-MiniLM-L6-v2", "max_tokens": 254, "special_tokens": 2}
    path.write_text(json.dumps({"chunk": {"resolved": {**own, **resolved}}}))


def digest_of_the_tokenizer():
    import hashlib  # noqa: PLC0415 - only here

    from docparse_embed._models import locate  # noqa: PLC0415 - only here

    data = (locate(None, offline=True).folder / "tokenizer.json").read_bytes()
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_chunks_made_for_the_model_are_nothing_to_speak_of(make_context, data_root, caplog):
    chunked(data_root, digest=digest_of_the_tokenizer())

    docparse_before_stage(make_context(on_overflow="refuse"))

    assert caplog.text == ""


LONG = r"chunks were made with up to 512 tokens, .* reads 256: run chunk again with the same --model"


def test_chunks_that_are_sure_to_be_refused_stop_the_run_before_it_starts(make_context, data_root):
    chunked(data_root, max_tokens=510)

    with pytest.raises(UsageError, match=LONG):
        docparse_before_stage(make_context(on_overflow="refuse"))


def test_chunks_that_will_be_cut_are_warned_of(make_context, data_root, caplog):
    chunked(data_root, max_tokens=510)

    docparse_before_stage(make_context())

    assert "chunks were made with up to 512 tokens" in caplog.text


@pytest.mark.parametrize("other", [{"tokenizer": "approximate"}, {"digest": "sha256:of-another-tokenizer"}])
def test_chunks_measured_with_another_tokenizer_are_warned_of(make_context, data_root, caplog, other):
    chunked(data_root, **{"digest": digest_of_the_tokenizer(), **other})

    docparse_before_stage(make_context())

    assert "which is not the tokenizer of the model sentence-transformers/all-MiniLM-L6-v2" in caplog.text


def test_the_newest_run_that_chunked_counts(make_context, data_root, caplog):
    chunked(data_root, "20260101T000000-aaaa", max_tokens=510)
    chunked(data_root, "20260102T000000-aaaa", digest=digest_of_the_tokenizer())
    path = data_root.runs / "20260103T000000-aaaa" / "config.json"
    path.parent.mkdir()
    path.write_text("{torn")

    docparse_before_stage(make_context())

    assert caplog.text == ""


@pytest.fixture
def validated(make_context, make_item, rows, tiny_bert, splade_folder):
    """A document with all families, and what is found in it after its file was changed."""
    families = ("dense", "sparse", "lexical")
    context = make_context(model=str(tiny_bert), sparse_model=str(splade_folder), families=families)
    item = make_item(rows)
    embedded(context, item)
    path = item.outputs["embeddings"]

    def validate(change=None):
        table = pq.read_table(path)
        if change:
            pq.write_table(change(table), path)
        return list(docparse_validate(attrs.evolve(item), context))

    return validate


def test_what_the_stage_writes_is_valid(validated):
    assert validated() == []


def replaced(name, value):
    """Return a change of the first row of a column."""

    def change(table):
        field = table.schema.field(name)
        values = [value, *table[name].to_pylist()[1:]]
        column = pa.array(values, field.type)
        return table.set_column(table.column_names.index(name), field, column)

    return change


def with_footer(**changes):
    def change(table):
        footer = {**json.loads(table.schema.metadata[b"docparse"]), **changes}
        kept = {name: value for name, value in footer.items() if value is not None}
        return table.replace_schema_metadata({"docparse": json.dumps(kept)})

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (replaced("chunk_id", "c9"), "the 3 rows are not those of the 3 chunks in duck.pdf.chunks.jsonl"),
        (replaced("chunk_id", "c1"), "chunk ids repeat"),
        (lambda table: table.slice(1), "the 2 rows are not those of the 3 chunks in duck.pdf.chunks.jsonl"),
        (replaced("dense", [float("nan")] * 32), "dense vectors have NaN or infinite values: chunk c0"),
        (replaced("dense", [0.0] * 32), "dense vectors have only zeros: chunk c0"),
        (replaced("dense", [1.0] * 32), "dense vectors have a length other than 1: chunk c0"),
        (replaced("sparse_indices", [70]), "sparse vectors have NaN, repeated or impossible indices: chunk c0"),
        (replaced("lexical_length", 99), "words and counts do not add up: chunk c0"),
        (lambda table: table.drop_columns(["sparse_values"]), "the columns sparse_values are missing"),
        (with_footer(dimension=8), "the column dense holds fixed_size_list<"),
        (with_footer(model_digest=None), "the footer does not say model_digest of the family dense"),
        (with_footer(families=["dance"]), "the footer names the families ['dance']"),
        (with_footer(schema_version=7), "the footer says schema version 7, not 1"),
        (lambda table: table.replace_schema_metadata({"docparse": "{"}), "the footer says schema version None, not 1"),
    ],
)
def test_each_way_to_be_wrong_is_said(validated, change, problem):
    assert [found for found in validated(change) if found.startswith(problem)] != []


def test_a_file_that_is_no_parquet_is_said_to_be_none(make_context, make_item, rows):
    item = make_item(rows)
    item.outputs["embeddings"].write_text("no")

    (problem,) = docparse_validate(item, make_context())

    assert problem.startswith("duck.pdf.vectors.parquet cannot be read as Parquet")


def test_numbers_are_spread_with_two_digits_of_truth():
    spread = spread_of([0, 5, 5, 100, 101, 1234])

    assert spread == {"0": 1, "5": 2, "100": 1, "110": 1, "1300": 1}
    assert percentiles({int(number): count for number, count in spread.items()}) == {
        "p50": 5,
        "p95": 1300,
        "p99": 1300,
        "max": 1300,
    }
    assert percentiles({}) == {}
