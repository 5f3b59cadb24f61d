"""``run_stage``, the only way any stage runs: it checks, locks, builds the parts of a run and lets it run."""

import contextlib
import json
import os
import pickle
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from docparse_runner._context import StageContext, StageHooks
from docparse_runner._decision import Decider
from docparse_runner._entry_points import EXECUTORS, load_entry
from docparse_runner._factories import FunctionFactory, WorkerFactory
from docparse_runner._lock import run_lock
from docparse_runner._manifest import JsonlSink, ManifestSink, part_name, read_manifest
from docparse_runner._model import ItemOutcome, Stage, StagePlan, WorkItem
from docparse_runner._options import as_plain
from docparse_runner._outcome import StageOutcome
from docparse_runner._parts import Parts
from docparse_runner._run import Run
from docparse_runner._runner_options import StageOptions
from docparse_runner._versions import versions_of
from docparse_runner._workspace import Workspace, write_atomically
from docparse_runner.errors import DocparseError, PluginError, UsageError
from docparse_runner.executors import PREFETCH_MAX, Executor, Setup

_MIB = 2**20
_WINDOW = 1024


def new_run_id() -> str:
    """Return an id for a run: UTC time to the second and four random digits (``20261123T142800-7f3a``)."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.urandom(2).hex()}"


def run_stage(  # noqa: PLR0913 - the well-known four, and what a caller may bring along
    plan: StagePlan,
    worker: Callable[[WorkItem], ItemOutcome] | WorkerFactory,
    options: StageOptions | None = None,
    hooks: StageHooks | None = None,
    *,
    workspace: Workspace | None = None,
    sink: ManifestSink | None = None,
    context: StageContext | None = None,
) -> StageOutcome:
    """Run the items of a plan through a worker and return how it went.

    Args:
        plan: the items; their outputs lie in the workspace.
        worker: a function at the top of an importable module, or a frozen, picklable factory with ``open(context)``.
        options: the runner's options.
        hooks: lifecycle hooks.
        workspace: the data root; ``./docparse-data`` without one.
        sink: where results are recorded; the data root's JSON Lines manifest without one.
        context: brought along by the command line: the stage, its options and what they resolved to.

    Raises:
        UsageError: the worker cannot be sent to a process, the data root cannot be written, or is in use.
        DocparseError: the run stopped with exit code 2; what was recorded before stays recorded.
    """
    options = options or StageOptions()
    workspace = workspace or Workspace(Path("docparse-data"))
    shard = options.shard or ""
    factory = worker if hasattr(worker, "open") else FunctionFactory(worker)
    context = context or StageContext(stage=_unnamed(plan), workspace=workspace, run_id=new_run_id())
    context.runner, context.plan = options, plan
    executor = executor_name(options, context.stage)
    make = _maker(executor)
    _check(options, executor, worker, factory)
    workspace.create()
    with run_lock(workspace, plan.stage_name, shard):
        staging = _fresh_staging(workspace, part_name(plan.stage_name, shard), context.run_id)
        try:
            sink = sink or JsonlSink(workspace, plan.stage_name, context.run_id, shard)
            parts = _parts(context, factory, hooks or StageHooks(), sink, make, staging)
            sink.log_config(plan.stage_name, _snapshot(context))
            with contextlib.closing(parts.rows):
                return _watched(Run(parts), context)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _watched(run: Run, context: StageContext) -> StageOutcome:
    """Run with signal handlers, write the summary, raise what stopped the run."""
    context._cancel = run.cancel  # noqa: SLF001 - the context is ours, the attribute is private to authors
    with _signals(run):
        outcome, error = run.execute()
    write_summary(context.workspace, context.run_id, outcome)
    if error:
        error.outcome = outcome
        raise error
    return outcome


def _unnamed(plan: StagePlan) -> Stage:
    """Return the stage of a caller who has none."""
    return Stage(name=plan.stage_name, version=plan.stage_version, consumes=["source"], produces={})


def executor_name(options: StageOptions, stage: Stage) -> str:
    """Return which executor the options ask for.

    Raises:
        UsageError: they ask for two.
    """
    if options.executor and options.workers == 0:
        msg = f"--workers 0 runs inline and --executor {options.executor} does not; leave out one of them"
        raise UsageError(msg)
    if options.executor:
        return options.executor
    if options.workers == 0:
        return "inline"
    return "threads" if (options.policy or stage.policy) == "io" else "processes"


def worker_count(options: StageOptions, stage: Stage) -> int:
    """Return how many workers to run, at least one."""
    asked = options.workers or min(4, os.cpu_count() or 1)
    return max(1, min(asked, stage.max_workers or asked))


def _check(options: StageOptions, executor: str, worker: object, factory: object) -> None:
    """Refuse what this run cannot honour.

    Raises:
        UsageError: a dry run, a worker that no process can import, options that need processes.
    """
    if options.dry_run:
        msg = "run_stage runs; leave out dry_run, and see docparse plan for what would run and why"
        raise UsageError(msg)
    if executor in ("inline", "threads"):
        _check_processes_only(options, executor)
    else:
        _check_picklable(worker, factory)


def _check_picklable(worker: object, factory: object) -> None:
    """Refuse what no child process could import.

    Raises:
        UsageError: it is a closure, a lambda, or lives in ``__main__`` or a notebook.
    """
    name = getattr(worker, "__qualname__", type(worker).__qualname__)
    module = getattr(worker, "__module__", "")
    try:
        pickle.dumps(factory)
        fault = "" if module != "__main__" else "it is defined in __main__"
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        fault = str(error)
    if fault:
        msg = f"the worker {name} cannot be sent to a process ({fault}); define it at the top of an importable module"
        raise UsageError(msg)


def _check_processes_only(options: StageOptions, executor: str) -> None:
    """Refuse options that only worker processes can honour.

    Raises:
        UsageError: one is set.
    """
    for name in ("max_items_per_worker", "recycle_memory_mb", "memory_limit_mb"):
        if getattr(options, name):
            flag = "--" + name.replace("_", "-")
            msg = f"{flag} needs worker processes, and this run uses {executor}; leave out --workers 0 and --policy io"
            raise UsageError(msg)


def _fresh_staging(workspace: Workspace, name: str, run_id: str) -> Path:
    """Return this run's staging folder; what dead runs of the stage, or of the shard, left is removed."""
    folder = workspace.staging / name
    shutil.rmtree(folder, ignore_errors=True)
    staging = folder / run_id
    staging.mkdir(parents=True, exist_ok=True)
    return staging


def _parts(
    context: StageContext,
    factory: WorkerFactory,
    hooks: StageHooks,
    sink: ManifestSink,
    make: Callable[[Setup], Executor],
    staging: Path,
) -> Parts:
    plan, stage, options, workspace = context.plan, context.stage, context.runner, context.workspace
    assert plan is not None  # noqa: S101 - set by run_stage
    outputs = stage.outputs(context.options)
    workers = worker_count(options, stage)
    policy = options.policy or stage.policy
    batch = stage.batch_under(policy)
    setup = Setup(
        factory=factory,
        workers=workers,
        root=str(workspace.root),
        staging=str(staging),
        run_id=context.run_id,
        stage=plan.stage_name,
        gpu=policy == "gpu",
        setup_timeout_s=stage.setup_timeout_s,
        max_items=options.max_items_per_worker,
        recycle_memory=options.recycle_memory_mb * _MIB,
        memory_limit=options.memory_limit_mb * _MIB,
        batch=batch,
        lists=stage.takes_lists,
        may_allow=options.timeout_s is None,
    )
    if outputs:
        workspace.declare(plan.stage_name, {kind: output.suffix for kind, output in outputs.items()})
    rows, bad = read_manifest(workspace, plan.stage_name)
    if bad:
        context.logger.warning("%s lines of the manifest of %s are unreadable and were left out", bad, plan.stage_name)
    decider = Decider(
        workspace=workspace,
        options=options,
        stage_version=plan.stage_version,
        cfg_hash=plan.config_hash,
        upstreams=context._upstreams or {},  # noqa: SLF001 - the context is ours
        timeout_s=stage.timeout_s,
        receipts=stage.removes,
    )
    window = _WINDOW if options.schedule != "fifo" else 0
    return Parts(
        context=context,
        plan=plan,
        hooks=hooks,
        options=options,
        decider=decider,
        rows=rows,
        sink=sink,
        make_executor=lambda: make(setup),
        outputs=outputs,
        fallbacks=stage.fallbacks,
        batch=batch,
        removes=stage.removes,
        max_queue=options.max_queue or max(window, (2 + max(PREFETCH_MAX, 2 * batch)) * workers),
    )


def _maker(name: str) -> Callable[[Setup], Executor]:
    """Return what makes an executor; each is imported only when it is used.

    Raises:
        UsageError: no executor of that name is installed.
        PluginError: it cannot be loaded.
    """
    if name == "inline":
        from docparse_runner.executors.inline import InlineExecutor  # noqa: PLC0415

        return InlineExecutor
    if name == "threads":
        from docparse_runner.executors.threads import ThreadExecutor  # noqa: PLC0415

        return ThreadExecutor
    if name == "processes":
        from docparse_runner.executors.processes import ProcessExecutor  # noqa: PLC0415

        return ProcessExecutor
    return _guarded_maker(name, load_entry(EXECUTORS, name, "executor"))


def _guarded_maker(name: str, make: Callable[[Setup], Executor]) -> Callable[[Setup], Executor]:
    def guarded(setup: Setup) -> Executor:
        try:
            return make(setup)
        except DocparseError:
            raise
        except Exception as error:  # the executor's own code
            raise PluginError(name, f"cannot start: {type(error).__name__}: {error}") from error

    return guarded


def _snapshot(context: StageContext) -> dict[str, Any]:
    """Return the configuration of the run as JSON data, without secrets."""
    return {
        "stage": context.stage.name,
        "stage_version": context.stage.version,
        "cfg_hash": context.plan.config_hash if context.plan else "",
        "options": as_plain(context.options),
        "runner": as_plain(context.runner),
        "resolved": dict(context.resolved),
        "versions": versions_of(context.stage.name),
    }


def outcome_as_plain(outcome: StageOutcome) -> dict[str, Any]:
    """Return an outcome as JSON data."""
    plain = attrs.asdict(outcome)
    plain["errors"] = [{**error, "category": str(error["category"])} for error in plain["errors"]]
    plain["slowest"] = [{"item_id": item_id, "seconds": seconds} for item_id, seconds in outcome.slowest]
    return plain


def write_summary(workspace: Workspace, run_id: str, outcome: StageOutcome) -> None:
    """Add a stage's outcome to ``runs/<run id>/summary.json``."""
    path = workspace.runs / run_id / "summary.json"
    known = json.loads(path.read_bytes()) if path.exists() else {}
    known[outcome.stage_name] = outcome_as_plain(outcome)
    with contextlib.suppress(OSError):  # a full disk already stopped the run, and said so
        write_atomically(path, json.dumps(known, indent=1).encode())


@contextlib.contextmanager
def _signals(run: Run) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a drain, and a second one into a kill; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143}
    before = {
        number: signal.signal(number, lambda _number, _frame, code=code: run.interrupt(code))  # type: ignore[misc]  # a default binds the loop variable
        for number, code in codes.items()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
