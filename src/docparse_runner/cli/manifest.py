"""``docparse manifest``: the record of what was done: shown, followed, compacted, verified, imported."""

import importlib
import keyword

import click

from docparse_runner.errors import UsageError

_COMMANDS = {
    "show": "Show the last row of each document.",
    "tail": "Show the rows that were written last.",
    "compact": "Rewrite manifests to the last row of each document.",
    "verify": "Digest every recorded result; find what is missing, changed or unrecorded.",
    "import": "Keep chunks and DocTags that the earlier docparse runner made.",
}
"""Command → help line. The commands live in modules ``manifest_NAME``."""


class _Manifest(click.Group):
    """The commands that read or rewrite the record, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name.

        Raises:
            UsageError: there is none.
        """
        del ctx
        if cmd_name not in _COMMANDS:
            from docparse_runner._entry_points import nearest  # noqa: PLC0415 - only a misspelt word needs it

            msg = f"no command 'manifest {cmd_name}'; there are: {', '.join(_COMMANDS)}.{nearest(cmd_name, _COMMANDS)}"
            raise UsageError(msg)
        module = importlib.import_module(f"docparse_runner.cli.manifest_{cmd_name}")
        command = getattr(module, f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - each of these modules has one of its own name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing one."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Manifest, context_settings={"help_option_names": ["-h", "--help"]})
def manifest() -> None:
    """Look at the record of what was done, and check it.

    A manifest holds one row for each final result; the last row of a document counts.
    """
