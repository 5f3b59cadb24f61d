"""How a plan, and what changed in one, look to a person."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

import click
import msgspec

from docparse_runner._plan_diff import ChangedItem, Pair, PlanChanges, StageChanges, Verdict
from docparse_runner._plan_file import Plan, PlannedItem, PlannedStage

_SHOWN = 20


def pipeline(stages: Iterable[str]) -> str:
    """Return the stages in the order in which they run, in one line."""
    return f"pipeline: {' → '.join(stages)}"


def show_plan(plan: Plan, *, verbose: bool) -> None:
    """Print what would run of each stage, and why; of several, first their order."""
    if len(plan.stages) > 1:
        click.echo(pipeline(plan.stages))
    for name, stage in plan.stages.items():
        _show_stage(name, stage, verbose=verbose)


def _show_stage(name: str, stage: PlannedStage, *, verbose: bool) -> None:
    runs, planned = stage.counts["run"], len(stage.items) - stage.counts["gone"]
    click.echo(f"{name}: {runs} of {planned} would run")
    reasons = [(count, action, reason) for action, counts in stage.reasons.items() for reason, count in counts.items()]
    for count, action, reason in sorted(reasons, key=lambda each: -each[0]):
        click.echo(f"  {count:>6}  {action}: {reason}")
    if stage.note and (verbose or stage.cfg_hash):  # without: its input is made by the stage before, which goes unsaid
        click.echo(f"  {stage.note}")
    items = stage.items if verbose else _first(stage.items)
    _few([f"{item.action}  {item.item_id}  ({item.reason})" for item in items], verbose=verbose)


def _first(items: Iterable[PlannedItem]) -> list[PlannedItem]:
    """Return as many as are shown of what is not skipped, and one more."""
    return list(islice((item for item in items if item.action != "skip"), _SHOWN + 1))


def _few(lines: Sequence[str], *, verbose: bool) -> None:
    for line in lines if verbose else lines[:_SHOWN]:
        click.echo(f"    {line}")
    if not verbose and len(lines) > _SHOWN:
        click.echo("    … (-v shows every item)")


def show_changes(found: PlanChanges, file: str, *, verbose: bool) -> None:
    """Print what is not as it was when the plan was saved in `file`."""
    if found.data_root.then != found.data_root.now:
        click.echo(f"{file} is a plan of {found.data_root.then}; this one is of {found.data_root.now}")
    if not found.differs:
        click.echo(f"as planned in {file}")
    for name, stage in found.stages.items():
        if stage:
            _show_stage_changes(name, stage, file, verbose=verbose)


def _show_stage_changes(name: str, stage: StageChanges, file: str, *, verbose: bool) -> None:
    if stage.missing:
        click.echo(f"{name}: {'not in' if stage.missing == 'then' else 'only in'} {file}")
        return
    documents = f"{len(stage.items)} document{'s' * (len(stage.items) != 1)}"
    click.echo(f"{name}: {documents} not as planned in {file}")
    for kind, pairs in (("", stage.settings), ("option ", stage.options), ("found: ", stage.resolved)):
        for key, pair in pairs.items():
            click.echo(f"  {kind}{key}: {_value(pair)}")
    for change, count in Counter(map(_change, stage.items)).most_common():
        click.echo(f"  {count:>6}  {change}")
    items = stage.items if verbose else stage.items[: _SHOWN + 1]
    _few([f"{item.item_id}  ({_change(item)})" for item in items], verbose=verbose)


def _value(pair: Pair) -> str:
    then, now = ("-" if each is None else msgspec.json.encode(each).decode() for each in (pair.then, pair.now))
    return f"{then} → {now}"


def _change(item: ChangedItem) -> str:
    if item.then is None:
        return f"new: {_verdict(item.now)}"
    if item.now is None:
        return f"no longer planned: {_verdict(item.then)}"
    return f"{_verdict(item.then)} → {_verdict(item.now)}"


def _verdict(verdict: Verdict | None) -> str:
    return f"{verdict.action}: {verdict.reason}" if verdict else ""
