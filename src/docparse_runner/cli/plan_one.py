"""``docparse plan STAGE|all``: what would become of each item, and why; saved, and compared with an earlier plan."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from docparse_runner._config import Settings
from docparse_runner._forecast import Before, forecast, forecast_all
from docparse_runner._options import specs_of
from docparse_runner._plan_diff import changes
from docparse_runner._plan_file import Plan, PlannedStage, encode, load, save
from docparse_runner._plugins import load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._session import Prepared, Request, prepare
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, _pipeline, _plan_words, run_all
from docparse_runner.cli._meter import Meter


def show(prepared: Prepared, values: Mapping[str, Any]) -> int:
    """Tell what would become of each item of a stage, and return the exit code."""
    stage = prepared.plan.stage_name
    return _tell(prepared.context.workspace, lambda: {stage: _metered(prepared, None)}, values)


def show_all(wanted: Sequence[Request], settings: Settings, workspace: Workspace, values: Mapping[str, Any]) -> int:
    """Tell the same of a pipeline; a stage whose input does not exist yet follows the stage before."""
    return _tell(workspace, lambda: dict(forecast_all(wanted, settings, workspace, _metered)), values)


def _metered(prepared: Prepared, before: Before | None) -> PlannedStage:
    """Return what would become of a stage's items; when many have to be digested, show how far it is."""
    with Meter(f"plan {prepared.plan.stage_name}", prepared.plan.total_items or 0) as meter:
        return forecast(prepared, before, meter.step)


def _tell(workspace: Workspace, make: Callable[[], dict[str, PlannedStage]], values: Mapping[str, Any]) -> int:
    earlier, target = values.get("against"), values.get("save")
    then = load(earlier) if earlier else None  # before hours of digesting, in case that it is none
    plan = Plan(data_root=str(workspace.root), stages=make())
    found = changes(then, plan) if then else None
    if target:
        save(target, plan, workspace.root)
    verbose = bool(values["verbose"])
    if values["as_json"]:
        click.echo(encode(found or plan))
    elif found:
        _plan_words.show_changes(found, str(earlier), verbose=verbose)
    else:
        _plan_words.show_plan(plan, verbose=verbose)
    return int(found is not None and found.differs)


def command(name: str) -> click.Command:
    """Load the stage and return ``docparse plan STAGE``."""
    specs = [*specs_of(StageOptions), *specs_of(load_stage(name).stage.options)]

    def callback(**values: Any) -> int:
        settings, workspace = _params.located(values)
        request = Request(stage=name, inputs=values["inputs"], flags=_params.given(specs, values) | {"dry_run": True})
        return show(prepare(request, settings, workspace), values)

    params = [*_common(), *_params.click_options(specs), *_output()]
    return _params.command(name, callback, params, f"Say what `docparse run {name}` would do, and why.\n\n{_ENDS}")


def command_all() -> click.Command:
    """Return ``docparse plan all``."""
    specs = [*specs_of(StageOptions), *run_all.shared_specs()]

    def callback(**values: Any) -> int:
        settings, workspace = _params.located(values)
        wanted = run_all.requests(
            settings,
            _params.given(specs, values) | {"dry_run": True},
            values | {"blocked": (), "quiet": True},
            workspace,
        )
        return show_all(wanted, settings, workspace, values)

    params = [*_common(), *_pipeline.pipeline_options(), *_params.click_options(specs), *_output()]
    return _params.command("all", callback, params, f"Say what `docparse run all` would do, and why.\n\n{_ENDS}")


_ENDS = "Ends with 0; with --against, with 1 when something is not as planned in FILE."


def _common() -> list[click.Parameter]:
    return [_params.inputs(), *_params.location_options()]


def _output() -> list[click.Parameter]:
    path = click.Path(dir_okay=False, path_type=Path)
    return [
        *_params.output_options("every item"),
        _params.GroupedOption(
            ["--save"], type=path, metavar="FILE", help="Write the plan to this file, as JSON.", group="Output"
        ),
        _params.GroupedOption(
            ["--against"],
            type=path,
            metavar="FILE",
            help="Say what is not as in this plan, which was saved earlier.",
            group="Output",
        ),
    ]
