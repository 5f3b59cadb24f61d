"""``docparse validate STAGE``: are its recorded results in place, and what they should be?"""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import click

from docparse_runner._context import StageContext
from docparse_runner._options import specs_of
from docparse_runner._plugins import load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._session import resolve
from docparse_runner._validation import Validation
from docparse_runner._validation import validate as validated
from docparse_runner.cli import _params, _recorded

_STOPPED = 2
_FLAGS = ("workers", "timeout_s")


def _validate(*, stage: str, as_json: bool, **values: Any) -> int:
    settings, workspace = _params.located(values)
    plugin = load_stage(stage)
    _recorded.chosen(workspace, stage)
    resolved = settings.resolve(plugin, _params.given(_specs(), values))
    runner = attrs.evolve(resolved.runner, dry_run=True)  # nothing is fetched or made for being looked at
    context = StageContext(stage=plugin.stage, options=resolved.options, runner=runner, workspace=workspace)
    if plugin.has("docparse_validate"):
        context.resolved = resolve(plugin, context)
    # What cuts, repeats or stops a run has no say in what is looked at.
    context.runner = attrs.evolve(
        resolved.runner,
        dry_run=False,
        limit=None,
        include=(),
        exclude=(),
        shard=None,
        executor=None,
        policy="cpu",
        retries=0,
        error_budget=None,
    )
    found = validated(context)
    if as_json:
        click.echo(json.dumps(_plain(stage, str(workspace.root), found)))
    else:
        _tell(stage, found)
    return found.outcome.exit_code if found.outcome.exit_code >= _STOPPED else int(bool(found.problems))


def _plain(stage: str, root: str, found: Validation) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "data_root": root,
        "stage": stage,
        "results": found.results,
        "problems": dict(found.problems),
        "stop_reason": found.outcome.stop_reason,
    }


def _tell(stage: str, found: Validation) -> None:
    wrong = f"{len(found.problems)} with problems" if found.problems else "nothing wrong"
    click.echo(f"{stage}: {_recorded.counted(found.results, 'result')}, {wrong}")
    _list(found.problems)
    if found.outcome.stop_reason:
        click.echo(f"stopped before the end: {found.outcome.stop_reason}")


def _list(problems: Mapping[str, list[str]]) -> None:
    for item_id, sentences in problems.items():
        for sentence in sentences:
            click.echo(f"  {item_id}: {sentence}")


def _specs() -> list[Any]:
    return [spec for spec in specs_of(StageOptions) if spec.name in _FLAGS]


validate = _params.command(
    "validate",
    _validate,
    [
        click.Argument(["stage"]),
        *_params.location_options(),
        *_params.click_options(_specs()),
        _recorded.json_option("one JSON object"),
    ],
    "Look at every recorded result of STAGE: its files are there and as they were recorded, and the stage's own "
    "validation, if it has one, finds nothing wrong in them.\n\n"
    "Nothing is written. Ends with 1 when something was found. docparse manifest verify finds unrecorded files too.",
)
