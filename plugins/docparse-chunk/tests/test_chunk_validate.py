"""What ``docparse validate chunk`` finds."""

import json
import subprocess
import sys

import msgspec
import pytest

import docparse_chunk
from docparse_runner import WorkItem


@pytest.fixture
def made(paper, chunk, tmp_path, minilm):
    """Chunk a document with a bit of everything, and return its rows and the function that writes them again."""
    paper.heading("Ducks")
    paper.text("Ducks swim on lakes and ponds, and dive for plants. " * 12, page=1)
    paper.items("Mallard", "Teal")
    paper.table(
        [["Name", "Size", "Where"], *([f"Duck number {number}", "small", "on the lakes"] for number in range(30))],
        caption="Table 1",
        page=2,
    )
    document = paper.data() | {"pages": {str(page): {"size": {"width": 600, "height": 800}} for page in (1, 2)}}
    _, rows = chunk(document, max_tokens=64)
    path = tmp_path / "out.chunks.jsonl"

    def write(changed):
        path.write_text("".join(json.dumps(row) + "\n" for row in changed))

    return rows, write


@pytest.fixture
def problems(tmp_path, make_context):
    """Return a function from options to the problems of the last document that was chunked."""

    def find(**options):
        item = WorkItem(
            item_id="papers/made.pdf",
            inputs={"docling": tmp_path / "in.docling.json"},
            outputs={"chunks": tmp_path / "out.chunks.jsonl"},
        )
        return list(docparse_chunk.docparse_validate(item, make_context(**options)))

    return find


def test_what_the_stage_wrote_is_fine(made, problems):
    rows, _ = made

    assert len(rows) > 10
    assert problems(max_tokens=64) == []


@pytest.mark.parametrize(
    "options",
    [
        {"chunker": "page"},
        {"overlap_tokens": 16},
        {"anchors": True},
        {"markup": "markdown"},
        {"max_tokens": 16},
        {"cross_headings": True, "min_tokens": 0},
    ],
)
def test_so_it_is_with_every_option(made, chunk, problems, paper, options):
    chunk(paper.data(), **options)

    assert problems(**options) == []


def test_an_empty_document_is_fine(chunk, new_paper, problems, minilm):
    chunk(new_paper().data())

    assert problems() == []


def changed(**fields):
    return lambda row: row | fields


def with_box(**fields):
    return lambda row: row | {"boxes": [row["boxes"][0] | fields], "pages": [fields.get("page", row["pages"][0])]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (changed(seq="no"), "out.chunks.jsonl is not what the stage writes: Expected `int`, got `str` - at `$.seq`"),
        (changed(schema_version=9), "chunk 1: schema_version is 9, and 1 is known here"),
        (changed(doc_id="other"), "chunk 1: doc_id is 'other'"),
        (changed(text=" "), "chunk 1: it has no text"),
        (changed(text="Geese."), "chunk 1: contextualized_text is not its headings and its text"),
        (changed(content_digest="sha256:0"), "chunk 1: content_digest is not that of contextualized_text"),
        (changed(seq=7), "row 1 has seq 7, and 1 comes next"),
        (changed(chunk_id="0" * 32), "chunk 1: chunk_id is not that of its document, text and place"),
        (changed(n_tokens=3), "chunk 1: n_tokens is 3, and sentence-transformers/all-MiniLM-L6-v2 counts 63"),
        (changed(pages=[2]), "chunk 1: pages are not those of its boxes"),
        (changed(char_span=[9, 3]), "chunk 1: char_span [9, 3] is none"),
        (with_box(page=3), "chunk 1: it has a box on page 3, and the document has no such page"),
        (with_box(r=700), "chunk 1: it has a box outside page 1: 72, 700, 700, 688"),
        (with_box(t=-40), "chunk 1: it has a box outside page 1: 72, -40, 500, 688"),
        (changed(char_span=[0, 300]), "chunk 1: its text is not what stands at its char_span"),
        (changed(char_span=[0, 300]), "chunk 1 repeats text of chunk 0"),
    ],
)
def test_a_row_that_is_not_what_it_says_is_named(made, problems, change, says):
    rows, write = made

    write([change(row) if number == 1 else row for number, row in enumerate(rows)])

    assert says in problems(max_tokens=64)


def test_a_row_twice_is_named(made, problems):
    rows, write = made

    write([*rows[:2], rows[1], *rows[2:]])

    assert f"chunk 2 has the chunk_id of chunk 1: {rows[1]['chunk_id']}" in problems(max_tokens=64)


@pytest.mark.parametrize("place", [0, 3, -1])
def test_text_that_no_chunk_has_is_named(made, problems, place):
    rows, write = made
    missing = rows[place]

    write([row for row in rows if row is not missing])

    found = [problem for problem in problems(max_tokens=64) if problem.startswith("no chunk has the text at ")]
    assert found
    start, end = missing["char_span"]
    assert start <= int(found[0].split(":")[0].split()[-1]) < end


def test_chunks_over_the_limit_of_now_are_named(made, problems):
    rows, _ = made
    over = sum(row["n_tokens"] > 50 for row in rows)

    found = problems(max_tokens=48)

    assert over == len(found)
    assert found[0].endswith(" tokens, and the limit is 50")


def test_the_first_ten_problems_are_named_and_the_rest_counted(made, problems):
    rows, write = made

    write([row | {"doc_id": "other"} for row in rows])

    found = problems(max_tokens=64)
    assert len(found) == 11
    assert found[-1] == f"and {2 * len(rows) - 10} more problems"


def test_without_its_document_a_files_rows_are_still_looked_at(made, problems, tmp_path):
    (tmp_path / "in.docling.json").unlink()

    (found,) = problems(max_tokens=64)

    assert "is gone" in found


def test_what_another_tokenizer_counted_is_not_counted_again(made, problems):
    assert problems(tokenizer="approximate", max_tokens=64) == []


def test_the_command_ends_with_1_and_names_the_problems(tmp_path, new_paper, minilm):
    paper, folder, root = new_paper(), tmp_path / "in", tmp_path / "root"
    paper.text("Ducks swim.")
    folder.mkdir()
    (folder / "made.docling.json").write_text(json.dumps(paper.data()))
    docparse = [sys.executable, "-m", "docparse_runner"]
    subprocess.run([*docparse, "run", "chunk", folder, "--data-root", root, "--workers", "1"], check=True)
    (folder / "made.docling.json").write_text(json.dumps(paper.data() | {"version": "2.0.0"}))

    done = subprocess.run(
        [*docparse, "validate", "chunk", "--data-root", root, "--workers", "1"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, "this stage reads version 1.x" in done.stdout) == (1, True)


def test_the_rows_are_what_the_class_says(made):
    rows, _ = made

    assert msgspec.convert(rows, list[docparse_chunk.schema.ChunkRow])
