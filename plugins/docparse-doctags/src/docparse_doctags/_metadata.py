"""What a document says about itself: title, authors, dates, language."""

import re
import zipfile
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
from docling.utils.locks import pypdfium2_lock
from lxml import etree  # type: ignore[import-untyped]  # there are no stubs

from docparse_doctags._archive import opened
from docparse_doctags._sniff import OLE
from docparse_doctags._source import openable

Facts = dict[str, Any]

_HEAD = 200_000
"""So much of a text is looked at, in bytes: what a document says about itself stands at its beginning."""

_LARGEST_PART = 5_000_000
_PDF_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(Z|[+-]\d\d'?\d\d)?")
_PARTS = {
    "docx": "docProps/core.xml",
    "pptx": "docProps/core.xml",
    "xlsx": "docProps/core.xml",
    "odt": "meta.xml",
    "ods": "meta.xml",
    "odp": "meta.xml",
}
_NAMES = {
    "title": "title",
    "creator": "authors",
    "initial-creator": "authors",
    "created": "created",
    "creation-date": "created",
    "modified": "modified",
    "date": "modified",
    "language": "language",
}
"""Local name of an element of OOXML's, OpenDocument's or EPUB's metadata → what it says."""

_XML = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False, "recover": True}
_UNREADABLE = (zipfile.BadZipFile, KeyError, LookupError, TypeError, ValueError, etree.LxmlError, pdfium.PdfiumError)


def facts_of(path: Path, kind: str, *, password: str | None = None) -> Mapping[str, Any]:
    """Return what the document says about itself, as far as it does.

    There may be ``title``, ``authors``, ``created``, ``modified`` and ``language``. Dates are as ISO 8601 writes them,
    or as the document does where it writes them otherwise.

    Args:
        path: the file, of which docling could read the rest.
        kind: docling's name for its format.
        password: of a PDF that has one.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        facts = _read(path, kind, password)
    except _UNREADABLE:
        return {}
    return {name: value for name, value in facts.items() if value}


def _read(path: Path, kind: str, password: str | None) -> Facts:
    if kind == "pdf":
        return _of_pdf(path, password)
    if kind in _PARTS:
        return _of_archive(path, _PARTS[kind])
    if kind == "epub":
        with opened(path) as archive:
            package = [name for name in archive.namelist() if name.endswith(".opf")]
        return _of_archive(path, package[0])
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if kind == "html":
        return _of_page(head)
    if kind in {"email", "mhtml"}:
        return _of_outlook(path) if head.startswith(OLE) else _of_mail(head)
    return _of_article(head) if kind == "xml_jats" else {}


def _of_pdf(path: Path, password: str | None) -> Facts:
    with pypdfium2_lock:  # PDFium is not thread-safe
        document = pdfium.PdfDocument(openable(path), password=password)
        try:
            told = document.get_metadata_dict()
        finally:
            document.close()
    return {
        "title": _one_line(told["Title"]),
        "authors": [name for part in told["Author"].split(";") if (name := _one_line(part))],
        "created": _pdf_date(told["CreationDate"]),
        "modified": _pdf_date(told["ModDate"]),
    }


def _pdf_date(text: str) -> str:
    """Return a PDF's date (ISO 32000-1, 7.9.4) in ISO 8601."""
    match = _PDF_DATE.match(text)
    if match is None:
        return _one_line(text)
    year, month, day, hour, minute, second, zone = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if hour is None or day is None:
        return date
    offset = "" if zone is None else zone.replace("'", "")
    offset = f"{offset[:3]}:{offset[3:]}" if len(offset) > 1 else offset
    return f"{date}T{hour}:{minute or '00'}:{second or '00'}{offset}"


def _of_archive(path: Path, member: str) -> Facts:
    with opened(path) as archive, archive.open(member) as file:
        root = _root(file.read(_LARGEST_PART))
    facts: Facts = {"authors": []}
    for element in root.iter(etree.Element):
        name = _NAMES.get(etree.QName(element).localname)
        text = _one_line(element.text or "")
        if name == "authors":
            facts[name] += [text] if text and text not in facts[name] else []
        elif name and text:
            facts.setdefault(name, text)
    return facts


def _of_page(head: bytes) -> Facts:
    from bs4 import BeautifulSoup  # noqa: PLC0415 - a tenth of what a worker's start would import

    page = BeautifulSoup(head.partition(b"</head>")[0], "html.parser")
    named = {str(tag.get("name") or tag.get("property")).lower(): str(tag.get("content") or "") for tag in page("meta")}
    root = page.find("html")
    return {
        "title": _one_line(page.title.get_text() if page.title else named.get("og:title", "")),
        "authors": [_one_line(named["author"])] if named.get("author") else [],
        "created": _one_line(named.get("date") or named.get("article:published_time") or ""),
        "modified": _one_line(named.get("last-modified") or named.get("article:modified_time") or ""),
        "language": _one_line(str(root.get("lang") or "")) if root else "",
    }


def _of_mail(head: bytes) -> Facts:
    mail = message_from_bytes(head, policy=policy.default)
    senders = getaddresses([str(value) for value in _headers(mail, "From")])
    sent = next((getattr(value, "datetime", None) for value in _headers(mail, "Date")), None)
    return {
        "title": _one_line("".join(map(str, _headers(mail, "Subject")[:1]))),
        "authors": [_one_line(name or address) for name, address in senders if name or address],
        "created": sent.isoformat() if sent else "",
        "language": _one_line("".join(map(str, _headers(mail, "Content-Language")[:1]))),
    }


def _headers(mail: EmailMessage, name: str) -> list[Any]:
    """Return the headers of that name; none where Python's parser stumbles, as over a group inside of an address."""
    try:
        return mail.get_all(name, [])
    except (AttributeError, IndexError, ValueError):
        return []


def _of_outlook(path: Path) -> Facts:
    from oxmsg import Message  # noqa: PLC0415 - few documents are such

    data = BytesIO(path.read_bytes())
    try:
        mail = Message.load(data)
        return {
            "title": _one_line(mail.subject),
            "authors": [_one_line(mail.sender)] if mail.sender else [],
            "created": mail.sent_date.isoformat() if mail.sent_date else "",
        }
    except OSError:  # olefile's own errors are such
        return {}


def _of_article(head: bytes) -> Facts:
    root = _root(head)
    names = [
        _one_line(f"{name.findtext('given-names') or ''} {name.findtext('surname') or ''}")
        for name in root.iterfind(".//article-meta//contrib/name")
    ]
    title = root.find(".//article-meta//article-title")
    date = root.find(".//article-meta//pub-date")
    parts = [] if date is None else [(date.findtext(part) or "").strip().zfill(2) for part in ("year", "month", "day")]
    return {
        "title": _one_line("".join(title.itertext())) if title is not None else "",
        "authors": [name for name in names if name],
        "created": "-".join(part for part in parts if part != "00"),
        "language": root.get("{http://www.w3.org/XML/1998/namespace}lang", ""),
    }


def _root(data: bytes) -> Any:
    root = etree.fromstring(data, etree.XMLParser(**_XML))
    if root is None:
        msg = "not even the first element can be read"
        raise ValueError(msg)
    return root


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", "").split())
