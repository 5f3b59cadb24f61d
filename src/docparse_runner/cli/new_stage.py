"""``docparse new-stage``: write the package of a new stage."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from docparse_runner._new_stage import NewStage, author, plan
from docparse_runner._templates import write_folder
from docparse_runner.cli import _params


def _new_stage(**values: Any) -> int:
    stage = plan(
        values["name"],
        consumes=values["consumes"],
        patterns=values["patterns"],
        produces=values["produces"],
        minimal=values["minimal"],
    )
    folder: Path = values["directory"] / stage.distribution
    texts = stage.files(author())
    write_folder(texts, folder)
    commands = _next(stage, folder)
    if values["as_json"]:
        found = {"schema_version": 1, "name": stage.name, "folder": str(folder), "files": list(texts), "next": commands}
        click.echo(json.dumps(found))
        return 0
    click.echo(f"wrote {folder}, a stage that counts words:")
    for name in texts:
        click.echo(f"  {name}")
    click.echo("next:")
    for command in commands:
        click.echo(f"  {command}")
    if stage.made:
        click.echo(f"{stage.name} reads the {stage.consumes} of the data root, which {stage.made.stage} makes")
    return 0


def _next(stage: NewStage, folder: Path) -> list[str]:
    """Return the commands that install, test and run the stage."""
    where = shlex.quote(str(folder))
    if stage.made:
        run = f"docparse run {stage.name}"
    elif "*.md" in stage.patterns and not stage.minimal:
        run = f"docparse run {stage.name} {shlex.quote(str(folder / 'README.md'))}"
    else:
        run = f"docparse run {stage.name} FOLDER"
    if stage.minimal:
        return [f"pip install -e {where}", run]
    return [f"pip install -e {where} pytest", f"pytest {where}", run]


new_stage = _params.command(
    "new-stage",
    _new_stage,
    [
        click.Argument(["name"]),
        _params.GroupedOption(
            ["--consumes"],
            default="",
            metavar="KIND",
            help="What it reads: source (files of the user), or what a stage makes: chunks, docling, embeddings, ...  "
            "[default: source]",
        ),
        _params.GroupedOption(
            ["--pattern", "patterns"],
            multiple=True,
            metavar="GLOB",
            help="Which source files it reads, quoted; may be given several times.  [default: '*.txt' and '*.md']",
        ),
        _params.GroupedOption(
            ["--produces"], default="", metavar="KIND", help="What it makes.  [default: NAME]", group="Output"
        ),
        _params.GroupedOption(
            ["--directory"],
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=Path(),
            help="Where to put the package's folder, docparse-NAME.  [default: this folder]",
            group="Output",
        ),
        _params.GroupedOption(
            ["--minimal"],
            is_flag=True,
            help="Write pyproject.toml and one module of 25 lines, without tests and the rest.",
            group="Output",
        ),
        _params.GroupedOption(
            ["--json", "as_json"], is_flag=True, help="Print JSON, and nothing else, on stdout.", group="Output"
        ),
    ],
    "Write the package of a new stage, which counts words until you make it do something else.\n\n"
    "NAME is what you will type after docparse run; the package is docparse-NAME. As written it can be installed, its "
    "tests pass, and its workers, deadlines, resume and options work:\n\n"
    "\b\n"
    "    docparse new-stage keywords --consumes chunks\n"
    "    pip install -e docparse-keywords\n"
    "    docparse run keywords",
)
