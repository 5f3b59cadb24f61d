"""Runs items in the caller: for debuggers, and for stages whose work is not worth a process."""

import contextlib
import queue
import time
from collections import deque

from docparse_runner._gate import Phase
from docparse_runner._wire import Result, Task, unit_of
from docparse_runner._worker import ItemRunner, peak_rss_and_cpu
from docparse_runner.executors import Busy, Event, Finished, Returned, Setup, depth, moved, spec_for

_SPELL_S = 0.005
"""So long items run before the engine hears of them."""


class _OpenGate:
    """Nobody supervises: nothing is ever late."""

    def __init__(self) -> None:
        self.stop = False

    def may_start(self) -> bool:
        """Whether the run goes on."""
        return not self.stop

    def enter(self, phase: Phase, number: int, count: int = 1) -> None:
        """Do nothing."""

    def may_commit(self, _number: int) -> bool:
        """Always allow it."""
        return True

    def stopping(self) -> bool:
        """Whether the run is stopping."""
        return self.stop

    def progress(self, done: float, total: float | None) -> None:
        """Do nothing."""

    def allow(self, seconds: float) -> None:
        """Do nothing: there is no deadline here."""


class InlineExecutor:
    """One item after the other, while ``wait`` is called."""

    name = "inline"

    def __init__(self, setup: Setup) -> None:
        self._gate = _OpenGate()
        self._runner = ItemRunner(spec_for(setup, "inline"), self._gate, lambda: setup.factory)
        self._tasks: deque[Task] = deque()
        self._batch = setup.batch
        self._estimate_s = 0.0
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def room(self) -> int:
        """Return how many tasks are worth a spell of work."""
        return 0 if self._gate.stop else depth(self._estimate_s, self._batch) - len(self._tasks)

    def submit(self, task: Task, *, alone: bool) -> None:  # noqa: ARG002 - there is nothing beside it
        """Keep the task for ``wait``."""
        self._tasks.append(task)

    def wait(self, timeout: float | None) -> list[Event]:
        """Run what was submitted, until 5 ms have passed, an item fails or somebody wants to be heard."""
        if not self._tasks:
            with contextlib.suppress(queue.Empty):
                self._wakes.get(timeout=timeout)
        events: list[Event] = []
        end = time.monotonic() + _SPELL_S
        while self._tasks and self._wakes.empty() and not (events and time.monotonic() > end):
            results = list(self._runner.process(unit_of(self._tasks)))
            events += [_event(result) for result in results]
            self._estimate_s = moved(self._estimate_s, results[-1].duration_s)
            if any(result.error for result in results):
                break
        while not self._wakes.empty():
            self._wakes.get()
        return events

    def wake(self) -> None:
        """Make ``wait`` return, after the item that runs."""
        self._wakes.put(None)

    def busy(self) -> list[Busy]:
        """Return nothing: while somebody asks, no item runs."""
        return []

    def drain(self) -> None:
        """Start no other item; those that wait come back as ``Returned``."""
        self._gate.stop = True

    def kill(self) -> None:
        """As ``drain``: what runs in the caller cannot be killed."""
        self._gate.stop = True

    def usage(self) -> tuple[int, float]:
        """Return the largest resident set of this process; there are no others."""
        return peak_rss_and_cpu()[0], 0.0

    def close(self) -> None:
        """Close the stage."""
        self._runner.close()


def _event(result: Result) -> Event:
    if result.status == "returned":
        return Returned(number=result.number)
    return Finished(result=result, worker="inline")
