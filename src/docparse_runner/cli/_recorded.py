"""What the commands on manifests share: which stages they are about, and how a row looks in a table."""

from collections.abc import Iterable, Iterator, Sequence

import click

from docparse_runner._entry_points import nearest
from docparse_runner._manifest import recorded_stages
from docparse_runner._row import Row
from docparse_runner._workspace import Workspace
from docparse_runner.cli._params import GroupedOption
from docparse_runner.errors import UsageError

_WIDEST = 60
"""Columns that an item id may take before it pushes the others aside."""


def counted(count: int, what: str) -> str:
    """Return ``1 file`` or ``2 files``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def left_out(where: str, bad: int) -> None:
    """Say on stderr how many lines of a file, or of the files of a stage, are unreadable."""
    if bad:
        click.echo(f"{where}: {counted(bad, 'unreadable line')} left out", err=True)


def stage_argument() -> click.Argument:
    """Return the argument STAGE, which may be left out."""
    return click.Argument(["stage"], required=False)


def json_option(what: str) -> click.Parameter:
    """Return ``--json``, which prints `what`."""
    return GroupedOption(
        ["--json", "as_json"], is_flag=True, help=f"Print {what}, and nothing else, on stdout.", group="Output"
    )


def wait_option(what: str) -> click.Parameter:
    """Return ``--wait``."""
    return GroupedOption(
        ["--wait"], is_flag=True, help=f"Wait while a run of the stage is going{what}.", group="Execution"
    )


def chosen(workspace: Workspace, stage: str | None, also: Iterable[str] = ()) -> list[str]:
    """Return the stages that a command is about: the one that is named, or all that are recorded.

    Args:
        workspace: the data root.
        stage: the name, or None.
        also: stages that count although they have no manifest.

    Raises:
        UsageError: nothing is recorded, or not this stage.
    """
    known = list(dict.fromkeys([*recorded_stages(workspace), *also]))
    if not known:
        msg = f"nothing was run in {workspace.root} yet; name another with --data-root, or: docparse run all FOLDER"
        raise UsageError(msg)
    if stage is None:
        return known
    if stage not in known:
        recorded = f"{', '.join(known)}.{nearest(stage, known)}"
        msg = f"no stage {stage!r} is recorded in {workspace.root}; recorded: {recorded}"
        raise UsageError(msg)
    return [stage]


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table of rows: item, status, seconds, attempts, start, and why."""
    width = min(max((len(row.item_id) for row in rows), default=4), _WIDEST)
    yield f"{'item':<{width}}  {'status':<8} {'seconds':>9} {'tries':>5}  {'started':<24}  why"
    for row in rows:
        why = f"{row.category}: {row.error.message}" if row.error else row.reason
        yield (
            f"{row.item_id:<{width}}  {row.status:<8} {row.duration_s:>9.3f} {row.attempts:>5}  "
            f"{row.started_at:<24}  {' '.join(why.split())}"
        )
