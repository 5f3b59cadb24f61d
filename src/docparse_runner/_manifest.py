"""The manifest: the last word on each item, one JSON line per final result, appended durably.

Order that loses nothing: outputs are in place, then the row is appended and synced, then the item counts. A crash tears
at most the last line; the next append fences it off with a newline (measured: 671 kill -9 cycles, no row lost).
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import filelock
import msgspec

from docparse_runner._row import ErrorRecord, FileState, Row
from docparse_runner._workspace import Workspace, write_atomically
from docparse_runner.errors import ManifestError


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

    def __init__(self, workspace: Workspace, stage: str, run_id: str, shard: str = "") -> None:
        """Open the manifest of a stage, or of one shard of it, for a run; the run lock must be held."""
        self._workspace = workspace
        self._run_id = run_id
        self._path = manifest_path(workspace, stage, shard)
        self._attempts_path = workspace.manifests / f"{part_name(stage, shard)}.attempts.jsonl"
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._attempts: list[bytes] = []

    def log_config(self, stage: str, snapshot: Mapping[str, Any]) -> None:
        """Write the stage's part of ``runs/<run id>/config.json``.

        Raises:
            ManifestError: it cannot be written.
        """
        path = self._workspace.runs / self._run_id / "config.json"
        known = json.loads(path.read_bytes()) if path.exists() else {}
        with _telling(path):
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
            with _telling(self._attempts_path), self._attempts_path.open("ab") as file:
                file.write(b"\n".join(self._attempts) + b"\n")
            self._attempts = []


_ENDING = ".manifest.jsonl"


def part_name(stage: str, shard: str = "") -> str:
    """Return the first part of the names of files that belong to a stage, or to one shard of it (``chunk.2of4``)."""
    return f"{stage}.{shard.replace('/', 'of')}" if shard else stage


def manifest_path(workspace: Workspace, stage: str, shard: str = "") -> Path:
    """Return the path of the manifest of a stage, or of one shard of it."""
    return workspace.manifests / f"{part_name(stage, shard)}{_ENDING}"


def manifest_paths(workspace: Workspace, stage: str) -> list[Path]:
    """Return the files of a stage's manifest that exist: its own first, then those of its shards."""
    found = [manifest_path(workspace, stage), *sorted(workspace.manifests.glob(f"{stage}.*of*{_ENDING}"))]
    return [path for path in found if path.is_file()]


def recorded_stages(workspace: Workspace) -> list[str]:
    """Return the stages that have a manifest, sorted."""
    return sorted(
        {path.name.removesuffix(_ENDING).partition(".")[0] for path in workspace.manifests.glob(f"*{_ENDING}")}
    )


def merge_shards(workspace: Workspace, stage: str, name: str) -> None:
    """Bring the manifest of a stage into the division of the run that starts.

    The rows of shards of another division are appended to the stage's own file, and then their files removed; killed in
    between, the rows are there twice, which changes nothing. Nobody else may run.

    Args:
        workspace: the data root.
        stage: the stage.
        name: of the run that starts: the stage's, or that of a shard (``chunk.2of4``).

    Raises:
        ManifestError: the file cannot be written.
    """
    count = name.partition("of")[2] if "." in name else ""
    own = manifest_path(workspace, stage)
    for path in manifest_paths(workspace, stage):
        if path == own or (count and path.name.partition("of")[2].partition(".")[0] == count):
            continue
        *lines, torn = path.read_bytes().split(b"\n")
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            msgspec.json.decode(torn, type=Row)
            lines.append(torn)  # all but its end of line was written; what is torn is nobody's row
        append_lines(own, lines)
        path.unlink()
        sync_folder(path.parent)


def read_manifest(workspace: Workspace, stage: str) -> tuple[dict[str, Row], int]:
    """Return (item id → its last row, number of unreadable lines) of a stage, its shards included."""
    rows: dict[str, Row] = {}
    bad = 0
    for path in manifest_paths(workspace, stage):
        found, unreadable = read_rows_of(path)
        rows.update(found)
        bad += unreadable
    return rows, bad


def append_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Append whole lines and sync them, fencing off a torn tail.

    Raises:
        ManifestError: the file could not be written; it was cut back to what it was.
    """
    data = b"".join(line + b"\n" for line in lines)
    with _telling(path), filelock.FileLock(f"{path}.lock"):
        _append(path, data)


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn an error of the disk into one that stops the run."""
    try:
        yield
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
    except (FileNotFoundError, NotADirectoryError):
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
