"""Every format that the stage takes becomes JSON and DocTags."""

import json
import socket

import pytest
from docling_core.types.doc.document import DoclingDocument

from docparse_doctags._formats import EXTENSIONS


@pytest.mark.parametrize("ending", sorted(EXTENSIONS))
def test_a_document_of_every_format_is_converted_to_json_and_doctags(ending, convert, make, heading, sentence):
    result = convert(make(f"tides{ending}"))

    assert str(result.outcome.status) == "success", result.outcome.reason
    assert result.outcome.metrics["format"] == EXTENSIONS[ending]
    assert heading in result.json.decode()
    assert sentence in result.json.decode()
    assert sentence in result.doctags.decode()


@pytest.mark.parametrize("ending", sorted(set(EXTENSIONS) - {".docling.json"}))
def test_the_origin_is_the_base_name_and_no_path(ending, convert, make, tmp_path):
    result = convert(make(f"deep/er/tides{ending}"))

    assert result.document["origin"]["filename"] == f"tides{ending}"
    assert str(tmp_path) not in result.json.decode()


@pytest.mark.parametrize("name", ["TIDES.PDF", "Tides.Docx", "tides.HTML"])
def test_the_case_of_the_file_name_does_not_matter(name, convert, make, sentence):
    path = make(name.lower()).rename(make(name.lower()).with_name(name))

    assert sentence in convert(path).json.decode()


def test_metrics_say_how_much_there_is_of_what(convert, make, sentence):
    metrics = convert(make("tides.md")).outcome.metrics

    assert metrics["engine"] == "docling"
    assert metrics["docling"].startswith("2.")
    assert (metrics["pages"], metrics["items"], metrics["tables"], metrics["pictures"]) == (0, 2, 0, 0)
    assert metrics["characters"] > len(sentence)


def test_a_csv_file_that_begins_like_a_bitmap_is_still_a_csv_file(convert, tmp_path):
    path = tmp_path / "ranking.csv"
    path.write_text("BM25,score\nharbour,4.2\n")

    assert convert(path).outcome.metrics["tables"] == 1


def test_a_pdf_named_html_is_converted_as_the_pdf_it_is(convert, make, sentence):
    path = make("tides.pdf")

    result = convert(path.rename(path.with_name("tides.html")))

    assert result.outcome.metrics["format"] == "pdf"
    assert any(text.startswith(sentence) for text in result.texts)


def test_a_workbook_named_docx_is_converted_as_the_workbook_it_is(convert, make):
    path = make("tides.xlsx")

    assert convert(path.rename(path.with_name("tides.docx"))).outcome.metrics["format"] == "xlsx"


def test_a_pdf_behind_some_junk_is_converted(convert, make, sentence):
    path = make("tides.pdf")
    path.write_bytes(b"HTTP/1.1 200 OK\n\n" + path.read_bytes())

    assert any(text.startswith(sentence) for text in convert(path).texts)


def test_text_in_utf_16_is_read(convert, tmp_path, sentence):
    path = tmp_path / "tides.md"
    path.write_text(sentence, encoding="utf-16")

    assert convert(path).texts == [sentence]


def test_a_file_name_that_is_not_utf_8_is_no_obstacle(convert, make, sentence):
    path = make("tides.pdf")
    path = path.rename(path.with_name("tid\udce9s.pdf"))

    result = convert(path)

    assert any(text.startswith(sentence) for text in result.texts)
    assert result.document["origin"]["filename"] == "tid\N{REPLACEMENT CHARACTER}s.pdf"


def test_a_document_cannot_pull_in_its_neighbours(convert, make, tmp_path):
    (tmp_path / "secret.tex").write_text("The password is swordfish.")

    assert "swordfish" not in convert(make("tides.tex")).json.decode()


def test_nothing_is_fetched_from_the_network(convert, tmp_path, monkeypatch):
    def refuse(*_arguments):
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    image = "http://images.example/tide.png"
    (tmp_path / "tides.html").write_text(f'<html><body><p>Tide</p><img src="{image}"></body></html>')
    (tmp_path / "tides.md").write_text(f"# Tide\n\n![tide]({image})\n")

    for name in ("tides.html", "tides.md"):
        assert str(convert(tmp_path / name).outcome.status) == "success"


def test_the_json_loads_again_as_the_same_document(convert, make):
    result = convert(make("tides.docx"))

    assert DoclingDocument.model_validate_json(result.json).export_to_dict() == json.loads(result.json)
