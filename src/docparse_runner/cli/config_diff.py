"""``docparse config diff``: what differs from the defaults, or what a profile changes."""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import click

from docparse_runner._config import Settings
from docparse_runner.cli import _params
from docparse_runner.cli._config_values import STAGE, Value, Values, collect
from docparse_runner.cli.config_show import SCHEMA, shown

_Pairs = dict[str, tuple[Value, Value]]


def diff(**values: Any) -> int:
    """Print what differs."""
    settings, _workspace = _params.located(values)
    found = collect(settings, values)
    before = _without(values) if values["profile"] else None
    runner = _pairs(found.runner, before.runner if before else None)
    stages = {name: _stage_pairs(name, found, before, runner) for name in found.stages}
    if values["as_json"]:
        compared = f"profile {settings.profile.name}" if before else "defaults"
        plain = {"compared": compared, "runner": _plain(runner), "broken": found.broken}
        click.echo(json.dumps(SCHEMA | plain | {"stages": {name: _plain(pairs) for name, pairs in stages.items()}}))
        return 0
    for title, pairs in {"runner": runner, **stages}.items():
        _print(title, pairs)
    for name, reason in found.broken.items():
        click.echo(f"{name}: BROKEN: {reason}")
    if not runner and not any(stages.values()):
        click.echo("no differences")
    return 0


def _without(values: Mapping[str, Any]) -> Values:
    """Return the options as they are when the command line names no profile."""
    return collect(Settings.load(values["config"]), values)


def _stage_pairs(name: str, found: Values, before: Values | None, runner: _Pairs) -> _Pairs:
    """Return option → (before, after) of a stage; of the runner's, those that differ otherwise than for any stage."""
    now, then = found.stages[name], before.stages[name] if before else None
    own = _pairs(now.options, then.options if then else None)
    others = _pairs(now.runner, then.runner if then else None)
    mine = {
        key: pair
        for key, pair in others.items()
        if pair[1].source != STAGE and (key not in runner or runner[key][1].value != pair[1].value)
    }
    return own | {f"runner.{key}": pair for key, pair in mine.items()}


def _pairs(after: Mapping[str, Value], before: Mapping[str, Value] | None) -> _Pairs:
    """Return option → (before, after) where they differ; without `before`, the defaults are meant."""
    pairs = {
        name: (before[name] if before else attrs.evolve(each, value=each.default), each) for name, each in after.items()
    }
    return {name: pair for name, pair in pairs.items() if pair[0].value != pair[1].value}


def _plain(pairs: _Pairs) -> dict[str, Any]:
    return {
        name: {"before": before.value, "after": after.value, "source": after.source}
        for name, (before, after) in pairs.items()
    }


def _print(title: str, pairs: _Pairs) -> None:
    if pairs:
        click.echo(f"{title}:")
    for name, (before, after) in pairs.items():
        click.echo(f"  {name}: {shown(before)} → {shown(after)}  ({after.source})")
