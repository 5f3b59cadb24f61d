"""Word and PowerPoint files with macros, templates and slide shows.

They are documents and presentations but for the type that they declare of themselves (ECMA-376 Part 1, 15.2), which is
all that python-docx and python-pptx, docling's readers, look at. Macros are a part of their own, which nobody opens.
"""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

_TYPES = "[Content_Types].xml"
_OPEN = "application/vnd.openxmlformats-officedocument."
_MAIN: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "docx": (
            f"{_OPEN}wordprocessingml.document.main+xml",
            (
                "application/vnd.ms-word.document.macroEnabled.main+xml",
                "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
                f"{_OPEN}wordprocessingml.template.main+xml",
            ),
        ),
        "pptx": (
            f"{_OPEN}presentationml.presentation.main+xml",
            (
                "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
                "application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
                f"{_OPEN}presentationml.slideshow.main+xml",
                f"{_OPEN}presentationml.template.main+xml",
            ),
        ),
    }
)
"""docling's name for a format → the type that its reader takes, and those of the same content."""


def office_stream(path: Path, kind: str) -> BytesIO:
    """Return the bytes of a file, those of an office file with the type that docling's reader takes.

    Args:
        path: the file.
        kind: docling's name for its format.

    Raises:
        OSError: the file cannot be read.
        BadZipFile: an archive is damaged; other errors of ``zipfile`` too.
    """
    data = BytesIO(path.read_bytes())
    if kind not in _MAIN:
        return data
    main, others = _MAIN[kind]
    with zipfile.ZipFile(data) as archive:
        declared = archive.read(_TYPES) if _TYPES in archive.namelist() else b""
        found = next((other for other in others if f'"{other}"'.encode() in declared), None)
        if found is None:
            data.seek(0)
            return data
        return _retyped(archive, declared.replace(f'"{found}"'.encode(), f'"{main}"'.encode()))


def _retyped(archive: zipfile.ZipFile, types: bytes) -> BytesIO:
    copy = BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target:
        for member in archive.infolist():
            target.writestr(member, types if member.filename == _TYPES else archive.read(member))
    copy.seek(0)
    return copy
