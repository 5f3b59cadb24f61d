"""From a stage's name to its run: load, configure, resolve, plan; then run it, or say what would run."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from docparse_runner._config import Resolved, Settings
from docparse_runner._context import StageContext
from docparse_runner._decision import Action, Decider, Decision
from docparse_runner._engine import new_run_id, run_stage
from docparse_runner._factories import StageFactory
from docparse_runner._files import digest_state
from docparse_runner._lifecycle import Lifecycle
from docparse_runner._lock import run_lock
from docparse_runner._manifest import read_manifest
from docparse_runner._model import StagePlan, WorkItem
from docparse_runner._options import config_hash
from docparse_runner._outcome import StageOutcome
from docparse_runner._planning import default_plan, listed_items, upstreams_of
from docparse_runner._plugins import StagePlugin, load_stage, load_watchers
from docparse_runner._row import FileState
from docparse_runner._selection import Selection
from docparse_runner._workspace import InputRoot, Workspace
from docparse_runner.errors import DocparseError, PluginError, StageError, UsageError


@attrs.frozen(kw_only=True)
class Request:
    """What somebody asked for.

    Attributes:
        stage: name of the stage.
        inputs: arguments that name inputs; empty for what the data root remembers or holds.
        flags: option → value for those given on the command line.
        run_id: of the run.
        wait: wait for another run of the stage to end.
        blocked: watchers not to load.
    """

    stage: str
    inputs: Sequence[str] = ()
    flags: Mapping[str, Any] = attrs.field(factory=dict)
    run_id: str = attrs.field(factory=new_run_id)
    wait: bool = False
    blocked: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class Prepared:
    """A run that is ready to start; nothing was written yet.

    Attributes:
        request: what was asked for.
        plugin: the stage.
        resolved: its options, and where they came from.
        context: for its hooks.
        plan: its items.
        roots: the user's folders that were named.
    """

    request: Request
    plugin: StagePlugin
    resolved: Resolved
    context: StageContext
    plan: StagePlan
    roots: Sequence[InputRoot]


def prepare(request: Request, settings: Settings, workspace: Workspace) -> Prepared:
    """Load, configure and plan a stage; writes nothing but what its ``docparse_resolve`` must make.

    Raises:
        UsageError: something the user can change; the message says what.
        PluginError: the stage is broken.
    """
    plugin = load_stage(request.stage)
    stage = plugin.stage
    resolved = settings.resolve(plugin, request.flags)
    context = StageContext(
        stage=stage, options=resolved.options, runner=resolved.runner, workspace=workspace, run_id=request.run_id
    )
    roots = workspace.input_roots(request.inputs, next(iter(stage.consumes)))
    upstreams = upstreams_of(stage, workspace)
    context._upstreams = upstreams  # noqa: SLF001 - the context is ours
    own_plan = plugin.has("docparse_plan")
    selection = Selection.of(resolved.runner)
    listed = None if own_plan else listed_items(stage, workspace, roots, upstreams, selection)
    # Only now, when there is something to do: what a stage resolves may cost time, and may make its store.
    context.resolved = _guarded(plugin.name, "docparse_resolve", lambda: plugin.resolve(context))
    cfg_hash = config_hash(resolved.options, context.resolved)
    if listed is not None:
        plan = default_plan(stage, *listed, options=resolved.options, cfg_hash=cfg_hash)
    else:
        plan = StagePlan(
            stage_name=stage.name,
            items=_guarded(plugin.name, "docparse_plan", lambda: plugin.plan(context)),
            stage_version=stage.version,
            config_hash=cfg_hash,
            covers=lambda _item_id: True,
        )
    context.plan = plan
    return Prepared(request=request, plugin=plugin, resolved=resolved, context=context, plan=plan, roots=roots)


def _guarded(name: str, hook: str, call: Callable[[], Any]) -> Any:
    """Call a stage's hook; what it raises stops the run before it starts."""
    try:
        return call()
    except StageError as error:
        msg = f"{name}: {error.message}"
        raise UsageError(msg) from error
    except DocparseError:
        raise
    except Exception as error:  # the stage's own code
        raise PluginError(name, f"{hook}() raised {type(error).__name__}: {error}") from error


def execute(prepared: Prepared, tell: Callable[[str], None], *, heartbeat_s: float | None = None) -> StageOutcome:
    """Run a prepared stage.

    Args:
        prepared: from ``prepare``.
        tell: called with what the user should know meanwhile.
        heartbeat_s: seconds between two heartbeats; None for the option's.

    Raises:
        DocparseError: the run stopped with exit code 2; its `outcome` says how far it came.
    """
    context, plugin, request = prepared.context, prepared.plugin, prepared.request
    watchers = load_watchers(request.blocked, tell)
    lifecycle = Lifecycle(plugin.lifecycle(), watchers, tell)
    factory = StageFactory(
        name=plugin.name, options=context.options, runner=context.runner, resolved=dict(context.resolved)
    )
    context.workspace.create()
    with run_lock(context.workspace, plugin.name, context.runner.shard or "", wait=request.wait):
        context.workspace.remember(prepared.roots)
        outcome = run_stage(
            prepared.plan,
            factory,
            context.runner,
            lifecycle.hooks(heartbeat_s),
            workspace=context.workspace,
            context=context,
        )
    dropped = tuple(f"watcher {name} failed and was dropped" for name in lifecycle.dropped)
    return attrs.evolve(outcome, notes=(*outcome.notes, *dropped))


def decisions(prepared: Prepared) -> Iterator[tuple[WorkItem, Decision]]:
    """Yield each item and what would become of it; reads what has to be digested, writes nothing."""
    context, plan = prepared.context, prepared.plan
    rows, _bad = read_manifest(context.workspace, plan.stage_name)
    decider = Decider(
        workspace=context.workspace,
        options=context.runner,
        stage_version=plan.stage_version,
        cfg_hash=plan.config_hash,
        upstreams=context._upstreams or {},  # noqa: SLF001 - the context is ours
        timeout_s=context.stage.timeout_s,
    )
    wants = Selection.of(context.runner).wants
    for item in plan.items:
        if not wants(item.item_id):
            continue
        decision = decider.decide(item, rows.get(item.item_id))
        if decision.action is Action.CHECK:
            decision = _checked(item, decision, context.workspace)
        yield item, decision


def _checked(item: WorkItem, decision: Decision, workspace: Workspace) -> Decision:
    """Return what the worker would find out by digesting."""
    row = decision.row
    assert row is not None  # noqa: S101 - a check compares with a row
    inputs = {kind: _state(path, workspace) for kind, path in item.inputs.items()}
    outputs = [(_state(workspace.absolute(state.path), workspace), state) for state in row.outputs.values()]
    same = all(now.digest == then.digest for now, then in outputs)
    if same and {kind: state.digest for kind, state in inputs.items()} == {
        kind: state.digest for kind, state in row.inputs.items()
    }:
        return attrs.evolve(decision, action=Action.SKIP)
    return attrs.evolve(decision, action=Action.RUN, reason=decision.reason_after_check(inputs))


def _state(path: str | Path, workspace: Workspace) -> FileState:
    try:
        return digest_state(path, workspace.relative(path))
    except (OSError, StageError):
        return FileState(os.fspath(path), -1, 0, 0, 0)
