"""``docparse config show``: each option, its value, and where it comes from."""

import json
from collections.abc import Mapping
from typing import Any

import click

from docparse_runner.cli import _params
from docparse_runner.cli._config_values import StageValues, Value, collect

SCHEMA = {"schema_version": 1}
_WIDE = 45
"""Longer values do not push the sources of all the others to the right."""


def show(**values: Any) -> int:
    """Print the options of a stage, or of the pipeline."""
    settings, workspace = _params.located(values)
    found = collect(settings, values, workspace)
    profile = {"name": settings.profile.name, "source": settings.profile.source} if settings.profile.name else None
    if values["as_json"]:
        file = str(settings.path) if settings.path else None
        stages = {name: _plain_stage(each) for name, each in found.stages.items()}
        head = {"file": file, "data_root": str(workspace.root), "profile": profile}
        rest = {"runner": _plain(found.runner), "stages": stages, "broken": found.broken}
        click.echo(json.dumps(SCHEMA | head | rest))
        return 0
    if profile:
        click.echo(f"profile: {profile['name']}" + (f"  ({profile['source']})" if values["sources"] else ""))
    _print("runner", found.runner, values)
    for name, stage in found.stages.items():
        own = {f"runner.{key}": each for key, each in stage.runner.items() if each.value != found.runner[key].value}
        means = {f"resolved {key}": Value(value=each, default=None, source="") for key, each in stage.resolved.items()}
        _print(name, {**stage.options, **own, **means}, values)
        if stage.unresolved:
            click.echo(f"  what they mean here cannot be said: {stage.unresolved}")
    for name, reason in found.broken.items():
        click.echo(f"{name}: BROKEN: {reason}")
    return 0


def _plain_stage(stage: StageValues) -> dict[str, Any]:
    plain = {"options": _plain(stage.options), "runner": _plain(stage.runner), "resolved": dict(stage.resolved)}
    return plain | ({"unresolved": stage.unresolved} if stage.unresolved else {})


def _plain(values: Mapping[str, Value]) -> dict[str, Any]:
    return {name: {"value": each.value, "source": each.source} for name, each in values.items()}


def shown(value: Value) -> str:
    """Return a value as it is written in a file; of an option without one, what then holds."""
    if value.value is None:
        return f"({value.text})" if value.text else "-"
    return json.dumps(value.value, ensure_ascii=False)


def _print(title: str, options: Mapping[str, Value], values: Mapping[str, Any]) -> None:
    click.echo(f"{title}:")
    rows = [(name, shown(each), each.source) for name, each in options.items()]
    name_width = max((len(name) for name, _text, _source in rows), default=0)
    text_width = max((len(text) for _name, text, _source in rows if len(text) <= _WIDE), default=0)
    for name, text, source in rows:
        line = f"  {name:<{name_width}}  {text:<{text_width}}  {source if values['sources'] else ''}"
        click.echo(line.rstrip())
