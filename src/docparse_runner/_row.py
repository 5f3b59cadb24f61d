"""One line of a manifest: the same fields on every stage."""

import functools
import os
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from docparse_runner._workspace import printable
from docparse_runner.errors import StageError

SCHEMA_VERSION = 1
"""Of a row; it rises when a field changes its meaning."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a torn or garbled line raises."""

IMPORTED = "imported"
"""Name of the manifest of what the earlier runner made, reason of its rows, and first part of ids without a folder."""

GONE = "gone"
"""Status of a row that says: this document was recorded before and is no longer there."""


class FileState(msgspec.Struct, frozen=True, gc=False):
    """A file as it was when a row was written.

    Attributes:
        path: relative to the data root where it lies inside, else absolute.
        size: bytes.
        mtime_ns: time of the last change of the content, nanoseconds since 1970.
        ctime_ns: time of the last change of the inode, the same unit.
        inode: number of the inode.
        digest: ``sha256:…`` over the raw bytes; empty when they were never read.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str = ""

    @classmethod
    def of(cls, path: str, found: os.stat_result, digest: str = "") -> "FileState":
        """Return the state of a file from its ``stat``."""
        return cls(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, digest)

    def same_stat(self, found: os.stat_result) -> bool:
        """Whether size, times and inode are those recorded."""
        return (
            self.size == found.st_size
            and self.mtime_ns == found.st_mtime_ns
            and self.ctime_ns == found.st_ctime_ns
            and self.inode == found.st_ino
        )


class ErrorRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A failure as a row holds it.

    Attributes:
        category: see ``docparse_runner.Category``.
        message: one sentence.
        retryable: whether ``--retries`` may try it again.
        type: name of the exception's class.
        detail: traceback, last lines that the worker printed.
        limit: for ``timeout`` the deadline in seconds, for ``oom`` the limit in bytes: raised, the item is tried again.
    """

    category: str
    message: str
    retryable: bool = False
    type: str = ""
    detail: str = ""
    limit: float = 0.0

    def __post_init__(self) -> None:
        """Make the texts, which may quote an undecodable file name, ones that can be written."""
        for name in ("message", "detail"):
            msgspec.structs.force_setattr(self, name, printable(getattr(self, name)))

    @classmethod
    def of(cls, error: StageError, kind: str = "") -> "ErrorRecord":
        """Return the record of an error that a worker raised."""
        return cls(
            category=str(error.category),
            message=error.message,
            retryable=error.is_retryable,
            type=kind or type(error).__name__,
            detail=error.detail,
        )

    def restored(self, stage: str, item_id: str) -> StageError:
        """Return the error as hooks see it."""
        return StageError(
            self.message,
            category=self.category,
            retryable=self.retryable,
            detail=self.detail,
            stage=stage,
            item_id=item_id,
        )


class LastGood(msgspec.Struct, frozen=True, gc=False):
    """The result that a failure row left in place.

    Attributes:
        run_id: the run that made it.
        outputs: its files.
    """

    run_id: str
    outputs: Mapping[str, FileState]


class Row(msgspec.Struct, kw_only=True, gc=False):
    """One line of a manifest: the same fields on every stage.

    Attributes:
        schema_version: ``SCHEMA_VERSION``.
        run_id: the run that wrote the row.
        stage: the stage.
        stage_version: ``Stage.version``.
        item_id: the document; `doc_id` is the same thing under the name that later stages use.
        doc_id: see `item_id`.
        status: ``success``, ``partial``, ``skip``, ``failure`` or ``gone``.
        reason: why it ran (``new``, ``input changed`` …), what was given up, or why it was skipped.
        category: of a failure, else empty.
        attempts: tries in that run.
        started_at: start of the last try, ISO 8601 in UTC.
        duration_s: of the last try, seconds.
        worker: name of the worker.
        input_path: of the first input.
        output_path: of the canonical output, or empty.
        inputs: kind → the file that was read.
        cfg_hash: see ``config_hash``.
        outputs: kind → the file that was written.
        metrics: JSON data from the stage.
        error: of a failure.
        last_good: of a failure: the older result that is still in place.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    stage: str
    stage_version: int
    item_id: str
    doc_id: str
    status: str
    reason: str
    category: str = ""
    attempts: int
    started_at: str
    duration_s: float
    worker: str
    input_path: str
    output_path: str
    inputs: dict[str, FileState]
    cfg_hash: str
    outputs: Mapping[str, FileState]
    metrics: dict[str, Any]
    error: ErrorRecord | None = None
    last_good: LastGood | None = None

    @property
    def in_place(self) -> Mapping[str, FileState]:
        """Return the outputs that the row speaks of, or that its failure left."""
        return self.outputs or (self.last_good.outputs if self.last_good else {})


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, to the millisecond."""
    whole, thousandths = divmod(int(seconds * 1000), 1000)
    return f"{_second(whole)}.{thousandths:03}Z"


@functools.lru_cache(maxsize=2)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
