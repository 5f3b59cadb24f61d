"""``docparse manifest show``: the last row of each document."""

from collections.abc import Callable, Mapping
from typing import Any

import click
import msgspec

from docparse_runner._manifest import read_manifest
from docparse_runner._model import Status
from docparse_runner._row import GONE, Row
from docparse_runner._runner_options import StageOptions
from docparse_runner._selection import Selection
from docparse_runner.cli import _params, _recorded
from docparse_runner.errors import Category

_STATUSES = [*(str(each) for each in Status if each is not Status.CANCELLED), GONE]


def _wanted(values: Mapping[str, Any]) -> Callable[[Row], bool]:
    item = Selection.of(StageOptions(include=values["item"])).wants
    statuses, categories, run = values["status"], values["category"], values["run"]

    def wanted(row: Row) -> bool:
        return (
            (not statuses or row.status in statuses)
            and (not categories or row.category in categories)
            and (run is None or row.run_id == run)
            and item(row.item_id)
        )

    return wanted


def _show(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    wanted = _wanted(values)
    names = _recorded.chosen(workspace, values["stage"])
    any_row = False
    for name in names:
        rows, bad = read_manifest(workspace, name, strict=True)
        _recorded.left_out(name, bad)
        found = [row for row in rows.values() if wanted(row)]
        any_row = any_row or bool(found)
        _print(name, found, values, has_heading=len(names) > 1)
    if not any_row:
        click.echo("no document matches", err=True)
    return 0


def _print(name: str, rows: list[Row], values: Mapping[str, Any], *, has_heading: bool) -> None:
    if values["as_json"]:
        encode = msgspec.json.Encoder().encode
        for row in rows:
            click.echo(encode(row))
    elif rows:
        if has_heading:
            click.echo(name)
        for line in _recorded.table(rows):
            click.echo(line)


def _filters() -> list[click.Parameter]:
    return [
        _params.GroupedOption(
            ["--item"],
            multiple=True,
            metavar="GLOB",
            help="Only documents whose id, or without a slash in it whose name, matches; * matches slashes too.",
        ),
        _params.GroupedOption(
            ["--status"], multiple=True, type=click.Choice(_STATUSES), help="Only rows of this status."
        ),
        _params.GroupedOption(
            ["--category"],
            multiple=True,
            type=click.Choice([str(each) for each in Category]),
            metavar="CATEGORY",
            help="Only failures of this category.",
        ),
        _params.GroupedOption(["--run"], metavar="RUN", help="Only rows that this run wrote."),
    ]


show = _params.command(
    "show",
    _show,
    [
        _recorded.stage_argument(),
        *_params.location_options(),
        *_filters(),
        _recorded.json_option("rows, one JSON object a line"),
    ],
    "Show the last row of each document, of one stage or of all that are recorded.",
)
