"""The command line. One module a command, imported when it is called; one place turns exceptions into exit codes."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from docparse_runner import __version__
from docparse_runner.cli._completion import ListedGroup

_CORE = {
    "run": "Run one stage, or all of them, over documents.",
    "plan": "Say what would run and why; touches nothing.",
    "status": "Show how the documents of a data root stand.",
    "inputs": "Show the folders that a data root remembers, and forget one.",
    "runs": "Show past runs, and how two of them differ.",
    "prune": "Remove the files of documents that are gone; dry by default.",
    "manifest": "Show, compact and verify the record of what was done.",
    "stages": "List the installed stages.",
    "validate": "Check the recorded results of a stage; writes nothing.",
    "doctor": "Say what is wrong here, and what to do about it.",
    "new-stage": "Write the package of a new stage; its tests pass as written.",
    "config": "Show the options as a run would use them, and what differs from the defaults.",
}
"""Command → help line. The commands live in modules of the same names, with _ for -."""


@contextlib.contextmanager
def _until_the_reader_leaves() -> Iterator[None]:
    """End quietly when the reader of a pipe has seen enough; click by itself would end with 1."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is flushed at exit
        raise click.exceptions.Exit(0) from None


class _Commands(ListedGroup):
    """The core's commands and those of plugins (entry point group ``docparse.commands``); a core command wins."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line; ``--help`` and ``--version`` print here."""
        with _until_the_reader_leaves():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command."""
        with _until_the_reader_leaves():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names without importing a command."""
        from docparse_runner._entry_points import COMMANDS, listed  # noqa: PLC0415 - only help needs it

        del ctx
        return [*_CORE, *(entry.name for entry in listed(COMMANDS) if entry.name not in _CORE)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name."""
        del ctx
        if cmd_name in _CORE:
            name = cmd_name.replace("-", "_")
            command = getattr(importlib.import_module(f"docparse_runner.cli.{name}"), name)
        else:
            command = _plugin_command(cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - an entry point of this group is one
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from tables and package metadata alone."""
        from docparse_runner._entry_points import COMMANDS, listed  # noqa: PLC0415 - only help needs it

        del ctx
        rows = list(_CORE.items())
        rows += [
            (entry.name, entry.summary or f"From {entry.distribution}.")
            for entry in listed(COMMANDS)
            if entry.name not in _CORE
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _plugin_command(name: str) -> object:
    """Import a command of a plugin.

    Raises:
        UsageError: there is none of that name; the message names those that there are and the nearest.
    """
    from docparse_runner._entry_points import COMMANDS, listed, load_entry, nearest  # noqa: PLC0415 - for plugins only
    from docparse_runner.errors import UsageError  # noqa: PLC0415 - as above

    known = [*_CORE, *(entry.name for entry in listed(COMMANDS))]
    if name not in known:
        msg = f"no command {name!r}; there are: {', '.join(known)}.{nearest(name, known)}"
        raise UsageError(msg)
    return load_entry(COMMANDS, name, "command")


_HELP = """Run piles of documents through stages: convert, chunk, embed, index, search.

One bad document costs one document; work that is done is never done twice. Start with:

\b
    docparse run all ~/papers
    docparse search "how was the layout model trained?"
"""


@click.group(
    cls=_Commands, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="docparse")
def docparse() -> None:
    """Do nothing of its own: each command is in a module of ``cli``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    0: every document has a good result; 1: some have none; 2: usage, configuration or setup; 3: stopped by the error
    budget or because everything failed alike; 130 and 143: interrupted.
    """
    from docparse_runner import errors  # noqa: PLC0415 - after click, so that --version stays quick

    try:
        code = docparse.main(args=arguments, prog_name="docparse", standalone_mode=False)
    except errors.DocparseError as error:
        click.echo(f"docparse: {error}", err=True)
        code = 2
    except OSError as error:
        if error.errno not in errors.DISK_ERRORS:
            raise
        click.echo(f"docparse: {errors.ManifestError.of(error, 'the data root')}", err=True)
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Abort:
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
