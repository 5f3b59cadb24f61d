"""``docparse run all``: the stages of the pipeline, one after the other, under one run id."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import attrs
import click

from docparse_runner._config import Settings
from docparse_runner._engine import new_run_id, outcome_as_plain
from docparse_runner._entry_points import STAGES, listed
from docparse_runner._lock import run_lock
from docparse_runner._options import OptionSpec, specs_of
from docparse_runner._outcome import StageOutcome
from docparse_runner._plugins import StagePlugin, load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._session import Prepared, Request, prepare
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, run_one
from docparse_runner.errors import DocparseError, PluginError, UsageError

DEFAULT = ("doctags", "chunk", "embed", "index")
"""The pipeline without a configuration: those of these that are installed."""

_STOP = 2


def stage_names(settings: Settings, values: Mapping[str, Any]) -> list[str]:
    """Return the stages to run, in order.

    Raises:
        UsageError: none is installed, or a name that was given is not in the pipeline.
    """
    installed = [stage.name for stage in listed(STAGES)]
    named = settings.pipeline("stages")
    names = list(named) if named is not None else [name for name in DEFAULT if name in installed]
    names += [name for name in (*(settings.pipeline("with") or ()), *values["with_"]) if name not in names]
    skipped = {*(settings.pipeline("skip") or ()), *values["skip"]}
    for given in (*skipped, values["from_stage"], values["to"]):
        if given and given not in names:
            msg = f"{given!r} is not in the pipeline: {', '.join(names)}"
            raise UsageError(msg)
    names = names[names.index(values["from_stage"]) if values["from_stage"] else 0 :]
    names = names[: names.index(values["to"]) + 1 if values["to"] else None]
    names = [name for name in names if name not in skipped]
    if not names:
        msg = f"no stage to run; installed: {', '.join(installed) or 'none (pip install docparse-doctags)'}"
        raise UsageError(msg)
    return names


def pipeline_options() -> list[click.Parameter]:
    """Return the options that choose the stages."""
    option = _params.GroupedOption
    return [
        option(["--with", "with_"], multiple=True, metavar="STAGE", help="Add an installed stage at the end."),
        option(["--from-stage"], metavar="STAGE", help="Begin with this stage."),
        option(["--to"], metavar="STAGE", help="End with this stage."),
        option(["--skip"], multiple=True, metavar="STAGE", help="Leave a stage out."),
        option(["--set", "set_"], multiple=True, metavar="STAGE.OPTION=VALUE", help="Set an option of one stage."),
    ]


def shared_specs() -> list[OptionSpec]:
    """Return the shared options of the installed stages that can be loaded; a broken one says so when it is to run."""
    found: dict[str, OptionSpec] = {}
    names = [stage.name for stage in listed(STAGES)]
    for name in sorted(names, key=lambda name: DEFAULT.index(name) if name in DEFAULT else len(DEFAULT)):
        with contextlib.suppress(PluginError):
            for spec in specs_of(load_stage(name).stage.options):
                if spec.shared:
                    found.setdefault(spec.name, attrs.evolve(spec, group="Shared by stages"))
    return list(found.values())


def command() -> click.Command:
    """Return ``docparse run all``."""
    specs = [*specs_of(StageOptions), *shared_specs()]

    def callback(**values: Any) -> int:
        return _run_all(_params.given(specs, values), values)

    params = [
        click.Argument(["inputs"], nargs=-1, metavar="[INPUT]..."),
        *_params.location_options(),
        *pipeline_options(),
        *_params.click_options(specs),
        *_params.run_options(),
    ]
    text = (
        "Run every stage of the pipeline, one after the other.\n\n"
        f"The pipeline is [pipeline] in docparse.toml, by default {', '.join(DEFAULT)} as installed. Failed documents "
        "do not stop later stages. Options of one stage: --set chunk.max_tokens=256, environment, or docparse.toml."
    )
    return _params.command("all", callback, params, text)


def requests(settings: Settings, flags: Mapping[str, Any], values: Mapping[str, Any]) -> list[Request]:
    """Return what to ask of each stage; the first takes the inputs that were named."""
    plugins = [load_stage(name) for name in stage_names(settings, values)]
    extra = _settings_of(plugins, values["set_"])
    runner = {spec.name for spec in specs_of(StageOptions)}
    run_id = new_run_id()
    result = []
    for place, plugin in enumerate(plugins):
        own = {spec.name for spec in specs_of(plugin.stage.options)}
        mine = {name: value for name, value in flags.items() if name in runner or name in own}
        result.append(
            Request(
                stage=plugin.name,
                inputs=values["inputs"] if place == 0 else (),
                flags=mine | extra.get(plugin.name, {}),
                run_id=run_id,
                wait=values.get("wait", False),
                blocked=run_one.blocked(values),
            )
        )
        settings.resolve(plugin, result[-1].flags)  # a bad option of the last stage must not show after hours
    return result


def _settings_of(plugins: Sequence[StagePlugin], assignments: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return stage → option → value of ``--set STAGE.OPTION=VALUE``."""
    known = {plugin.name: [spec.name for spec in specs_of(plugin.stage.options)] for plugin in plugins}
    result: dict[str, dict[str, str]] = {}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        stage, dot, name = target.replace("-", "_").rpartition(".")
        stage = next((each for each in known if each.replace("-", "_") == stage), stage)
        if not equals or not dot or name not in known.get(stage, ()):
            options = ", ".join(f"{stage}.{name}" for stage, names in known.items() for name in names)
            msg = f"--set {assignment}: write STAGE.OPTION=VALUE; known: {options}"
            raise UsageError(msg)
        result.setdefault(stage, {})[name] = value
    return result


def _run_all(flags: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    settings, workspace = _params.located(values)
    wanted = requests(settings, flags, values)
    if settings.resolve(load_stage(wanted[0].stage), wanted[0].flags).runner.dry_run:
        from docparse_runner.cli.plan_one import show_all  # noqa: PLC0415 - only dry runs need it

        return show_all(wanted, settings, workspace, values)
    first = prepare(wanted[0], settings, workspace)  # refuses what cannot begin, before anything is touched
    workspace.create()
    with ExitStack() as locks:
        for request in wanted:
            runner = settings.resolve(load_stage(request.stage), request.flags).runner
            locks.enter_context(run_lock(workspace, request.stage, runner.shard or "", wait=request.wait))
        outcomes: list[StageOutcome] = []
        try:
            outcomes.extend(_run_each(first, wanted, settings, workspace, values))
        except DocparseError as error:
            if isinstance(error.outcome, StageOutcome):
                outcomes.append(error.outcome)
            raise
        finally:
            if values["as_json"]:
                click.echo(json.dumps({outcome.stage_name: outcome_as_plain(outcome) for outcome in outcomes}))
    return max((outcome.exit_code for outcome in outcomes), default=0)


def _run_each(
    first: Prepared, wanted: Sequence[Request], settings: Settings, workspace: Workspace, values: Mapping[str, Any]
) -> Iterator[StageOutcome]:
    """Run one stage after the other, until one stops the pipeline."""
    for place, request in enumerate(wanted):
        if not values["quiet"]:
            click.echo(f"[{place + 1}/{len(wanted)}] {request.stage}", err=True)
        prepared = first if place == 0 else prepare(request, settings, workspace)
        outcome = run_one.run_prepared(prepared, values)
        yield outcome
        if outcome.exit_code >= _STOP:
            return
