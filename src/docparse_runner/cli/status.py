"""``docparse status``: how the documents of a data root stand, stage by stage."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from docparse_runner._manifest import read_manifest, recorded_stages
from docparse_runner._row import GONE, Row
from docparse_runner.cli import _params
from docparse_runner.errors import QUARANTINED, UsageError

_COLUMNS = ("done", "partial", "skipped", "failed", "quarantined", "stale", "gone")


def _counted(rows: Iterable[Row]) -> dict[str, int]:
    counts = dict.fromkeys(_COLUMNS, 0)
    words = {"success": "done", "partial": "partial", "skip": "skipped", "failure": "failed", GONE: "gone"}
    for row in rows:
        counts[words[row.status]] += 1
        counts["quarantined"] += row.status == "failure" and row.category in QUARANTINED
        counts["stale"] += row.last_good is not None
    return counts


def _status(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    names = recorded_stages(workspace)
    if not names:
        msg = f"nothing was run in {workspace.root} yet; name another with --data-root, or: docparse run all FOLDER"
        raise UsageError(msg)
    table = {name: read_manifest(workspace, name) for name in names}
    stages = {name: _counted(rows.values()) | {"unreadable_lines": bad} for name, (rows, bad) in table.items()}
    if values["as_json"]:
        inputs = {root.name: str(root.path) for root in workspace.inputs()}
        click.echo(json.dumps({"data_root": str(workspace.root), "inputs": inputs, "stages": stages}))
        return 0
    _table(workspace.root, stages)
    if values["verbose"]:
        for name, (rows, _bad) in table.items():
            _failures(name, rows.values())
    return 0


def _table(root: Path, stages: dict[str, dict[str, int]]) -> None:
    click.echo(f"data root {root}")
    click.echo(f"{'stage':<12}" + "".join(f"{column:>13}" for column in _COLUMNS))
    for name, counts in stages.items():
        click.echo(f"{name:<12}" + "".join(f"{counts[column] or '-':>13}" for column in _COLUMNS))
        if counts["unreadable_lines"]:
            click.echo(f"  {counts['unreadable_lines']} lines of the manifest are unreadable and were left out")


def _failures(name: str, rows: Iterable[Row]) -> None:
    for row in rows:
        if row.error is not None:
            click.echo(f"{name}: {row.item_id}: {row.category}: {row.error.message}")


status = _params.command(
    "status",
    _status,
    [*_params.location_options(), *_params.output_options("what failed and why")],
    "Show how the documents of a data root stand, stage by stage.\n\n"
    "quarantined counts the failures that are remembered; stale those that still have an older result.",
)
