"""``docparse plan``: the same list of stages and options as ``docparse run``."""

import click

from docparse_runner.cli.run import Stages


class Plans(Stages):
    """``all`` and each installed stage, to be planned instead of run."""

    one = "docparse_runner.cli.plan_one:command"
    every = "docparse_runner.cli.plan_one:command_all"


@click.group(cls=Plans, subcommand_metavar="STAGE [INPUT]... [OPTIONS]")
def plan() -> None:
    """Say what would run and why; touches nothing. The options are those of ``docparse run``."""
