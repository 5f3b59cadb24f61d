"""How a worker process ended, and what that means for the item it ran."""

import signal

import attrs

from docparse_runner._gate import Phase
from docparse_runner._row import ErrorRecord
from docparse_runner._wire import Result, Task
from docparse_runner.errors import Category
from docparse_runner.executors import Died, Event, Finished, setup_too_slow
from docparse_runner.executors._supervised import Doom

_MIB = 2**20


@attrs.frozen(kw_only=True)
class Death:
    """How a worker process ended.

    Attributes:
        worker: its name.
        phase: what it was doing.
        seconds: for how long.
        doom: why it was killed, or None when it died by itself.
        output: the last lines that it printed.
        code: exit code, negative for a signal.
        starved: whether the kernel has just killed a process for want of memory.
    """

    worker: str
    phase: Phase
    seconds: float
    doom: Doom | None
    output: str
    code: int
    starved: bool = False


def charge(task: Task, death: Death) -> Event:
    """Return the event that charges a death to the item that ran."""
    doom = death.doom
    if death.phase is Phase.SETUP:
        return setup_failed(task.number, death, "opening the stage", doom.limit if doom else 0.0)
    category, message = _verdict(death)
    return Died(
        number=task.number,
        worker=death.worker,
        category=category,
        message=message,
        detail=death.output,
        limit=doom.limit if doom else 0.0,
        torn=death.phase in {Phase.COMMIT, Phase.SEND},
        seconds=death.seconds,
    )


def cancelled(task: Task, death: Death) -> Event:
    """Return the event of an item that ran when the whole run was killed."""
    return Died(
        number=task.number,
        worker=death.worker,
        category=Category.CANCELLED,
        message="the run was killed",
        torn=death.phase in {Phase.COMMIT, Phase.SEND},
        seconds=death.seconds,
    )


def _verdict(death: Death) -> tuple[Category, str]:
    doom = death.doom
    if doom is not None and doom.category is Category.OOM:
        return Category.OOM, f"used more than {doom.limit / _MIB:.0f} MiB of memory; its process was killed"
    if doom is not None:
        where = "" if death.phase is Phase.RUN else f" to {death.phase.name.lower()}"
        return Category.TIMEOUT, f"took longer than {doom.limit:g} s{where}; its process was killed"
    if death.starved and death.code == -signal.SIGKILL:
        return Category.OOM, "the machine ran out of memory and the kernel killed its process"
    return Category.CRASH, f"the worker process died: {how_it_died(death.code)}"


def setup_failed(number: int, death: Death, doing: str, limit: float) -> Finished:
    """Return the event of a worker that died before its item was tried."""
    if limit and death.seconds >= limit:
        return setup_too_slow(number, death.worker, limit)
    message = f"the worker died while {doing} ({how_it_died(death.code)}): {death.output[-300:]}"
    error = ErrorRecord(category=str(Category.CRASH), message=message, type="setup")
    return Finished(result=Result(number, "setup", error=error), worker=death.worker)


def how_it_died(code: int) -> str:
    """Return an exit code in words: ``signal 11 (SIGSEGV)`` or ``exit code 3``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
