"""Executors run tasks in workers; the engine knows them by this one protocol.

``inline`` runs in the caller, ``threads`` in threads that cannot be killed, ``processes`` in supervised children.
"""

import sys
from pathlib import Path
from typing import Protocol

import attrs

from docparse_runner._factories import StageFactory, WorkerFactory
from docparse_runner._options import secrets_of
from docparse_runner._row import ErrorRecord
from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner.errors import Category

PREFETCH_S = 0.02
"""So much work, in seconds, waits behind what a worker is on."""

PREFETCH_MAX = 256
"""And so many items at most."""


@attrs.frozen(kw_only=True)
class Finished:
    """A worker answered.

    Attributes:
        result: its answer.
        worker: its name.
    """

    result: Result
    worker: str


@attrs.frozen(kw_only=True)
class Died:
    """An attempt ended without an answer, and this item is to blame.

    Attributes:
        number: the item.
        worker: the worker's name.
        category: ``crash``, ``timeout``, ``oom`` or ``cancelled``.
        message: one sentence.
        detail: the last lines that the worker printed.
        limit: the deadline in seconds, or the memory limit in bytes, that was passed.
        torn: whether it died while it committed, so that its outputs may be a mixture.
        alive: whether the attempt may still be running, so that no other may start.
        seconds: how long the attempt took.
    """

    number: int
    worker: str
    category: Category
    message: str
    detail: str = ""
    limit: float = 0.0
    torn: bool = False
    alive: bool = False
    seconds: float = 0.0


@attrs.frozen(kw_only=True)
class Returned:
    """An item was not run, through no proven fault of its own; it may be handed out again.

    Attributes:
        number: the item.
        suspect: whether it may have killed its worker.
        batch: with so many items at most it may run together from now on; 0 changes nothing.
    """

    number: int
    suspect: bool = False
    batch: int = 0


@attrs.frozen(kw_only=True)
class Busy:
    """What a worker is on.

    Attributes:
        worker: its name.
        number: the item.
        since: monotonic seconds at which it started.
        share_done: how much of it is done, from 0 to 1; 0 as long as the stage does not say.
    """

    worker: str
    number: int
    since: float
    share_done: float = 0.0


Event = Finished | Died | Returned


def setup_too_slow(number: int, worker: str, limit: float) -> Finished:
    """Return the event of a worker that did not open in time; its item was not tried."""
    message = f"opening the worker took longer than {limit:g} s"
    error = ErrorRecord(category=str(Category.TIMEOUT), message=message, type="setup")
    return Finished(result=Result(number, "setup", error=error), worker=worker)


@attrs.frozen(kw_only=True)
class Setup:
    """What an executor is built from.

    Attributes:
        factory: opens a worker; picklable for processes.
        workers: how many.
        root: data root.
        staging: folder of this run, on the file system of the outputs.
        run_id: the run.
        stage: its name.
        gpu: whether each worker gets a device of its own.
        setup_timeout_s: deadline of opening a worker, seconds.
        max_items: a worker is replaced after so many items; 0 for never.
        recycle_memory: a worker that uses more bytes is replaced between two items; 0 for never.
        memory_limit: a worker that uses more bytes, with what it started, is killed; 0 for never.
        batch: so many items at most run together.
        lists: whether the worker takes lists of items.
        may_allow: whether an item may ask for a longer deadline: not when the user set one.
    """

    factory: WorkerFactory
    workers: int
    root: str
    staging: str
    run_id: str
    stage: str
    gpu: bool = False
    setup_timeout_s: float = 300.0
    max_items: int = 0
    recycle_memory: int = 0
    memory_limit: int = 0
    batch: int = 1
    lists: bool = False
    may_allow: bool = True


class Executor(Protocol):
    """Runs tasks; never blocks but in ``wait``."""

    name: str

    def room(self) -> int:
        """Return how many more tasks it takes now."""

    def submit(self, task: Task, *, alone: bool) -> None:
        """Take a task; with `alone`, the worker that runs it gets nothing else beside it."""

    def wait(self, timeout: float | None) -> list[Event]:
        """Return what happened, after at most `timeout` seconds; None waits for something to happen."""

    def wake(self) -> None:
        """Make ``wait`` return; safe in signal handlers and other threads."""

    def busy(self) -> list[Busy]:
        """Return what each busy worker is on."""

    def drain(self) -> None:
        """Let running items finish and give back those that have not started."""

    def kill(self) -> None:
        """End running items at once; each comes back as ``Died`` of category ``cancelled``."""

    def usage(self) -> tuple[int, float]:
        """Return (largest resident set of any worker in bytes, CPU seconds of all) so far, or at the end."""

    def close(self) -> None:
        """End the workers."""


def depth(estimate_s: float, batch: int) -> int:
    """Return how many tasks keep one worker in work.

    Args:
        estimate_s: what an item takes, in seconds; 0 before the first has ended.
        batch: so many run together; the next batch waits while one runs.
    """
    if not estimate_s:
        return batch
    ahead = 0 if batch == 1 else batch
    return batch + max(ahead, min(PREFETCH_MAX, int(PREFETCH_S / estimate_s)))


def moved(estimate_s: float, seconds: float) -> float:
    """Return the moving average of an item's seconds after one more; never 0."""
    return max(1e-9, estimate_s + (seconds - estimate_s) * 0.3 if estimate_s else seconds)


def spec_for(setup: Setup, name: str, *, device: str = "cpu", threads: int = 1, slot: int = 0) -> WorkerSpec:
    """Return what the worker of that name needs to know."""
    factory = setup.factory
    return WorkerSpec(
        name=name,
        path=sys.path,
        root=setup.root,
        run_id=setup.run_id,
        stage=setup.stage,
        device=device,
        threads=threads,
        staging=str(Path(setup.staging) / name),
        slots=str(Path(setup.staging) / "slots"),
        slot=slot,
        lists=setup.lists,
        secrets=secrets_of(factory.options) if isinstance(factory, StageFactory) else [],
    )
