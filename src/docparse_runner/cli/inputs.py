"""``docparse inputs list|forget``: the folders that a data root remembers, and those that it need not any more."""

import json
from typing import Any

import attrs
import click

from docparse_runner.cli import _params


def _list(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    known = workspace.inputs()
    if values["as_json"]:
        shown = attrs.filters.exclude("forgotten")
        rows = [
            attrs.asdict(root, filter=shown) | {"path": str(root.path), "there": root.path.is_dir()} for root in known
        ]
        click.echo(json.dumps({"schema_version": 1, "data_root": str(workspace.root), "inputs": rows}))
        return 0
    for root in known:
        what = f"{len(root.files)} files of {root.path}" if root.files else str(root.path)
        kind = "" if root.kind == "source" else f"  ({root.kind})"
        click.echo(f"{root.name}  {what}{kind}{'' if root.path.is_dir() else ', which is not there'}")
    if not known:
        click.echo(f"{workspace.root} remembers no input; name folders or files when you run a stage", err=True)
    return 0


def _forget(name: str, **values: Any) -> int:
    _settings, workspace = _params.located(values)
    root = workspace.forget(name)
    click.echo(
        f"forgot {name}, which was {root.path}: the next `docparse run` that names no input finds its documents gone, "
        "and `docparse prune` removes what was made of them"
    )
    return 0


inputs = click.Group(
    "inputs",
    help="Show the folders that a data root remembers, and forget one.",
    commands=[
        _params.command(
            "list",
            _list,
            [*_params.location_options(), _params.output_options("")[0]],
            "List the input folders that runs without INPUT take, and whether they are there.",
        ),
        _params.command(
            "forget",
            _forget,
            [click.Argument(["name"]), *_params.location_options()],
            "Forget an input folder.\n\n"
            "NAME is as `docparse inputs list` shows it. Nothing is removed here: the next run that names no input "
            "records its documents as gone, whether the folder is there or not. Name the folder in a run to take it "
            "in again.",
        ),
    ],
)
