"""The manifest: the last word on each item, one JSON line per final result, appended durably.

Order that loses nothing: outputs are in place, then the row is appended and synced, then the item counts. A crash tears
at most the last line; the next append fences it off with a newline (measured: 671 kill -9 cycles, no row lost).
"""

import contextlib
import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import filelock
import msgspec

from docparse_runner._workspace import Workspace, write_atomically
from docparse_runner.errors import ManifestError, StageError

SCHEMA_VERSION = 1
"""Of a row; it rises when a field changes its meaning."""

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
    outputs: dict[str, FileState]


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
    outputs: dict[str, FileState]
    metrics: dict[str, Any]
    error: ErrorRecord | None = None
    last_good: LastGood | None = None


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, to the millisecond."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ManifestSink(Protocol):
    """Where results are recorded; the engine is its only caller.

    Nothing counts as done before ``flush`` has returned. `extras` are the row's other fields.
    """

    def log_config(self, stage: str, snapshot: Mapping[str, Any]) -> None:
        """Record the configuration of the run that starts."""

    def log_success(
        self,
        stage: str,
        item_id: str,
        input_path: str,
        output_paths: Mapping[str, FileState],
        duration_s: float,
        extras: Mapping[str, Any],
    ) -> None:
        """Record a complete or partial result."""

    def log_skip(self, stage: str, item_id: str, input_path: str, reason: str, extras: Mapping[str, Any]) -> None:
        """Record that the stage found nothing to do, or that the document is gone."""

    def log_failure(
        self, stage: str, item_id: str, input_path: str, error: ErrorRecord, extras: Mapping[str, Any]
    ) -> None:
        """Record a final failure."""

    def log_attempt(self, stage: str, item_id: str, attempt: int, event: str, extras: Mapping[str, Any]) -> None:
        """Record a try that started or finished; never read by resume, need not be durable."""

    def flush(self) -> None:
        """Return when everything logged so far is durable.

        Raises:
            ManifestError: it is not; the run stops.
        """


class JsonlSink:
    """The manifest as JSON Lines under ``<data root>/manifests``."""

    def __init__(self, workspace: Workspace, stage: str, run_id: str) -> None:
        """Open the manifest of a stage for a run; the run lock must be held."""
        self._workspace = workspace
        self._run_id = run_id
        self._path = manifest_path(workspace, stage)
        self._attempts_path = workspace.manifests / f"{stage}.attempts.jsonl"
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._attempts: list[bytes] = []

    def log_config(self, stage: str, snapshot: Mapping[str, Any]) -> None:
        """Write the stage's part of ``runs/<run id>/config.json``."""
        path = self._workspace.runs / self._run_id / "config.json"
        known = json.loads(path.read_bytes()) if path.exists() else {}
        write_atomically(path, json.dumps(known | {stage: snapshot}, indent=1, default=str).encode())

    def log_success(
        self,
        stage: str,
        item_id: str,
        input_path: str,
        output_paths: Mapping[str, FileState],
        duration_s: float,
        extras: Mapping[str, Any],
    ) -> None:
        """Append a row with the status in `extras` (``success`` or ``partial``)."""
        outputs = dict(output_paths)
        self._row(stage, item_id, input_path, {"outputs": outputs, "duration_s": duration_s, **extras})

    def log_skip(self, stage: str, item_id: str, input_path: str, reason: str, extras: Mapping[str, Any]) -> None:
        """Append a row with status ``skip`` or ``gone``."""
        self._row(stage, item_id, input_path, {"status": "skip", "reason": reason, "outputs": {}, **extras})

    def log_failure(
        self, stage: str, item_id: str, input_path: str, error: ErrorRecord, extras: Mapping[str, Any]
    ) -> None:
        """Append a row with status ``failure``."""
        fields = {"status": "failure", "category": error.category, "error": error, "outputs": {}, **extras}
        self._row(stage, item_id, input_path, fields)

    def log_attempt(self, stage: str, item_id: str, attempt: int, event: str, extras: Mapping[str, Any]) -> None:
        """Append a line to the attempts log at the next flush."""
        line = {
            "run_id": self._run_id,
            "stage": stage,
            "item_id": item_id,
            "attempt": attempt,
            "event": event,
            **extras,
        }
        self._attempts.append(self._encode(line))

    def _row(self, stage: str, item_id: str, input_path: str, fields: Mapping[str, Any]) -> None:
        outputs = fields["outputs"]
        row = Row(
            run_id=self._run_id,
            stage=stage,
            item_id=item_id,
            doc_id=item_id,
            input_path=input_path,
            output_path=next(iter(outputs.values())).path if outputs else "",
            **fields,
        )
        self._lines.append(self._encode(row))

    def flush(self) -> None:
        """Append and sync the rows gathered so far, then the attempts."""
        if self._lines:
            append_lines(self._path, self._lines)
            self._lines = []
        if self._attempts:
            with self._attempts_path.open("ab") as file:
                file.write(b"\n".join(self._attempts) + b"\n")
            self._attempts = []


def manifest_path(workspace: Workspace, stage: str) -> Path:
    """Return the path of a stage's manifest."""
    return workspace.manifests / f"{stage}.manifest.jsonl"


def append_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Append whole lines and sync them, fencing off a torn tail.

    Raises:
        ManifestError: the file could not be written; it was cut back to what it was.
    """
    data = b"".join(line + b"\n" for line in lines)
    try:
        with filelock.FileLock(f"{path}.lock"):
            _append(path, data)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}; what was recorded so far is safe, run again"
        raise ManifestError(msg) from error


def _append(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data  # somebody died in the middle of a line; without a fence ours would be glued to it
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)  # nothing of this batch was acknowledged, and we hold the lock
            raise
    finally:
        os.close(descriptor)
    if size == 0:
        sync_folder(path.parent)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_rows_of(path: Path) -> tuple[dict[str, Row], int]:
    """Return (item id → its last row, number of unreadable lines) of a manifest; an absent one is empty.

    A torn or garbled line is skipped and counted, never raised.
    """
    decode = msgspec.json.Decoder(Row).decode
    rows: dict[str, Row] = {}
    bad = 0
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return rows, bad
    with file:
        for line in file:
            try:
                row = decode(line)
            except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
                bad += bool(line.strip())
                continue
            rows[row.item_id] = row
    return rows, bad
