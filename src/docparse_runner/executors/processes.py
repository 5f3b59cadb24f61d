"""Supervised child processes: a crash, a hang or a memory hog costs exactly the item that ran.

One thread and one selector, non-blocking both ways; no queue or lock is shared between workers, so that a killed one
can wedge nobody. (Design and measurements: docs/explanation.)
"""

import contextlib
import os
import pickle
import selectors
import socket
import time
from collections import deque
from pathlib import Path

from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner.executors import Busy, Event, Finished, Returned, Setup, depth, spec_for
from docparse_runner.executors._deaths import Death, cancelled, charge, setup_failed
from docparse_runner.executors._guard import Guard
from docparse_runner.executors._memory import OomCounter
from docparse_runner.executors._overseer import Overseer
from docparse_runner.executors._slots import Slots
from docparse_runner.executors._supervised import Doom, Supervised

CLOSE_LIMIT_S = 10.0
MUTE_LIMIT_S = 1.0


def devices() -> list[str]:
    """Return the accelerators that workers may use, from ``CUDA_VISIBLE_DEVICES`` or the driver's own list."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [part for part in named.split(",") if part]
    return [path.name.removeprefix("nvidia") for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]


def _room(worker: Supervised) -> int:
    return worker.room


def _half(doom: Doom | None, number: int) -> int:
    """Return how many items may run together once a batch with this item was given up; 0 if none was."""
    return (len(doom.numbers) + 1) // 2 if doom and number in doom.numbers else 0


class ProcessExecutor:
    """A fixed number of supervised workers."""

    name = "processes"

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._factory = pickle.dumps(setup.factory)
        self._events: list[Event] = []
        Path(setup.staging).mkdir(parents=True, exist_ok=True)
        self._slots = Slots(str(Path(setup.staging) / "slots"), setup.workers)
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        for end in (self._wake, self._waker):
            end.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._guard = Guard()
        self._cpu = 0.0
        self._peak = 0
        self._held: deque[Task] = deque()
        self._oom = OomCounter()
        self._draining = False
        self._killing = False
        self._devices = devices() if setup.gpu else []
        self._workers: list[Supervised] = []
        for slot in range(setup.workers):
            self._workers.append(self._spawn(slot))
        self._overseer = Overseer(setup, self._slots, self._workers)

    def _spec(self, slot: int) -> WorkerSpec:
        device = self._devices[slot % len(self._devices)] if self._devices else "cpu"
        threads = max(1, (os.cpu_count() or 1) // self._setup.workers)
        spec = spec_for(self._setup, f"p{slot + 1}", device=device, threads=threads, slot=slot)
        spec.factory = self._factory
        return spec

    def _spawn(self, slot: int) -> Supervised:
        worker = Supervised(self._spec(slot), self._slots)
        self._guard.watch(worker.pid)
        self._selector.register(worker.channel.socket, selectors.EVENT_READ, worker)
        self._selector.register(worker.death, selectors.EVENT_READ, worker)
        self._watch_writes(worker)
        return worker

    def _watch_writes(self, worker: Supervised) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.channel.wants_to_write else 0)
        with contextlib.suppress(KeyError, ValueError):  # it closed its end: the death watch tells the rest
            if self._selector.get_key(worker.channel.socket).events != events:
                self._selector.modify(worker.channel.socket, events, worker)

    # --- what the engine calls

    def room(self) -> int:
        """Return how many tasks keep every worker in work for about 20 ms."""
        if self._draining or self._held:
            return 0
        room = 0
        for worker in self._workers:
            wanted = depth(worker.estimate_s, self._setup.batch) if worker.takes_more else 0
            worker.room = wanted - len(worker.queue)
            room += max(0, worker.room)
        return room

    def submit(self, task: Task, *, alone: bool) -> None:
        """Give the task to the worker with the most ``room``; with `alone`, keep it until one has nothing."""
        if alone:
            self._held.append(task)
            self._give_held()
            return
        worker = max(self._workers, key=_room)
        worker.room -= 1
        worker.give(task)
        if worker.queue[0] is task and self._setup.batch == 1:
            worker.send()  # it has nothing to do; what comes behind a task is sent together, by ``wait``

    def _give_held(self) -> None:
        """Give the tasks that must be alone to workers that have nothing."""
        for worker in self._workers:
            if self._held and worker.takes_more and not worker.queue:
                worker.alone = True
                worker.give(self._held.popleft())
                worker.send()

    def _send(self) -> None:
        """Send what was submitted."""
        self._give_held()
        for worker in self._workers:
            worker.send()
            self._watch_writes(worker)

    def wait(self, timeout: float | None) -> list[Event]:
        """Return what happened."""
        self._send()
        if not self._events:
            left = self._overseer.next_look()
            timeout = left if timeout is None else timeout if left is None else min(timeout, left)
            for key, mask in self._selector.select(timeout):
                self._ready(key, mask)
            self._overseer.expire()
            self._events += self._overseer.recall()
            self._overseer.weigh()
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """Make ``wait`` return; also harmless when everything is over."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def busy(self) -> list[Busy]:
        """Return what each busy worker is on."""
        return [
            Busy(
                worker=worker.name,
                number=now.tasks[0].number,
                since=now.since,
                share_done=self._slots.share_done(worker.slot),
            )
            for worker in self._workers
            if (now := worker.on()).tasks
        ]

    def drain(self) -> None:
        """Tell the workers to start nothing more; what waits in their pipes comes back as ``Returned``."""
        self._draining = True
        self._events += [Returned(number=task.number) for task in self._held]
        self._held.clear()
        self._send()
        for slot in range(len(self._workers)):
            self._slots.stop(slot)

    def kill(self) -> None:
        """Kill every worker; what was running comes back as cancelled."""
        self.drain()
        self._killing = True
        for worker in self._workers:
            worker.kill()

    def usage(self) -> tuple[int, float]:
        """Return (largest resident set of any worker in bytes, CPU seconds of all), as of the last results."""
        live = [worker for worker in self._workers if not worker.is_reaped]
        return max((self._peak, *(worker.peak_rss for worker in live))), self._cpu + sum(each.cpu_s for each in live)

    def close(self) -> None:
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
        self._guard.close()

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
            worker.channel.flush()
            self._watch_writes(worker)
        if mask & selectors.EVENT_READ and not self._read(worker):
            # It closed its end: it is about to die, maybe with a traceback. If it lives on, no result can come.
            self._selector.unregister(worker.channel.socket)
            worker.mute_until = time.monotonic() + MUTE_LIMIT_S

    def _read(self, worker: Supervised) -> bool:
        results, is_open = worker.receive()
        self._events += [self._event(result, worker) for result in results]
        if self._setup.max_items and worker.answered >= self._setup.max_items and not worker.retiring:
            worker.retire()
        if worker.retiring and not worker.queue:
            worker.hang_up()
        return is_open

    def _event(self, result: Result, worker: Supervised) -> Event:
        if result.status == "returned":
            return Returned(number=result.number, batch=_half(worker.doom, result.number))
        return Finished(result=result, worker=worker.name)

    def _died(self, worker: Supervised) -> None:
        """Charge the death to the item that ran, give back the others, start another worker."""
        self._read(worker)
        tasks, since, phase = worker.on()
        death = Death(
            worker=worker.name,
            phase=phase,
            seconds=time.monotonic() - (since or worker.born),
            doom=worker.doom,
            output=worker.last_output(),
            code=self._bury(worker),
            starved=self._oom.has_risen(),
        )
        rest = list(worker.queue)
        suspects = 0
        if tasks and self._are_guilty(worker, tasks):
            rest = [task for task in rest if task not in tasks]
            self._charge(tasks, death)
        elif tasks:
            # Items up to the last that ran had ended, their results lost: any of them may be the killer.
            suspects = rest.index(tasks[-1]) + 1
        elif rest and not worker.answered and not self._killing:
            self._events.append(setup_failed(rest.pop(0).number, death, "starting", self._setup.setup_timeout_s))
        self._events += [Returned(number=each.number, suspect=place < suspects) for place, each in enumerate(rest)]
        worker.queue.clear()
        if not self._killing:
            self._workers[worker.slot] = self._spawn(worker.slot)

    def _bury(self, worker: Supervised) -> int:
        """Collect a dead process and return its exit code."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.channel.socket)
        self._selector.unregister(worker.death)
        code = worker.reap()
        self._account(worker)
        self._guard.forget(worker.pid)
        return code

    def _are_guilty(self, worker: Supervised, tasks: tuple[Task, ...]) -> bool:
        """Whether the death is theirs for certain: killed for them, alone, or nothing unsent before them."""
        if worker.doom and not self._killing:
            return tasks[0].number in worker.doom.numbers  # they may have ended in the grace, and the next have begun
        return self._killing or worker.alone or worker.queue[0] is tasks[0]

    def _charge(self, tasks: tuple[Task, ...], death: Death) -> None:
        """Charge a death to the item that ran; of a batch each half runs again, until an item dies alone."""
        if self._killing:
            self._events += [cancelled(task, death) for task in tasks]
        elif len(tasks) == 1:
            self._events.append(charge(tasks[0], death))
        else:
            half = (len(tasks) + 1) // 2
            self._events += [Returned(number=task.number, batch=half) for task in tasks]

    def _account(self, worker: Supervised) -> None:
        self._cpu += worker.cpu_s
        self._peak = max(self._peak, worker.peak_rss)
