"""``docparse prune``: remove the files of documents that are gone."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import click

from docparse_runner._lock import run_lock
from docparse_runner._manifest import read_manifest, recorded_stages
from docparse_runner._orphans import Orphan, orphans
from docparse_runner._prune import Removed, remove, unrecorded
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params
from docparse_runner.errors import UsageError

_SHOWN = 20
_KILO = 1000


def _prune(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    stages = recorded_stages(workspace)
    if not stages:
        msg = f"nothing was run in {workspace.root} yet; name another with --data-root"
        raise UsageError(msg)
    removed = None
    with ExitStack() as locks:
        if values["yes"]:
            workspace.create()
            for stage in stages:
                locks.enter_context(run_lock(workspace, stage, wait=values["wait"]))
        tables = {stage: read_manifest(workspace, stage, strict=True)[0] for stage in stages}
        found = orphans(workspace, tables)
        strays = list(unrecorded(workspace, tables, found))
        if values["yes"]:
            removed = remove(workspace, found)
    if values["as_json"]:
        click.echo(json.dumps(_plain(workspace, found, strays, removed)))
    else:
        _say(found, strays, removed, _SHOWN if not values["verbose"] else None)
    return int(bool(removed and removed.problems))


def _files(found: Sequence[Orphan]) -> list[tuple[str, int]]:
    """Return (path, bytes) of what may be removed."""
    return [pair for orphan in found if not orphan.kept for pair in orphan.files.items()]


def _plain(workspace: Workspace, found: Sequence[Orphan], strays: list[str], removed: Removed | None) -> dict[str, Any]:
    free = [orphan for orphan in found if not orphan.kept]
    return {
        "schema_version": 1,
        "data_root": str(workspace.root),
        "dry_run": removed is None,
        "orphans": [{"stage": each.stage, "item_id": each.item_id, "files": dict(each.files)} for each in free],
        "bytes": sum(size for _path, size in _files(found)),
        "kept": [{"stage": each.stage, "item_id": each.item_id, "why": each.kept} for each in found if each.kept],
        "unrecorded": strays,
        "removed": {"files": removed.files, "bytes": removed.size, "folders": removed.folders} if removed else None,
        "problems": removed.problems if removed else [],
    }


def _say(found: Sequence[Orphan], strays: list[str], removed: Removed | None, limit: int | None) -> None:
    files = _files(found)
    verb = "would remove" if removed is None else "removed"
    if removed is None or not removed.problems:
        _few([f"{verb} {path} ({_size(size)})" for path, size in files], limit)
    _few([f"kept {each.stage}: {each.item_id}: {each.kept}" for each in found if each.kept], limit)
    _few([f"unrecorded, left alone: {path}" for path in strays], limit)
    if removed is None:
        end = "; --yes removes them" if files else ""
        click.echo(f"{_number(len(files), 'file')}, {_size(sum(size for _path, size in files))}{end}")
        return
    _few(removed.problems, None)
    folders = _number(removed.folders, "empty folder")
    click.echo(f"removed {_number(removed.files, 'file')}, {_size(removed.size)}, and {folders}")


def _few(lines: Sequence[str], limit: int | None) -> None:
    for line in lines[:limit]:
        click.echo(line)
    if limit is not None and len(lines) > limit:
        click.echo(f"… and {len(lines) - limit} more (-v shows all)")


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _size(size: float) -> str:
    """Return bytes for a person."""
    if size < _KILO:
        return _number(int(size), "byte")
    for unit in ("kB", "MB", "GB"):
        size /= _KILO
        if size < _KILO:
            return f"{size:.1f} {unit}"
    return f"{size / _KILO:.1f} TB"


prune = _params.command(
    "prune",
    _prune,
    [
        *_params.location_options(),
        _params.GroupedOption(
            ["--yes"], is_flag=True, help="Remove the files, instead of saying which.", group="Execution"
        ),
        _params.GroupedOption(
            ["--wait"], is_flag=True, help="With --yes, wait while a run is going.", group="Execution"
        ),
        *_params.output_options("every file"),
    ],
    "Remove what no document accounts for: the files of documents that are gone.\n\n"
    "Says what would be removed, unless --yes is given. What a document might still need is kept, with the reason; "
    "files that no manifest knows are listed and left alone.",
)
