"""Bad documents: each is a failure of category input that says in one sentence what is wrong."""

import random
import zipfile

import pypdf
import pytest
from reportlab.lib.pdfencrypt import StandardEncryption

from docparse_doctags._formats import EXTENSIONS
from docparse_doctags._ladder import RUNGS
from docparse_runner import Category, StageError


@pytest.fixture
def refused(convert):
    """Convert a file that cannot be, and return the sentence."""

    def run(path, **options) -> str:
        with pytest.raises(StageError) as failure:
            convert(path, **options)
        assert failure.value.category is Category.INPUT
        assert "\n" not in failure.value.message
        assert str(path.parent) not in failure.value.message
        return failure.value.message

    return run


@pytest.mark.parametrize("name", ["tides.pdf", "tides.docx", "tides.md"])
def test_an_empty_file_is_an_input_error(name, refused, tmp_path):
    (tmp_path / name).touch()

    assert refused(tmp_path / name) == "the file is empty"


def test_an_encrypted_pdf_is_an_input_error(refused, make):
    assert refused(make("tides.pdf", encrypt="swordfish")) == "the PDF is encrypted: save it without a password"


def test_a_pdf_that_only_its_owner_may_change_is_converted(convert, make, sentence):
    path = make("tides.pdf", encrypt=StandardEncryption("", ownerPassword="swordfish"))

    assert any(text.startswith(sentence) for text in convert(path).texts)


def test_a_truncated_pdf_is_an_input_error(refused, make):
    path = make("tides.pdf", pages=3)
    path.write_bytes(path.read_bytes()[:600])

    assert refused(path) == "the PDF cannot be opened: it is truncated or damaged"


def test_a_pdf_of_which_no_page_is_left_is_an_input_error(refused, make):
    path = make("tides.pdf", pages=2)
    path.write_bytes(path.read_bytes().partition(b"stream")[0])

    message = refused(path)

    assert message.startswith("nothing in the document can be read: page 1: page references /Contents")
    assert "truncated or damaged" in message


def test_a_pdf_that_lost_its_last_page_is_partial(convert, make):
    path = make("tides.pdf", pages=2)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"endstream") - 40])

    result = convert(path)

    assert str(result.outcome.status) == "partial"
    assert result.outcome.reason.startswith("page 2: page references /Contents")
    assert result.outcome.metrics["pages"] == 1


def test_a_pdf_without_a_text_layer_is_an_input_error(refused, make):
    assert refused(make("tides.pdf", text=False)).startswith("the PDF has no text layer and OCR is off")


def test_a_pdf_without_a_text_layer_on_the_wanted_pages_is_an_input_error(refused, make, tmp_path):
    merged = pypdf.PdfWriter()
    merged.append(make("text.pdf"))
    merged.append(make("scan.pdf", text=False))
    merged.write(tmp_path / "mixed.pdf")

    assert refused(tmp_path / "mixed.pdf", pages="2").startswith("the PDF has no text layer")


@pytest.mark.parametrize(
    ("content", "label"),
    [
        (b"<!DOCTYPE html><html><body>Please log in</body></html>", "an HTML page"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<html>", "an HTML page"),
        (b"404 not found", "plain text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (bytes(range(256)) * 8, "binary data of an unknown kind"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_an_input_error(content, label, refused, tmp_path):
    path = tmp_path / "tides.pdf"
    path.write_bytes(content)

    assert refused(path) == f"the file is named .pdf but its content is {label}"


def test_a_renamed_binary_is_an_input_error_in_text_formats_too(refused, tmp_path):
    path = tmp_path / "tides.md"
    path.write_bytes(b"\x7fELF\2\1\1" + bytes(100))

    assert refused(path) == "the file is named .md but its content is a program"


def test_an_encrypted_office_file_is_an_input_error(refused, tmp_path):
    path = tmp_path / "tides.docx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"))

    assert refused(path) == "the Office document is encrypted: save it without a password"


def test_a_legacy_office_file_is_an_input_error(refused, tmp_path):
    path = tmp_path / "tides.docx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "WordDocument".encode("utf-16-le"))

    assert refused(path).startswith("the file is a legacy Office file (.doc)")


def test_an_encrypted_opendocument_file_is_an_input_error(refused, make, archive):
    path = make("tides.odt")
    manifest = b'<manifest:encryption-data manifest:checksum-type="SHA256-1K"/>'
    path.write_bytes(archive(path, **{"META-INF/manifest.xml": manifest}))

    assert refused(path) == "the document is encrypted: save it without a password"


def test_an_archive_with_encrypted_members_is_an_input_error(refused, make):
    path = make("tides.docx")
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 8] |= 1
    path.write_bytes(data)

    assert refused(path) == "the document is encrypted: save it without a password"


def test_a_truncated_office_file_is_an_input_error(refused, make):
    path = make("tides.docx")
    path.write_bytes(path.read_bytes()[:2000])

    assert refused(path).startswith("the file is a zip archive that cannot be opened, so it is truncated or damaged")


def test_an_archive_without_a_document_is_an_input_error(refused, tmp_path):
    path = tmp_path / "tides.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")

    assert "no Office document, OpenDocument or EPUB in it" in refused(path)


def test_an_office_file_without_its_parts_is_an_input_error_with_doclings_reason(refused, tmp_path):
    path = tmp_path / "tides.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")

    message = refused(path)

    assert message.startswith("docling cannot read it as docx: KeyError")
    assert "[Content_Types].xml" in message


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tides.vtt", "the file is not WebVTT: it does not begin with WEBVTT"),
        ("tides.docling.json", "the file is not a DoclingDocument"),
        ("tides.nxml", "the file is not a JATS article: it has no DOCTYPE of a JATS archive or journal"),
    ],
)
def test_text_of_another_kind_is_an_input_error_that_says_what_was_expected(name, sentence, refused, tmp_path):
    (tmp_path / name).write_text("<article/>")

    assert refused(tmp_path / name) == sentence


def test_a_broken_worksheet_is_an_input_error_of_the_workbook(refused, make, archive):
    path = make("tides.xlsx")
    path.write_bytes(archive(path, **{"xl/workbook.xml": b"<workbook>"}))

    assert refused(path).startswith("docling cannot read it as xlsx: ")


def test_an_entity_bomb_stays_small(convert, make, refused):
    path = make("tides.nxml")
    bomb = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">'
    path.write_text(path.read_text().replace('dtd">', f'dtd" [{bomb}]>').replace("The harbour", "&c; harbour"))

    assert "hahaha" not in convert(path).json.decode()


def test_a_file_over_the_size_limit_is_an_input_error_that_names_the_remedy(refused, make):
    message = refused(make("tides.docx"), max_file_mb=0.01)

    assert "more than the limit --max-file-mb 0.01" in message
    assert "--retry-quarantined" in message


def test_an_archive_that_unpacks_to_too_much_is_an_input_error(refused, make, archive):
    path = make("tides.pptx")
    path.write_bytes(archive(path, **{"ppt/media/bomb.bin": bytes(20_000_000)}))

    assert path.stat().st_size < 1_000_000
    assert "more than the limit --max-unpacked-mb 10" in refused(path, max_unpacked_mb=10.0)


def test_a_pdf_with_too_many_pages_is_an_input_error(refused, make):
    message = refused(make("tides.pdf", pages=3), max_pages=2)

    assert message.startswith("the PDF has 3 pages, more than the limit --max-pages 2")


@pytest.mark.parametrize(("name", "details"), [("tides.pptx", {"slides": 3}), ("tides.xlsx", {"sheets": 3})])
def test_slides_and_workbooks_have_the_same_limit(name, details, refused, make):
    assert "3 pages" in refused(make(name, **details), max_pages=2)


def _mutated(data, chance):
    """Return the bytes truncated, with bytes flipped, or with a part cut out."""
    middle = chance.randrange(1, len(data))
    match chance.randrange(3):
        case 0:
            return data[:middle]
        case 1:
            return bytes(byte if chance.random() > 0.001 else chance.randrange(256) for byte in data)
        case _:
            return data[:middle] + data[middle + chance.randrange(1, 500) :]


def _category(convert, path):
    """Return how the runner would record it: what kind of failure it is, fallbacks included, or None."""
    category = None
    for fallback in (None, *RUNGS):
        try:
            convert(path, fallback=fallback)
        except StageError as error:
            category = error.category
        else:
            return None
        if category is not Category.RUNTIME:
            break
    return category


@pytest.mark.parametrize("ending", sorted(set(EXTENSIONS.values())))
def test_damaged_documents_are_converted_or_an_input_error_and_nothing_else(ending, convert, make):
    name = next(f"tides{known}" for known, kind in EXTENSIONS.items() if kind == ending)
    path = make(name)
    data = path.read_bytes()
    chance = random.Random(ending)

    for _ in range(8):
        path.write_bytes(_mutated(data, chance))
        assert _category(convert, path) in {None, Category.INPUT}


def test_a_member_that_is_no_xml_is_an_input_error(refused, make, archive):
    path = make("tides.odt")
    path.write_bytes(archive(path, **{"content.xml": b"<office:document-content"}))

    assert refused(path).startswith("docling cannot convert it: XMLSyntaxError")


def test_an_offset_before_the_start_of_an_archive_is_damage_and_no_trouble_with_the_disk(refused, make):
    path = make("tides.docx")
    data = path.read_bytes()
    central = data.rindex(b"PK\x01\x02")
    path.write_bytes(data[:200] + data[central - 100 :])

    assert "truncated or damaged" in refused(path)


def test_such_an_offset_of_one_member_is_damage_too(refused, make):
    path = make("tides.xlsx")
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path, "w") as copy:
        copy.writestr(sheet, members.pop(sheet))
        for name, data in members.items():
            copy.writestr(name, data)
    data = path.read_bytes()
    path.write_bytes(data[:10] + data[11:])  # every offset is one too large, so the first one ends up before the start

    assert refused(path).startswith("docling cannot ")
