"""`docparse index`, the configuration file, and what a search shows around and of its hits."""

import json
import os
import sqlite3
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from docparse_index import Options, open_index
from docparse_index._active import ask_for_rebuild, read_active, resolve
from docparse_index.cli.index import index as index_command
from docparse_index.cli.search import search
from docparse_runner import UsageError


def invoke(command, *words):
    result = CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def checked(pipeline):
    result = invoke(index_command, "check", "--json", "--data-root", pipeline.root)
    return result.return_value, json.loads(result.stdout)["problems"]


def change(pipeline, sql):
    connection = sqlite3.connect(pipeline.database)
    connection.executescript(sql)
    connection.close()


def test_a_good_index_has_no_problems(pipeline):
    pipeline.add("a.pdf", "one", "two")
    pipeline.add("b.pdf")

    result = invoke(index_command, "check", "--data-root", pipeline.root)

    assert result.return_value == 0
    assert result.stdout == "index (sqlite): 2 documents, 2 chunks, nothing wrong\n"


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("DELETE FROM vectors WHERE id = 1", "1 chunks have no vector"),
        ("INSERT INTO vectors VALUES (77, 1, x'00')", "1 vectors have no chunk"),
        ("UPDATE vectors SET vector = x'00' WHERE id = 1", "1 vectors are not as long as their model says"),
        ("UPDATE documents SET model = NULL", "2 vectors are of another model than their document says"),
        ("UPDATE documents SET chunks = 7", "a.pdf has another number of chunks than its receipt says"),
        ("UPDATE chunks SET text = 'other' WHERE id = 1", "the words are not those of the chunks"),
        ("DELETE FROM chunks; DELETE FROM documents", "a.pdf has a receipt and is not in the index"),
        (
            "INSERT INTO documents VALUES ('x.pdf', '', 1, 0, 99)",
            "x.pdf is in the index without a receipt; the next run repeats it",
        ),
    ],
)
def test_what_is_wrong_is_named(pipeline, sql, problem):
    pipeline.add("a.pdf", "one", "two")
    change(pipeline, sql)

    code, problems = checked(pipeline)

    assert code == 1
    assert any(each.startswith(problem) for each in problems), problems


def test_a_damaged_file_is_named(pipeline):
    pipeline.add("a.pdf", *(f"text {number} " + "word " * 300 for number in range(60)))
    content = bytearray(pipeline.database.read_bytes())
    content[20_000:60_000] = bytes(40_000)
    pipeline.database.write_bytes(content)

    code, problems = checked(pipeline)

    assert code == 1
    assert problems


def test_an_index_that_cannot_be_written_is_not_called_damaged(pipeline, monkeypatch):
    pipeline.add("a.pdf", "one")
    monkeypatch.setattr("os.statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_RDONLY))

    with pytest.raises(UsageError, match="the index cannot be checked: attempt to write a readonly database"):
        checked(pipeline)


def test_a_receipt_of_another_store_does_not_count(pipeline):
    pipeline.add("a.pdf", "one")
    receipt = next(pipeline.root.rglob("*.indexed.json"))
    receipt.write_text(receipt.read_text().replace(pipeline.context().resolved["generation"], "other"))

    _code, problems = checked(pipeline)

    assert problems == ["a.pdf is in the index without a receipt; the next run repeats it"]


def test_a_document_that_is_gone_and_still_there_is_named(pipeline):
    pipeline.add("a.pdf", "one")
    manifests = pipeline.root / "manifests"
    manifests.mkdir()
    (manifests / "index.manifest.jsonl").write_text('{"item_id": "a.pdf", "status": "gone"}\n{"item_')

    assert checked(pipeline)[1] == ["a.pdf is gone and still in the index"]


def test_there_must_be_an_index_to_check(pipeline):
    with pytest.raises(UsageError, match="no index in"):
        checked(pipeline)


def test_a_store_that_is_asked_to_be_made_again_gets_a_new_generation_and_is_empty(pipeline):
    pipeline.add("a.pdf", "one")
    before = pipeline.context().resolved
    ask_for_rebuild(Options(), pipeline.root)

    planned = pipeline.context(dry_run=True).resolved
    after = pipeline.context().resolved

    assert planned == {"generation": None}
    assert after["generation"] not in (None, before["generation"])
    assert pipeline.context().resolved == after
    with open_index(pipeline.root) as index:
        assert index.contents().documents == 0


def test_a_store_of_another_schema_is_made_again(pipeline):
    pipeline.add("a.pdf", "one")
    change(pipeline, "UPDATE meta SET schema_version = 1")
    ask_for_rebuild(Options(), pipeline.root)

    assert pipeline.context().resolved["generation"]
    assert checked(pipeline)[1] == []


def test_a_store_that_missed_runs_of_another_sink_is_emptied(pipeline):
    pipeline.add("a.pdf", "one")
    path = pipeline.root / "index" / "sink.json"
    path.write_text(path.read_text().replace('"sqlite"', '"elsewhere"'))

    found = resolve(Options(), pipeline.root, create=True)

    assert read_active(pipeline.root).sink == "sqlite"
    assert read_active(pipeline.root).generation == found["generation"]
    with open_index(pipeline.root) as index:
        assert index.contents().documents == 0


@pytest.mark.parametrize("name", ["Upper", "a-b", "1a", "x" * 41, 'a"; DROP'])
def test_the_name_of_a_collection_is_a_plain_word(name):
    with pytest.raises(ValueError, match="collection must be lower-case letters"):
        Options(collection=name)


@pytest.mark.parametrize("words", [("search", "x"), ("check",)])
def test_the_configuration_file_names_the_data_root(pipeline, tmp_path, words):
    pipeline.add("a.pdf", "x marks the spot")
    config = tmp_path / "docparse.toml"
    config.write_text('data_root = "data"\n')

    command = search if words[0] == "search" else index_command
    arguments = ["x", "--mode", "lexical"] if words[0] == "search" else ["check"]
    result = invoke(command, *arguments, "--config", config)

    assert "a.pdf" in result.stdout or "1 documents" in result.stdout


def test_the_configuration_file_names_the_model(pipeline, tmp_path, minilm, make_rows):
    footer = {"provider": "sentence-transformers", "model": minilm.found.name, "model_digest": minilm.found.digest}
    rows, vectors = make_rows("a.pdf", ["a duck"]), minilm.encoder.encode_documents(["a duck"])
    pipeline.run(pipeline.item("a.pdf", rows, vectors, **footer))
    config = tmp_path / "docparse.toml"
    config.write_text('data_root = "data"\n[shared]\nmodel = "/no/such/model"\n')

    with pytest.raises(UsageError, match="/no/such/model"):
        invoke(search, "duck", "--mode", "dense", "--config", config)


def test_neighbouring_chunks_come_with_a_hit(pipeline):
    pipeline.add("a.pdf", "zero", "one", "two", "three")

    result = invoke(search, "one", "--mode", "lexical", "--context", "2", "--json", "--data-root", pipeline.root)

    (hit,) = json.loads(result.stdout)["hits"]
    assert [each["text"] for each in hit["before"]] == ["zero"]
    assert [(each["seq"], each["text"]) for each in hit["after"]] == [(2, "two"), (3, "three")]
    shown = invoke(search, "one", "--mode", "lexical", "--context", "1", "--data-root", pipeline.root).stdout
    assert [line.strip() for line in shown.splitlines()[1:]] == ["zero", "one", "two"]


def test_grouped_by_document_each_document_is_shown_once_with_its_best_chunk(pipeline):
    for doc_id in ("a.pdf", "b.pdf", "c.pdf"):
        pipeline.add(doc_id, *["duck duck duck"] * 9, f"duck {doc_id}")

    arguments = ["duck", "--mode", "lexical", "--k", "2", "--group-by", "document", "--data-root", pipeline.root]
    hits = json.loads(invoke(search, *arguments, "--json").stdout)["hits"]

    assert [(hit["rank"], hit["doc_id"], hit["seq"]) for hit in hits] == [(1, "a.pdf", 0), (2, "b.pdf", 0)]


def test_grouping_looks_as_deep_as_it_must(pipeline):
    pipeline.add("a.pdf", *["duck"] * 50)
    pipeline.add("b.pdf", "duck and much else that makes this chunk longer")

    with open_index(pipeline.root) as index:
        hits = index.search("duck", mode="lexical", k=2, group_by="document")

    assert [hit.doc_id for hit in hits] == ["a.pdf", "b.pdf"]


def test_a_hit_knows_the_digest_of_the_file_that_was_read(pipeline):
    row = '{"item_id": "a.pdf", "status": "success", "inputs": {"source": {"digest": "sha256:%s"}}}\n'
    manifests = pipeline.root / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "convert.manifest.jsonl").write_text(row % "old" + "torn {\n" + row % "new" + '{"source"')

    pipeline.add("a.pdf", "duck")

    with open_index(pipeline.root) as index:
        assert index.search("duck", mode="lexical")[0].doc_digest == "sha256:new"


@pytest.mark.parametrize("given", ["=x", "novalue"])
def test_a_filter_on_metadata_has_a_name_and_a_value(pipeline, given):
    pipeline.add("a.pdf", "duck")

    with pytest.raises(UsageError, match="give NAME=VALUE"):
        invoke(search, "duck", "--mode", "lexical", "--meta", given, "--data-root", pipeline.root)
