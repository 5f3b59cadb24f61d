"""Files whose names native libraries cannot open."""

from io import BytesIO
from pathlib import Path


def openable(path: Path) -> Path | BytesIO:
    """Return the path, or the file's bytes where the path is not valid UTF-8, which is what libraries in C++ expect."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return BytesIO(path.read_bytes())
    return path


def shown_name(path: Path) -> str:
    """Return the file's name with what is not UTF-8 in it replaced."""
    return path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
