"""``docparse run``: the list of stages, from package metadata alone; a stage is imported when it is named."""

import pkgutil

import click

from docparse_runner._entry_points import STAGES, listed
from docparse_runner.cli._completion import ListedGroup


class Stages(ListedGroup):
    """``all`` and each installed stage.

    Attributes:
        one: function of the stage's name that returns its command.
        every: function that returns the command of ``all``.
    """

    one = "docparse_runner.cli.run_one:command"
    every = "docparse_runner.cli.run_all:command"

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, from package metadata."""
        del ctx
        return ["all", *(stage.name for stage in listed(STAGES))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Load what is named and return its command, options and all."""
        del ctx
        names = () if cmd_name == "all" else (cmd_name,)
        command: click.Command = pkgutil.resolve_name(self.one if names else self.every)(*names)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the stages from package metadata; nothing is imported."""
        del ctx
        rows = [("all", "Every stage of the pipeline, one after the other.")]
        rows += [(stage.name, stage.summary or stage.distribution) for stage in listed(STAGES)]
        with formatter.section("Stages"):
            formatter.write_dl(rows)


@click.group(cls=Stages, subcommand_metavar="STAGE [INPUT]... [OPTIONS]")
def run() -> None:
    """Run one stage, or all of them, over documents.

    INPUT names files or folders (or NAME=FOLDER); without it, what the data root remembers or holds is taken. What is
    up to date is left out; a document that fails costs that document.
    """
