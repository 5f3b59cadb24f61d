"""Which file names the stage takes, and as which of docling's formats."""

from collections.abc import Mapping
from types import MappingProxyType

EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        ".adoc": "asciidoc",
        ".asc": "asciidoc",
        ".asciidoc": "asciidoc",
        ".csv": "csv",
        ".docling.json": "json_docling",
        ".docx": "docx",
        ".eml": "email",
        ".epub": "epub",
        ".htm": "html",
        ".html": "html",
        ".latex": "latex",
        ".markdown": "md",
        ".md": "md",
        ".mht": "mhtml",
        ".mhtml": "mhtml",
        ".nxml": "xml_jats",
        ".odp": "odp",
        ".ods": "ods",
        ".odt": "odt",
        ".pdf": "pdf",
        ".pptx": "pptx",
        ".tex": "latex",
        ".vtt": "vtt",
        ".xhtml": "html",
        ".xlsm": "xlsx",
        ".xlsx": "xlsx",
    }
)
"""File name ending → the value of docling's ``InputFormat``. Each one is converted without a model.

Left out on purpose: ``.txt``, because docling reads it as Markdown and drops what looks like a tag (``if a<b``);
``.xml`` and ``.json``, because few of them are documents; ``.docm``, ``.dotx`` and the like, which python-docx refuses.
"""

PATTERNS = tuple(f"*{ending}" for ending in EXTENSIONS)
"""The same as glob patterns on the file name."""

ARCHIVES = frozenset({"docx", "epub", "odp", "ods", "odt", "pptx", "xlsx"})
"""Formats that are zip archives."""

BINARY = ARCHIVES | {"pdf"}
"""Formats whose content is told by a signature, so that a wrong name is noticed."""


def ending_of(name: str) -> str:
    """Return the known ending of a file name, lower case and with its dot, or an empty string."""
    lower = name.lower()
    return max((ending for ending in EXTENSIONS if lower.endswith(ending)), key=len, default="")
