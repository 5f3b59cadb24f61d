"""``docparse status``: how the documents of a data root stand, stage by stage."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from docparse_runner._manifest import read_manifest, recorded_stages
from docparse_runner._orphans import makers, orphans
from docparse_runner._row import GONE, Row
from docparse_runner._standing import Doubt, Tables, outdated, stale
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params
from docparse_runner.errors import QUARANTINED, UsageError

_COLUMNS = ("done", "partial", "skipped", "failed", "quarantined", "stale", "outdated", "gone", "orphaned")
_WORDS = {"success": "done", "partial": "partial", "skip": "skipped", "failure": "failed", GONE: "gone"}


def _counted(rows: Iterable[Row]) -> dict[str, int]:
    counts = dict.fromkeys(_COLUMNS, 0)
    for row in rows:
        if row.status in _WORDS:
            counts[_WORDS[row.status]] += 1
        counts["quarantined"] += row.status == "failure" and row.category in QUARANTINED
    return counts


def _doubts(workspace: Workspace, tables: Tables) -> dict[str, list[Doubt]]:
    """Return word → the results that are not what a run would make, or that no document accounts for."""
    left = [
        Doubt(stage=each.stage, item_id=each.item_id, why=each.kept or "docparse prune removes it")
        for each in orphans(workspace, tables)
    ]
    return {"stale": list(stale(tables)), "outdated": list(outdated(tables, makers(workspace))), "orphaned": left}


def _status(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    names = recorded_stages(workspace)
    if not names:
        msg = f"nothing was run in {workspace.root} yet; name another with --data-root, or: docparse run all FOLDER"
        raise UsageError(msg)
    read = {name: read_manifest(workspace, name, strict=True) for name in names}
    tables = {name: rows for name, (rows, _bad) in read.items()}
    stages = {name: _counted(rows.values()) | {"unreadable_lines": bad} for name, (rows, bad) in read.items()}
    doubts = _doubts(workspace, tables)
    for word, found in doubts.items():
        for name, count in Counter(each.stage for each in found).items():
            stages[name][word] = count
    if values["as_json"]:
        inputs = {root.name: str(root.path) for root in workspace.inputs()}
        plain = {"schema_version": 1, "data_root": str(workspace.root), "inputs": inputs, "stages": stages}
        click.echo(json.dumps(plain))
        return 0
    _table(workspace.root, stages)
    if values["verbose"]:
        for line in _reasons(tables, doubts):
            click.echo(line)
    return 0


def _table(root: Path, stages: dict[str, dict[str, int]]) -> None:
    click.echo(f"data root {root}")
    click.echo(f"{'stage':<12}" + "".join(f"{column:>{_width(column)}}" for column in _COLUMNS))
    for name, counts in stages.items():
        click.echo(f"{name:<12}" + "".join(f"{counts[column] or '-':>{_width(column)}}" for column in _COLUMNS))
        if counts["unreadable_lines"]:
            click.echo(f"  {counts['unreadable_lines']} lines of the manifest are unreadable and were left out")


def _width(column: str) -> int:
    return max(len(column), 8) + 2


def _reasons(tables: Tables, doubts: Mapping[str, Iterable[Doubt]]) -> Iterator[str]:
    """Yield a line for each document whose last try failed, and for each result that is in doubt."""
    for name, rows in tables.items():
        for row in rows.values():
            if row.error is not None:
                yield f"{name}: {row.item_id}: {row.category}: {row.error.message}"
    for word, found in doubts.items():
        for each in found:
            yield f"{each.stage}: {each.item_id}: {word}: {each.why}"


status = _params.command(
    "status",
    _status,
    [*_params.location_options(), *_params.output_options("what failed, what is stale, outdated or orphaned, and why")],
    "Show how the documents of a data root stand, stage by stage.\n\n"
    "quarantined counts the failures that are remembered; stale the failures that left an older result in place; "
    "outdated the results made from another input than there is now; orphaned the documents that are gone and whose "
    "files are still there.",
)
