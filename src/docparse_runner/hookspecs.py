"""The protocol between docparse and its plugins.

A run of one stage makes these calls, in this order:

1. ``docparse_stage()``: what the stage is.
2. ``docparse_resolve(context)``: what ``auto``, defaults and paths mean on this machine.
3. ``docparse_before_stage(context)``: the stage first, then each watcher.
4. ``docparse_plan(context)``, iterated a bounded number of items ahead of the workers. For each item:
    1. the runner decides whether it is up to date, quarantined, waiting, or has to run, and why;
    2. ``docparse_before_item(item, context)`` when it is first handed to a worker;
    3. in the worker, once per worker: ``docparse_worker(context)``; then the callable it returned, with the item;
    4. the worker commits the outputs; the runner writes the item's row and syncs it;
    5. ``docparse_after_item(item, outcome, context)``.
5. ``docparse_heartbeat(progress, context)`` every ``--diagnostics-interval-s`` seconds meanwhile.
6. ``docparse_after_stage(outcome, context)``, always, also when there was nothing to do, after an abort or Ctrl-C.

Plan and worker hooks are answered by the one stage that runs. Lifecycle hooks are heard by the stage and by every
watcher; an exception in the stage's own fails the run, a watcher that raises is reported once and dropped for the rest
of the run. No hook argument has a default, and contexts grow by fields, so the contract never changes under a plugin.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from docparse_runner._capability import Capability
    from docparse_runner._context import Progress, StageContext
    from docparse_runner._model import ItemOutcome, Stage, WorkItem
    from docparse_runner._outcome import StageOutcome

    Worker = Callable[[Any], Any]

hookspec = pluggy.HookspecMarker("docparse")
hookimpl = pluggy.HookimplMarker("docparse")


@hookspec(firstresult=True)
def docparse_stage() -> "Stage":  # type: ignore[empty-body]  # a hookspec has no body
    """Called once a run, in the parent, to learn what the stage is.

    Must be cheap and must import nothing heavy.
    Returns the ``Stage``. An exception makes the stage a broken one: it is reported by name and cannot run.
    """


@hookspec(firstresult=True)
def docparse_resolve(context: "StageContext") -> Mapping[str, Any]:  # type: ignore[empty-body]  # a hookspec has no body
    """Called once a run, in the parent, before planning; optional.

    Returns JSON data that says what ``auto``, defaults and paths mean here: the engine, a model's digest, the
    generation of a store. It enters the config hash, so that another value makes everything run again.
    An exception stops the run before it starts (exit 2).
    """


@hookspec(firstresult=True)
def docparse_plan(context: "StageContext") -> "Iterable[WorkItem]":  # type: ignore[empty-body]  # a hookspec has no body
    """Called once a run, in the parent; optional.

    Returns an iterable of ``WorkItem``, read lazily and, unless it is a list, in a thread of its own: what is bound to
    a thread, such as an SQLite connection, is opened inside the generator. Without this hook the runner lists what
    ``Stage.consumes`` names.
    An exception, also while iterating, lets running items finish and then stops the run (exit 2).
    """


@hookspec(firstresult=True)
def docparse_worker(context: "StageContext") -> "Worker | AbstractContextManager[Worker]":  # type: ignore[empty-body]  # a hookspec has no body
    """Called once per worker, in the child process (or thread), to open models; heavy libraries are imported here.

    Returns a callable ``WorkItem -> ItemOutcome``, or a context manager that yields one and closes what it opened.
    With ``Stage(batch=N)`` the callable takes a list of up to N items and returns a list of as many outcomes; with
    ``Stage(batch={"gpu": N})`` it does so under that policy, and under the others the lists have one item. A batch has
    the sum of its items' deadlines; one that raises, crashes, takes too long or too much memory runs again in halves,
    which are no attempts, and only an item that fails alone is charged. A fallback runs alone.
    ``StageError(category="config")`` stops the run (exit 2); any other exception counts as a failed setup, and three
    of those in a row stop the run; no item is blamed. The callable may raise ``StageError`` and ``SkipItem``.
    """


@hookspec(firstresult=True)
def docparse_validate(item: "WorkItem", context: "StageContext") -> Iterable[str]:  # type: ignore[empty-body]  # a hookspec has no body
    """Called by ``docparse validate STAGE``, once per item that has outputs, in a child; optional.

    The paths are those of the data root; that the outputs are there, as they were recorded, is seen to before.
    Returns the problems found in the item's outputs, one sentence each; it writes nothing.
    An exception is reported as a problem of that item.
    """


@hookspec(firstresult=True)
def docparse_capabilities() -> "Iterable[Capability]":  # type: ignore[empty-body]  # a hookspec has no body
    """Called by ``docparse doctor`` and ``docparse stages``, in the parent; optional.

    Must be cheap: it looks for packages and programs, and imports nothing heavy.
    Returns a ``Capability`` for what the stage always does and for each thing that an extra, or a program beside it,
    enables. An exception is told of by these two commands and harms nothing else.
    """


@hookspec
def docparse_before_stage(context: "StageContext") -> None:
    """Called once a run, in the parent, before the first item, of the stage and of every watcher.

    Its return value is ignored. An exception stops the run before it starts (exit 2).
    """


@hookspec
def docparse_before_item(item: "WorkItem", context: "StageContext") -> None:
    """Called once per item, in the parent, when the item is first handed to a worker.

    Its return value is ignored. An exception fails the run (stage) or drops the watcher.
    """


@hookspec
def docparse_after_item(item: "WorkItem", outcome: "ItemOutcome", context: "StageContext") -> None:
    """Called once per item, in the parent, after its row is on disk; items that are up to date included.

    A plugin with an attribute ``docparse_hears_unchanged = False`` may not be told of those that are up to date: where
    nobody wants to hear of them, a run that has nothing to do takes a third of the time.
    Its return value is ignored. An exception fails the run (stage) or drops the watcher.
    """


@hookspec
def docparse_heartbeat(progress: "Progress", context: "StageContext") -> None:
    """Called every ``--diagnostics-interval-s`` seconds, in the parent.

    Its return value is ignored. An exception fails the run (stage) or drops the watcher.
    """


@hookspec
def docparse_after_stage(outcome: "StageOutcome", context: "StageContext") -> "Mapping[str, Any] | None":
    """Called once a run, in the parent, always: also when everything was up to date, after an abort or Ctrl-C.

    A stage may return JSON data, its corpus summary; what a watcher returns is ignored.
    An exception fails the run (stage) or is reported (watcher).
    """


STAGE_HOOKS = (
    "docparse_stage",
    "docparse_resolve",
    "docparse_plan",
    "docparse_worker",
    "docparse_validate",
    "docparse_capabilities",
)
"""Answered by the one stage that runs; a watcher that implements one is refused."""
