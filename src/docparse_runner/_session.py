"""From a stage's name to its run: load, configure, resolve, plan; then run it."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from docparse_runner._config import Resolved, Settings
from docparse_runner._context import StageContext
from docparse_runner._engine import new_run_id, run_stage
from docparse_runner._factories import StageFactory
from docparse_runner._inputs import InputRoot
from docparse_runner._lifecycle import Lifecycle
from docparse_runner._lock import run_lock
from docparse_runner._model import StagePlan, WorkItem
from docparse_runner._offline import network
from docparse_runner._options import config_hash, secrets_of
from docparse_runner._outcome import StageOutcome
from docparse_runner._planning import default_plan, listed_items, upstreams_of
from docparse_runner._plugins import StagePlugin, load_stage, load_watchers
from docparse_runner._secrets import Redactor
from docparse_runner._selection import Selection
from docparse_runner._workspace import Workspace
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
    plugin.outputs(resolved.options)  # one that raises does so before anything is touched
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
    context.resolved = resolve(plugin, context)
    cfg_hash = config_hash(resolved.options, context.resolved)
    if listed is not None:
        plan = default_plan(stage, *listed, options=resolved.options, cfg_hash=cfg_hash)
    else:
        plan = StagePlan(
            stage_name=stage.name,
            items=_planned(plugin, context),
            stage_version=stage.version,
            config_hash=cfg_hash,
            covers=lambda _item_id: True,
        )
    context.plan = plan
    return Prepared(request=request, plugin=plugin, resolved=resolved, context=context, plan=plan, roots=roots)


def resolve(plugin: StagePlugin, context: StageContext) -> Mapping[str, Any]:
    """Return what the stage's options mean here.

    Raises:
        UsageError: the stage says that something must be changed.
        PluginError: the stage is broken, or gives a secret away: what it returns is recorded.
    """
    hide = Redactor(secrets_of(context.options))
    with network(allowed=context.runner.network):
        found = _guarded(plugin.name, "docparse_resolve", lambda: plugin.resolve(context), hide)
    plain = dict(found)
    if hide.data(plain) != plain:
        msg = "docparse_resolve() returned the value of a secret option; it is recorded, so leave that out"
        raise PluginError(plugin.name, msg)
    resolved: Mapping[str, Any] = found
    return resolved


def _planned(plugin: StagePlugin, context: StageContext) -> Iterable[WorkItem]:
    hide = Redactor(secrets_of(context.options))
    with network(allowed=context.runner.network):
        return hide.each(_guarded(plugin.name, "docparse_plan", lambda: plugin.plan(context), hide))


def _guarded(name: str, hook: str, call: Callable[[], Any], hide: Redactor) -> Any:
    """Call a stage's hook; what it raises stops the run before it starts."""
    try:
        with hide.errors():
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
    lifecycle = Lifecycle(plugin.lifecycle(), watchers, tell, Redactor(secrets_of(context.options)))
    factory = StageFactory(
        name=plugin.name, options=context.options, runner=context.runner, resolved=dict(context.resolved)
    )
    context.workspace.create()
    with contextlib.ExitStack() as stack:
        for upstream in (context._upstreams or {}).values():  # noqa: SLF001 - the context is ours
            stack.callback(upstream.close)
        stack.enter_context(run_lock(context.workspace, plugin.name, context.runner.shard or "", wait=request.wait))
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
