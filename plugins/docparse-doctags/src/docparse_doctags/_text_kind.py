"""What a text is by how it begins, where the name of its file says little."""

import re

_MARKUP = (
    ("json_docling", re.compile(r'\s*\{(?=.{0,400}"schema_name"\s*:\s*"DoclingDocument")', re.DOTALL)),
    ("vtt", re.compile(r"WEBVTT\b")),
    ("xml_doclang", re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<doclang\b")),
    ("xml_jats", re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<!DOCTYPE\s+article\b[^>]*JATS", re.IGNORECASE)),
    ("xml_uspto", re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<!DOCTYPE\s+(?:us-)?patent-[\w-]+", re.IGNORECASE)),
    ("latex", re.compile(r"(?:\s*%[^\n]*\n|\s*\n)*\s*\\documentclass\b")),
)
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*:[ \t]")
_MAIL = re.compile(r"^(?:From|To|Subject|Received|Return-Path|Message-ID|MIME-Version):", re.MULTILINE | re.IGNORECASE)
_MHTML = re.compile(r"^Content-Type:\s*multipart/related", re.MULTILINE | re.IGNORECASE)
_ENOUGH_HEADERS = 2


def text_kind(head: bytes) -> str | None:
    """Return docling's name for the format of a text, or None where its beginning does not tell."""
    text = head.decode("utf-8-sig", "replace")
    found = next((kind for kind, pattern in _MARKUP if pattern.match(text)), None)
    if found or not _HEADER.match(text):
        return found
    headers = text.replace("\r\n", "\n").partition("\n\n")[0]
    if _MHTML.search(headers):
        return "mhtml"
    return "email" if len(_MAIL.findall(headers)) >= _ENOUGH_HEADERS else None
