"""The sample corpus is what samples/build.py makes, and what the demo and the retrieval tests expect of it."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from pypdf import PdfReader
from pypdf.errors import PyPdfError

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PATTERNS = {".adoc", ".csv", ".docx", ".html", ".md", ".pdf", ".pptx", ".xlsx"}
DOCUMENTS = sorted(path for path in SAMPLES.rglob("*") if path.suffix in PATTERNS)
BAD = [path for path in DOCUMENTS if path.parent.name == "bad"]
GOOD = [path for path in DOCUMENTS if path not in BAD]
BUILT = {".docx", ".pdf", ".pptx", ".xlsx"}
CONTENT = re.compile(r"(word/document|ppt/slides/\w+|ppt/notesSlides/\w+|xl/worksheets/\w+|xl/sharedStrings)\.xml")


def name_of(path: Path) -> str:
    return path.relative_to(SAMPLES).as_posix()


def text_of(path: Path) -> list[str]:
    if path.suffix == ".pdf":
        return [page.extract_text() for page in PdfReader(path).pages]
    with zipfile.ZipFile(path) as members:
        parts = [members.read(name).decode() for name in members.namelist() if CONTENT.fullmatch(name)]
    return [text for part in parts for text in re.findall(r">([^<]+)<", part)]


def build(folder: Path) -> dict[str, Path]:
    subprocess.run([sys.executable, "-B", SAMPLES / "build.py", folder], check=True, capture_output=True)
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    return build(tmp_path_factory.mktemp("first"))


def test_there_are_at_least_18_good_documents_in_8_formats_under_3_mb():
    assert len(GOOD) >= 18
    assert len({path.suffix for path in GOOD}) >= 8
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 3_000_000


def test_every_folder_holds_documents_and_nothing_else_that_a_listing_would_take():
    folders = {path.parent for path in DOCUMENTS}

    strangers = [path for folder in folders for path in folder.iterdir() if path not in DOCUMENTS]

    assert strangers == []
    assert not list((SAMPLES / "_source").glob("*.md"))


def test_some_names_contain_blanks_and_dots():
    stems = [path.stem for path in GOOD]

    assert any(" " in stem for stem in stems)
    assert any("." in stem for stem in stems)


def test_building_twice_gives_the_same_bytes(rebuilt, tmp_path):
    again = build(tmp_path)

    assert {name: path.read_bytes() for name, path in again.items()} == {
        name: path.read_bytes() for name, path in rebuilt.items()
    }


def test_the_committed_binaries_are_those_that_the_script_builds(rebuilt):
    binary = {name_of(path) for path in DOCUMENTS if path.suffix in BUILT}

    assert set(rebuilt) == binary


# Text and not bytes: another release of python-docx or openpyxl, or another zlib, packs the same text differently.
@pytest.mark.parametrize("path", [path for path in GOOD if path.suffix in BUILT], ids=name_of)
def test_a_committed_document_says_what_its_source_says(path, rebuilt):
    expected = text_of(rebuilt[name_of(path)])

    actual = text_of(path)

    assert expected == actual
    assert sum(map(len, actual)) > 600


def test_the_papers_and_the_handbook_have_several_pages_and_bookmarks():
    for name in ("papers/2101.00001.pdf", "papers/2101.00002.pdf", "reports/operations handbook.pdf"):
        reader = PdfReader(SAMPLES / name)

        assert len(reader.pages) >= 2
        assert len(reader.outline) >= 9


def test_the_tagged_pdf_names_its_structure():
    root = PdfReader(SAMPLES / "reports/OCR and text layers.pdf").root_object["/StructTreeRoot"]

    kinds = [element.get_object()["/S"] for element in root["/K"]]

    assert kinds[:4] == ["/H1", "/P", "/H2", "/L"]
    assert "/Table" in kinds


def test_there_are_four_bad_documents():
    assert [path.name for path in BAD] == ["empty.pptx", "encrypted.pdf", "picture renamed.docx", "truncated.pdf"]


@pytest.mark.parametrize("path", [path for path in BAD if path.suffix == ".pdf"], ids=name_of)
def test_a_bad_pdf_cannot_be_read(path):
    with pytest.raises(PyPdfError):
        PdfReader(path).pages[0].extract_text()


@pytest.mark.parametrize("path", [path for path in BAD if path.suffix != ".pdf"], ids=name_of)
def test_a_bad_office_file_is_no_archive(path):
    assert not zipfile.is_zipfile(path)


def test_the_questions_name_documents_that_exist_and_cover_every_format():
    queries = tomllib.loads((SAMPLES / "queries.toml").read_text(encoding="utf-8"))["query"]
    relevant = {item_id for query in queries for item_id in query["relevant"]}

    assert len({query["text"] for query in queries}) >= 12
    assert relevant <= {f"samples/{name_of(path)}" for path in GOOD}
    assert {Path(item_id).suffix for item_id in relevant} == PATTERNS
