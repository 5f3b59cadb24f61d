"""What is written beside the JSON and DocTags, and what both and the row say about the source."""

import hashlib
import io
import zipfile
from email.message import EmailMessage

import docx
import pypdf
import pytest
from docling_core.types.doc.document import DoclingDocument
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from docparse_doctags._pdf import check_pdf
from docparse_runner import SkipItem, StageError


def _source(result):
    """Return what the JSON says about the source."""
    return result.document["furniture"]["meta"]["docparse__source"]


def test_markdown_html_and_doclang_are_written_when_asked_for(convert, make, heading, sentence):
    result = convert(make("tides.html"), also=("markdown", "html", "doclang"))

    assert f"# {heading}\n\n{sentence}" in result.files["markdown"].decode()
    assert f"<p>{sentence}</p>" in result.files["html"].decode()
    assert f"<text>{sentence}</text>" in result.files["doclang"].decode()


def test_without_asking_there_are_two_artifacts(convert, make):
    assert sorted(convert(make("tides.html")).files) == ["docling", "doctags"]


def test_what_is_known_of_the_source_does_not_turn_up_in_exports(convert, make):
    result = convert(make("tides.html"), also=("markdown", "html"))

    assert b"sha256" in result.json
    assert not any(b"sha256" in result.files[kind] for kind in ("doctags", "markdown", "html"))


def test_an_export_that_fails_leaves_the_others(convert, tmp_path):
    document = DoclingDocument(name="label without a token")
    document.add_text(label="marker", text="1.")
    path = tmp_path / "tides.docling.json"
    path.write_text(document.model_dump_json())

    result = convert(path, also=("markdown",))

    assert str(result.outcome.status) == "partial"
    assert result.outcome.reason == "no DocTags: RuntimeError: Unexpected DocItemLabel: marker"
    assert result.files["markdown"] == b"1."


def test_tables_are_written_to_doctags_as_docling_core_writes_them(convert, tmp_path):
    table = "<table><tr><th>Hour</th><th colspan=2>Level</th></tr><tr><td>1</td><td>4.1</td><td>{}</td></tr></table>"
    path = tmp_path / "tide.html"
    path.write_text(f"<h1>Tide</h1>{table.format('low')}{table.format('<b>low</b> and <i>slack</i>')}")

    result = convert(path)

    assert DoclingDocument.model_validate_json(result.json).export_to_doctags() == result.doctags.decode()
    assert len(result.document["tables"]) == 2


def test_the_digest_of_the_source_and_the_engine_with_its_version_are_in_the_json_and_the_row(convert, make):
    path = make("tides.pdf", pages=2)

    result = convert(path)

    told = _source(result)
    assert told["digest"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert (told["engine"], told["page_count"]) == ("native", 2)
    assert told["docling"].startswith("2.")
    assert told.items() <= result.outcome.metrics.items()


def test_a_pdf_says_its_title_authors_and_dates(convert, make, tmp_path):
    writer = pypdf.PdfWriter(clone_from=make("plain.pdf"))
    writer.add_metadata(
        {
            "/Title": "On  tides",
            "/Author": "A. Gauge; B. Harbour",
            "/CreationDate": "D:20240229134501+01'00'",
            "/ModDate": "D:2024",
        }
    )
    writer.write(tmp_path / "tides.pdf")

    told = _source(convert(tmp_path / "tides.pdf"))

    assert told["title"] == "On tides"
    assert told["authors"] == ["A. Gauge", "B. Harbour"]
    assert (told["created"], told["modified"]) == ("2024-02-29T13:45:01+01:00", "2024")


def test_an_office_document_says_its_title_author_dates_and_language(convert, tmp_path):
    document = docx.Document()
    document.add_paragraph("High water.")
    document.core_properties.title, document.core_properties.author = "On tides", "A. Gauge"
    document.core_properties.language = "en-GB"
    document.save(tmp_path / "tides.docx")

    told = _source(convert(tmp_path / "tides.docx"))

    assert (told["title"], told["authors"], told["language"]) == ("On tides", ["A. Gauge"], "en-GB")
    assert told["created"].startswith("20")


def test_a_web_page_says_its_title_author_date_and_language(convert, tmp_path):
    (tmp_path / "tides.html").write_text(
        '<html lang="de"><head><title>Gezeiten</title><meta name="author" content="A. Pegel">'
        '<meta name="date" content="2024-02-29"></head><body><p>Hochwasser.</p></body></html>'
    )

    told = _source(convert(tmp_path / "tides.html"))

    assert (told["title"], told["authors"], told["created"]) == ("Gezeiten", ["A. Pegel"], "2024-02-29")
    assert told["language"] == "de"


def test_a_message_says_its_subject_sender_and_date(convert, tmp_path):
    message = EmailMessage()
    message["Subject"], message["From"] = "Tide tables", "A. Gauge <gauge@harbour.example>"
    message["Date"] = "Thu, 29 Feb 2024 13:45:01 +0100"
    message.set_content("High water at noon.")
    (tmp_path / "tides.eml").write_bytes(bytes(message))

    told = _source(convert(tmp_path / "tides.eml"))

    assert (told["title"], told["authors"]) == ("Tide tables", ["A. Gauge"])
    assert told["created"] == "2024-02-29T13:45:01+01:00"


def test_a_sender_that_python_cannot_read_leaves_the_rest_of_a_mail_as_it_is(convert, tmp_path):
    message = 'Subject: Tides\nFrom: ype: text/plain; charset="utf-8"\nMIME-Version: 1.0\n\nThe gauge is read.\n'
    (tmp_path / "tides.eml").write_text(message)

    told = _source(convert(tmp_path / "tides.eml"))

    assert (told["title"], told.get("authors", [])) == ("Tides", [])


def test_an_article_and_an_open_document_say_their_titles(convert, make, heading):
    assert _source(convert(make("tides.nxml")))["title"] == heading
    assert "created" in _source(convert(make("tides.odt")))


def test_metadata_that_is_no_xml_costs_the_metadata_alone(convert, make, archive, sentence):
    path = make("tides.odt")
    path.write_bytes(archive(path, **{"meta.xml": b"no element"}))

    result = convert(path)

    assert sentence in result.texts
    assert "created" not in _source(result)


def _pdf_with_picture(path):
    canvas = Canvas(str(path), invariant=True)
    canvas.drawString(72, 700, "A red square follows.")
    picture = path.with_suffix(".png")
    Image.new("RGB", (40, 40), "red").save(picture)
    canvas.drawImage(str(picture), 100, 400, 120, 120)
    canvas.save()
    return path


def _unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in archive.namelist()}


def test_the_pictures_of_a_pdf_are_cut_out_of_its_pages(convert, tmp_path):
    path = _pdf_with_picture(tmp_path / "square.pdf")

    result = convert(path, pictures=True)

    [(name, image)] = _unzipped(result.files["pictures"]).items()
    assert name == "0.png"
    assert image.getpixel((image.width // 2, image.height // 2)) == (255, 0, 0)
    assert abs(image.width - 240) <= 4
    assert convert(path, pictures=True).files["pictures"] == result.files["pictures"]


def test_the_pictures_of_an_office_document_are_its_embedded_files(convert, tmp_path):
    Image.new("RGB", (30, 20), "blue").save(tmp_path / "blue.png")
    document = docx.Document()
    document.add_paragraph("A blue rectangle follows.")
    document.add_picture(str(tmp_path / "blue.png"))
    document.save(tmp_path / "tides.docx")

    images = _unzipped(convert(tmp_path / "tides.docx", pictures=True).files["pictures"])

    assert {name: (image.size, image.getpixel((5, 5))) for name, image in images.items()} == {
        "0.png": ((30, 20), (0, 0, 255))
    }


def test_a_document_without_pictures_has_no_file_of_them(convert, make):
    result = convert(make("tides.html"), pictures=True)

    assert str(result.outcome.status) == "success"
    assert "pictures" not in result.files


def test_a_password_opens_an_encrypted_pdf(convert, make, sentence):
    result = convert(make("tides.pdf", encrypt="swordfish"), password="haddock\nswordfish")

    assert any(text.startswith(sentence) for text in result.texts)
    assert _source(result)["engine"] == "native"
    assert b"swordfish" not in result.json


def test_a_wrong_password_is_an_input_error(convert, make):
    with pytest.raises(StageError, match="no password that was given opens it") as failure:
        convert(make("tides.pdf", encrypt="swordfish"), password="haddock")

    assert "haddock" not in failure.value.message


def test_what_pdfium_cannot_open_is_left_to_the_parser_of_docling(make):
    path = make("tides.pdf")
    path.write_bytes(b"%PDF-1.4 nothing else")

    assert check_pdf(path, max_pages=1, pages=(1, 1)).pages == 0


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("page", "<!doctype html><html><body><p>High water.</p></body></html>", "html"),
        ("captions", "WEBVTT\n\n00:00.000 --> 00:09.000\nHigh water.\n", "vtt"),
        ("letter", "Subject: Tides\nFrom: gauge@harbour.example\n\nHigh water.\n", "email"),
        ("paper", "% a comment\n\\documentclass{article}\\begin{document}High water.\\end{document}", "latex"),
        ("page.xml", "<?xml version='1.0'?><html><body><p>High water.</p></body></html>", "html"),
    ],
)
def test_a_document_whose_name_says_nothing_is_told_by_its_content(name, content, kind, convert, tmp_path):
    (tmp_path / name).write_text(content)

    result = convert(tmp_path / name)

    assert result.outcome.metrics["format"] == kind
    assert "High water." in result.json.decode()


def test_docling_json_and_articles_are_found_under_general_names(convert, make):
    for name, general, kind in (
        ("a.docling.json", "a.json", "json_docling"),
        ("b.nxml", "b.xml", "xml_jats"),
        ("c.dclg", "c.xml", "xml_doclang"),
    ):
        path = make(name)
        assert convert(path.rename(path.with_name(general))).outcome.metrics["format"] == kind


@pytest.mark.parametrize(("name", "content"), [("pom.xml", "<project/>"), ("package.json", '{"name": "x"}')])
def test_xml_and_json_that_are_no_documents_are_skipped(name, content, convert, tmp_path):
    (tmp_path / name).write_text(content)

    with pytest.raises(SkipItem, match="is no document"):
        convert(tmp_path / name)


def test_an_image_is_skipped_where_nothing_reads_it(convert, tmp_path):
    Image.new("RGB", (30, 20), "blue").save(tmp_path / "blue.png")

    with pytest.raises(SkipItem, match=r"docparse-doctags\[ocr\]"):
        convert(tmp_path / "blue.png")


def test_a_patent_is_told_by_its_doctype(convert, tmp_path):
    (tmp_path / "patent.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE us-patent-grant SYSTEM "us-patent-grant-v45-2014-04-03.dtd" '
        '[ ]>\n<us-patent-grant lang="EN"><us-bibliographic-data-grant><invention-title id="d1">Tide gauge'
        '</invention-title></us-bibliographic-data-grant><abstract id="abstract"><p id="p-0001" num="0000">'
        "It measures the tide.</p></abstract></us-patent-grant>"
    )

    result = convert(tmp_path / "patent.xml")

    assert result.outcome.metrics["format"] == "xml_uspto"
    assert "It measures the tide." in result.texts
