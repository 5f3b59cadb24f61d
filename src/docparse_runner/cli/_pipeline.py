"""Which stages ``run all`` and ``plan all`` are about, in the order in which each finds its input made."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from docparse_runner._config import Settings
from docparse_runner._entry_points import STAGES, listed
from docparse_runner._kinds import known_kinds
from docparse_runner._options import specs_of
from docparse_runner._pipeline import Gap, Member, gaps, in_order, rivals
from docparse_runner._plugins import StagePlugin, load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner._workspace import Workspace
from docparse_runner.cli._params import GroupedOption
from docparse_runner.errors import DocparseError, UsageError

DEFAULT = ("doctags", "chunk", "embed", "index")
"""The pipeline without a configuration: those of these that are installed."""


def pipeline_options() -> list[click.Parameter]:
    """Return the options that choose the stages."""
    option = GroupedOption
    return [
        option(
            ["--with", "with_"],
            multiple=True,
            metavar="STAGE",
            help="Add an installed stage, after what it reads from.",
        ),
        option(["--from-stage"], metavar="STAGE", help="Begin with this stage."),
        option(["--to"], metavar="STAGE", help="End with this stage."),
        option(["--skip"], multiple=True, metavar="STAGE", help="Leave a stage out."),
        option(["--set", "set_"], multiple=True, metavar="STAGE.OPTION=VALUE", help="Set an option of one stage."),
    ]


def stage_names(settings: Settings, values: Mapping[str, Any]) -> list[str]:
    """Return the stages of the pipeline as they are named, without those to be left out.

    Raises:
        UsageError: none is installed, or a name that was given is not in the pipeline.
    """
    installed = [stage.name for stage in listed(STAGES)]
    named = settings.pipeline("stages")
    names = list(named) if named is not None else [name for name in DEFAULT if name in installed]
    names = list(dict.fromkeys([*names, *(settings.pipeline("with") or ()), *values["with_"]]))
    skipped = {*(settings.pipeline("skip") or ()), *values["skip"]}
    _refuse_others(skipped, names)
    names = [name for name in names if name not in skipped]
    _refuse_others({values["from_stage"], values["to"]} - {None}, names)
    if not names:
        raise UsageError(_nothing(installed))
    return names


def _refuse_others(given: set[str], names: Sequence[str]) -> None:
    for name in sorted(given):
        if name not in names:
            msg = f"{name!r} is not in the pipeline: {', '.join(names)}"
            raise UsageError(msg)


def _nothing(installed: Sequence[str]) -> str:
    return f"no stage to run; installed: {', '.join(installed) or 'none (pip install docparse-doctags)'}"


def chosen(
    settings: Settings, flags: Mapping[str, Any], values: Mapping[str, Any], workspace: Workspace
) -> list[StagePlugin]:
    """Return the stages to run, each after those that make what it consumes.

    Args:
        settings: what the environment, the file and the profile say.
        flags: options that were given on the command line.
        values: everything that was given on the command line.
        workspace: the data root, which may hold what no stage makes.

    Raises:
        UsageError: they do not fit together; the message says which and what to do.
        PluginError: one of them is broken.
    """
    names = stage_names(settings, values)
    members = {name: _member(name, settings, flags, values) for name in names}
    ordered = [each.name for each in in_order([each for each in members.values() if isinstance(each, Member)])]
    names = _cut(_with_the_broken(ordered, names), values)
    for name in names:
        if isinstance(error := members[name], DocparseError):
            raise error
    _check([each for name in names if isinstance(each := members[name], Member)], values, workspace)
    return [load_stage(name) for name in names]


def _member(
    name: str, settings: Settings, flags: Mapping[str, Any], values: Mapping[str, Any]
) -> Member | DocparseError:
    """Return a stage with its kinds, or why it cannot be used, which matters only if it is to run."""
    try:
        plugin = load_stage(name)
        options = None
        if callable(plugin.stage.produces):
            options = settings.resolve(plugin, flags_for(plugin, flags, values["set_"])).options
        return Member(
            name=name,
            consumes=tuple(plugin.stage.consumes),
            produces=tuple(plugin.outputs(options)),
            plans=plugin.has("docparse_plan"),
        )
    except DocparseError as error:
        return error


def _with_the_broken(ordered: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the stages in order, those whose kinds are unknown where they were named."""
    rest = iter(ordered)
    return [next(rest) if name in ordered else name for name in names]


def _cut(names: list[str], values: Mapping[str, Any]) -> list[str]:
    names = names[names.index(values["from_stage"]) if values["from_stage"] else 0 :]
    if values["to"] and values["to"] not in names:
        msg = f"--to {values['to']} comes before --from-stage {values['from_stage']}: there is nothing to run"
        raise UsageError(msg)
    return names[: names.index(values["to"]) + 1 if values["to"] else None]


def _check(members: Sequence[Member], values: Mapping[str, Any], workspace: Workspace) -> None:
    """Refuse stages that write over each other, and those whose input nobody makes."""
    for kind, makers in rivals(members):
        msg = f"{' and '.join(makers)} both make {kind!r}; leave one of them out: --skip {makers[-1]}"
        raise UsageError(msg)
    there = {"source", *workspace.kinds(), *(root.kind for root in workspace.inputs())}
    there |= {kind for member in members for kind in member.consumes if (workspace.root / kind).is_dir()}
    if values["inputs"]:
        there.add(members[0].consumes[0])
    for gap in gaps(members, there):
        raise UsageError(_lacking(gap, workspace))


def _lacking(gap: Gap, workspace: Workspace) -> str:
    told = f"{gap.stage} consumes {gap.kind!r}, which no stage before it makes and {workspace.root} does not hold"
    maker = known_kinds().get(gap.kind)
    if maker is None:
        return f"{told}; no installed stage makes it: install one that does, or --skip {gap.stage}"
    if maker.stage in [stage.name for stage in listed(STAGES)]:
        return f"{told}; {maker.stage} makes it: let it run too, or add it: --with {maker.stage}"
    return f"{told}; {maker.stage} makes it: pip install docparse-{maker.stage}, or --skip {gap.stage}"


def flags_for(plugin: StagePlugin, flags: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return what the command line says for one stage: flags of the runner and its own, then ``--set``.

    Raises:
        UsageError: an assignment names this stage, and no option of it.
    """
    known = {spec.name for spec in (*specs_of(StageOptions), *specs_of(plugin.stage.options))}
    mine = [each for each in assignments if _target(each)[0] == _plain(plugin.name)]
    own = {name: value for name, value in flags.items() if name in known}
    return own | settings_of([plugin], mine).get(plugin.name, {})


def settings_of(plugins: Sequence[StagePlugin], assignments: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return stage → option → value of ``--set STAGE.OPTION=VALUE``.

    Raises:
        UsageError: it has another form, or names no option of these stages, or a secret.
    """
    known = {plugin.name: [spec.name for spec in specs_of(plugin.stage.options)] for plugin in plugins}
    result: dict[str, dict[str, str]] = {}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        stage, name = _target(assignment)
        stage = next((each for each in known if _plain(each) == stage), stage)
        if not equals or name not in known.get(stage, ()):
            options = ", ".join(f"{stage}.{name}" for stage, names in known.items() for name in names)
            msg = f"--set {target.replace('-', '_')}: write STAGE.OPTION=VALUE; known: {options}"
            raise UsageError(msg)
        _refuse_secret(stage, name, plugins)
        result.setdefault(stage, {})[name] = value
    return result


def _target(assignment: str) -> tuple[str, str]:
    """Return (stage, option) of an assignment, both with _ for -."""
    stage, _dot, name = _plain(assignment.partition("=")[0]).rpartition(".")
    return stage, name


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _refuse_secret(stage: str, name: str, plugins: Sequence[StagePlugin]) -> None:
    """Refuse what every user of the machine could read in the list of processes."""
    specs = [spec for plugin in plugins if plugin.name == stage for spec in specs_of(plugin.stage.options)]
    spec = next(spec for spec in specs if spec.name == name)
    if spec.secret:
        msg = f"--set {stage}.{name}: a secret is not given on the command line; set {spec.variable(stage)}"
        raise UsageError(msg)
