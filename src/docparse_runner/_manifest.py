"""The manifest: the last word on each item, one JSON line per final result, appended durably.

Order that loses nothing: outputs are in place, then the row is appended and synced, then the item counts. A crash tears
at most the last line; the next append fences it off with a newline (measured: 671 kill -9 cycles, no row lost).
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import filelock
import msgspec

from docparse_runner._files import sync_folder
from docparse_runner._row import UNREADABLE, ErrorRecord, FileState, Row
from docparse_runner._row_index import RowIndex
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
        self._encode_into = msgspec.json.Encoder().encode_into
        self._rows = bytearray()
        self._attempts = bytearray()

    def log_config(self, stage: str, snapshot: Mapping[str, Any]) -> None:
        """Write the stage's part of ``runs/<run id>/config.json``, and see to it that rows can be written.

        Raises:
            ManifestError: it, or an older record, cannot be written.
        """
        for record in (self._path, self._attempts_path):
            with _telling(record), contextlib.suppress(FileNotFoundError):
                os.close(os.open(record, os.O_WRONLY | os.O_APPEND))
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
        first = next(iter(output_paths.values())).path if output_paths else ""
        row = Row(
            run_id=self._run_id,
            stage=stage,
            item_id=item_id,
            doc_id=item_id,
            input_path=input_path,
            output_path=first,
            outputs=output_paths,
            duration_s=duration_s,
            **extras,
        )
        self._add(row)

    def log_skip(self, stage: str, item_id: str, input_path: str, reason: str, extras: Mapping[str, Any]) -> None:
        """Append a row with status ``skip`` or ``gone``."""
        self._add(self._fruitless(stage, item_id, input_path, {"status": "skip", "reason": reason, **extras}))

    def log_failure(
        self, stage: str, item_id: str, input_path: str, error: ErrorRecord, extras: Mapping[str, Any]
    ) -> None:
        """Append a row with status ``failure``."""
        fields = {"status": "failure", "category": error.category, "error": error, **extras}
        self._add(self._fruitless(stage, item_id, input_path, fields))

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
        self._encode_into(line, self._attempts, -1)
        self._attempts += b"\n"

    def _fruitless(self, stage: str, item_id: str, input_path: str, fields: Mapping[str, Any]) -> Row:
        """Return the row of an item without outputs."""
        return Row(
            run_id=self._run_id,
            stage=stage,
            item_id=item_id,
            doc_id=item_id,
            input_path=input_path,
            output_path="",
            outputs={},
            **fields,
        )

    def _add(self, row: Row) -> None:
        self._encode_into(row, self._rows, -1)
        self._rows += b"\n"

    def flush(self) -> None:
        """Append and sync the rows gathered so far, then the attempts."""
        if self._rows:
            append_lines(self._path, self._rows)
            self._rows.clear()
        if self._attempts:
            with _telling(self._attempts_path), self._attempts_path.open("ab") as file:
                file.write(self._attempts)
            self._attempts.clear()


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
        with contextlib.suppress(*UNREADABLE):
            msgspec.json.decode(torn, type=Row)
            lines.append(torn)  # all but its end of line was written; what is torn is nobody's row
        append_lines(own, b"".join(line + b"\n" for line in lines))
        path.unlink()
        sync_folder(path.parent)


def read_manifest(workspace: Workspace, stage: str, *, strict: bool = False) -> tuple[RowIndex, int]:
    """Return (item id → its last row, number of unreadable lines) of a stage, its shards included.

    See ``RowIndex``; one that is not strict may find some more of them later.
    """
    index = RowIndex(manifest_paths(workspace, stage), strict=strict)
    return index, index.unreadable


def append_lines(path: Path, data: bytes | bytearray) -> None:
    """Append whole lines and sync them, fencing off a torn tail.

    Raises:
        ManifestError: the file could not be written; it was cut back to what it was.
    """
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


def _append(path: Path, data: bytes | bytearray) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data  # somebody died in the middle of a line; without a fence ours would be glued to it
        try:
            _write_all(descriptor, data)
            getattr(os, "fdatasync", os.fsync)(descriptor)  # syncs the new size too; macOS has only the other
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)  # nothing of this batch was acknowledged, and we hold the lock
            raise
    finally:
        os.close(descriptor)
    if size == 0:
        sync_folder(path.parent)


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    done = 0
    while done < len(data):
        with memoryview(data) as view, view[done:] as rest:
            done += os.write(descriptor, rest)
