"""What the stage does to the store, document by document."""

import json
import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import docparse_index
from docparse_index import open_index
from docparse_index._document import Chunk, Document, Model
from docparse_index._store import open_store
from docparse_index._write import replace_document
from docparse_runner import StageError, Status, WorkItem


def dump(pipeline) -> dict:
    """The rows of the store without row ids and revisions; checks that words and chunks agree on the way."""
    connection = sqlite3.connect(pipeline.database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        # rank 1 compares the words with the text of the chunks
        connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        chunks = connection.execute("""
            SELECT chunk_id, doc_id, seq, text, headings, captions, boxes, vector, digest
            FROM chunks JOIN vectors USING (id) JOIN models ON models.id = model ORDER BY chunk_id
        """).fetchall()
        (bare,) = connection.execute("SELECT count(*) FROM chunks").fetchone()
        (vectors,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
        assert bare == vectors == len(chunks)
        documents = connection.execute("SELECT doc_id, chunks FROM documents ORDER BY doc_id").fetchall()
        models = connection.execute("SELECT digest FROM models ORDER BY digest").fetchall()
        return {"chunks": chunks, "documents": documents, "models": models}
    finally:
        connection.close()


def texts_of(pipeline) -> list[str]:
    return [row[3] for row in dump(pipeline)["chunks"]]


def test_a_document_is_stored_whole_and_gets_a_receipt(pipeline, make_rows, make_noise):
    rows = make_rows("zoo/duck.pdf", ["broad bill", "small pond"])

    (outcome,) = pipeline.run(item := pipeline.item("zoo/duck.pdf", rows, make_noise(["a", "b"])))

    receipt = json.loads(item.outputs["indexed"].read_text())
    assert outcome.status is Status.SUCCESS
    assert outcome.metrics == {"chunks": 2, "dimension": 8}
    assert receipt["generation"] == pipeline.context().resolved["generation"]
    assert (receipt["doc_id"], receipt["chunks"], receipt["model_digest"]) == ("zoo/duck.pdf", 2, "sha256:noise")
    assert dump(pipeline)["documents"] == [("zoo/duck.pdf", 2)]
    assert texts_of(pipeline) == ["broad bill", "small pond"]


def test_indexing_again_changes_nothing(pipeline):
    pipeline.add("a.pdf", "one", "two")
    receipt = (pipeline.root / "indexed" / "a.pdf.indexed.json").read_bytes()
    before = dump(pipeline)

    pipeline.add("a.pdf", "one", "two")

    assert dump(pipeline) == before
    assert (pipeline.root / "indexed" / "a.pdf.indexed.json").read_bytes() == receipt


def test_a_changed_document_leaves_no_old_row_and_touches_no_other(pipeline):
    pipeline.add("a.pdf", "one", "two", "three")
    pipeline.add("b.pdf", "other")

    pipeline.add("a.pdf", "one", "zwei")

    assert texts_of(pipeline) == ["one", "zwei", "other"]
    with open_index(pipeline.root) as index:
        assert index.search("three", mode="lexical") == []
        assert [hit.text for hit in index.search("zwei", mode="lexical")] == ["zwei"]


def test_a_removed_document_leaves_the_index(pipeline):
    pipeline.add("a.pdf", "one", "two")
    pipeline.add("b.pdf", "other")

    outcome = pipeline.remove("a.pdf")

    assert outcome.metrics == {"removed": 2}
    assert dump(pipeline)["documents"] == [("b.pdf", 1)]
    assert texts_of(pipeline) == ["other"]


def test_removing_what_is_not_there_succeeds(pipeline):
    assert pipeline.remove("never.pdf").metrics == {"removed": 0}


def test_a_document_without_chunks_is_known_and_empty(pipeline, make_noise):
    pipeline.add("a.pdf", "one")

    (outcome,) = pipeline.run(pipeline.item("a.pdf", [], make_noise([])))

    assert outcome.metrics["chunks"] == 0
    assert dump(pipeline)["documents"] == [("a.pdf", 0)]


def test_a_document_with_vectors_of_other_families_only_is_stored_without(pipeline):
    pipeline.add("a.pdf", "one", "two")

    outcome = pipeline.add_words("a.pdf", "one", "three")

    receipt = json.loads((pipeline.root / "indexed" / "a.pdf.indexed.json").read_text())
    assert outcome.metrics == {"chunks": 2}
    assert (receipt["chunks"], receipt["model_digest"]) == (2, None)
    connection = sqlite3.connect(pipeline.database)
    assert connection.execute("SELECT text FROM chunks ORDER BY id").fetchall() == [("one",), ("three",)]
    assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM models").fetchone() == (0,)
    connection.close()


def test_other_families_of_other_chunks_are_an_input_error(pipeline, make_rows):
    item = pipeline.item("a.pdf", make_rows("a.pdf", ["one"]), None)
    item.inputs["chunks"].write_text(json.dumps(make_rows("b.pdf", ["one"])[0]) + "\n")

    with pytest.raises(StageError, match="are not of the chunks") as caught:
        pipeline.run(item)

    assert caught.value.category == "input"


@pytest.mark.parametrize("families", [None, [], ["dense"], "lexical"])
def test_a_file_that_should_have_dense_vectors_and_has_none_is_an_input_error(pipeline, make_rows, families):
    item = pipeline.item("a.pdf", make_rows("a.pdf", ["one"]), None)
    table = pq.read_table(item.inputs["embeddings"])
    footer = json.dumps({"families": families})
    pq.write_table(table.replace_schema_metadata({"docparse": footer}), item.inputs["embeddings"])

    with pytest.raises(StageError, match=r"a\.pdf\.vectors\.parquet is not what the stage embed writes") as caught:
        pipeline.run(item)

    assert caught.value.category == "input"


def test_vectors_are_joined_by_chunk_id_whatever_their_order(pipeline, make_rows, make_noise):
    rows, vectors = make_rows("a.pdf", ["one", "two"]), make_noise(["one", "two"])
    item = pipeline.item("a.pdf", rows, vectors)
    shuffled = pq.read_table(item.inputs["embeddings"])
    pq.write_table(shuffled.take([1, 0]), item.inputs["embeddings"])

    pipeline.run(item)

    assert [row[7] for row in dump(pipeline)["chunks"]] == [vectors[0].tobytes(), vectors[1].tobytes()]


def test_chunks_may_come_as_parquet(pipeline, make_rows, make_noise, tmp_path):
    rows = make_rows("a.pdf", ["one"])
    item = pipeline.item("a.pdf", rows, make_noise(["one"]))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.chunks.parquet")
    item.inputs["chunks"] = tmp_path / "a.chunks.parquet"

    pipeline.run(item)

    assert texts_of(pipeline) == ["one"]


def test_any_text_is_stored_as_it_is(pipeline):
    texts = ["", "a\x00b", "\x1f\x1f", "'; DROP TABLE chunks; --", "🦆", "\ufdd0marked\ufdd1", "x" * 100_000]

    pipeline.add("a.pdf", *texts, headings=["with\x1fseparator", ""])

    assert sorted(texts_of(pipeline)) == sorted(texts)
    with open_index(pipeline.root) as index:
        (hit,) = index.search("drop", mode="lexical")
    assert hit.headings == ("with separator", "")


def test_two_documents_cannot_have_one_chunk_id(pipeline):
    pipeline.add("a.pdf", "one")
    before = dump(pipeline)

    with pytest.raises(
        StageError, match=r"chunk id a\.pdf#0 is in the index already, in the document a\.pdf"
    ) as caught:
        pipeline.add("b.pdf", "other", chunk_id="a.pdf#0")

    assert caught.value.category == "contract"
    assert dump(pipeline) == before


def test_a_document_cannot_have_a_chunk_id_twice(pipeline):
    with pytest.raises(StageError, match="are not of the chunks") as caught:
        pipeline.add("a.pdf", "one", "two", chunk_id="same")

    assert caught.value.category == "input"


def spoil(item: WorkItem, **changes) -> WorkItem:
    """Write the item's vectors again, with another footer or other columns."""
    path = item.inputs["embeddings"]
    table = pq.read_table(path)
    footer = json.loads(table.schema.metadata[b"docparse"])
    if "dense" in changes:
        table = table.set_column(1, "dense", changes.pop("dense"))
    if "ids" in changes:
        table = table.set_column(0, "chunk_id", pa.array(changes.pop("ids")))
    footer = {name: value for name, value in {**footer, **changes}.items() if value is not None}
    pq.write_table(table.replace_schema_metadata({"docparse": json.dumps(footer)}), path)
    return item


NAN = pa.FixedSizeListArray.from_arrays(pa.array(np.full(16, np.nan, np.float32)), 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["a.pdf#0", "other"]}, "are not of the chunks in a.pdf.chunks.jsonl: run `docparse run embed` again"),
        ({"ids": ["a.pdf#0", "a.pdf#0"]}, "are not of the chunks"),
        ({"dimension": 9}, "its footer says 9 dimensions"),
        ({"model_digest": None, "provider": None}, "does not say model_digest, provider"),
        ({"dense": pa.array([[1.0], [2.0, 3.0]])}, "its footer says 8 dimensions"),
        ({"dense": NAN}, "NaN or infinite"),
    ],
)
def test_vectors_that_do_not_fit_are_an_input_error(pipeline, make_rows, make_noise, changes, message):
    item = pipeline.item("a.pdf", make_rows("a.pdf", ["one", "two"]), make_noise(["one", "two"]))

    with pytest.raises(StageError, match=message) as caught:
        pipeline.run(spoil(item, **changes))

    assert caught.value.category == "input"
    assert dump(pipeline)["documents"] == []


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" * 9])
def test_a_damaged_vectors_file_is_an_input_error(pipeline, make_rows, make_noise, content):
    item = pipeline.item("a.pdf", make_rows("a.pdf", ["one"]), make_noise(["one"]))
    item.inputs["embeddings"].write_bytes(content)

    with pytest.raises(StageError, match=r"a\.pdf\.vectors\.parquet is not what the stage embed writes") as caught:
        pipeline.run(item)

    assert caught.value.category == "input"


@pytest.mark.parametrize(
    "columns", [{"text": None}, {"chunk_id": 7}, {"seq": "first"}, {"headings": "text"}, {"captions": [1]}]
)
def test_rows_that_are_not_chunks_are_an_input_error(pipeline, make_rows, make_noise, columns):
    rows = make_rows("a.pdf", ["one"])
    item = pipeline.item("a.pdf", rows, make_noise(["one"]))
    item.inputs["chunks"].write_text(json.dumps({**rows[0], **columns}) + "\n")

    with pytest.raises(
        StageError, match=r"row 1 of a\.pdf\.chunks\.jsonl is not what the stage chunk writes"
    ) as caught:
        pipeline.run(item)

    assert caught.value.category == "input"


@pytest.mark.parametrize("footer", [b"{", b"[]", b"{}", b"\xff"])
def test_vectors_of_unknown_origin_are_an_input_error(pipeline, make_rows, make_noise, footer):
    item = pipeline.item("a.pdf", make_rows("a.pdf", ["one"]), make_noise(["one"]))
    path = item.inputs["embeddings"]
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"docparse": footer}), path)

    with pytest.raises(StageError, match=r"the footer of a\.pdf\.vectors\.parquet does not say model") as caught:
        pipeline.run(item)

    assert caught.value.category == "input"


def test_a_full_disk_is_an_io_error_that_leaves_the_old_document(pipeline):
    pipeline.add("a.pdf", "old")
    before = dump(pipeline)
    chunks = [Chunk(row={"chunk_id": f"c{n}", "text": "word " * 1000}, vector=bytes(32)) for n in range(100)]
    model = Model(digest="sha256:noise", dimension=8, provider="p", name="m")

    with open_store(pipeline.database) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        with pytest.raises(StageError, match="the index cannot be written: database or disk is full") as caught:
            replace_document(connection, Document(doc_id="a.pdf", model=model, chunks=chunks))

    assert caught.value.category == "io"
    assert dump(pipeline) == before


def test_with_another_model_documents_move_over_one_by_one(pipeline, make_rows, make_noise):
    pipeline.add("a.pdf", "one", "two")
    pipeline.add("b.pdf", "other")
    longer = make_noise(["other"], dimension=12)

    pipeline.run(pipeline.item("b.pdf", make_rows("b.pdf", ["other"]), longer, model="new", model_digest="sha256:new"))
    with open_index(pipeline.root) as index:
        mixed = index.contents()
    longer = make_noise(["one", "two"], dimension=12)
    pipeline.run(
        pipeline.item("a.pdf", make_rows("a.pdf", ["one", "two"]), longer, model="new", model_digest="sha256:new")
    )
    with open_index(pipeline.root) as index:
        done = index.contents()

    assert (mixed.model.name, mixed.searchable, mixed.left_behind) == ("new", 1, 2)
    assert (done.model.name, done.searchable, done.left_behind) == ("new", 3, 0)
    assert dump(pipeline)["models"] == [("sha256:new",)]


def test_the_model_is_again_the_old_one_when_the_documents_of_the_new_one_are_gone(pipeline, make_rows, make_noise):
    pipeline.add("a.pdf", "one")
    pipeline.run(pipeline.item("b.pdf", make_rows("b.pdf", ["x"]), make_noise(["x"]), model_digest="sha256:new"))

    pipeline.remove("b.pdf")

    with open_index(pipeline.root) as index:
        assert index.contents().model.digest == "sha256:noise"
        assert index.contents().left_behind == 0


def test_the_generation_stays_until_the_store_is_deleted(pipeline):
    first = pipeline.context().resolved
    pipeline.add("a.pdf", "one")
    second = pipeline.context().resolved
    for path in pipeline.database.parent.iterdir():
        path.unlink()
    third = pipeline.context().resolved

    assert first == second
    assert first != third


def test_a_plan_makes_no_store(pipeline):
    context = pipeline.context(dry_run=True)

    assert context.resolved == {"generation": None}
    assert not pipeline.root.exists()


def test_a_plan_reads_the_generation_that_is_there(pipeline):
    assert pipeline.context().resolved == pipeline.context(dry_run=True).resolved


def test_a_store_that_was_replaced_during_a_run_stops_it(pipeline):
    context = pipeline.context()
    for path in pipeline.database.parent.iterdir():
        path.unlink()
    pipeline.context()

    with (
        pytest.raises(StageError, match="was replaced since the run started") as caught,
        docparse_index.docparse_worker(context),
    ):
        pass

    assert caught.value.category == "config"


def test_a_store_that_was_deleted_during_a_run_stops_it(pipeline):
    context = pipeline.context()
    pipeline.database.unlink()

    with pytest.raises(StageError, match="cannot be opened") as caught, docparse_index.docparse_worker(context):
        pass

    assert caught.value.category == "config"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "UPDATE meta SET schema_version = 99",
            "has schema 99, and this docparse-index reads schema 3: run `docparse index rebuild`",
        ),
        ("DROP TABLE meta", "is a database but not an index"),
    ],
)
def test_a_store_of_another_schema_is_refused_with_what_to_do(pipeline, sql, message):
    pipeline.context()
    connection = sqlite3.connect(pipeline.database)
    connection.execute(sql)
    connection.commit()
    connection.close()

    with pytest.raises(StageError, match=message) as caught:
        pipeline.context(dry_run=True)

    assert caught.value.category == "config"


def test_a_file_that_is_no_database_is_refused_with_what_to_do(pipeline):
    pipeline.database.parent.mkdir(parents=True)
    pipeline.database.write_text("not a database " * 100)

    with pytest.raises(StageError, match=r"is not an index .*: run `docparse index rebuild`") as caught:
        pipeline.context()

    assert caught.value.category == "config"
