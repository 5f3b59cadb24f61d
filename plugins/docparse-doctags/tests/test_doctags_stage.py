"""The stage as the runner sees it."""

import os
import subprocess
import sys

import attrs
import pytest
from docling.backend.xml.jats_backend import JatsDocumentBackend
from docling.datamodel.base_models import InputFormat
from docling.document_converter import DocumentConverter
from docling_core.types.doc.document import DoclingDocument

import docparse_doctags
from docparse_doctags._engines import ml
from docparse_doctags._formats import EXTENSIONS, PATTERNS
from docparse_doctags._options import Options, page_range
from docparse_doctags._readers import BACKENDS, reader_of
from docparse_runner import Stage, StageError

HEAVY = (
    *("docling", "docling_core", "torch", "transformers", "pypdfium2", "numpy", "pandas", "pydantic", "scipy"),
    *("bs4", "docling.document_converter", "docling.backend.html_backend"),
)
OPEN = """
from types import SimpleNamespace
import docparse_doctags
docparse_doctags.docparse_worker(SimpleNamespace(options=docparse_doctags.Options(), resolved={}))
"""


def _loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_stage_reads_source_files_and_makes_json_first():
    stage = docparse_doctags.docparse_stage()

    assert isinstance(stage, Stage)
    assert list(stage.consumes) == ["source"]
    assert [*stage.outputs(Options())] == ["docling", "doctags"]
    assert stage.patterns == PATTERNS
    assert "*.pdf" in stage.patterns


def test_importing_the_stage_or_its_worker_module_loads_nothing_heavy():
    assert _loaded_after("import docparse_doctags, docparse_doctags._worker") == set()


def test_a_worker_loads_docling_but_neither_torch_nor_what_no_document_has_asked_for():
    assert _loaded_after(OPEN) == {"docling", "docling_core", "numpy", "pydantic", "pypdfium2"}


def test_the_readers_of_all_formats_do_without_torch():
    code = f"""{OPEN}
from docparse_doctags._readers import BACKENDS, reader_of
for kind in BACKENDS:
    reader_of(kind).opened()"""

    assert not _loaded_after(code) & {"torch", "transformers"}


def test_every_format_is_read_by_what_docling_reads_it_with():
    names = {InputFormat(name) for name in EXTENSIONS.values()} - {InputFormat.PDF}
    defaults = DocumentConverter([*BACKENDS, InputFormat.PDF]).format_to_options

    assert names <= BACKENDS.keys()
    for kind in BACKENDS:
        reader = reader_of(kind)
        assert (reader.backend, reader.pipeline) == (defaults[kind].backend, defaults[kind].pipeline_cls), kind
        assert defaults[kind].backend_options is None
    models, default = ml.pdf_reader(artifacts=None, tables="off", device="cpu", threads=1), defaults[InputFormat.PDF]
    assert (models.backend, models.pipeline) == (default.backend, default.pipeline_cls)


def test_what_a_worker_left_out_is_loaded_when_it_is_used():
    code = f"""{OPEN}
from docling.models import base_ocr_model
from docling_core.types.doc import DoclingDocument, TableCell, TableData
cell = dict(start_row_offset_idx=0, end_row_offset_idx=1, start_col_offset_idx=0, end_col_offset_idx=1, text="4.2")
document = DoclingDocument(name="tides")
table = document.add_table(TableData(num_rows=1, num_cols=1, table_cells=[TableCell(**cell)]))
assert table.export_to_dataframe(document).shape == (1, 1)
assert base_ocr_model.find_objects([[0, 1]]) == [(slice(0, 1), slice(1, 2))]"""

    assert _loaded_after(code) >= {"pandas", "scipy"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", (3, 3)), ("1-20", (1, 20)), ("5-", (5, sys.maxsize)), (None, (1, sys.maxsize)), (" 2-2 ", (2, 2))],
)
def test_page_ranges_are_read(text, expected):
    assert page_range(text) == expected


@pytest.mark.parametrize("text", ["0", "4-2", "-3", "a", "1,2", ""])
def test_a_bad_page_range_is_refused_when_the_options_are_built(text):
    with pytest.raises(ValueError, match="pages must"):
        Options(pages=text)


def test_limits_do_not_redo_work_and_page_ranges_do():
    fields = [field.name for field in attrs.fields(Options) if field.metadata["docparse"].affects_output]

    engines = ["engine", "ocr", "table_mode", "vlm_answers"]
    assert fields == ["pages", *engines, "also", "pictures", "pages_at_once"]


@pytest.mark.parametrize(("name", "details"), [("tides.pdf", {"pages": 4}), ("tides.pptx", {"slides": 4})])
def test_only_the_pages_asked_for_are_converted_and_keep_their_numbers(name, details, convert, make, heading):
    result = convert(make(name, **details), pages="2-3")

    pages = {item["text"]: item["prov"][0]["page_no"] for item in result.document["texts"]}
    assert {heading: number for heading, number in pages.items() if "Tides" in heading} == {
        f"{heading} 2": 2,
        f"{heading} 3": 3,
    }


def test_every_process_writes_the_same_bytes(make, tmp_path):
    names = ["tides.pdf", "tides.html", "tides.pptx"]
    script = """
import hashlib, pathlib, sys, types
import docparse_doctags
from docparse_runner import WorkItem
context = types.SimpleNamespace(options=docparse_doctags.Options(), resolved={}, allow=bool)
worker = docparse_doctags.docparse_worker(context)
root = pathlib.Path(sys.argv[1])
outputs = {"docling": root / "json", "doctags": root / "doctags"}
for name in sys.argv[2:]:
    worker(WorkItem(item_id="docs/one", inputs={"source": root / name}, outputs=outputs))
    print([hashlib.sha256(path.read_bytes()).hexdigest() for path in outputs.values()])
"""
    for name in names:
        make(name)

    printed = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), *names],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(printed) == 1
    assert printed.pop().count(b"\n") == len(names)


def test_pages_beyond_the_end_are_an_input_error(convert, make):
    with pytest.raises(StageError, match="the PDF has 2 pages and --pages begins at 5"):
        convert(make("tides.pdf", pages=2), pages="5-9")


def test_every_text_of_a_pdf_has_its_page_and_box(convert, make):
    result = convert(make("tides.pdf", pages=3))

    for item in result.document["texts"]:
        [place] = item["prov"]
        assert place["page_no"] in {1, 2, 3}
        assert place["bbox"]["t"] > place["bbox"]["b"]
    assert result.outcome.metrics["pages"] == 3
    assert result.outcome.metrics["engine"] == "native"


@pytest.mark.parametrize("name", ["tides.pdf", "tides.docx", "tides.html", "tides.tex"])
def test_the_same_document_gives_the_same_bytes_wherever_it_lies(name, convert, make, tmp_path, monkeypatch):
    first = convert(make(f"one/{name}"))
    (tmp_path / "two" / "deeper").mkdir(parents=True)
    copy = (tmp_path / "one" / name).rename(tmp_path / "two" / "deeper" / name)
    monkeypatch.chdir(copy.parent)

    second = convert(copy)

    assert (first.json, first.doctags) == (second.json, second.doctags)


def _written(document, path):
    path.write_text(document.model_dump_json())
    return path


def test_a_document_whose_doctags_cannot_be_written_is_kept_as_partial(convert, tmp_path):
    document = DoclingDocument(name="label without a token")
    document.add_text(label="marker", text="1.")

    result = convert(_written(document, tmp_path / "tides.docling.json"))

    assert str(result.outcome.status) == "partial"
    assert result.outcome.reason == "no DocTags: RuntimeError: Unexpected DocItemLabel: marker"
    assert result.doctags is None
    assert result.texts == ["1."]


def test_a_listing_with_a_caption_has_doctags(convert, tmp_path):
    document = DoclingDocument(name="listing")
    document.add_code(text="print(1)", caption=document.add_text(label="caption", text="Listing 1"))

    result = convert(_written(document, tmp_path / "tides.docling.json"))

    assert str(result.outcome.status) == "success"
    assert b"print(1)<caption>Listing 1</caption>" in result.doctags


@pytest.mark.parametrize("name", ["tides.pdf", "tides.docx", "tides.xlsx", "tides.odt"])
def test_doctags_are_those_of_docling_core(name, convert, make):
    result = convert(make(name))

    document = DoclingDocument.model_validate_json(result.json)
    assert document.export_to_doctags().encode() == result.doctags


def test_what_docling_only_logs_makes_the_document_partial(convert, make, monkeypatch):
    def stumble(*_arguments):
        msg = "no such section"
        raise KeyError(msg)

    monkeypatch.setattr(JatsDocumentBackend, "_walk_linear", stumble)

    result = convert(make("tides.nxml"))

    assert str(result.outcome.status) == "partial"
    assert result.outcome.reason == "KeyError: 'no such section'"
