"""Compaction: a manifest is rewritten to the last row of each item, losing nothing wherever it is killed."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import attrs
import filelock
import msgspec

from docparse_runner._files import sync_folder
from docparse_runner._row import UNREADABLE, Row
from docparse_runner.errors import ManifestError, UsageError


@attrs.frozen(kw_only=True)
class Compacted:
    """What became of one file.

    Attributes:
        path: the file.
        rows_before: readable rows that it had.
        rows_after: rows that it has.
        bytes_before: its size then, bytes.
        bytes_after: its size now, bytes.
        dropped: unreadable lines that were left out.
        torn: whether one of these was a torn last line.
    """

    path: Path
    rows_before: int
    rows_after: int
    bytes_before: int
    bytes_after: int
    dropped: int
    torn: bool


@attrs.define
class _Found:
    """What a first reading of a file tells.

    Attributes:
        last: item id → offset of its last row, bytes.
        rows: number of readable rows.
        bad: number of unreadable lines.
        torn: whether the last line is unreadable and has no end.
    """

    last: dict[str, int] = attrs.field(factory=dict)
    rows: int = 0
    bad: int = 0
    torn: bool = False


def decoded(line: bytes, decoder: msgspec.json.Decoder[Row]) -> Row | None:
    """Return the row of a line, or None for an unreadable one."""
    try:
        return decoder.decode(line)
    except UNREADABLE:
        return None


def compact(path: Path, *, drop_unreadable: bool = False) -> Compacted:
    """Rewrite a manifest to the last row of each item, byte for byte as it was; the run lock must be held.

    A torn last line, which no reader sees, is dropped. Killed at any moment, the file is the old one or the new one.

    Args:
        path: the manifest.
        drop_unreadable: drop other unreadable lines too.

    Raises:
        UsageError: there are unreadable lines, and they are not to be dropped.
        ManifestError: the file cannot be read or written; no row is lost.
    """
    try:
        with filelock.FileLock(f"{path}.lock"):  # the lock of those who append
            return _compact(path.resolve(), drop_unreadable=drop_unreadable)
    except OSError as error:
        msg = f"{path} cannot be compacted: {error.strerror or error}; no row is lost"
        raise ManifestError(msg) from error


def _compact(path: Path, *, drop_unreadable: bool) -> Compacted:
    size = path.stat().st_size
    found = _read(path)
    if found.bad - found.torn and not drop_unreadable:
        msg = (
            f"{path} has {found.bad - found.torn} unreadable lines; it stays as it is. Look at them, or give "
            "--drop-unreadable: the results that they recorded are then made again"
        )
        raise UsageError(msg)
    if found.bad or found.rows > len(found.last):
        _replace(path, set(found.last.values()))
    return Compacted(
        path=path,
        rows_before=found.rows,
        rows_after=len(found.last),
        bytes_before=size,
        bytes_after=path.stat().st_size,
        dropped=found.bad,
        torn=found.torn,
    )


def _read(path: Path) -> _Found:
    decoder = msgspec.json.Decoder(Row)
    found = _Found()
    with path.open("rb") as file:
        for offset, line in _numbered(file):
            row = decoded(line, decoder)
            if row is not None:
                found.last[row.item_id] = offset
                found.rows += 1
            elif line.strip():
                found.bad += 1
                found.torn = not line.endswith(b"\n")
    return found


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield (offset in bytes, line)."""
    offset = 0
    for line in file:
        yield offset, line
        offset += len(line)


def _replace(path: Path, kept: set[int]) -> None:
    """Put in place a file that has only the lines at these offsets."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with path.open("rb") as old, beside.open("wb") as new:
            for offset, line in _numbered(old):
                if offset in kept:
                    new.write(line if line.endswith(b"\n") else line + b"\n")
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(path, beside)
        os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    sync_folder(path.parent)
