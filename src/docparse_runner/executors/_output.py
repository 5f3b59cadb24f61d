"""The last lines that a worker process printed, as they are recorded with what went wrong."""

import contextlib
import os
import sys
from typing import TextIO

from docparse_runner._secrets import Redactor

TAIL = 4000
"""So many bytes are kept."""


def last_output(descriptor: int, hide: Redactor) -> str:
    """Return the end of the file behind a descriptor, without secrets.

    Raises:
        OSError: it cannot be read.
    """
    size, wanted = os.fstat(descriptor).st_size, TAIL + hide.margin
    return hide.tail(os.pread(descriptor, wanted, max(0, size - wanted)), TAIL).strip()


class Output:
    """A worker's side of the file that takes what its items print, whatever they do to their streams."""

    def __init__(self) -> None:
        """Remember which file it is: an item may close the descriptor, and the next file to be opened gets it."""
        self._file = _identity(1)

    def forget(self) -> None:
        """Empty the file for the next item, and undo what the last one did to the streams."""
        sys.stdout, sys.stderr = self._usable(sys.stdout, 1), self._usable(sys.stderr, 2)
        if _identity(1) == self._file is not None and os.lseek(1, 0, os.SEEK_END):
            os.ftruncate(1, 0)

    def last(self, hide: Redactor) -> str:
        """Return the last lines that the item printed, without secrets; empty when there is no telling."""
        with contextlib.suppress(AttributeError, OSError, ValueError):  # the item may have closed them
            sys.stdout.flush()
            sys.stderr.flush()
            return last_output(1, hide) if _identity(1) == self._file else ""
        return ""

    def _usable(self, stream: TextIO, descriptor: int) -> TextIO:
        """Return the stream, flushed, or a new one when the item before closed it: that must cost nobody else."""
        is_ours = _identity(descriptor) == self._file
        try:
            stream.flush()
            if is_ours:
                return stream
        except (AttributeError, OSError, ValueError):
            pass
        file = descriptor if is_ours else os.devnull
        return open(file, "w", encoding="utf-8", errors="backslashreplace", closefd=not is_ours)


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Return what tells a file from all others, None when the descriptor is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
