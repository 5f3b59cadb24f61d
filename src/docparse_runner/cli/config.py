"""``docparse config show|diff``: the options as they are, and what differs from the defaults or with a profile."""

import click
from click.shell_completion import CompletionItem

from docparse_runner._entry_points import STAGES, listed
from docparse_runner.cli import _params
from docparse_runner.cli._completion import ListedGroup
from docparse_runner.cli._config_values import specs
from docparse_runner.cli.config_diff import diff
from docparse_runner.cli.config_show import show


def _stages(_context: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    names = ["all", *(stage.name for stage in listed(STAGES))]
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def _params_of(*more: click.Parameter) -> list[click.Parameter]:
    set_ = _params.GroupedOption(
        ["--set", "set_"], multiple=True, metavar="STAGE.OPTION=VALUE", help="Set an option of one stage."
    )
    return [
        click.Argument(["stage"], required=False, metavar="[STAGE|all]", shell_complete=_stages),
        *_params.location_options(),
        set_,
        *_params.click_options(specs()),
        *more,
        _params.output_options("")[0],
    ]


class _Config(ListedGroup):
    """The two commands, made when they are called: their options are those of the installed stages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        del ctx
        return ["show", "diff"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name."""
        del ctx
        return {"show": _show, "diff": _diff}.get(cmd_name, lambda: None)()


def _show() -> click.Command:
    sources = _params.GroupedOption(
        ["--sources"], is_flag=True, help="Say where each value comes from.", group="Output"
    )
    text = (
        "Show each option as a run would use it, of one stage or of the pipeline.\n\n"
        "The flags are those of `docparse run all`. A secret is shown as *** when it is set."
    )
    return _params.command("show", show, _params_of(sources), text)


def _diff() -> click.Command:
    text = (
        "Show the options that differ from their defaults, and where they come from.\n\n"
        "With --profile, show what that profile changes in the options as they are without it."
    )
    return _params.command("diff", diff, _params_of(), text)


config = _Config("config", help="Show the options as a run would use them, and what differs from the defaults.")
