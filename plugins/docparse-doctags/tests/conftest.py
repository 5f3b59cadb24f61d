"""Documents made on the spot, one of every kind, and the stage's worker to convert them."""

import io
import json
import re
import struct
import zipfile
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import attrs
import docx
import odfdo
import openpyxl
import pptx
import pytest
from docling_core.types.doc.document import DoclingDocument
from reportlab.pdfgen.canvas import Canvas

import docparse_doctags
from docparse_doctags._options import Options
from docparse_runner import ItemOutcome, StageContext, WorkItem

HEADING = "Tides of the harbour"
SENTENCE = "The harbour gauge has recorded the tide every hour since 1911."


def _pdf(path, *, pages=1, text=True, encrypt=None, size=10):
    canvas = Canvas(str(path), encrypt=encrypt, invariant=True)
    for number in range(1, pages + 1):
        canvas.rect(72, 72, 100, 50)
        if text:
            canvas.setFont("Helvetica-Bold", 18)
            canvas.drawString(72, 760, f"{HEADING} {number}")
            canvas.setFont("Helvetica", size)
            canvas.drawString(72, 730, SENTENCE)
            canvas.drawString(72, 718, f"This is page {number} of the record.")
        canvas.showPage()
    canvas.save()


def _docx(path):
    document = docx.Document()
    document.add_heading(HEADING, 1)
    document.add_paragraph(SENTENCE)
    document.save(path)


def _pptx(path, *, slides=1):
    deck = pptx.Presentation()
    for number in range(1, slides + 1):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"{HEADING} {number}"
        slide.placeholders[1].text = SENTENCE
    deck.save(path)


def _xlsx(path, *, sheets=1):
    book = openpyxl.Workbook()
    for number in range(sheets):
        sheet = book.active if number == 0 else book.create_sheet(f"sheet {number}")
        sheet.append([HEADING, "metres"])
        sheet.append([SENTENCE, 4.2])
    book.save(path)


_OPEN = "application/vnd.openxmlformats-officedocument."


def _typed(make, declared):
    """Make an office file that declares another type of itself."""

    def build(path):
        plain = io.BytesIO()
        make(plain)
        with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(path, "w") as copy:
            for name in archive.namelist():
                data = archive.read(name)
                if name == "[Content_Types].xml":
                    data = re.sub(
                        rf"{_OPEN}\w+\.(?:document|presentation|sheet)\.main\+xml".encode(), declared.encode(), data
                    )
                copy.writestr(name, data)

    return build


def _opendocument(kind, fill):
    def make(path):
        document = odfdo.Document(kind)
        document.body.clear()
        fill(document.body)
        document.save(path)

    return make


def _fill_text(body):
    body.append(odfdo.Header(1, HEADING))
    body.append(odfdo.Paragraph(SENTENCE))


def _fill_sheet(body):
    table = odfdo.Table("tides")
    table.set_values([[HEADING, "metres"], [SENTENCE, 4.2]])
    body.append(table)


def _fill_slides(body):
    page = odfdo.DrawPage("page1", name=HEADING)
    page.append(odfdo.Frame.text_frame(SENTENCE))
    body.append(page)


def _epub(path):
    container = """<?xml version="1.0"?><container version="1.0"
        xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
        <rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles>
        </container>"""
    package = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/>
        <manifest><item id="one" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>
        <spine><itemref idref="one"/></spine></package>"""
    chapter = f"""<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{HEADING}</h1><p>{SENTENCE}</p></body></html>"""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("book.opf", package)
        archive.writestr("one.xhtml", chapter)


def _email(path):
    message = EmailMessage()
    message["Subject"] = HEADING
    message["From"] = "gauge@harbour.example"
    message.set_content(SENTENCE)
    path.write_bytes(bytes(message))


_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SECTOR, _LEAST = 512, 4096
_SUBJECT, _BODY, _CLASS = 0x0037, 0x1000, 0x001A
_UNICODE = 0x1F


def _outlook(path):
    """Write a message (MS-OXMSG 2), as no library does."""
    texts = {_SUBJECT: HEADING, _BODY: SENTENCE, _CLASS: "IPM.Note"}
    # streams of less than 4096 bytes lie elsewhere in a container, so each is filled up with spaces
    streams = {
        f"__substg1.0_{number:04X}001F": text.ljust(_LEAST // 2).encode("utf-16-le") for number, text in texts.items()
    }
    rows = [struct.pack("<HHIQ", _UNICODE, number, 6, 2 * len(text) + 2) for number, text in texts.items()]
    path.write_bytes(_container({**streams, "__properties_version1.0": bytes(32) + b"".join(rows)}))


def _container(streams):
    """Return an OLE container (MS-CFB 2): header, table of sectors, streams, directory."""
    names = sorted(streams, key=lambda name: (len(name), name))
    data, table, entries = b"", [_TABLE], [_entry("Root Entry", 5, child=1)]
    for number, name in enumerate(names, 1):
        first = len(table)
        body = streams[name].ljust(_LEAST, b"\0")
        body += bytes(-len(body) % _SECTOR)
        table += _chain(first, len(body))
        data += body
        after = number + 1 if number < len(names) else _FREE
        entries.append(_entry(name, 2, right=after, first=first, size=len(body)))
    directory = b"".join(entries) + _entry("", 0) * (-len(entries) % 4)
    start = len(table)
    table += _chain(start, len(directory))
    header = struct.pack(
        "<8s16x5H6x9I",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        62,
        3,
        0xFFFE,
        9,
        6,
        0,
        1,
        start,
        0,
        _LEAST,
        _END,
        0,
        _END,
        0,
    )
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    return header + struct.pack("<128I", *table, *[_FREE] * (128 - len(table))) + data + directory


def _chain(first, size):
    return [*range(first + 1, first + size // _SECTOR), _END]


def _entry(name, kind, *, child=_FREE, right=_FREE, first=_END, size=0):
    text = name.encode("utf-16-le") + (b"\0\0" if name else b"")
    return struct.pack("<64sHBBIII16sIQQIQ", text, len(text), kind, 1, _FREE, right, child, b"", 0, 0, 0, first, size)


def _doclang(path):
    document = DoclingDocument(name="tides")
    document.add_heading(HEADING)
    document.add_text(label="text", text=SENTENCE)
    path.write_text(document.export_to_doclang())


def _docling_json(path):
    document = DoclingDocument(name="tides")
    document.add_heading(HEADING)
    document.add_text(label="text", text=SENTENCE)
    path.write_text(document.model_dump_json())


def _text(template):
    return lambda path: path.write_text(template.format(heading=HEADING, sentence=SENTENCE))


_ASCIIDOC = _text("= {heading}\n\n{sentence}\n")
_HTML = _text("<!doctype html><html><body><h1>{heading}</h1><p>{sentence}</p></body></html>")
_LATEX = _text(
    "\\documentclass{{article}}\\begin{{document}}\\section{{{heading}}}{sentence} \\input{{secret}}\\end{{document}}"
)
_MARKDOWN = _text("# {heading}\n\n{sentence}\n")
_MHTML = _text(
    'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="b"; type="text/html"\n\n--b\n'
    "Content-Type: text/html\n\n<html><body><h1>{heading}</h1><p>{sentence}</p></body></html>\n--b--\n"
)
MAKERS = {
    ".adoc": _ASCIIDOC,
    ".asc": _ASCIIDOC,
    ".asciidoc": _ASCIIDOC,
    ".csv": _text("{heading},metres\n{sentence},4.2\n"),
    ".dclg": _doclang,
    ".docling.json": _docling_json,
    ".docm": _typed(_docx, "application/vnd.ms-word.document.macroEnabled.main+xml"),
    ".docx": _docx,
    ".dotm": _typed(_docx, "application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
    ".dotx": _typed(_docx, f"{_OPEN}wordprocessingml.template.main+xml"),
    ".eml": _email,
    ".epub": _epub,
    ".htm": _HTML,
    ".html": _HTML,
    ".latex": _LATEX,
    ".markdown": _MARKDOWN,
    ".md": _MARKDOWN,
    ".mht": _MHTML,
    ".mhtml": _MHTML,
    ".msg": _outlook,
    ".nxml": _text(
        '<?xml version="1.0"?><!DOCTYPE article PUBLIC "-//NLM//DTD JATS v1.2//EN" "JATS-archivearticle1.dtd"><article>'
        "<front><article-meta><title-group><article-title>{heading}</article-title></title-group></article-meta></front>"
        "<body><sec><title>Record</title><p>{sentence}</p></sec></body></article>"
    ),
    ".odp": _opendocument("presentation", _fill_slides),
    ".ods": _opendocument("spreadsheet", _fill_sheet),
    ".odt": _opendocument("text", _fill_text),
    ".pdf": _pdf,
    ".potm": _typed(_pptx, "application/vnd.ms-powerpoint.template.macroEnabled.main+xml"),
    ".potx": _typed(_pptx, f"{_OPEN}presentationml.template.main+xml"),
    ".ppsm": _typed(_pptx, "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml"),
    ".ppsx": _typed(_pptx, f"{_OPEN}presentationml.slideshow.main+xml"),
    ".pptm": _typed(_pptx, "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"),
    ".pptx": _pptx,
    ".tex": _LATEX,
    ".vtt": _text("WEBVTT\n\n00:00.000 --> 00:09.000\n{heading}. {sentence}\n"),
    ".xhtml": _text(
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
        "<body><h1>{heading}</h1><p>{sentence}</p></body></html>"
    ),
    ".xlsm": _xlsx,
    ".xlsx": _xlsx,
    ".xltm": _typed(_xlsx, "application/vnd.ms-excel.template.macroEnabled.main+xml"),
    ".xltx": _typed(_xlsx, f"{_OPEN}spreadsheetml.template.main+xml"),
}


@attrs.frozen(kw_only=True)
class Result:
    """What one document became: the outcome and the bytes of its outputs, None for one that is not there."""

    outcome: ItemOutcome
    json: bytes
    doctags: bytes | None
    files: dict[str, bytes]

    @property
    def document(self):
        return json.loads(self.json)

    @property
    def texts(self):
        return [item["text"] for item in self.document["texts"]]

    @property
    def labels(self):
        return {item["text"]: item["label"] for item in self.document["texts"]}


def _open_worker(folder, *, resolved=None, progress=lambda _done, _total: None, allow=lambda _seconds: None, **options):
    """Return the worker as a run opens it; without `resolved` with the engine native and without OCR."""
    folder.mkdir(exist_ok=True)
    context = StageContext(
        stage=docparse_doctags.docparse_stage(),
        options=Options(**options),
        workspace=SimpleNamespace(root=folder, cache=folder / ".cache"),
        resolved=resolved or {"engine": "native", "ocr": "off"},
        make_scratch=lambda: folder,
        progress=progress,
        allow=allow,
    )
    return docparse_doctags.docparse_worker(context)


@pytest.fixture(scope="session")
def default_worker(tmp_path_factory):
    return _open_worker(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def open_worker():
    """Return the function that opens a worker of any options."""
    return _open_worker


@pytest.fixture
def convert(default_worker, tmp_path):
    """Convert one file with a worker of the default options, or of others."""

    def run(path: Path, *, fallback=None, worker=None, **options) -> Result:
        worker = worker or (_open_worker(tmp_path / "root", **options) if options else default_worker)
        produced = docparse_doctags.docparse_stage().outputs(worker.options if options else Options())
        outputs = {kind: tmp_path / f"out{output.suffix}" for kind, output in produced.items()}
        for path_of_output in outputs.values():
            path_of_output.unlink(missing_ok=True)
        outcome = worker(WorkItem(item_id="docs/document", inputs={"source": path}, outputs=outputs, fallback=fallback))
        written = {kind: place.read_bytes() for kind, place in outputs.items() if place.exists()}
        return Result(outcome=outcome, json=written["docling"], doctags=written.get("doctags"), files=written)

    return run


@pytest.fixture
def make(tmp_path):
    """Write one small document of the kind that a file name ending says, and return its path."""

    def write(name: str, **details) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ending = max((known for known in MAKERS if name.endswith(known)), key=len)
        MAKERS[ending](path, **details)
        return path

    return write


_ACROSS = (72, 200, 330)


class _TaggedPdf:
    """Writes a tagged PDF, which reportlab cannot: pieces of text, and elements of the structure around them."""

    def __init__(self):
        self._content = []
        self._owners = []
        self._objects = {}
        self._kids = []
        self.size = 10

    def text(self, above, role, said, left, top, spans=""):
        """Add an element with a piece of text, or with none, and return its number."""
        element = self.element(above, role, spans)
        if said:
            number = len(self._owners)
            self._owners.append(element)
            place = f"/F1 {self.size} Tf {left} {842 - top} Td"
            self._content.append(f"/{role} <</MCID {number}>> BDC BT {place} ({said}) Tj ET EMC")
            self._objects[element]["kids"].append(str(number))
        return element

    def element(self, above, role, attributes=""):
        """Add an element, below another or at the top, and return its number."""
        number = 7 + len(self._objects)
        self._objects[number] = {"role": role, "above": above or 5, "kids": [], "attributes": attributes}
        (self._objects[above]["kids"] if above else self._kids).append(f"{number} 0 R")
        return number

    def table(self, rows, **where):
        """Add a table; a cell is a text, or a role, a text and attributes. Return its number."""
        table = self.element(None, "Table")
        self.rows(table, rows, **where)
        return table

    def rows(self, above, rows, *, top=200, across=_ACROSS, pitch=20):
        """Add rows to a table or to a group of its rows."""
        for number, cells in enumerate(rows):
            row = self.element(above, "TR")
            for left, cell in zip(across, cells, strict=False):
                role, said, spans = ("TD", cell, "") if isinstance(cell, str) else cell
                self.text(row, role, said, left, top + number * pitch, spans)

    def put_into(self, above, element):
        """Put an element into another one, too."""
        self._objects[above]["kids"].append(f"{element} 0 R")

    def draw(self, operators):
        """Add something that is drawn."""
        self._content.append(f"/Artifact BMC {operators} EMC")

    def save(self, path):
        """Write the file and return its path."""
        content = "\n".join(self._content).encode()
        parents = " ".join(f"{owner} 0 R" for owner in self._owners)
        kids = " ".join(self._kids)
        objects = [
            b"<</Type /Catalog /Pages 2 0 R /MarkInfo <</Marked true>> /StructTreeRoot 5 0 R>>",
            b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
            (
                b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /StructParents 0 "
                b"/Resources <</Font <</F1 6 0 R>>>>>>"
            ),
            b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
            f"<</Type /StructTreeRoot /K [{kids}] /ParentTree <</Nums [0 [{parents}]]>>>>".encode(),
            b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
            *(_structure_element(one) for one in self._objects.values()),
        ]
        data, places = b"%PDF-1.7\n", []
        for number, body in enumerate(objects, 1):
            places.append(len(data))
            data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        size = len(objects) + 1
        trailer = b"trailer\n<</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(data))
        path.write_bytes(data + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer)
        return path


def _structure_element(one):
    attributes = f"/A <</O /Table {one['attributes']}>>" if one["attributes"] else ""
    kids = " ".join(one["kids"])
    return f"<</Type /StructElem /S /{one['role']} /P {one['above']} 0 R /Pg 3 0 R {attributes} /K [{kids}]>>".encode()


@pytest.fixture
def tagged_pdf():
    """Return what writes tagged PDFs."""
    return _TaggedPdf


@pytest.fixture
def archive():
    """Return a copy of a zip archive, as bytes, with some members replaced or added."""

    def rewritten(path: Path, **members: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                if name not in members:
                    new.writestr(name, old.read(name))
            for name, data in members.items():
                new.writestr(name, data)
        return buffer.getvalue()

    return rewritten


@pytest.fixture
def heading():
    return HEADING


@pytest.fixture
def sentence():
    return SENTENCE
