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
from docparse_runner._plugins import load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._session import Prepared, Request, prepare
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, _pipeline, _plan_words, run_one
from docparse_runner.errors import DocparseError, PluginError

_STOP = 2


def shared_specs() -> list[OptionSpec]:
    """Return the shared options of the installed stages that can be loaded; a broken one says so when it is to run."""
    found: dict[str, OptionSpec] = {}
    names = [stage.name for stage in listed(STAGES)]
    for name in sorted(
        names, key=lambda name: _pipeline.DEFAULT.index(name) if name in _pipeline.DEFAULT else len(_pipeline.DEFAULT)
    ):
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
        _params.inputs(),
        *_params.location_options(),
        *_pipeline.pipeline_options(),
        *_params.click_options(specs),
        *_params.run_options(),
    ]
    text = (
        "Run every stage of the pipeline, one after the other.\n\n"
        f"The pipeline is [pipeline] in docparse.toml, by default {', '.join(_pipeline.DEFAULT)} as installed. However "
        "they are named, each stage runs after those that make what it reads. Failed documents do not stop later "
        "stages. Options of one stage: --set chunk.max_tokens=256, environment, or docparse.toml."
    )
    return _params.command("all", callback, params, text)


def requests(
    settings: Settings, flags: Mapping[str, Any], values: Mapping[str, Any], workspace: Workspace
) -> list[Request]:
    """Return what to ask of each stage, in order; the first takes the inputs that were named.

    Raises:
        UsageError: the stages do not fit together, or an option of one is wrong.
        PluginError: one of them is broken.
    """
    plugins = _pipeline.chosen(settings, flags, values, workspace)
    _pipeline.settings_of(plugins, values["set_"])  # refuses what is meant for none of them
    run_id = new_run_id()
    result = []
    for place, plugin in enumerate(plugins):
        request = Request(
            stage=plugin.name,
            inputs=values["inputs"] if place == 0 else (),
            flags=_pipeline.flags_for(plugin, flags, values["set_"]),
            run_id=run_id,
            wait=values.get("wait", False),
            blocked=run_one.blocked(values),
        )
        settings.resolve(plugin, request.flags)  # a bad option of the last stage must not show after hours
        result.append(request)
    return result


def _run_all(flags: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    settings, workspace = _params.located(values)
    wanted = requests(settings, flags, values, workspace)
    if settings.resolve(load_stage(wanted[0].stage), wanted[0].flags).runner.dry_run:
        from docparse_runner.cli.plan_one import show_all  # noqa: PLC0415 - only dry runs need it

        return show_all(wanted, settings, workspace, values)
    if values["verbose"]:
        click.echo(_plan_words.pipeline(request.stage for request in wanted), err=True)
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
