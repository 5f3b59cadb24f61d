"""``docparse index``: is the index what the runs recorded, and make it again."""

from pathlib import Path
from typing import Any

import click

from docparse_runner.commands import docparse, location_options, settings_of


@click.group()
def index() -> None:
    """Check the index of a data root, or make it again."""


@index.command(params=location_options())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def check(*, data_root: Path | None, config: Path | None, as_json: bool) -> int:
    """Compare the index with itself, with the receipts of the documents and with what the runs recorded.

    Nothing is changed. Ends with 1 when something was found.
    """
    from docparse_index._check import check_index  # noqa: PLC0415 - SQLite is not for `--help`

    settings = settings_of("index", {"data_root": data_root, "config": config})
    found = check_index(settings.root, settings.options.url)
    if as_json:
        _print_json(settings.root, found)
    else:
        _print(found)
    return int(bool(found.problems))


@index.command(params=location_options())
def rebuild(*, data_root: Path | None, config: Path | None) -> int:
    """Make the index again from the chunks and vectors of the data root, whatever state it is in.

    It gets a new generation, so that no receipt of the old one counts, and `docparse run index` does the rest.
    """
    from docparse_index._active import ask_for_rebuild  # noqa: PLC0415 - SQLite is not for `--help`

    settings = settings_of("index", {"data_root": data_root, "config": config})
    ask_for_rebuild(settings.options, settings.root)
    words = ["run", "index", "--data-root", str(settings.root)]
    words += ["--config", str(config)] if config else []
    return docparse(*words)


def _print_json(root: Path, found: Any) -> None:
    import json  # noqa: PLC0415 - not for `--help`

    answer = {
        "schema_version": 1,
        "data_root": str(root),
        "sink": found.sink,
        "documents": found.documents,
        "chunks": found.chunks,
        "problems": found.problems,
    }
    click.echo(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def _print(found: Any) -> None:
    wrong = f"{len(found.problems)} problems" if found.problems else "nothing wrong"
    click.echo(f"index ({found.sink}): {found.documents} documents, {found.chunks} chunks, {wrong}")
    for problem in found.problems:
        click.echo(f"  {problem}")
    if found.problems:
        click.echo("`docparse index rebuild` makes it again from the chunks and vectors")
