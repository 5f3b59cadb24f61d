"""Runs each item in the caller: for debuggers, and for stages whose work is not worth a process."""

import sys
import time
from collections import deque
from pathlib import Path

from docparse_runner._wire import Task, WorkerSpec
from docparse_runner._worker import ItemRunner, Phase, peak_rss_and_cpu
from docparse_runner.executors import Busy, Event, Finished, Returned, Setup

_NAP_S = 0.1
"""A sleep goes on after a signal's handler: a Ctrl-C while only retries wait is seen this late."""


class _OpenGate:
    """Nobody supervises: nothing is ever late."""

    def __init__(self) -> None:
        self.stop = False

    def enter(self, phase: Phase, number: int) -> None:
        """Do nothing."""

    def may_commit(self, _number: int) -> bool:
        """Always allow it."""
        return True

    def stopping(self) -> bool:
        """Whether the run is stopping."""
        return self.stop

    def progress(self, done: float, total: float | None) -> None:
        """Do nothing."""


def spec_for(setup: Setup, name: str, *, device: str = "cpu", threads: int = 1, slot: int = 0) -> WorkerSpec:
    """Return what the worker of that name needs to know."""
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
    )


class InlineExecutor:
    """One item at a time, while ``wait`` is called."""

    name = "inline"

    def __init__(self, setup: Setup) -> None:
        self._gate = _OpenGate()
        self._runner = ItemRunner(spec_for(setup, "inline"), self._gate, lambda: setup.factory)
        self._tasks: deque[Task] = deque()
        self._since = 0.0

    def room(self) -> int:
        """Take one task."""
        return 1 - len(self._tasks)

    def submit(self, task: Task, *, alone: bool) -> None:  # noqa: ARG002 - there is nothing beside it
        """Keep the task for ``wait``."""
        self._tasks.append(task)

    def wait(self, timeout: float | None) -> list[Event]:
        """Run the task that was submitted."""
        if not self._tasks:
            time.sleep(min(timeout or 0.0, _NAP_S))
            return []
        task = self._tasks.popleft()
        if self._gate.stop:
            return [Returned(number=task.number)]
        self._since = time.monotonic()
        return [Finished(result=self._runner.process(task), worker="inline")]

    def wake(self) -> None:
        """Do nothing: ``wait`` never waits for others."""

    def busy(self) -> list[Busy]:
        """Return nothing: while somebody asks, no item runs."""
        return []

    def drain(self) -> None:
        """Let the item that runs finish and start no other."""
        self._gate.stop = True

    def kill(self) -> None:
        """As ``drain``: what runs in the caller cannot be killed."""
        self._gate.stop = True

    def close(self) -> tuple[int, float]:
        """Close the stage."""
        self._runner.close()
        return peak_rss_and_cpu()[0], 0.0
