"""``docparse stages``: what is installed, and what is broken and why."""

import json
from typing import Any

import click

from docparse_runner._entry_points import STAGES, Listed, listed
from docparse_runner._plugins import load_stage
from docparse_runner.errors import DocparseError


def _described(entry: Listed) -> dict[str, Any]:
    row: dict[str, Any] = {"name": entry.name, "distribution": entry.distribution, "version": entry.version}
    try:
        stage = load_stage(entry.name).stage
        options = stage.options() if stage.options else None
        produces = list(stage.outputs(options))
    except DocparseError as error:
        return row | {"status": "broken", "reason": str(error)}
    return row | {
        "status": "ok",
        "summary": stage.summary,
        "stage_version": stage.version,
        "api": stage.api,
        "consumes": list(stage.consumes),
        "produces": produces,
    }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
def stages(*, as_json: bool) -> int:
    """List the installed stages: version, what they consume and produce; broken ones with the reason."""
    rows = [_described(entry) for entry in listed(STAGES)]
    if as_json:
        click.echo(json.dumps(rows))
        return 0
    if not rows:
        click.echo("no stages are installed; for example: pip install docparse-doctags")
    for row in rows:
        head = f"{row['name']:<12} {row['distribution']} {row['version']}"
        if row["status"] == "ok":
            click.echo(f"{head}  {', '.join(row['consumes'])} → {', '.join(row['produces'])}")
            click.echo(f"{'':<12} {row['summary']}")
        else:
            click.echo(f"{head}  BROKEN: {row['reason']}")
    return 0
