"""What a person reads on stderr after a run."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from docparse_runner._outcome import StageOutcome, counted
from docparse_runner._session import Prepared
from docparse_runner.watchers.progress import details

_SHOWN = 10
_NOT_REPEATED = {"data_root", "as_json", "verbose", "quiet", "blocked"}
"""The data root is named in full; the others change only what is shown."""


_REMARKS = {"quarantined": " (they failed before; --retry-quarantined tries again)"}


class Report:
    """Talks on stderr."""

    def __init__(self, *, verbose: int = 0) -> None:
        self._verbose = verbose
        self.heartbeat_s = 0.5 if sys.stderr.isatty() else None

    def tell(self, text: str) -> None:
        """Say one thing."""
        click.echo(f"docparse: {text}", err=True)

    def summary(self, outcome: StageOutcome, prepared: Prepared) -> None:
        """Say how a run went, what failed and why, and how to go on."""
        click.echo(self._line(outcome), err=True)
        for failure in outcome.errors:
            click.echo(f"  {failure.item_id}: {failure.category}: {failure.message}", err=True)
        if outcome.failed > len(outcome.errors):
            click.echo(f"  … and {outcome.failed - len(outcome.errors)} more", err=True)
        for note in outcome.notes:
            click.echo(f"  {note}", err=True)
        if self._verbose:
            self._details(outcome)
        if outcome.stop_reason:
            click.echo(f"  stopped: {outcome.stop_reason}", err=True)
            click.echo(f"  to go on: {resume_command(prepared.context.workspace.root)}", err=True)

    def _line(self, outcome: StageOutcome) -> str:
        parts = [f"{number} {word}{_REMARKS.get(word, '')}" for word, number in counted(outcome).items()]
        counts = ", ".join(parts) or "nothing to do"
        return f"{outcome.stage_name}: {counts} in {outcome.wall_ms / 1000:.1f} s"

    def _details(self, outcome: StageOutcome) -> None:
        click.echo(f"  {outcome.items_per_s:.1f} items/s", err=True)
        for line in details(outcome, _SHOWN):
            click.echo(f"  {line}", err=True)
        for name, value in outcome.summary.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            click.echo(f"  {name}: {text}", err=True)


def resume_command(data_root: Path) -> str:
    """Return the command line that goes on where the run stopped: the one that was given, wherever it is typed."""
    context = click.get_current_context()
    words = context.command_path.split()
    for param in context.command.params:
        name = str(param.name)
        if name not in _NOT_REPEATED and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            words += _words(param, context.params[name])
    return shlex.join([*words, "--data-root", str(data_root)])


def _words(param: click.Parameter, value: Any) -> list[str]:
    """Return the words on the command line that give a parameter this value."""
    values = [str(each) for each in (value if isinstance(value, tuple) else (value,))]
    if not isinstance(param, click.Option):
        return values
    if param.is_flag:
        return [(param.opts if value else param.secondary_opts)[0]]
    return [word for each in values for word in (param.opts[0], each)]
