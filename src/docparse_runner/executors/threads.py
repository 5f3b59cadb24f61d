"""Runs items in threads: for network-bound pure-Python stages.

A thread cannot be killed. One that passes its deadline is abandoned and replaced; it has lost the right to commit, and
its item is not tried again while it lives.
"""

import math
import queue
import threading
import time

from docparse_runner._wire import Task
from docparse_runner._worker import ItemRunner, Phase, peak_rss_and_cpu
from docparse_runner.errors import Category
from docparse_runner.executors import Busy, Died, Event, Finished, Setup, setup_too_slow
from docparse_runner.executors.inline import spec_for


class _Thread:
    """One worker thread, and the gate between it and the executor."""

    def __init__(self, setup: Setup, name: str, events: "queue.SimpleQueue[Event | None]") -> None:
        self.name = name
        self.task: Task | None = None
        self.since = 0.0
        self.phase = Phase.IDLE
        self.abandoned = False
        self.stop = False
        self._lock = threading.Lock()
        self._setup = setup
        self._events = events
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"docparse-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        runner = ItemRunner(spec_for(self._setup, self.name), self, lambda: self._setup.factory)
        while (task := self._tasks.get()) is not None:
            result = runner.process(task)
            with self._lock:
                self.task, self.phase = None, Phase.IDLE
                if self.abandoned:
                    break
            self._events.put(Finished(result=result, worker=self.name))
        runner.close()

    def give(self, task: Task) -> None:
        """Hand the thread its next task."""
        self.task, self.since, self.phase = task, time.monotonic(), Phase.SETUP
        self._tasks.put(task)

    def deadline(self) -> float | None:
        """Return the monotonic time at which the running item is late."""
        task = self.task
        if task is None:
            return None
        limit = {Phase.SETUP: self._setup.setup_timeout_s, Phase.RUN: task.timeout_s}.get(self.phase, 0.0)
        return self.since + limit if limit else None

    def expire(self) -> bool:
        """Abandon the running item unless it is already committing; return whether it was abandoned."""
        with self._lock:
            if self.task is None or self.phase is Phase.COMMIT:
                return False
            self.abandoned = True
            return True

    def end(self) -> None:
        """End the thread after its item."""
        self._tasks.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def enter(self, phase: Phase, number: int) -> None:  # noqa: ARG002 - one item at a time
        """Start the clock of a phase."""
        self.since, self.phase = time.monotonic(), phase  # in this order: a new phase never shows an old start

    def may_commit(self, number: int) -> bool:  # noqa: ARG002 - one item at a time
        """Enter the commit phase unless the item was abandoned."""
        with self._lock:
            if self.abandoned:
                return False
            self.phase, self.since = Phase.COMMIT, time.monotonic()
            return True

    def stopping(self) -> bool:
        """Whether the run is stopping or this thread was abandoned."""
        return self.stop or self.abandoned

    def progress(self, done: float, total: float | None) -> None:
        """Do nothing."""


class ThreadExecutor:
    """One item per thread."""

    name = "threads"

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._made = 0
        self._threads = [self._new() for _ in range(setup.workers)]
        self._cpu = peak_rss_and_cpu()[1]

    def _new(self) -> _Thread:
        self._made += 1
        return _Thread(self._setup, f"t{self._made}", self._events)

    def _idle(self) -> list[_Thread]:
        return [thread for thread in self._threads if thread.task is None]

    def room(self) -> int:
        """Take one task per idle thread, once everything that happened was heard: it may have stopped the run."""
        return len(self._idle()) if self._events.empty() else 0

    def submit(self, task: Task, *, alone: bool) -> None:  # noqa: ARG002 - a thread never has two
        """Hand the task to an idle thread."""
        self._idle()[0].give(task)

    def wait(self, timeout: float | None) -> list[Event]:
        """Return finished items and those that passed their deadline."""
        left = self._look_again()
        timeout = min(left, math.inf if timeout is None else timeout)
        events: list[Event] = []
        try:
            event = self._events.get(timeout=None if timeout == math.inf else timeout)
            while True:
                if event is not None:
                    events.append(event)
                event = self._events.get_nowait()
        except queue.Empty:
            pass
        return events + self._expired()

    def _look_again(self) -> float:
        """Return the seconds after which an item may be late: nobody tells when it has started after the set-up."""
        now = time.monotonic()
        ends = [deadline - now for thread in self._threads if (deadline := thread.deadline()) is not None]
        ends += [task.timeout_s for thread in self._threads if (task := thread.task) is not None and task.timeout_s]
        return max(0.0, min(ends, default=math.inf))

    def _expired(self) -> list[Event]:
        now = time.monotonic()
        events: list[Event] = []
        for place, thread in enumerate(self._threads):
            deadline, task, since, phase = thread.deadline(), thread.task, thread.since, thread.phase
            if deadline is None or task is None or deadline > now or not thread.expire():
                continue
            self._threads[place] = self._new()
            limit = deadline - since
            if phase is Phase.SETUP:
                events.append(setup_too_slow(task.number, thread.name, limit))
                continue
            events.append(
                Died(
                    number=task.number,
                    worker=thread.name,
                    category=Category.TIMEOUT,
                    message=f"took longer than {limit:g} s; its thread was abandoned and may still run",
                    limit=limit,
                    alive=True,
                    seconds=now - since,
                )
            )
        return events

    def wake(self) -> None:
        """Make ``wait`` return."""
        self._events.put(None)

    def busy(self) -> list[Busy]:
        """Return what each busy thread is on."""
        return [
            Busy(worker=thread.name, number=task.number, since=thread.since)
            for thread in self._threads
            if (task := thread.task) is not None
        ]

    def drain(self) -> None:
        """Tell the threads to come to an end; nothing is queued in them."""
        for thread in self._threads:
            thread.stop = True

    def kill(self) -> None:
        """Abandon the running items: a thread cannot be killed."""
        for place, thread in enumerate(self._threads):
            task = thread.task
            if task is None or not thread.expire():
                continue
            self._events.put(
                Died(number=task.number, worker=thread.name, category=Category.CANCELLED, message="the run was killed")
            )
            self._threads[place] = self._new()

    def close(self) -> tuple[int, float]:
        """End the idle threads; abandoned ones end with the process."""
        for thread in self._threads:
            thread.end()
        for thread in self._threads:
            thread.join(5.0)
        peak, cpu = peak_rss_and_cpu()
        return peak, cpu - self._cpu
