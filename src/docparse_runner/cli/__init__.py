"""The command line. One module a command, imported when it is called; one place turns exceptions into exit codes."""

import importlib
import os
import sys
from collections.abc import Sequence

import click

from docparse_runner import __version__

_CORE = {
    "run": "Run one stage, or all of them, over documents.",
    "plan": "Say what would run and why; touches nothing.",
    "status": "Show how the documents of a data root stand.",
    "stages": "List the installed stages.",
}
"""Command → help line. The commands live in modules of the same names."""


class _Commands(click.Group):
    """The core's commands and those of plugins (entry point group ``docparse.commands``); a core command wins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names without importing a command."""
        from docparse_runner._entry_points import COMMANDS, listed  # noqa: PLC0415 - only help needs it

        del ctx
        return [*_CORE, *(entry.name for entry in listed(COMMANDS) if entry.name not in _CORE)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name."""
        del ctx
        if cmd_name in _CORE:
            command = getattr(importlib.import_module(f"docparse_runner.cli.{cmd_name}"), cmd_name)
        else:
            from docparse_runner._entry_points import COMMANDS, load_entry  # noqa: PLC0415 - only plugins' commands need it

            command = load_entry(COMMANDS, cmd_name, "command")
        assert isinstance(command, click.Command)  # noqa: S101 - an entry point of this group is one
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from tables and package metadata alone."""
        from docparse_runner._entry_points import COMMANDS, listed  # noqa: PLC0415 - only help needs it

        del ctx
        rows = list(_CORE.items())
        rows += [(entry.name, f"From {entry.distribution}.") for entry in listed(COMMANDS) if entry.name not in _CORE]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="docparse")
def docparse() -> None:
    r"""Run piles of documents through stages: convert, chunk, embed, index, search.

    One bad document costs one document; work that is done is never done twice. Start with:

    \b
        docparse run all ~/papers
        docparse search "how was the layout model trained?"
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    0: every document has a good result; 1: some have none; 2: usage, configuration or setup; 3: stopped by the error
    budget or because everything failed alike; 130 and 143: interrupted.
    """
    from docparse_runner.errors import DocparseError  # noqa: PLC0415 - after click, so that --version stays quick

    try:
        code = docparse.main(args=arguments, prog_name="docparse", standalone_mode=False)
    except DocparseError as error:
        click.echo(f"docparse: {error}", err=True)
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Abort:
        code = 130
    except BrokenPipeError:
        # The reader of a pipe has seen enough; keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
