"""The fallback ladder: what is tried after a document failed for no fault of its own, and what each try gives up."""

import contextlib
import json
from pathlib import Path

import pytest

import docparse_doctags
from docparse_doctags._converter import Converter
from docparse_doctags._ladder import RUNGS, Way, way_of
from docparse_runner import Category, StageError
from docparse_runner.cli import main


def _tried(first, kind):
    """Return the fallbacks that differ from what was tried before."""
    found = []
    for name in RUNGS:
        with contextlib.suppress(StageError):
            found.append(way_of(first, kind, name) and name)
    return found


@pytest.mark.parametrize(
    ("engine", "ocr", "kind", "expected"),
    [
        ("native", False, "pdf", ["pypdfium2", "text"]),
        ("native", True, "pdf", ["pypdfium2", "no-ocr", "text"]),
        ("ml", True, "pdf", ["pypdfium2", "no-ocr", "native", "text"]),
        ("vlm", False, "pdf", ["native", "text"]),
        ("vlm", True, "image", ["native"]),
        ("native", True, "image", []),
        ("native", False, "docx", ["text"]),
        ("ml", True, "html", ["text"]),
    ],
)
def test_only_what_makes_a_difference_is_tried(engine, ocr, kind, expected):
    assert _tried(Way(engine=engine, ocr=ocr), kind) == expected


def test_the_stage_names_its_fallbacks_in_order():
    assert docparse_doctags.docparse_stage().fallbacks == ("pypdfium2", "no-ocr", "native", "text")


def test_the_other_reader_of_pdfs_gives_the_same_text(convert, make):
    path = make("tides.pdf", pages=2)

    result = convert(path, fallback="pypdfium2")

    assert " ".join(result.texts).split() == " ".join(convert(path).texts).split()
    assert str(result.outcome.status) == "partial"
    assert result.outcome.reason.startswith("read by PDFium")


def test_the_text_of_a_pdf_keeps_its_pages_and_its_password(convert, make, sentence):
    result = convert(make("tides.pdf", pages=2, encrypt="swordfish"), fallback="text", password="swordfish")

    pages = [item["prov"][0]["page_no"] for item in result.document["texts"]]
    assert sorted(set(pages)) == [1, 2]
    assert sentence in " ".join(result.texts)
    assert result.outcome.reason == "text only: no headings, tables, lists or pictures"
    assert result.outcome.metrics["engine"] == "text"


@pytest.mark.parametrize(
    "ending", [".docx", ".pptx", ".xlsx", ".odt", ".epub", ".html", ".nxml", ".md", ".csv", ".eml"]
)
def test_the_text_of_other_documents_is_found_without_docling(ending, convert, make, sentence):
    result = convert(make(f"tides{ending}"), fallback="text")

    assert sentence in " ".join(result.texts)
    assert "<" not in " ".join(result.texts)
    assert result.document["origin"]["filename"] == f"tides{ending}"


def test_a_document_without_any_text_is_an_input_error_in_the_end(convert, tmp_path):
    (tmp_path / "empty.html").write_text("<html><body><img src='a.png'></body></html>")

    with pytest.raises(StageError, match="no text in it that could be saved") as failure:
        convert(tmp_path / "empty.html", fallback="text")

    assert failure.value.category is Category.INPUT


def test_a_pdf_that_only_pdfium_can_open_goes_down_the_ladder(convert, make, monkeypatch):
    def fail(*_arguments, **_options):
        msg = "docling-parse gives up"
        raise StageError(msg, category=Category.INPUT)

    path = make("tides.pdf")
    monkeypatch.setattr(Converter, "convert", fail)

    with pytest.raises(StageError, match="gives up") as failure:
        convert(path)

    assert failure.value.category is Category.RUNTIME


def _rows(name):
    lines = Path(f"docparse-data/manifests/doctags.{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.long  # each attempt is a process of its own that loads docling
def test_each_fallback_is_an_attempt_with_a_row_and_the_result_says_what_was_given_up(
    make, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    make("docs/slow.html").write_text(
        "<html><body>" + "<p>High water." * 8_000
    )  # without their ends, docling needs minutes

    with pytest.raises(SystemExit) as end:
        main(["run", "doctags", "docs", "--timeout-s", "10", "--workers", "1", "-q"])

    assert end.value.code == 0
    [row] = _rows("manifest")
    assert (row["status"], row["reason"]) == ("partial", "text only: no headings, tables, lists or pictures")
    assert row["attempts"] == 5
    ends = [(each["attempt"], each["event"]) for each in _rows("attempts") if each["event"] != "started"]
    assert ends == [(1, "timeout"), (2, "failure"), (3, "failure"), (4, "failure"), (5, "partial")]
    capfd.readouterr()
