"""The command: what a person and a script get to see."""

import json
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from docparse_index import Hit, open_index
from docparse_index._render import excerpt, show
from docparse_index.cli.search import search
from docparse_runner import UsageError


@pytest.fixture
def run(library):
    def invoke(*arguments: str, root=library.root):
        result = CliRunner().invoke(search, [*arguments, "--data-root", str(root)], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_a_person_sees_rank_score_file_page_headings_and_text(run):
    result = run("mallard", "--k", "1", "--mode", "lexical")

    first, second = result.stdout.splitlines()
    assert re.fullmatch(r" 1  \d\.\d{3}  zoo/duck\.pdf  p\. 1  Chapter One > duck\.pdf", first)
    assert second == "    The mallard is a duck with a broad, flat bill that sieves small plants from the water."
    assert result.stderr == ""


def test_json_is_one_object_and_the_same_hits_as_in_python(run, library):
    result = run("water plants", "--json", "--k", "3")

    answer = json.loads(result.stdout)
    with open_index(library.root) as index:
        expected = index.search("water plants", k=3)
    assert (answer["query"], answer["mode"]) == ("water plants", "hybrid")
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    for found, hit in zip(answer["hits"], expected, strict=True):
        assert (found["chunk_id"], found["doc_id"], found["text"]) == (hit.chunk_id, hit.doc_id, hit.text)
        assert found["score"] == pytest.approx(hit.score, abs=1e-6)
        assert found["pages"] == list(hit.pages)
        assert found["boxes"] == list(hit.boxes)
        assert found["headings"] == list(hit.headings)
    assert result.stderr == ""


def test_filters_and_fusion_are_passed_on(run):
    result = run(
        "water", "--json", "--path", "*.pdf", "--path", "*.md", "--page", "2", "--heading", "pump", "--fusion", "rrf"
    )

    (hit,) = json.loads(result.stdout)["hits"]
    assert hit["chunk_id"] == "manual/pump.pdf#1"


def test_nothing_found_is_said_and_is_no_error(run):
    result = run("zebra", "--mode", "lexical", "--json")

    assert json.loads(result.stdout)["hits"] == []
    assert result.stderr == "docparse search: nothing found in 8 chunks\n"
    assert result.exit_code == 0


def test_a_missing_index_is_one_sentence(run, tmp_path):
    with pytest.raises(UsageError, match=r"no index in .*; run `docparse run all` first"):
        run("duck", root=tmp_path)


@pytest.mark.parametrize("query", ["", "  "])
def test_an_empty_query_is_a_usage_error(run, query):
    with pytest.raises(UsageError, match="the query is empty"):
        run(query, "--mode", "lexical")


@pytest.mark.parametrize("arguments", [["--k", "0"], ["--page", "0"], ["--mode", "psychic"], []])
def test_wrong_arguments_are_usage_errors(run, arguments):
    assert run(*arguments, *(["duck"] if arguments else [])).exit_code == 2


def test_without_the_model_words_are_searched_and_it_is_said(run, pipeline):
    pipeline.add("a.pdf", "a duck")

    result = run("duck", "--json", root=pipeline.root)

    answer = json.loads(result.stdout)
    assert (answer["mode"], len(answer["hits"])) == ("lexical", 1)
    assert result.stderr.startswith(
        "docparse search: by words only, since the index was made by the embedding provider"
    )
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_without_the_model_a_mode_that_was_asked_for_is_refused(run, pipeline, mode):
    pipeline.add("a.pdf", "a duck")

    with pytest.raises(UsageError, match="which is not installed"):
        run("duck", "--mode", mode, root=pipeline.root)


def test_a_mixture_of_models_is_said(run, library_texts, warm, make_rows, minilm):
    warm.add("old.pdf", "a duck")
    texts = library_texts["zoo/duck.pdf"]
    footer = {"model": minilm.found.name, "model_digest": minilm.found.digest, "provider": "sentence-transformers"}
    rows = make_rows("new.pdf", texts)
    warm.run(warm.item("new.pdf", rows, minilm.encoder.encode_documents(texts), **footer))

    result = run("duck", "--json", root=warm.root)

    assert {hit["doc_id"] for hit in json.loads(result.stdout)["hits"]} == {"old.pdf", "new.pdf"}
    assert "1 of 3 chunks have vectors of another model" in result.stderr


def test_chunks_without_vectors_are_said(run, library_texts, warm, make_rows, minilm):
    warm.add_words("words.pdf", "a duck")
    texts = library_texts["zoo/duck.pdf"]
    footer = {"model": minilm.found.name, "model_digest": minilm.found.digest, "provider": "sentence-transformers"}
    rows = make_rows("vectors.pdf", texts)
    warm.run(warm.item("vectors.pdf", rows, minilm.encoder.encode_documents(texts), **footer))

    hybrid, dense = run("duck", "--json", root=warm.root), run("duck", "--mode", "dense", "--json", root=warm.root)

    assert {hit["doc_id"] for hit in json.loads(hybrid.stdout)["hits"]} == {"words.pdf", "vectors.pdf"}
    assert {hit["doc_id"] for hit in json.loads(dense.stdout)["hits"]} == {"vectors.pdf"}
    for each in (hybrid, dense):
        assert each.stderr.startswith("docparse search: 1 of 3 chunks have no vectors, and are found by their words")


def test_an_index_without_vectors_is_searched_by_words_and_it_is_said(run, pipeline):
    pipeline.add_words("a.pdf", "a duck")

    by_default, hybrid = run("duck", "--json", root=pipeline.root), run("duck", "--mode", "hybrid", root=pipeline.root)

    assert json.loads(by_default.stdout)["mode"] == "lexical"
    assert by_default.stderr.startswith("docparse search: by words only, since the index has no vectors: `docparse run")
    assert "a.pdf" in hybrid.stdout
    assert hybrid.stderr.startswith("docparse search: 1 of 1 chunks have no vectors")
    with pytest.raises(UsageError, match="the index has no vectors"):
        run("duck", "--mode", "dense", root=pipeline.root)


def test_the_command_is_found_by_docparse_and_errors_exit_with_2(tmp_path):
    docparse = Path(sys.executable).parent / "docparse"

    done = subprocess.run(
        [docparse, "search", "duck", "--json", "--data-root", tmp_path], capture_output=True, check=False, text=True
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"docparse: no index in {tmp_path}; run `docparse run all` first\n"


def hit(text: str, *matches: tuple[int, int], **values: object) -> Hit:
    return Hit(
        **{"score": 1.0, "doc_id": "a.pdf", "chunk_id": "c", "seq": 0, "text": text, "matches": matches, **values}
    )


def shown(found: Hit, *, terminal: bool) -> str:
    console = Console(
        file=StringIO(),
        force_terminal=terminal,
        width=80,
        highlight=False,
        color_system="standard" if terminal else None,
    )
    show([found], console)
    return console.file.getvalue()


def test_matched_words_stand_out_on_a_terminal_only():
    found = hit("a broad bill", (8, 12))

    assert "\x1b[1;33mbill\x1b[0m" in shown(found, terminal=True)
    assert "\x1b" not in shown(found, terminal=False)


def test_text_of_a_document_cannot_steer_a_terminal():
    found = hit(
        "\x1b[2Jgone\x07\r\x9b31m [bold]markup[/bold]", doc_id="a\x1b]0;title\x07.pdf", headings=("\x1b[31mred",)
    )

    for line in (shown(found, terminal=False), excerpt(found).plain):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", line)
    assert "[bold]markup[/bold]" in shown(found, terminal=False)


def test_of_a_long_text_the_part_with_the_most_matches_is_shown():
    text = "duck " + "filler " * 100 + "duck bill duck " + "filler " * 100
    at = text.index("duck bill")

    part = excerpt(hit(text, (0, 4), (at, at + 4), (at + 5, at + 9), (at + 10, at + 14))).plain

    assert "duck bill duck" in part
    assert part.startswith("… filler")
    assert part.endswith("filler …")
    assert len(part) <= 330


@pytest.mark.parametrize("text", ["word " * 200, "x" * 1000, "long " + "x" * 1000])
def test_a_long_text_without_matches_is_shown_from_its_start(text):
    part = excerpt(hit(text)).plain

    assert part.endswith(" …")
    assert text.startswith(part[:200])


def test_import_and_help_are_quick_and_load_nothing_heavy():
    code = (
        "import sys, time; before = set(sys.modules); start = time.process_time();"
        "import docparse_index; docparse_index.docparse_stage(); import docparse_index.cli;"
        "print(time.process_time() - start);"
        "print(sorted({'numpy', 'torch', 'pyarrow', 'sqlite3', 'rich', 'docparse_embed'} & set(sys.modules) - before))"
    )

    seconds, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout.splitlines()

    assert heavy == "[]"
    assert float(seconds) < 0.3


def test_searching_words_loads_neither_numpy_nor_a_model(library):
    code = (
        "import sys; from docparse_index.cli.search import search;"
        "search(sys.argv[1:], standalone_mode=False);"
        "assert not {'numpy', 'torch', 'pyarrow', 'docparse_embed'} & set(sys.modules)"
    )

    arguments = ["duck", "--mode", "lexical", "--data-root", library.root]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False, text=True)

    assert done.stderr == ""
    assert "zoo/duck.pdf" in done.stdout
