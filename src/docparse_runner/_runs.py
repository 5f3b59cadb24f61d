"""The records of past runs, ``<data root>/runs/<run id>``: read back whatever state they are in."""

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import msgspec

from docparse_runner._entry_points import nearest
from docparse_runner._outcome import counted
from docparse_runner._row import UNREADABLE
from docparse_runner._workspace import Workspace
from docparse_runner.errors import UsageError

_SHOWN = 5
_ID_TIME = re.compile(r"(\d{8}T\d{6})-")


class Failure(msgspec.Struct, frozen=True):
    """A failed item of a summary; see ``FailureSample``."""

    item_id: str
    category: str
    message: str


class Slow(msgspec.Struct, frozen=True):
    """A slow item of a summary.

    Attributes:
        item_id: the document.
        seconds: in the worker.
    """

    item_id: str
    seconds: float


class StageConfig(msgspec.Struct, frozen=True):
    """What ``config.json`` says of a stage.

    Attributes:
        stage_version: ``Stage.version``.
        cfg_hash: see ``config_hash``.
        options: the stage's options.
        runner: the runner's options.
        resolved: what ``docparse_resolve`` returned.
        versions: distribution → version; empty for a run that did not record them.
    """

    stage_version: int = 0
    cfg_hash: str = ""
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    runner: dict[str, Any] = msgspec.field(default_factory=dict)
    resolved: dict[str, Any] = msgspec.field(default_factory=dict)
    versions: dict[str, str] = msgspec.field(default_factory=dict)


class StageSummary(msgspec.Struct, frozen=True):
    """What ``summary.json`` says of a stage: the fields of ``StageOutcome`` that are shown again."""

    planned: int = 0
    succeeded: int = 0
    partial: int = 0
    skipped: int = 0
    up_to_date: int = 0
    quarantined: int = 0
    waiting: int = 0
    failed: int = 0
    cancelled: int = 0
    gone: int = 0
    wall_ms: float = 0.0
    stop_reason: str = ""
    exit_code: int = 0
    errors: tuple[Failure, ...] = ()
    error_counts: dict[str, int] = msgspec.field(default_factory=dict)
    slowest: tuple[Slow, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Return word → number of items, those words left out that count none."""
        return counted(self)


class ItemLine(msgspec.Struct, frozen=True):
    """A line of ``log.jsonl``; those of items have all fields.

    Attributes:
        event: ``item``, ``stage started`` or ``stage ended``.
        stage: the stage.
        item_id: the document.
        status: what became of it.
        reason: why it ran.
        category: of a failure.
    """

    event: str
    stage: str
    item_id: str = ""
    status: str = ""
    reason: str = ""
    category: str = ""


@attrs.frozen(kw_only=True)
class RunRecord:
    """What is left of a run.

    Attributes:
        run_id: its folder's name.
        folder: where it lies.
        started: when it began, UTC.
        config: stage → its configuration.
        summary: stage → how it ended; a stage that still runs or was killed is not in it.
        damage: what cannot be read, one sentence each.
    """

    run_id: str
    folder: Path
    started: dt.datetime
    config: Mapping[str, StageConfig]
    summary: Mapping[str, StageSummary]
    damage: tuple[str, ...]

    @property
    def stages(self) -> list[str]:
        """Return the names of its stages in the order in which they ran."""
        return list(self.config | self.summary)  # type: ignore[operator]  # both are dicts

    @property
    def unfinished(self) -> list[str]:
        """Return the stages that began and did not end: they run, or were killed."""
        return [stage for stage in self.config if stage not in self.summary]

    @property
    def problems(self) -> list[str]:
        """Return what is missing or damaged, one sentence each."""
        return [*self.damage, *(f"{stage} did not end: it runs, or was killed" for stage in self.unfinished)]

    @property
    def exit_code(self) -> int | None:
        """Return the gravest exit code of its stages, None for a run that did not end."""
        codes = [summary.exit_code for summary in self.summary.values()]
        return None if self.unfinished or not codes else max(codes)

    @property
    def wall_s(self) -> float:
        """Return the seconds that its stages took."""
        return sum(summary.wall_ms for summary in self.summary.values()) / 1000


def run_ids(workspace: Workspace) -> list[str]:
    """Return the ids of the runs that have a folder, newest first."""
    try:
        with os.scandir(workspace.runs) as found:
            folders = [entry for entry in found if _is_run(entry)]
            # Two runs of one second: the folder of the later one was written later.
            begun = {entry.name: (_started(Path(entry.path)), entry.stat().st_mtime_ns) for entry in folders}
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(begun, key=lambda run_id: (*begun[run_id], run_id), reverse=True)


def _is_run(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.name[0] != "." and entry.name.isprintable()


def find_run(workspace: Workspace, name: str = "") -> RunRecord:
    """Return a run by the beginning of its id, the last one without any.

    Raises:
        UsageError: there is none, or several begin so.
    """
    known = run_ids(workspace)
    if not known:
        msg = f"no runs are recorded in {workspace.root}; name another with --data-root"
        raise UsageError(msg)
    found = [name] if name in known else [run_id for run_id in known if run_id.startswith(name)]
    if not name:
        return read_run(workspace, known[0])
    if len(found) == 1:
        return read_run(workspace, found[0])
    if found:
        msg = f"{len(found)} runs begin with {name!r}: {_few(found)}; write more of the id"
    else:
        msg = f"no run {name!r} in {workspace.root}; the last: {_few(known)}.{nearest(name, known)}"
    raise UsageError(msg)


def run_before(workspace: Workspace, record: RunRecord) -> RunRecord:
    """Return the run before another one.

    Raises:
        UsageError: there is none.
    """
    known = run_ids(workspace)
    before = known[known.index(record.run_id) + 1 :]
    if not before:
        msg = f"{record.run_id} is the only run in {workspace.root}; there is none before it to compare it with"
        raise UsageError(msg)
    return read_run(workspace, before[0])


def _few(run_ids: list[str]) -> str:
    return ", ".join(run_ids[:_SHOWN]) + (" …" if len(run_ids) > _SHOWN else "")


def read_run(workspace: Workspace, run_id: str) -> RunRecord:
    """Return what a run's folder says; what cannot be read is a problem of the record, not an error."""
    folder = workspace.runs / run_id
    problems: list[str] = []
    config = _read(folder / "config.json", dict[str, StageConfig], problems)
    summary = _read(folder / "summary.json", dict[str, StageSummary], problems)
    return RunRecord(
        run_id=run_id,
        folder=folder,
        started=_started(folder),
        config=config,
        summary=summary,
        damage=tuple(problems),
    )


_Found = TypeVar("_Found")


def _read(path: Path, kind: type[dict[str, _Found]], problems: list[str]) -> dict[str, _Found]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        if path.name == "config.json":
            problems.append(f"{path.name} is missing")
    except OSError as error:
        problems.append(f"{path.name} cannot be read: {error.strerror}")
    except UNREADABLE as error:
        problems.append(f"{path.name} is damaged: {error}")
    return {}


def _started(folder: Path) -> dt.datetime:
    """Return the time that the id says; of a folder with another name, when it was last written."""
    match = _ID_TIME.match(folder.name)
    try:
        if match:
            return dt.datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        pass  # digits, and no date
    try:
        return dt.datetime.fromtimestamp(int(folder.stat().st_mtime), tz=dt.UTC)
    except OSError:
        return dt.datetime.fromtimestamp(0, tz=dt.UTC)


def item_lines(record: RunRecord) -> Iterator[ItemLine]:
    """Yield what the log says of items; a torn or garbled line is left out, and so is a log that is not there."""
    decode = msgspec.json.Decoder(ItemLine).decode
    try:
        file = (record.folder / "log.jsonl").open("rb")
    except OSError:
        return
    with file:
        for line in file:
            try:
                found = decode(line)
            except UNREADABLE:
                continue
            if found.event == "item":
                yield found
