"""What a file is by its first bytes, whatever its name says."""

import codecs
import re

import attrs

HEAD_BYTES = 8192
"""How much of a file is looked at."""

_PDF_WINDOW = 1024
"""Readers accept junk before ``%PDF-`` within the first 1024 bytes (ISO 32000-1, implementation note 13)."""

_SIGNATURES = (
    (b"PK\x03\x04", "zip", "a zip archive"),
    (b"PK\x05\x06", "zip", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole", "a legacy Office file"),
    (b"{\\rtf", "other", "an RTF document"),
    (b"\x89PNG\r\n\x1a\n", "other", "a PNG image"),
    (b"\xff\xd8\xff", "other", "a JPEG image"),
    (b"GIF8", "other", "a GIF image"),
    (b"II*\x00", "other", "a TIFF image"),
    (b"MM\x00*", "other", "a TIFF image"),
    (b"\x1f\x8b", "other", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "other", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "other", "a RAR archive"),
    (b"\x7fELF", "other", "a program"),
    (b"%!PS", "other", "a PostScript file"),
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_CONTROL_SHARE = 0.02
"""Text has practically no control characters; random bytes are 10 % of them."""


@attrs.frozen(kw_only=True)
class Content:
    """What the first bytes look like.

    Attributes:
        kind: ``pdf``, ``zip``, ``ole``, ``html``, ``text``, or ``other`` for what is surely no document.
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
        if head.startswith(magic):
            return Content(kind=kind, label=label)
    if head.startswith(_WIDE):
        return Content(kind="text", label="plain text")
    if _is_binary(head):
        return Content(kind="other", label="binary data of an unknown kind")
    if _HTML.match(head.removeprefix(codecs.BOM_UTF8)):
        return Content(kind="html", label="an HTML page")
    return Content(kind="text", label="plain text")


def _is_binary(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROL))
    return b"\0" in head or controls > _CONTROL_SHARE * len(head)
