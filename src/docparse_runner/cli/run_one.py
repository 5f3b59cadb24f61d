"""``docparse run STAGE``: the command of one stage, with its options and the runner's."""

import json
import os
from collections.abc import Mapping
from typing import Any

import click

from docparse_runner._engine import new_run_id, outcome_as_plain
from docparse_runner._options import specs_of
from docparse_runner._outcome import StageOutcome
from docparse_runner._plugins import StagePlugin, load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._session import Prepared, Request, execute, prepare
from docparse_runner.cli import _params, _report
from docparse_runner.errors import DocparseError


def command(name: str) -> click.Command:
    """Load the stage and return its command.

    Raises:
        DocparseError: there is no such stage, or it is broken.
    """
    return _stage_command(load_stage(name))


def _stage_command(plugin: StagePlugin) -> click.Command:
    specs = [*specs_of(StageOptions), *specs_of(plugin.stage.options)]

    def callback(**values: Any) -> int:
        return _run_one(plugin.name, _params.given(specs, values), values)

    params = [
        _params.inputs(),
        *_params.location_options(),
        *_params.click_options(specs),
        *_params.run_options(),
    ]
    consumed = ", ".join(plugin.stage.consumes)
    text = f"{plugin.stage.summary}\n\nINPUT: files or folders of {consumed}; without it, what the data root holds."
    return _params.command(plugin.name, callback, params, text)


def _run_one(name: str, flags: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    settings, workspace = _params.located(values)
    request = Request(
        stage=name,
        inputs=values["inputs"],
        flags=flags,
        run_id=new_run_id(),
        wait=values["wait"],
        blocked=blocked(values),
    )
    prepared = prepare(request, settings, workspace)
    if prepared.resolved.runner.dry_run:
        from docparse_runner.cli.plan_one import show  # noqa: PLC0415 - only dry runs need it

        return show(prepared, values)
    outcome: object = None
    try:
        outcome = run_prepared(prepared, values)
    except DocparseError as error:
        outcome = error.outcome
        raise
    finally:
        if values["as_json"] and isinstance(outcome, StageOutcome):
            click.echo(json.dumps(outcome_as_plain(outcome)))
    return outcome.exit_code


def blocked(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the watchers that the command line and the environment leave out."""
    disabled = tuple(part for part in os.environ.get("DOCPARSE_DISABLE_PLUGINS", "").split(",") if part)
    return (*values["blocked"], *disabled, *(("progress",) if values["quiet"] else ()))


def run_prepared(prepared: Prepared, values: Mapping[str, Any]) -> StageOutcome:
    """Run a stage and say on stderr how it went.

    Raises:
        DocparseError: the run stopped with exit code 2.
    """
    report = _report.Report(verbose=values["verbose"])
    prepared.context.verbosity = values["verbose"]
    try:
        outcome = execute(prepared, report.tell, heartbeat_s=report.heartbeat_s)
    except DocparseError as error:
        if isinstance(error.outcome, StageOutcome):
            report.summary(error.outcome, prepared)
        raise
    report.summary(outcome, prepared)
    return outcome
