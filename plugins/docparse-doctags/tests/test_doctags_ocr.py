"""Pages without text are read by RapidOCR, and only those; it needs neither torch nor the network."""

import importlib.util

import pypdfium2
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from docparse_doctags import _choice
from docparse_doctags._options import Options
from docparse_runner import Category, SkipItem, StageError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="the extra ocr is not installed",
)
RESOLVED = {"engine": "native", "ocr": "rapidocr"}


@pytest.fixture(scope="module")
def worker(open_worker, tmp_path_factory):
    return open_worker(tmp_path_factory.mktemp("root"), resolved=RESOLVED)


@pytest.fixture
def scan(make, tmp_path):
    """Return an image of a page of text."""
    page = pypdfium2.PdfDocument(str(make("printed.pdf", size=12)))[0]
    path = tmp_path / "scan.png"
    page.render(scale=2).to_pil().convert("RGB").save(path, dpi=(144, 144))
    return path


@pytest.fixture
def mixed(scan, tmp_path):
    """Return a PDF of a page with text and a scanned one."""
    canvas = Canvas(str(tmp_path / "mixed.pdf"), invariant=True)
    canvas.drawString(72, 700, "A page with a text layer.")
    canvas.showPage()
    canvas.drawImage(str(scan), 0, 0, 595, 842)
    canvas.save()
    return tmp_path / "mixed.pdf"


def test_auto_is_rapidocr_where_it_is_installed_and_off_turns_it_off():
    assert _choice.resolved(Options(engine="native"))["ocr"] == "rapidocr"
    assert _choice.resolved(Options(engine="native", ocr="off"))["ocr"] == "off"


def test_only_the_page_without_text_is_read_by_ocr_and_its_text_lies_where_it_is(
    convert, worker, mixed, heading, sentence
):
    result = convert(mixed, worker=worker)

    pages = {item["text"]: item["prov"][0]["page_no"] for item in result.document["texts"]}
    assert pages["A page with a text layer."] == 1
    assert [page for text, page in pages.items() if text.startswith(sentence)] == [2]
    assert result.outcome.metrics["ocr_pages"] == 1
    assert result.outcome.metrics["ocr"].startswith("rapidocr ")
    [place] = next(item["prov"] for item in result.document["texts"] if heading in item["text"])
    assert (round(place["bbox"]["l"], -1), round(place["bbox"]["t"], -1)) == (70, 780)


def test_an_image_is_a_document_of_one_page(convert, worker, scan, sentence):
    result = convert(scan, worker=worker)

    assert any(sentence in text for text in result.texts)
    assert result.outcome.metrics["pages"] == 1
    assert result.outcome.metrics["format"] == "image"


def test_an_image_without_text_is_skipped(convert, worker, tmp_path):
    Image.new("RGB", (200, 200), "white").save(tmp_path / "white.png")

    with pytest.raises(SkipItem, match="an image without text"):
        convert(tmp_path / "white.png", worker=worker)


def test_a_scan_in_which_ocr_finds_nothing_is_an_input_error(convert, worker, make):
    with pytest.raises(StageError, match="OCR found no text in it either") as failure:
        convert(make("blank.pdf", text=False), worker=worker)

    assert failure.value.category is Category.INPUT


def test_the_fallback_without_ocr_reads_the_pages_that_have_text(convert, worker, mixed):
    result = convert(mixed, worker=worker, fallback="no-ocr")

    assert result.texts == ["A page with a text layer."]
    assert str(result.outcome.status) == "partial"
    assert result.outcome.reason == "without OCR"
