"""``docparse runs list|show|diff``: what past runs were told, how they ended, and how two of them differ."""

import json
from typing import Any

import click

from docparse_runner._runs import RunRecord, find_run, read_run, run_ids
from docparse_runner.cli import _params
from docparse_runner.cli import _runs_words as _words
from docparse_runner.cli._runs_diff import diff
from docparse_runner.cli._runs_show import show


def _list(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    known = run_ids(workspace) or [find_run(workspace).run_id]  # which says that there are none
    records = [read_run(workspace, run_id) for run_id in known[: values["count"]]]
    if values["as_json"]:
        rows = [
            _words.head(each) | {"stages": {stage: _words.plain_counts(each, stage) for stage in each.stages}}
            for each in records
        ]
        click.echo(json.dumps(_words.SCHEMA | {"total": len(known), "runs": rows}))
        return 0
    click.echo(f"{'run':<20}  {'started (UTC)':<19}  {'exit':>4}  {'seconds':>8}  what it did")
    for record in records:
        _list_line(record)
    if len(known) > len(records):
        click.echo(f"… and {len(known) - len(records)} older (-n {len(known)} lists all)")
    return 0


def _list_line(record: RunRecord) -> None:
    code = "-" if record.exit_code is None else record.exit_code
    did = "; ".join(f"{stage}: {_words.counted(record.summary.get(stage))}" for stage in record.stages)
    shown = "; ".join(part for part in (did, *record.damage) if part)
    click.echo(f"{record.run_id:<20}  {_words.when(record):<19}  {code:>4}  {record.wall_s:>8.1f}  {shown}")


def _json_option() -> click.Parameter:
    return _params.output_options("")[0]


_RUN = "RUN is the beginning of a run's id"

runs = click.Group(
    "runs",
    help="Show past runs: how they ended, what they were told, and how two of them differ.",
    commands=[
        _params.command(
            "list",
            _list,
            [
                *_params.location_options(),
                _params.GroupedOption(
                    ["-n", "count"],
                    type=click.IntRange(min=1),
                    default=20,
                    help="How many at most.  [default: 20]",
                    group="Output",
                ),
                _json_option(),
            ],
            "List the runs of a data root, newest first.",
        ),
        _params.command(
            "show",
            show,
            [click.Argument(["run"], required=False), *_params.location_options(), _json_option()],
            "Show a run: counts, failures, the slowest documents, and the options that are not the defaults.\n\n"
            f"{_RUN}; without it, the last run is shown.",
        ),
        _params.command(
            "diff",
            diff,
            [
                click.Argument(["first"], metavar="[RUN]", required=False),
                click.Argument(["second"], metavar="[RUN]", required=False),
                *_params.location_options(),
                _json_option(),
            ],
            "Show which options and versions changed between two runs, and what they did differently.\n\n"
            f"{_RUN}; the second is the last run unless it is named, the first the one before. Listed are the "
            "documents that one run did and the other failed.",
        ),
    ],
)
