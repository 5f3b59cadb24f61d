"""Options classes as click options, and the options that several commands share."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from docparse_runner._config import Settings
from docparse_runner._options import OptionSpec
from docparse_runner._profiles import BUILT_IN
from docparse_runner._workspace import Workspace

_ORDER = ("Input", "Execution", "Failures", "Resume", "Output")
_DEFAULT_ROOT = "docparse-data"


class GroupedOption(click.Option):
    """An option that knows under which heading ``--help`` shows it."""

    def __init__(self, *args: Any, group: str = "Input", **kwargs: Any) -> None:
        """Keep the heading."""
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose ``--help`` groups the options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each heading."""
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in _ORDER}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                group = param.group if isinstance(param, GroupedOption) else "Output"
                groups.setdefault(group, []).append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


def click_options(specs: Iterable[OptionSpec]) -> list[click.Parameter]:
    """Return ``--profile`` and click options; those not given on the command line are None or empty."""
    profile = GroupedOption(
        ["--profile"],
        metavar="NAME",
        help="Set options that belong together: airgapped, cpu, gpu, or a profile of the file.  [default: the file's]",
        shell_complete=lambda _context, _param, begun: [name for name in BUILT_IN if name.startswith(begun)],
    )
    return [profile, *(_click_option(spec) for spec in specs if not spec.secret)]


def _click_option(spec: OptionSpec) -> GroupedOption:
    shown = f"  [default: {spec.shown_default}]" if spec.shown_default else ""
    text = f"{spec.help}{shown}"
    if spec.type is bool:
        off = spec.flag.replace("--", "--no-", 1)
        return GroupedOption([f"{spec.flag}/{off}"], default=None, help=text, group=spec.group)
    kinds: Mapping[type, Any] = {
        int: click.INT,
        float: click.FLOAT,
        str: click.STRING,
        Path: click.Path(path_type=Path),
    }
    kind = click.Choice(spec.choices) if spec.choices else kinds[spec.type]
    metavar = None if spec.choices else (spec.unit or spec.type_name).upper().replace(" ", "_")
    return GroupedOption(
        [spec.flag], type=kind, multiple=spec.multiple, default=None, metavar=metavar, help=text, group=spec.group
    )


def given(specs: Iterable[OptionSpec], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given on the command line."""
    return {spec.name: values[spec.name] for spec in specs if values.get(spec.name) not in (None, ())}


def inputs() -> click.Parameter:
    """Return the argument that names inputs; a shell completes names of files."""
    return click.Argument(["inputs"], nargs=-1, metavar="[INPUT]...", shell_complete=_files)


def _files(_context: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(begun, type="file")]


def location_options() -> list[click.Parameter]:
    """Return ``--data-root`` and ``--config``."""
    return [
        GroupedOption(
            ["--data-root"],
            type=click.Path(file_okay=False, path_type=Path),
            envvar="DOCPARSE_DATA_ROOT",
            help=f"Folder of artifacts, manifests and the index.  [default: ./{_DEFAULT_ROOT}]",
        ),
        GroupedOption(
            ["--config"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="DOCPARSE_CONFIG",
            help="Configuration file.  [default: docparse.toml of this folder]",
        ),
    ]


def output_options(more: str) -> list[click.Parameter]:
    """Return ``--json`` and ``-v``, of which `more` says what it shows."""
    return [
        GroupedOption(
            ["--json", "as_json"], is_flag=True, help="Print JSON, and nothing else, on stdout.", group="Output"
        ),
        GroupedOption(["-v", "--verbose"], count=True, help=f"Say more: {more}.", group="Output"),
    ]


def run_options() -> list[click.Parameter]:
    """Return what every command that runs stages takes beside the options classes."""
    return [
        *output_options("times, CPU, memory, failures and the slowest items, meanwhile and at the end"),
        GroupedOption(
            ["-q", "--quiet"], is_flag=True, help="No progress; errors and the summary only.", group="Output"
        ),
        GroupedOption(
            ["--wait"], is_flag=True, help="Wait while another run of the stage is going.", group="Execution"
        ),
        GroupedOption(
            ["-p", "blocked"],
            multiple=True,
            metavar="no:NAME",
            callback=_blocked,
            help="Leave a watcher out, for example -p no:progress.",
            group="Output",
        ),
    ]


def _blocked(_context: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not each.startswith("no:"):
            msg = f"{each!r}: write no:NAME to leave the watcher NAME out"
            raise click.BadParameter(msg)
    return tuple(each.removeprefix("no:") for each in value)


def located(values: Mapping[str, Any]) -> tuple[Settings, Workspace]:
    """Return the settings and the data root that the command line, the environment and the file name."""
    settings = Settings.load(values.get("config"), values.get("profile"))
    return settings, Workspace(values.get("data_root") or settings.data_root or Path(_DEFAULT_ROOT))


def command(name: str, callback: Callable[..., Any], params: list[click.Parameter], text: str) -> click.Command:
    """Return a command with grouped help."""
    return GroupedCommand(
        name, callback=callback, params=params, help=text, context_settings={"help_option_names": ["-h", "--help"]}
    )
