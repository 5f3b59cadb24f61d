"""``docparse plan STAGE|all``: what would become of each item, and why."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from docparse_runner._config import Settings
from docparse_runner._decision import Action
from docparse_runner._options import specs_of
from docparse_runner._plugins import load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._session import Prepared, Request, decisions, prepare
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, run_all
from docparse_runner.errors import UsageError

_SHOWN = 20


class _Planned:
    """What would become of the items of one stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.rows: list[dict[str, str]] = []
        self.note = ""

    @property
    def running(self) -> dict[str, str]:
        """Return item id → reason of what would run."""
        return {row["item_id"]: row["reason"] for row in self.rows if row["action"] == "run"}

    def add(self, item_id: str, action: str, reason: str) -> None:
        """Keep one item."""
        self.rows.append({"item_id": item_id, "action": action, "reason": reason})


def _plan_one(prepared: Prepared, before: "_Planned | None") -> _Planned:
    planned = _Planned(prepared.plan.stage_name)
    ahead = dict(before.running) if before else {}
    for item, decision in decisions(prepared):
        upstream = ahead.pop(item.item_id, None)
        if decision.action is Action.FAIL:
            planned.add(item.item_id, "fail", decision.error.message if decision.error else "")
        elif decision.action is Action.RUN:
            planned.add(item.item_id, "run", decision.reason)
        elif upstream is not None and before is not None:
            planned.add(item.item_id, "run", f"if {before.stage} changes it")
        else:
            planned.add(item.item_id, "skip", decision.reason)
    _add_new(planned, ahead, before)
    return planned


def _add_new(planned: _Planned, ahead: Mapping[str, str], before: "_Planned | None") -> None:
    for item_id in ahead:
        planned.add(item_id, "run", f"after {before.stage}" if before else "new")


def show(prepared: Sequence[Prepared], values: Mapping[str, Any]) -> int:
    """Print what would become of each item of each stage."""
    return _print([_plan_one(each, None) for each in prepared], values)


def show_all(wanted: Sequence[Request], settings: Settings, workspace: Workspace, values: Mapping[str, Any]) -> int:
    """Print the same for a pipeline; a stage whose input does not exist yet follows the stage before."""
    return _print(list(_pipeline(wanted, settings, workspace)), values)


def _pipeline(wanted: Sequence[Request], settings: Settings, workspace: Workspace) -> Iterator[_Planned]:
    before: _Planned | None = None
    for request in wanted:
        try:
            planned = _plan_one(prepare(request, settings, workspace), before)
        except UsageError as error:
            if before is None:
                raise
            planned = _Planned(request.stage)
            planned.note = str(error)
            _add_new(planned, before.running, before)
        yield planned
        before = planned


def _print(plans: Sequence[_Planned], values: Mapping[str, Any]) -> int:
    if values["as_json"]:
        click.echo(json.dumps({"schema_version": 1, "stages": {plan.stage: plan.rows for plan in plans}}))
        return 0
    for plan in plans:
        runs = len(plan.running)
        click.echo(f"{plan.stage}: {runs} of {len(plan.rows)} would run")
        reasons = Counter((row["action"], row["reason"]) for row in plan.rows)
        for (action, reason), count in reasons.most_common():
            click.echo(f"  {count:>6}  {action}: {reason}")
        shown = plan.rows if values["verbose"] else [row for row in plan.rows if row["action"] != "skip"][:_SHOWN]
        for row in shown:
            click.echo(f"    {row['action']}  {row['item_id']}  ({row['reason']})")
        if not values["verbose"] and len(shown) == _SHOWN < runs:
            click.echo("    … (-v shows every item)")
    return 0


def command(name: str) -> click.Command:
    """Load the stage and return ``docparse plan STAGE``."""
    specs = [*specs_of(StageOptions), *specs_of(load_stage(name).stage.options)]

    def callback(**values: Any) -> int:
        settings, workspace = _params.located(values)
        request = Request(stage=name, inputs=values["inputs"], flags=_params.given(specs, values) | {"dry_run": True})
        return show([prepare(request, settings, workspace)], values)

    params = [*_common(), *_params.click_options(specs), *_params.output_options("every item")]
    return _params.command(name, callback, params, f"Say what `docparse run {name}` would do, and why.")


def command_all() -> click.Command:
    """Return ``docparse plan all``."""
    specs = [*specs_of(StageOptions), *run_all.shared_specs()]

    def callback(**values: Any) -> int:
        settings, workspace = _params.located(values)
        wanted = run_all.requests(
            settings, _params.given(specs, values) | {"dry_run": True}, values | {"blocked": (), "quiet": True}
        )
        return show_all(wanted, settings, workspace, values)

    params = [
        *_common(),
        *run_all.pipeline_options(),
        *_params.click_options(specs),
        *_params.output_options("every item"),
    ]
    return _params.command("all", callback, params, "Say what `docparse run all` would do, and why.")


def _common() -> list[click.Parameter]:
    return [click.Argument(["inputs"], nargs=-1, metavar="[INPUT]..."), *_params.location_options()]
