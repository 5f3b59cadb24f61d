"""Supervised child processes: a crash, a hang or a memory hog costs exactly the item that ran.

One thread and one selector, non-blocking both ways; no queue or lock is shared between workers, so that a killed one
can wedge nobody. (Design and measurements: docs/explanation.)
"""

import contextlib
import math
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import attrs

from docparse_runner._row import ErrorRecord
from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner._worker import Phase
from docparse_runner.errors import Category
from docparse_runner.executors import Busy, Died, Event, Finished, Returned, Setup, _guardian, setup_too_slow
from docparse_runner.executors._slots import Slots
from docparse_runner.executors._supervised import Supervised
from docparse_runner.executors.inline import spec_for

PREFETCH_S = 0.02
"""So much work, in seconds, waits in a worker's pipe."""

PREFETCH_MAX = 64
COMMIT_LIMIT_S = 300.0
SEND_LIMIT_S = 120.0
CLOSE_LIMIT_S = 10.0
MUTE_LIMIT_S = 1.0


def _devices() -> list[str]:
    """Return the accelerators that workers may use, from ``CUDA_VISIBLE_DEVICES`` or the driver's own list."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [part for part in named.split(",") if part]
    return [path.name.removeprefix("nvidia") for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]


class ProcessExecutor:
    """A fixed number of supervised workers."""

    name = "processes"

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._factory = pickle.dumps(setup.factory)
        self._events: list[Event] = []
        self._limits = {Phase.SETUP: setup.setup_timeout_s, Phase.COMMIT: COMMIT_LIMIT_S, Phase.SEND: SEND_LIMIT_S}
        Path(setup.staging).mkdir(parents=True, exist_ok=True)
        self._slots = Slots(str(Path(setup.staging) / "slots"), setup.workers)
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        for end in (self._wake, self._waker):
            end.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", _guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._cpu = 0.0
        self._peak = 0
        self._draining = False
        self._killing = False
        self._devices = _devices() if setup.gpu else []
        self._workers: list[Supervised] = []
        for slot in range(setup.workers):
            self._workers.append(self._spawn(slot))

    def _spec(self, slot: int) -> WorkerSpec:
        device = self._devices[slot % len(self._devices)] if self._devices else "cpu"
        threads = max(1, (os.cpu_count() or 1) // self._setup.workers)
        spec = spec_for(self._setup, f"p{slot + 1}", device=device, threads=threads, slot=slot)
        spec.factory = self._factory
        return spec

    def _spawn(self, slot: int) -> Supervised:
        worker = Supervised(self._spec(slot), self._slots)
        self._tell_guardian(f"+{worker.pid}\n")
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        self._selector.register(worker.death, selectors.EVENT_READ, worker)
        self._watch_writes(worker)
        return worker

    def _tell_guardian(self, line: str) -> None:
        with contextlib.suppress(OSError):  # without a guardian, only kill -9 of the runner leaves processes behind
            os.write(self._guardian.stdin.fileno(), line.encode())  # type: ignore[union-attr]  # it is a pipe

    def _watch_writes(self, worker: Supervised) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.wants_to_write else 0)
        with contextlib.suppress(KeyError, ValueError):  # it closed its end: the death watch tells the rest
            if self._selector.get_key(worker.channel).events != events:
                self._selector.modify(worker.channel, events, worker)

    # --- what the engine calls

    def room(self) -> int:
        """Return how many tasks keep every worker in work for about 20 ms."""
        return 0 if self._draining else sum(max(0, self._depth(worker) - len(worker.queue)) for worker in self._workers)

    def _depth(self, worker: Supervised) -> int:
        if worker.alone or worker.is_ending:
            return 0
        if not worker.answered:
            return 1
        return max(1, min(PREFETCH_MAX, int(PREFETCH_S / max(worker.estimate_s, 1e-6))))

    def submit(self, task: Task, *, alone: bool) -> None:
        """Give the task to the worker with the most room; with `alone`, to one that has nothing."""
        free = [worker for worker in self._workers if not worker.alone and not worker.is_ending]
        idle = [worker for worker in free if not worker.queue]
        worker = min(idle or free or self._workers, key=lambda worker: len(worker.queue) - self._depth(worker))
        worker.alone = alone
        worker.give([task])
        self._watch_writes(worker)

    def wait(self, timeout: float | None) -> list[Event]:
        """Return what happened."""
        if not self._events:
            left = self._next_deadline()
            timeout = left if timeout is None else timeout if left is None else min(timeout, left)
            for key, mask in self._selector.select(timeout):
                self._ready(key, mask)
            self._expire()
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """Make ``wait`` return."""
        with contextlib.suppress(BlockingIOError):
            self._waker.send(b"!")

    def busy(self) -> list[Busy]:
        """Return what each busy worker is on."""
        states = [(worker, *worker.on()) for worker in self._workers]
        return [
            Busy(worker=worker.name, number=task.number, since=since)
            for worker, task, since, _phase in states
            if task is not None
        ]

    def drain(self) -> None:
        """Tell the workers to start nothing more; what waits in their pipes comes back as ``Returned``."""
        self._draining = True
        for slot in range(len(self._workers)):
            self._slots.stop(slot)

    def kill(self) -> None:
        """Kill every worker; what was running comes back as cancelled."""
        self.drain()
        self._killing = True
        for worker in self._workers:
            worker.kill()

    def close(self) -> tuple[int, float]:
        """End the workers: politely, then not."""
        for worker in self._workers:
            worker.hang_up()
        end = time.monotonic() + (0 if self._killing else CLOSE_LIMIT_S)
        for worker in [each for each in self._workers if not each.is_reaped]:
            with selectors.DefaultSelector() as selector:
                selector.register(worker.death, selectors.EVENT_READ)
                selector.select(max(0.0, end - time.monotonic()))
            worker.reap()
            self._account(worker)
        self._selector.close()
        self._wake.close()
        self._waker.close()
        self._slots.close()
        with contextlib.suppress(OSError):
            self._guardian.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        self._guardian.wait()
        return self._peak, self._cpu

    # --- what happens

    def _ready(self, key: selectors.SelectorKey, mask: int) -> None:
        worker: Supervised | None = key.data
        if worker is None:
            with contextlib.suppress(BlockingIOError):
                self._wake.recv(4096)
            return
        if worker is not self._workers[worker.slot]:
            return  # it died earlier in this round
        if key.fd == worker.death:
            self._died(worker)
            return
        if mask & selectors.EVENT_WRITE:
            worker.flush()
            self._watch_writes(worker)
        if mask & selectors.EVENT_READ and not self._read(worker):
            # It closed its end: it is about to die, maybe with a traceback. If it lives on, no result can come.
            self._selector.unregister(worker.channel)
            worker.mute_until = time.monotonic() + MUTE_LIMIT_S

    def _read(self, worker: Supervised) -> bool:
        results, is_open = worker.receive()
        for result in results:
            self._events.append(self._event(result, worker))
        return is_open

    def _event(self, result: Result, worker: Supervised) -> Event:
        if result.status == "returned":
            return Returned(number=result.number)
        return Finished(result=result, worker=worker.name)

    def _next_deadline(self) -> float | None:
        """Return the seconds after which to look at the workers again, None for when something happens.

        Nobody tells when an item starts, so none may wait unseen for longer than its own limit.
        """
        now = time.monotonic()
        ends = [end - now for worker in self._workers if (end := self._deadline(worker, *worker.on())) is not None]
        ends += [worker.shortest_limit_s for worker in self._workers if worker.queue]
        return max(0.0, min(ends)) if ends and min(ends) < math.inf else None

    def _deadline(self, worker: Supervised, task: Task | None, since: float, phase: Phase) -> float | None:
        """Return the monotonic time at which something has to be done about a worker that is on this."""
        if worker.doomed:
            return worker.doomed[0]
        if worker.mute_until:
            return worker.mute_until
        if not worker.queue:
            return None
        if task is None:
            return None if worker.answered else worker.born + self._setup.setup_timeout_s
        limit = task.timeout_s if phase is Phase.RUN else self._limits.get(phase, 0.0)
        return since + limit if limit else None

    def _expire(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            state = worker.on()
            end = self._deadline(worker, *state)
            if end is None or end > now:
                continue
            task = state[0]
            if worker.is_ending or task is None:
                worker.kill()
                continue
            self._slots.expire(worker.slot, task.number)
            if worker.on() == state:  # else it went on to its commit in this very moment, and the flag decides
                worker.terminate(task.number)

    def _died(self, worker: Supervised) -> None:
        """Charge the death to the item that ran, give back the others, start another worker."""
        self._read(worker)
        task, since, phase = worker.on()
        death = _Death(
            worker=worker.name,
            phase=phase,
            seconds=time.monotonic() - (since or worker.born),
            limit=self._limit(task, phase) if task and worker.doomed else 0.0,
            output=worker.last_output(),
            code=self._bury(worker),
        )
        rest = list(worker.queue)
        if task is not None and self._is_guilty(worker, task):
            rest.remove(task)
            self._events.append(self._charge(task, death))
        elif rest and task is None and not worker.answered and not self._killing:
            self._events.append(setup_failed(rest.pop(0).number, death, "starting", self._setup.setup_timeout_s))
        # Items up to the one that ran had ended, their results lost: any of them may be the killer.
        suspects = rest.index(task) + 1 if task in rest else 0
        for place, each in enumerate(rest):
            self._events.append(Returned(number=each.number, suspect=place < suspects))
        worker.queue.clear()
        if not self._killing:
            self._workers[worker.slot] = self._spawn(worker.slot)

    def _bury(self, worker: Supervised) -> int:
        """Collect a dead process and return its exit code."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.channel)
        self._selector.unregister(worker.death)
        code = worker.reap()
        self._account(worker)
        self._tell_guardian(f"-{worker.pid}\n")
        return code

    def _is_guilty(self, worker: Supervised, task: Task) -> bool:
        """Whether the death is this item's for certain: killed for it, alone, or nothing unsent before it."""
        if worker.doomed and not self._killing:
            return worker.doomed[1] == task.number  # it may have ended in the grace, and the next one have begun
        return self._killing or worker.alone or worker.queue[0] is task

    def _limit(self, task: Task, phase: Phase) -> float:
        return task.timeout_s if phase is Phase.RUN else self._limits.get(phase, 0.0)

    def _charge(self, task: Task, death: "_Death") -> Event:
        if self._killing:
            category, message = Category.CANCELLED, "the run was killed"
        elif death.phase is Phase.SETUP:
            return setup_failed(task.number, death, "opening the stage", death.limit)
        elif death.limit:
            where = "" if death.phase is Phase.RUN else f" to {death.phase.name.lower()}"
            category, message = Category.TIMEOUT, f"took longer than {death.limit:g} s{where}; its process was killed"
        else:
            category, message = Category.CRASH, f"the worker process died: {how_it_died(death.code)}"
        return Died(
            number=task.number,
            worker=death.worker,
            category=category,
            message=message,
            detail=death.output,
            limit=death.limit,
            torn=death.phase in {Phase.COMMIT, Phase.SEND},
            seconds=death.seconds,
        )

    def _account(self, worker: Supervised) -> None:
        self._cpu += worker.cpu_s
        self._peak = max(self._peak, worker.peak_rss)


@attrs.frozen(kw_only=True)
class _Death:
    """How a worker process ended.

    Attributes:
        worker: its name.
        phase: what it was doing.
        seconds: for how long.
        limit: the limit in seconds that it was killed for, 0 if it died by itself.
        output: the last lines that it printed.
        code: exit code, negative for a signal.
    """

    worker: str
    phase: Phase
    seconds: float
    limit: float
    output: str
    code: int


def setup_failed(number: int, death: _Death, doing: str, limit: float) -> Finished:
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
