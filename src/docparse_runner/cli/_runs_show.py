"""``docparse runs show``: one run."""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import click
import msgspec

from docparse_runner._options import as_plain
from docparse_runner._plugins import load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._runs import RunRecord, StageConfig, StageSummary, find_run
from docparse_runner.cli import _params
from docparse_runner.cli import _runs_words as _words
from docparse_runner.errors import DocparseError

_SLOWEST = 5
_SHOWN = ("wall_ms", "exit_code", "stop_reason", "errors", "error_counts", "slowest", "notes")
"""The fields of a stage's summary that ``--json`` shows beside the counts."""


def show(**values: Any) -> int:
    """Show one run."""
    _settings, workspace = _params.located(values)
    record = find_run(workspace, values["run"] or "")
    told = {stage: _told(stage, config) for stage, config in record.config.items()}
    if values["as_json"]:
        stages = {stage: _plain_stage(record, stage, told.get(stage)) for stage in record.stages}
        click.echo(json.dumps(_words.SCHEMA | _words.head(record) | {"stages": stages}))
        return 0
    code = "" if record.exit_code is None else f", exit code {record.exit_code}"
    click.echo(f"run {record.run_id}, {_words.when(record)} UTC{code}, {record.wall_s:.1f} s")
    for problem in record.problems:
        click.echo(f"  {problem}")
    for stage in record.stages:
        _show_stage(record, stage, told.get(stage))
    return 0


@attrs.frozen(kw_only=True)
class _Told:
    """What a stage was told that it is not told by default: name → (value, default).

    Attributes:
        options: the stage's.
        runner: the runner's.
        unknown: why the stage's defaults are not known, or an empty string; then `options` has all of them.
    """

    options: Mapping[str, tuple[Any, Any]]
    runner: Mapping[str, tuple[Any, Any]]
    unknown: str


def _told(stage: str, config: StageConfig) -> _Told:
    unknown, defaults = "", {}
    try:
        options = load_stage(stage).stage.options
        defaults = as_plain(options() if options else None)
    except DocparseError as error:
        unknown = str(error)
    return _Told(
        options=_other_than(defaults, config.options),
        runner=_other_than(as_plain(StageOptions()), config.runner),
        unknown=unknown,
    )


def _other_than(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (value, defaults.get(name))
        for name, value in values.items()
        if name not in defaults or value != defaults[name]
    }


def _plain_stage(record: RunRecord, stage: str, told: _Told | None) -> dict[str, Any]:
    config, summary = record.config.get(stage), record.summary.get(stage)
    plain: dict[str, Any] = {"counts": _words.plain_counts(record, stage)}
    if summary:
        plain |= {name: msgspec.to_builtins(getattr(summary, name)) for name in _SHOWN}
    if config and told:
        plain |= {
            "stage_version": config.stage_version,
            "cfg_hash": config.cfg_hash,
            "options": _with_defaults(told.options),
            "runner": _with_defaults(told.runner),
            "resolved": config.resolved,
            "versions": config.versions,
        }
    return plain


def _with_defaults(changed: Mapping[str, tuple[Any, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {"value": value, "default": default} for name, (value, default) in changed.items()}


def _show_stage(record: RunRecord, stage: str, told: _Told | None) -> None:
    config, summary = record.config.get(stage), record.summary.get(stage)
    version = f" (version {config.stage_version})" if config else ""
    took = f" in {summary.wall_ms / 1000:.1f} s" if summary else ""
    click.echo(f"{stage}{version}: {_words.counted(summary)}{took}")
    if summary:
        _show_end(summary)
    if config and told:
        _show_options("option", told.options)
        _show_options("runner", told.runner)
        for name, value in config.resolved.items():
            click.echo(f"  resolved: {name} = {_words.value_word(value)}")
        if told.unknown:
            click.echo(f"  the defaults of its options are not known: {told.unknown}")


def _show_end(summary: StageSummary) -> None:
    for failure in summary.errors:
        click.echo(f"  failed: {failure.item_id}: {failure.category}: {failure.message}")
    if summary.failed > len(summary.errors):
        click.echo(f"  … and {summary.failed - len(summary.errors)} more failed")
    for slow in summary.slowest[:_SLOWEST]:
        click.echo(f"  slowest: {slow.item_id}: {slow.seconds:.3f} s")
    if summary.stop_reason:
        click.echo(f"  stopped: {summary.stop_reason}")


def _show_options(word: str, changed: Mapping[str, tuple[Any, Any]]) -> None:
    for name, (value, default) in changed.items():
        click.echo(f"  {word}: {name} = {_words.value_word(value)} (default {_words.value_word(default)})")
