import subprocess
import sys
from itertools import pairwise

import pytest

import docparse_chunk
from docparse_runner import Category, Output, StageError, Status

HEAVY = ("tokenizers", "torch", "transformers", "docling", "docling_core", "pydantic", "numpy")


def test_the_stage_reads_docling_and_writes_chunks():
    stage = docparse_chunk.docparse_stage()

    assert stage.name == "chunk"
    assert stage.consumes == {"docling": (".docling.json",)}
    assert stage.outputs(docparse_chunk.Options()) == {"chunks": Output(".chunks.jsonl")}
    assert stage.options is docparse_chunk.Options


@pytest.mark.parametrize("module", ["docparse_chunk", "docparse_chunk._worker"])
def test_importing_takes_a_moment_and_nothing_heavy(module):
    code = (
        "import attrs, msgspec, pluggy, sys, time, docparse_runner as r; r.hookimpl; r.Stage\n"
        f"start = time.process_time(); import {module}\n"
        f"print(time.process_time() - start, [name for name in {HEAVY!r} if name in sys.modules])"
    )

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    seconds, heavy = out.strip().split(" ", 1)
    assert float(seconds) < 0.3
    assert heavy == "[]"


def test_what_is_resolved_says_which_tokenizer_counts(make_context, minilm):
    resolved = make_context().resolved

    assert resolved["tokenizer"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert resolved["digest"].startswith("sha256:")
    assert (resolved["limit"], resolved["special_tokens"], resolved["max_tokens"]) == (256, 2, 254)


def test_another_tokenizer_resolves_otherwise_although_the_option_is_not_hashed(make_context, bpe_folder, minilm):
    other = make_context(model=str(bpe_folder)).resolved

    assert other != make_context().resolved
    assert (other["tokenizer"], other["max_tokens"]) == ("small-bpe", 94)


def test_a_document_gives_rows_and_metrics(chunk, paper):
    paper.heading("Ducks")
    paper.text("Ducks swim on lakes and ponds.", page=3)

    outcome, rows = chunk(paper.data())

    assert outcome.status is Status.SUCCESS
    assert outcome.metrics == {
        "chunks": 1,
        "tokens": rows[0]["n_tokens"],
        "max_tokens_seen": rows[0]["n_tokens"],
        "tokenizer": "sentence-transformers/all-MiniLM-L6-v2",
    }
    assert [row["text"] for row in rows] == ["Ducks swim on lakes and ponds."]


def test_a_document_without_text_gives_an_empty_file(chunk, paper):
    paper.add("pictures", "picture")

    outcome, rows = chunk(paper.data())

    assert outcome.status is Status.SUCCESS
    assert outcome.metrics["chunks"] == 0
    assert rows == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"%PDF-1.7 nothing of the kind", "not a DoclingDocument in JSON"),
        (b"", "not a DoclingDocument in JSON"),
        (b"[1, 2]", "not a DoclingDocument in JSON"),
        (b'{"schema_name": "Invoice", "version": "1.0.0"}', "schema_name is 'Invoice'"),
        (b"{}", "schema_name is None"),
        (b'{"schema_name": "DoclingDocument", "version": "2.0.0"}', "this stage reads version 1.x"),
        (b'{"schema_name": "DoclingDocument", "version": "1.0.0"}', "missing required field `body`"),
        (
            b'{"schema_name": "DoclingDocument", "version": "1.0.0", "body": {"self_ref": "#/body", "label": 7}}',
            "label",
        ),
        (b'{"schema_name": "DoclingDocument", "version": "1.0.0", "body": "\xff"}', "not a DoclingDocument in JSON"),
    ],
)
def test_what_is_not_a_docling_document_is_an_input_error(chunk, content, says):
    with pytest.raises(StageError, match=r"in\.docling\.json") as caught:
        chunk(content)

    assert caught.value.category is Category.INPUT
    assert says in caught.value.message


@pytest.mark.parametrize("ref", ["#/texts/9", "#/texts/-1", "#/nothing/0", "#/schema_name", "elsewhere"])
def test_a_reference_to_nothing_is_an_input_error(chunk, paper, ref):
    paper.text("One.")
    paper.body.append({"$ref": ref})

    with pytest.raises(StageError, match="refers to") as caught:
        chunk(paper.data())

    assert caught.value.category is Category.INPUT


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_tokens": 255}, "255 is more than .* reads: 256 tokens, 2 of them special; give 254 or less"),
        ({"max_tokens": 100, "overlap_tokens": 51}, "more than half"),
        ({"chunker": "sideways"}, "no chunker 'sideways'; installed: .*page.*structural"),
        ({"model": "nowhere/to-be-found"}, "'nowhere/to-be-found' is neither a folder nor in the model cache"),
    ],
)
def test_options_that_cannot_be_met_stop_the_run_with_a_sentence(make_context, minilm, options, says):
    with pytest.raises(StageError, match=says) as caught:
        make_context(**options)

    assert caught.value.category is Category.CONFIG


@pytest.mark.parametrize(
    ("options", "says"),
    [({"max_tokens": 15}, "max_tokens"), ({"min_tokens": -1}, "min_tokens"), ({"layers": ("body", "soul")}, "'soul'")],
)
def test_values_out_of_bounds_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        docparse_chunk.Options(**options)


def test_a_tokenizer_that_changes_during_the_run_is_noticed(make_context, minilm):
    context = make_context()
    context.resolved = {**context.resolved, "digest": "sha256:other"}

    with pytest.raises(StageError, match="changed after the run began") as caught:
        docparse_chunk.docparse_worker(context)

    assert caught.value.category is Category.CONFIG


def test_max_tokens_bounds_the_chunks(chunk, paper):
    paper.text("Ducks swim on lakes and ponds, and dive for plants. " * 30)

    _, wide = chunk(paper.data())
    _, narrow = chunk(paper.data(), max_tokens=32)

    assert max(row["n_tokens"] for row in wide) > 100
    assert max(row["n_tokens"] for row in narrow) <= 34
    assert len(narrow) > len(wide)


def test_min_tokens_joins_small_sections_and_zero_keeps_them_apart(chunk, paper):
    for name in ("Mallard", "Teal", "Eider"):
        paper.heading(name)
        paper.text(f"The {name} is a duck.")

    _, joined = chunk(paper.data())
    _, apart = chunk(paper.data(), min_tokens=0)

    assert [row["text"] for row in joined] == [
        "Mallard\n\nThe Mallard is a duck.\n\nTeal\n\nThe Teal is a duck.\n\nEider\n\nThe Eider is a duck."
    ]
    assert [row["headings"] for row in apart] == [["Mallard"], ["Teal"], ["Eider"]]


def test_overlap_tokens_repeats_the_end_of_the_chunk_before(chunk, paper):
    sentences = [
        f"Sentence number {number} tells of ducks and of their many ways on the water." for number in range(40)
    ]
    paper.text(" ".join(sentences))

    _, rows = chunk(paper.data(), max_tokens=100, overlap_tokens=24)

    for before, after in pairwise(rows):
        first = after["text"].partition(".")[0] + "."
        assert before["text"].endswith(first)
        assert after["char_span"][0] < before["char_span"][1]


def test_cross_headings_fills_chunks_whatever_they_are_about(chunk, paper):
    for number in range(6):
        paper.heading(f"Section {number}")
        paper.text("Ducks swim on lakes and ponds, and dive for plants. " * 6)

    _, apart = chunk(paper.data())
    _, filled = chunk(paper.data(), cross_headings=True)

    assert [row["headings"] for row in apart] == [[f"Section {number}"] for number in range(6)]
    assert len(filled) < len(apart)
    assert "\n\nSection 1\n\n" in filled[0]["text"]


def test_layers_adds_the_notes_of_slides(chunk, paper):
    paper.text("On the slide.")
    paper.text("Said by the speaker.", content_layer="notes")

    _, plain = chunk(paper.data())
    _, noted = chunk(paper.data(), layers=("body", "notes"))

    assert plain[0]["text"] == "On the slide."
    assert noted[0]["text"] == "On the slide.\n\nSaid by the speaker."


def test_the_chunker_page_never_spans_two_pages(chunk, paper):
    paper.heading("Ducks")
    for page in (1, 1, 2, 3):
        paper.text("Ducks swim on lakes.", page=page)

    _, rows = chunk(paper.data(), chunker="page")

    assert [row["pages"] for row in rows] == [[1], [2], [3]]
    assert [row["headings"] for row in rows] == [["Ducks"]] * 3


def test_the_same_input_gives_the_same_bytes(chunk, paper, tmp_path):
    paper.heading("Ducks")
    paper.items("Mallard", "Teal")
    paper.table([["Name", "Size"], ["Mallard", "big"]], caption="Sizes", page=1)

    chunk(paper.data())
    once = (tmp_path / "out.chunks.jsonl").read_bytes()
    chunk(paper.data())

    assert (tmp_path / "out.chunks.jsonl").read_bytes() == once
