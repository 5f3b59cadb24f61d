"""Small files that would take a reader hours or gigabytes: how deep they nest, how many cells they span."""

import contextlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from docparse_doctags._archive import DAMAGE, opened
from docparse_doctags._refusal import AGAIN, refusal

_BLOCK = 1 << 20
_DEEP = 500
"""docling's HTML reader ends in a RecursionError below 800 nested elements, after a time that grows with the square."""

_QUOTED = 20
"""Markdown quotations nested deeper: marko takes twice the time for each level, 0.5 s at 24."""

_SPAN = 10_000_000
"""Cells of the rectangle that a worksheet spans. docling walks all of it: one cell at XFD1048576 took 64 s and 5 GB."""

_TAG = re.compile(rb"<(/?)([a-z][a-z0-9]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?(/?)>", re.IGNORECASE)
_OPEN_ENDED = frozenset(
    b"area base br col colgroup dd dt embed hr img input li link meta option p param path source tbody td tfoot th "
    b"thead tr track wbr".split()
)
"""Elements that need not be closed, or cannot be."""

_QUOTE = re.compile(rb"^[ \t]*(?:>[ \t]?){%d,}" % (_QUOTED + 1), re.MULTILINE)
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=\"([A-Z]{1,3})(\d{1,7})\"")
_MARKUP = frozenset({"html", "md", "mhtml"})


def check_shape(path: Path, kind: str, *, max_text_mb: float, max_cells: int) -> None:
    """Refuse a document that is small on disk and too much for its reader.

    Args:
        path: the document.
        kind: docling's name for its format, which is not a PDF or an image.
        max_text_mb: limit of a text's size.
        max_cells: limit of the cells of a workbook or a CSV file.

    Raises:
        StageError: of category ``input``.
    """
    if kind == "xlsx":
        _check_workbook(path, max_cells)
    elif not zipfile.is_zipfile(path):
        _check_text(path, kind, max_text_mb=max_text_mb, max_cells=max_cells)


def _check_text(path: Path, kind: str, *, max_text_mb: float, max_cells: int) -> None:
    size_mb = path.stat().st_size / 1e6
    if size_mb > max_text_mb and kind != "email":
        msg = f"the text has {size_mb:,.1f} MB, more than the limit --max-text-mb {max_text_mb:g}: {AGAIN}"
        raise refusal(msg)
    data = path.read_bytes()
    if kind == "csv":
        _check_cells(max(data.count(mark) for mark in b",;\t|") + data.count(b"\n"), max_cells)
    if kind in _MARKUP and (depth := _depth(data)) > _DEEP:
        msg = f"elements of the page are nested {depth:,} deep, and its reader goes no deeper than {_DEEP}"
        raise refusal(msg)
    if kind == "md" and _QUOTE.search(data):
        msg = f"quotations in the text are nested more than {_QUOTED} deep"
        raise refusal(msg)


def _depth(data: bytes) -> int:
    """Return how deep elements nest that must be closed."""
    depth = deepest = 0
    for closes, name, closed in _TAG.findall(data):
        if closed or name.lower() in _OPEN_ENDED:
            continue
        depth = max(0, depth - 1) if closes else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _check_cells(cells: int, max_cells: int) -> None:
    if cells > max_cells:
        msg = f"the file has {cells:,} cells, more than the limit --max-cells {max_cells}: {AGAIN}"
        raise refusal(msg)


def _check_workbook(path: Path, max_cells: int) -> None:
    cells = 0
    with contextlib.suppress(*DAMAGE), opened(path) as archive:  # docling's reader says what is damaged
        for member in archive.infolist():
            if member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml"):
                cells += _cells_of(archive, member)
                _check_cells(cells, max_cells)


def _cells_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return how many cells a worksheet has.

    Raises:
        StageError: they lie too far apart.
    """
    cells = columns = rows = 0
    for block in _blocks(archive, member):
        for column, row in _CELL.findall(block):
            cells += 1
            columns, rows = max(columns, _number(column)), max(rows, int(row))
    if columns * rows > _SPAN:
        spans = f"the worksheet {member.filename} spans {rows:,} rows and {columns:,} columns"
        msg = f"{spans}, more than {_SPAN:,} cells: delete what lies far outside"
        raise refusal(msg)
    return cells


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member in blocks that end where an element begins."""
    rest = b""
    with archive.open(member) as file:
        while block := file.read(_BLOCK):
            whole, mark, tail = (rest + block).rpartition(b"<")
            yield whole
            rest = mark + tail
    yield rest


def _number(column: bytes) -> int:
    """Return the number of a column: A is 1, XFD is 16,384."""
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number
