"""Which file names the stage takes, and as which of docling's formats."""

from collections.abc import Mapping
from types import MappingProxyType

EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        ".adoc": "asciidoc",
        ".asc": "asciidoc",
        ".asciidoc": "asciidoc",
        ".csv": "csv",
        ".dclg": "xml_doclang",
        ".docling.json": "json_docling",
        ".docm": "docx",
        ".docx": "docx",
        ".dotm": "docx",
        ".dotx": "docx",
        ".eml": "email",
        ".epub": "epub",
        ".htm": "html",
        ".html": "html",
        ".latex": "latex",
        ".markdown": "md",
        ".md": "md",
        ".mht": "mhtml",
        ".mhtml": "mhtml",
        ".msg": "email",
        ".nxml": "xml_jats",
        ".odp": "odp",
        ".ods": "ods",
        ".odt": "odt",
        ".pdf": "pdf",
        ".potm": "pptx",
        ".potx": "pptx",
        ".ppsm": "pptx",
        ".ppsx": "pptx",
        ".pptm": "pptx",
        ".pptx": "pptx",
        ".tex": "latex",
        ".vtt": "vtt",
        ".xhtml": "html",
        ".xlsm": "xlsx",
        ".xlsx": "xlsx",
        ".xltm": "xlsx",
        ".xltx": "xlsx",
    }
)
"""File name ending → the value of docling's ``InputFormat``. Each one is converted without a model.

Left out on purpose: ``.txt``, because docling reads it as Markdown and drops what looks like a tag (``if a<b``).
"""

GENERIC = frozenset({".json", ".xml"})
"""Endings of documents and of much else: the content decides, and what is no document is skipped."""

IMAGES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Images, which are skipped where nothing here can read them."""

LEGACY: Mapping[str, str] = MappingProxyType({".doc": "docx", ".ppt": "pptx", ".rtf": "docx", ".xls": "xlsx"})
"""Formats that LibreOffice converts first, when asked to → what into."""

PATTERNS = tuple(f"*{ending}" for ending in sorted({*EXTENSIONS, *GENERIC, *IMAGES, *LEGACY}))
"""The same as glob patterns on the file name."""

ARCHIVES = frozenset({"docx", "epub", "odp", "ods", "odt", "pptx", "xlsx"})
"""Formats that are zip archives."""

BINARY = ARCHIVES | {"pdf"}
"""Formats whose content is told by a signature, so that a wrong name is noticed."""

PAGED = frozenset({"image", "pdf"})
"""Formats that an engine converts; the others say themselves what their parts are."""


def ending_of(name: str) -> str:
    """Return the known ending of a file name, lower case and with its dot, or an empty string."""
    lower = name.lower()
    return max((ending for ending in EXTENSIONS if lower.endswith(ending)), key=len, default="")
