"""The options as they are for each stage, for ``docparse config``."""

from collections.abc import Mapping
from typing import Any

import attrs

from docparse_runner._config import Resolved, Settings
from docparse_runner._context import StageContext
from docparse_runner._engine import worker_count
from docparse_runner._model import Stage
from docparse_runner._options import OptionSpec, as_plain, specs_of
from docparse_runner._plugins import StagePlugin, load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._session import resolve
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, _pipeline, run_all
from docparse_runner.errors import DocparseError, UsageError

STAGE = "the stage"
"""The source of what a stage says itself."""

_WHOLE = {"with_": (), "skip": (), "from_stage": None, "to": None}


@attrs.frozen(kw_only=True)
class Value:
    """One option.

    Attributes:
        value: as it is used, as JSON data; of a secret ``***`` or None.
        default: what it is without any setting.
        source: where the value comes from.
        text: what to show instead of None.
    """

    value: Any
    default: Any
    source: str
    text: str = ""


@attrs.frozen(kw_only=True)
class StageValues:
    """The options of one stage.

    Attributes:
        options: its own, shared ones among them.
        runner: the runner's, as they are for this stage.
        resolved: what its ``docparse_resolve`` makes of them; empty when it was not asked.
        unresolved: why that cannot be said.
    """

    options: Mapping[str, Value]
    runner: Mapping[str, Value]
    resolved: Mapping[str, Any] = attrs.field(factory=dict)
    unresolved: str = ""


@attrs.frozen(kw_only=True)
class Values:
    """The options of a pipeline or of one stage.

    Attributes:
        runner: the runner's, as they are for any stage.
        stages: stage → its options.
        broken: stage → why it cannot be asked.
    """

    runner: Mapping[str, Value]
    stages: Mapping[str, StageValues]
    broken: Mapping[str, str]


def specs() -> list[OptionSpec]:
    """Return the options that have a flag here: the runner's and the shared ones, as for ``docparse run all``."""
    return [*specs_of(StageOptions), *run_all.shared_specs()]


def collect(settings: Settings, values: Mapping[str, Any], workspace: Workspace | None = None) -> Values:
    """Return the options of one stage, or without a name of all in the pipeline.

    Args:
        settings: what the environment, the file and the profile say.
        values: of the command line.
        workspace: the data root; with it, stages are asked what their options mean there, in a dry run.

    Raises:
        UsageError: a value cannot be read, or the stage that was named does not exist.
        PluginError: the stage that was named is broken.
    """
    flags = _params.given(specs(), values)
    plugins, broken = _loaded(settings, values["stage"] or "")
    extra = _pipeline.settings_of(plugins, values["set_"])
    runner_flags = {key: value for key, value in flags.items() if key in attrs.fields_dict(StageOptions)}
    runner, sources = settings.resolve_runner(runner_flags)
    stages = {}
    for plugin in plugins:
        known = {spec.name for spec in (*specs_of(plugin.stage.options), *specs_of(StageOptions))}
        mine = {key: value for key, value in flags.items() if key in known} | extra.get(plugin.name, {})
        stages[plugin.name] = _stage_values(plugin, settings.resolve(plugin, mine), workspace)
    return Values(runner=_values(runner, specs_of(StageOptions), sources), stages=stages, broken=broken)


def _loaded(settings: Settings, name: str) -> tuple[list[StagePlugin], dict[str, str]]:
    if name not in ("", "all"):
        return [load_stage(name)], {}
    plugins, broken = [], {}
    for each in _names(settings):
        try:
            plugins.append(load_stage(each))
        except DocparseError as error:
            broken[each] = str(error)
    return plugins, broken


def _names(settings: Settings) -> list[str]:
    try:
        return _pipeline.stage_names(settings, _WHOLE)
    except UsageError:
        if settings.pipeline("stages") or settings.pipeline("skip"):
            raise
        return []  # none is installed: the runner has options all the same


def _stage_values(plugin: StagePlugin, resolved: Resolved, workspace: Workspace | None) -> StageValues:
    runner = _values(resolved.runner, specs_of(StageOptions), resolved.sources)
    meaning, reason = _meaning(plugin, resolved, workspace) if workspace else ({}, "")
    return StageValues(
        options=_values(resolved.options, specs_of(plugin.stage.options), resolved.sources),
        runner={**runner, **_from_stage(plugin.stage, resolved.runner, runner)},
        resolved=meaning,
        unresolved=reason,
    )


def _meaning(plugin: StagePlugin, resolved: Resolved, workspace: Workspace) -> tuple[Mapping[str, Any], str]:
    runner = attrs.evolve(resolved.runner, dry_run=True)  # nothing is fetched or made for being looked at
    context = StageContext(stage=plugin.stage, options=resolved.options, runner=runner, workspace=workspace)
    try:
        return resolve(plugin, context), ""
    except DocparseError as error:
        return {}, str(error)


def _values(options: Any, own: list[OptionSpec], sources: Mapping[str, str]) -> dict[str, Value]:
    plain, defaults = as_plain(options), as_plain(type(options)()) if options is not None else {}
    return {
        spec.name: Value(
            value=plain[spec.name],
            default=defaults[spec.name],
            source=sources[spec.name],
            text="" if spec.secret else spec.default_text,
        )
        for spec in own
    }


def _from_stage(stage: Stage, runner: StageOptions, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the runner's options that a stage has a say in, as they are used."""
    found = {"workers": _workers(stage, runner, values["workers"])}
    for name, own in (("policy", stage.policy), ("timeout_s", stage.timeout_s)):
        value = attrs.evolve(values[name], default=own)
        found[name] = attrs.evolve(value, value=own, source=STAGE) if value.value is None else value
    return found


def _workers(stage: Stage, runner: StageOptions, value: Value) -> Value:
    default = worker_count(attrs.evolve(runner, workers=None), stage)
    if runner.workers == 0:
        return attrs.evolve(value, default=default)
    used, unbound = worker_count(runner, stage), worker_count(runner, attrs.evolve(stage, max_workers=None))
    return attrs.evolve(value, value=used, default=default, source=value.source if used == unbound else STAGE)
