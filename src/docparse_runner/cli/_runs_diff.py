"""``docparse runs diff``: how two runs differ."""

import json
from typing import Any

import attrs
import click

from docparse_runner._run_diff import StageDiff, differences
from docparse_runner._runs import find_run, run_before
from docparse_runner.cli import _params
from docparse_runner.cli import _runs_words as _words


def diff(**values: Any) -> int:
    """Show how two runs differ."""
    _settings, workspace = _params.located(values)
    second = find_run(workspace, values["second"] or "")
    first = find_run(workspace, values["first"]) if values["first"] else run_before(workspace, second)
    found = differences(first, second)
    if values["as_json"]:
        pair = {"first": _words.head(first), "second": _words.head(second)}
        click.echo(
            json.dumps(_words.SCHEMA | pair | {"stages": {stage: _plain_diff(each) for stage, each in found.items()}})
        )
        return 0
    click.echo(f"first   {first.run_id}, {_words.when(first)} UTC")
    click.echo(f"second  {second.run_id}, {_words.when(second)} UTC")
    for problem in (*first.problems, *second.problems):
        click.echo(f"  {problem}")
    if not any(found.values()):
        click.echo("no differences")
    for stage, each in found.items():
        if each:
            _show_diff(stage, each)
    return 0


def _plain_diff(diff: StageDiff) -> dict[str, Any]:
    plain = attrs.asdict(diff)
    if diff.stage_version:
        plain["stage_version"] = dict(zip(("first", "second"), diff.stage_version, strict=True))
    for name in ("options", "runner", "resolved", "versions", "counts"):
        plain[name] = _words.plain_pairs(getattr(diff, name))
    return plain


def _show_diff(stage: str, diff: StageDiff) -> None:
    if diff.missing:
        click.echo(f"{stage}: the {diff.missing} run did not have it")
        return
    click.echo(f"{stage}:")
    if diff.stage_version:
        click.echo(f"  stage version: {diff.stage_version[0]} → {diff.stage_version[1]}")
    named = {
        "option": diff.options,
        "runner": diff.runner,
        "resolved": diff.resolved,
        "version": diff.versions,
        "count": diff.counts,
    }
    for word, pairs in named.items():
        for name, pair in pairs.items():
            click.echo(f"  {word}: {name}: {_words.value_word(pair[0])} → {_words.value_word(pair[1])}")
    for item in diff.items:
        click.echo(f"  document: {item.item_id}: {item.first} → {item.second}")
