"""Legacy Office files: LibreOffice converts them when it is asked to."""

import shutil
import subprocess

import docx
import pytest

from docparse_runner import Category, StageError

needs_libreoffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")


@pytest.fixture
def rtf(tmp_path):
    path = tmp_path / "tides.rtf"
    path.write_text(r"{\rtf1\ansi High water at noon.\par}")
    return path


def test_a_legacy_file_is_refused_with_the_remedy_unless_asked_for(convert, rtf):
    with pytest.raises(
        StageError, match=r"legacy Office file \(.rtf\).*--legacy-office --retry-quarantined"
    ) as failure:
        convert(rtf)

    assert failure.value.category is Category.INPUT


def test_without_libreoffice_the_run_is_stopped_with_the_remedy(convert, rtf, monkeypatch):
    monkeypatch.setenv("PATH", str(rtf.parent))

    with pytest.raises(StageError, match="needs LibreOffice") as failure:
        convert(rtf, legacy_office=True)

    assert failure.value.category is Category.CONFIG


@needs_libreoffice
def test_a_rich_text_file_is_converted(convert, rtf):
    result = convert(rtf, legacy_office=True)

    assert result.texts == ["High water at noon."]
    assert result.outcome.metrics["format"] == "rtf"
    assert (result.document["name"], result.document["origin"]["filename"]) == ("tides", "tides.rtf")
    assert convert(rtf, legacy_office=True).json == result.json


@pytest.mark.long
@needs_libreoffice
def test_a_word_file_of_1997_is_converted_whatever_its_name(convert, tmp_path):
    document = docx.Document()
    document.add_heading("Tides", 1)
    document.add_paragraph("High water at noon.")
    document.save(tmp_path / "tides.docx")
    words = ["soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to", "doc"]
    subprocess.run([*words, "--outdir", str(tmp_path), str(tmp_path / "tides.docx")], check=True, capture_output=True)

    result = convert((tmp_path / "tides.doc").rename(tmp_path / "tides.xls"), legacy_office=True)

    assert result.outcome.metrics["format"] == "doc"
    assert result.labels == {"Tides": "section_header", "High water at noon.": "text"}
