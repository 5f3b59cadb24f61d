"""``docparse manifest compact``: rewrite manifests to the last row of each document."""

from typing import Any

import click

from docparse_runner._compaction import Compacted
from docparse_runner._compaction import compact as compact_file
from docparse_runner._lock import run_lock
from docparse_runner._manifest import manifest_paths
from docparse_runner.cli import _params, _recorded


def _told(done: Compacted) -> str:
    if not done.dropped and done.rows_before == done.rows_after:
        return f"{done.path.name}: {done.rows_after} rows, nothing to leave out"
    rows = f"{done.rows_before} → {done.rows_after} rows"
    text = f"{done.path.name}: {rows}, {done.bytes_before} → {done.bytes_after} bytes"
    return f"{text}; {_recorded.counted(done.dropped, 'unreadable line')} left out" if done.dropped else text


def _compact(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    names = _recorded.chosen(workspace, values["stage"])
    workspace.create()  # a data root that cannot be written is told here, in one sentence
    for name in names:
        with run_lock(workspace, name, wait=values["wait"]):
            for path in manifest_paths(workspace, name):
                click.echo(_told(compact_file(path, drop_unreadable=values["drop_unreadable"])))
    return 0


compact = _params.command(
    "compact",
    _compact,
    [
        _recorded.stage_argument(),
        *_params.location_options(),
        _recorded.wait_option(""),
        _params.GroupedOption(
            ["--drop-unreadable"], is_flag=True, help="Drop unreadable lines; a torn last one is dropped anyway."
        ),
    ],
    "Rewrite the manifest of a stage, or of all stages, to the last row of each document.\n\n"
    "What counts stays as it is, byte for byte; what goes is the history of each document. Refused while a run of the "
    "stage is going, and when there are unreadable lines.",
)
