"""Runs items in threads: for network-bound pure-Python stages.

A thread cannot be killed. One that passes its deadline is abandoned and replaced; it has lost the right to commit, and
its item is not tried again while it lives. What waits for a thread waits in one queue for all of them, so that nothing
ever waits behind a slow item.
"""

import math
import queue
import threading
import time
from collections import deque

from docparse_runner._gate import Phase, share_done
from docparse_runner._wire import Result, Task, unit_of
from docparse_runner._worker import ItemRunner, peak_rss_and_cpu
from docparse_runner.errors import Category
from docparse_runner.executors import (
    Busy,
    Died,
    Event,
    Finished,
    Returned,
    Setup,
    depth,
    moved,
    setup_too_slow,
    spec_for,
)

_Unit = list[Task]


class _Shared:
    """What all threads of a run share.

    Attributes:
        setup: what they are opened with.
        events: what happened, on its way to the engine; None wakes it.
        stop: whether nothing more may start.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.stop = False
        self._tasks: deque[Task] = deque()
        self._tokens: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True for each task; False ends a thread
        self._lock = threading.Lock()

    def give(self, tasks: _Unit) -> None:
        """Let the threads have tasks."""
        with self._lock:
            self._tasks += tasks
        for _ in tasks:
            self._tokens.put(True)

    def take(self) -> _Unit:
        """Wait for what is to run together next and return it; nothing when the thread is to end."""
        while self._tokens.get():
            with self._lock:
                if self._tasks:
                    return unit_of(self._tasks)
        return []

    def take_back(self) -> _Unit:
        """Return what no thread has taken; none will."""
        with self._lock:
            tasks = list(self._tasks)
            self._tasks.clear()
        return tasks

    def end(self) -> None:
        """End one thread, once there is nothing to take."""
        self._tokens.put(False)


class _Thread:
    """One worker thread, and the gate between it and the executor.

    Attributes:
        name: the worker's name.
        unit: what it is on; shrinks as its items end.
        since: monotonic start of the phase.
        phase: what it does.
        abandoned: whether it was given up, so that it may commit nothing more.
    """

    def __init__(self, shared: _Shared, name: str) -> None:
        """Start the thread."""
        self.name = name
        self.unit: _Unit = []
        self.since = 0.0
        self.phase = Phase.IDLE
        self.abandoned = False
        self._share = (0.0, 0.0)
        self._allowed = 0.0
        self._lock = threading.Lock()
        self._shared = shared
        self._thread = threading.Thread(target=self._run, name=f"docparse-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        setup = self._shared.setup
        runner = ItemRunner(spec_for(setup, self.name), self, lambda: setup.factory)
        while not self.abandoned and (unit := self._shared.take()):
            self._share, self._allowed = (0.0, 0.0), 0.0
            self.since, self.phase, self.unit = time.monotonic(), Phase.IDLE, list(unit)
            for result in runner.process(unit):
                if not self._end_item(result):
                    break
            self.phase = Phase.IDLE
        runner.close()

    def _end_item(self, result: Result) -> bool:
        """Report a result; return False when the thread was abandoned and nobody waits for it."""
        with self._lock:
            if self.abandoned:
                return False
            self.unit.pop(0)
        returned = result.status == "returned"
        self._shared.events.put(
            Returned(number=result.number) if returned else Finished(result=result, worker=self.name)
        )
        return True

    def limit(self) -> float:
        """Return the limit of what it does, in seconds; 0 for none."""
        unit = self.unit
        if self.phase is Phase.SETUP:
            return self._shared.setup.setup_timeout_s
        if self.phase is not Phase.RUN or not unit or not all(task.timeout_s for task in unit):
            return 0.0
        return max(sum(task.timeout_s for task in unit), self._allowed)

    def expire(self) -> _Unit:
        """Abandon what runs unless it is already committing; return what was abandoned."""
        with self._lock:
            if self.phase is Phase.COMMIT or not self.unit:
                return []
            self.abandoned = True
            return self.unit

    def share_done(self) -> float:
        """Return how much of the item is done, from 0 to 1; 0 as long as it does not say."""
        return share_done(*self._share)

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    # --- the gate

    def may_start(self) -> bool:
        """Whether the run goes on, and with this thread."""
        return not self.stopping()

    def enter(self, phase: Phase, number: int, count: int = 1) -> None:  # noqa: ARG002 - `unit` tells
        """Start the clock of a phase."""
        self.since, self.phase = time.monotonic(), phase  # in this order: a new phase never shows an old start

    def may_commit(self, number: int) -> bool:  # noqa: ARG002 - `unit` tells
        """Enter the commit phase unless the item was abandoned."""
        with self._lock:
            if self.abandoned:
                return False
            self.phase, self.since = Phase.COMMIT, time.monotonic()
            return True

    def stopping(self) -> bool:
        """Whether the run is stopping or this thread was abandoned."""
        return self._shared.stop or self.abandoned

    def progress(self, done: float, total: float | None) -> None:
        """Say how far the item is."""
        self._share = (done, total or 0.0)

    def allow(self, seconds: float) -> None:
        """Say how long the item may take."""
        self._allowed = seconds if self._shared.setup.may_allow else 0.0


class ThreadExecutor:
    """Threads that take what runs together from one queue."""

    name = "threads"

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._shared = _Shared(setup)
        self._submitted: _Unit = []
        self._given = 0
        self._estimate_s = 0.0
        self._shortest_s = math.inf
        self._made = 0
        self._threads = [self._new() for _ in range(setup.workers)]
        self._cpu = peak_rss_and_cpu()[1]

    def _new(self) -> _Thread:
        self._made += 1
        return _Thread(self._shared, f"t{self._made}")

    def room(self) -> int:
        """Return how many tasks keep every thread in work for about 20 ms."""
        if self._shared.stop or not self._shared.events.empty():
            return 0  # what happened may have stopped the run
        return len(self._threads) * depth(self._estimate_s, self._setup.batch) - self._given

    def submit(self, task: Task, *, alone: bool) -> None:  # noqa: ARG002 - nothing of a thread's is lost with it
        """Keep the task for ``wait``."""
        self._submitted.append(task)
        self._given += 1
        self._shortest_s = min(self._shortest_s, task.timeout_s or math.inf)

    def wait(self, timeout: float | None) -> list[Event]:
        """Return finished items and those that passed their deadline."""
        self._shared.give(self._submitted)
        self._submitted = []
        timeout = min(self._look_again(), math.inf if timeout is None else timeout)
        events: list[Event] = []
        try:
            event = self._shared.events.get(timeout=None if timeout == math.inf else timeout)
            while True:
                if event is not None:
                    self._note(event)
                    events.append(event)
                event = self._shared.events.get_nowait()
        except queue.Empty:
            pass
        return events + self._expired()

    def _note(self, event: Event) -> None:
        self._given -= 1
        if isinstance(event, Finished):
            self._estimate_s = moved(self._estimate_s, event.result.duration_s)

    def _look_again(self) -> float:
        """Return the seconds after which an item may be late: nobody tells when it starts."""
        now = time.monotonic()
        ends = [thread.since + limit - now for thread in self._threads if (limit := thread.limit())]
        if self._given:
            ends += [self._shortest_s, self._setup.setup_timeout_s or math.inf]
        return max(0.0, min(ends, default=math.inf))

    def _expired(self) -> list[Event]:
        now = time.monotonic()
        events: list[Event] = []
        for place, thread in enumerate(self._threads):
            limit, since, phase = thread.limit(), thread.since, thread.phase
            if not limit or since + limit > now or not (unit := thread.expire()):
                continue
            self._threads[place] = self._new()
            self._given -= len(unit)
            if phase is Phase.SETUP:
                events.append(setup_too_slow(unit[0].number, thread.name, limit))
                events += [Returned(number=task.number) for task in unit[1:]]
                continue
            events += [_abandoned(task, thread.name, limit, now - since) for task in unit]
        return events

    def wake(self) -> None:
        """Make ``wait`` return."""
        self._shared.events.put(None)

    def busy(self) -> list[Busy]:
        """Return what each busy thread is on."""
        return [
            Busy(worker=thread.name, number=unit[0].number, since=thread.since, share_done=thread.share_done())
            for thread in self._threads
            if (unit := thread.unit[:1])
        ]

    def drain(self) -> None:
        """Let running items finish; what waits comes back as ``Returned``."""
        self._shared.stop = True
        for task in (*self._shared.take_back(), *self._submitted):
            self._shared.events.put(Returned(number=task.number))
        self._submitted = []

    def kill(self) -> None:
        """Abandon the running items: a thread cannot be killed."""
        self.drain()
        for place, thread in enumerate(self._threads):
            for task in thread.expire():
                self._shared.events.put(
                    Died(
                        number=task.number,
                        worker=thread.name,
                        category=Category.CANCELLED,
                        message="the run was killed",
                    )
                )
            if thread.abandoned:
                self._threads[place] = self._new()

    def usage(self) -> tuple[int, float]:
        """Return the largest resident set and the CPU seconds of this process since the threads were started."""
        peak, cpu = peak_rss_and_cpu()
        return peak, cpu - self._cpu

    def close(self) -> None:
        """End the idle threads; abandoned ones end with the process."""
        for _ in self._threads:
            self._shared.end()
        for thread in self._threads:
            thread.join(5.0)


def _abandoned(task: Task, worker: str, limit: float, seconds: float) -> Died:
    return Died(
        number=task.number,
        worker=worker,
        category=Category.TIMEOUT,
        message=f"took longer than {limit:g} s; its thread was abandoned and may still run",
        limit=limit,
        alive=True,
        seconds=seconds,
    )
