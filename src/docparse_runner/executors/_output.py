"""The last lines that a worker process printed, as they are recorded with what went wrong."""

import os

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
