"""What a file is by its first bytes, whatever its name says."""

import codecs
import re

import attrs

HEAD_BYTES = 8192
"""How much of a file is looked at."""

_PDF_WINDOW = 1024
"""Readers accept junk before ``%PDF-`` within the first 1024 bytes (ISO 32000-1, implementation note 13)."""

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an OLE container begins (MS-CFB 2.2): legacy Office files, Outlook messages, encrypted Office files."""

_SIGNATURES = tuple(
    (re.compile(pattern, re.DOTALL), kind, label)
    for pattern, kind, label in (
        (rb"PK\x03\x04", "zip", "a zip archive"),
        (rb"PK\x05\x06", "zip", "an empty zip archive"),
        (re.escape(OLE), "ole", "a legacy Office file"),
        (rb"\{\\rtf", "rtf", "an RTF document"),
        (rb"\x89PNG\r\n\x1a\n", "image", "a PNG image"),
        (rb"\xff\xd8\xff", "image", "a JPEG image"),
        (rb"II\*\0|MM\0\*", "image", "a TIFF image"),
        (rb"RIFF.{4}WEBP", "image", "a WebP image"),
        # The magic number alone is how a CSV file with a column BM25 begins; two reserved words follow it.
        (rb"BM.{4}\0{4}", "image", "a bitmap"),
        (rb"GIF8", "other", "a GIF image"),
        (rb"\x1f\x8b", "other", "a gzip archive"),
        (rb"7z\xbc\xaf\x27\x1c", "other", "a 7-Zip archive"),
        (rb"Rar!\x1a\x07", "other", "a RAR archive"),
        (rb"\x7fELF", "other", "a program"),
        (rb"%!PS", "other", "a PostScript file"),
        (rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff", "text", "plain text"),  # byte order marks of UTF-16 and UTF-32
    )
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_CONTROL_SHARE = 0.02
"""Text has practically no control characters; random bytes are 10 % of them."""


@attrs.frozen(kw_only=True)
class Content:
    """What the first bytes look like.

    Attributes:
        kind: ``pdf``, ``zip``, ``ole``, ``rtf``, ``image``, ``html``, ``text``, or ``other`` for what is surely no
            document.
        label: the same for a person, with its article.
    """

    kind: str
    label: str


def sniff(head: bytes, *, lenient_pdf: bool = False) -> Content:
    """Return what the content looks like.

    Args:
        head: the first ``HEAD_BYTES`` of the file.
        lenient_pdf: whether a PDF header may follow some junk, as it may in a file that is named ``.pdf``.
    """
    if b"%PDF-" in (head[:_PDF_WINDOW] if lenient_pdf else head[:5]):
        return Content(kind="pdf", label="a PDF")
    for magic, kind, label in _SIGNATURES:
        if magic.match(head):
            return Content(kind=kind, label=label)
    if _is_binary(head):
        return Content(kind="other", label="binary data of an unknown kind")
    if _HTML.match(head.removeprefix(codecs.BOM_UTF8)):
        return Content(kind="html", label="an HTML page")
    return Content(kind="text", label="plain text")


def _is_binary(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROL))
    return b"\0" in head or controls > _CONTROL_SHARE * len(head)
