"""One supervised worker process: started, fed, watched, killed with all it started.

The parent learns of a death from a pidfd (Linux) or from a thread in ``waitid`` (elsewhere), never from end-of-file
alone: a forked grandchild keeps the socket open, and a child that closes its descriptors closes it without dying.
"""

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import attrs
import msgspec

from docparse_runner._gate import Phase
from docparse_runner._secrets import Redactor
from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner.errors import Category
from docparse_runner.executors import moved
from docparse_runner.executors._frames import Channel
from docparse_runner.executors._memory import offer_as_victim
from docparse_runner.executors._output import last_output
from docparse_runner.executors._slots import Slots

CHILD = "docparse_runner.executors._child"
"""The module that runs in the process."""

GRACE_S = 2.0
"""Between SIGTERM and SIGKILL."""

_LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "TORCH_NUM_THREADS")
_encode = msgspec.msgpack.Encoder().encode
_decode_results = msgspec.msgpack.Decoder(list[Result]).decode


def _environment(spec: WorkerSpec) -> dict[str, str]:
    extra = {name: str(spec.threads) for name in _LIBRARIES if name not in os.environ}
    if spec.device != "cpu":
        extra["CUDA_VISIBLE_DEVICES"] = spec.device
    return {**os.environ, **extra, "TOKENIZERS_PARALLELISM": "false"}


def _death_watch(pid: int) -> int:
    """Return a descriptor that becomes readable when the process has ended."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    reader, writer = os.pipe()

    def watch() -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        os.close(writer)

    threading.Thread(target=watch, daemon=True).start()
    return reader


@attrs.frozen(kw_only=True)
class Doom:
    """Why a worker is being killed.

    Attributes:
        kill_at: monotonic time of the SIGKILL.
        numbers: the item that is to blame, or the batch that holds it.
        category: ``timeout`` or ``oom``.
        limit: what it passed: seconds or bytes.
    """

    kill_at: float
    numbers: tuple[int, ...]
    category: Category
    limit: float


class Now(NamedTuple):
    """What a worker is on.

    Attributes:
        tasks: what runs, oldest first; more than one run together.
        since: monotonic start of the phase.
        phase: what is done with them.
    """

    tasks: tuple[Task, ...]
    since: float
    phase: Phase


class Supervised:
    """A worker process and what it was given.

    Attributes:
        name: the worker's name.
        queue: tasks it was given and has not answered, oldest first.
        alone: whether it must get nothing beside what it has.
        retiring: whether it ends, to be replaced, once it has answered what it has.
        recalled: numbers of items that were taken back and that it has yet to hand over.
        shortest_limit_s: the shortest deadline of what waits or runs in it, seconds; infinite without one.
        room: how many tasks more it should get, as counted last.
        estimate_s: moving average of an item's seconds, 0 before the first.
        death: descriptor that becomes readable when it has ended.
        channel: the way to it.
        mute_until: monotonic time of the SIGKILL once it has closed its channel and lives on.
        doom: why it is being killed, or None.
        born: monotonic time of its start.
        answered: how many items it has answered.
        peak_rss: its largest resident set, bytes.
        cpu_s: its CPU seconds so far.
    """

    alone = False
    retiring = False
    shortest_limit_s = math.inf
    room = 0
    estimate_s = 0.0
    mute_until: float | None = None
    doom: Doom | None = None
    answered = 0
    peak_rss = 0
    cpu_s = 0.0

    def __init__(self, spec: WorkerSpec, slots: Slots) -> None:
        """Start the process."""
        self.name = spec.name
        self.slot = spec.slot
        self.queue: deque[Task] = deque()
        self.recalled: set[int] = set()
        self.born = time.monotonic()
        self._slots = slots
        self._hide = Redactor(spec.secrets)
        self._unsent: list[Task] = []
        self._log = Path(spec.staging) / "output.log"
        slots.clear(spec.slot)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._start(spec, theirs.fileno())
        self.channel = Channel(ours)
        self.death = _death_watch(self._process.pid)
        self.pid = self._process.pid
        offer_as_victim(self.pid)
        self.channel.write(_encode(spec))

    def _start(self, spec: WorkerSpec, descriptor: int) -> "subprocess.Popen[bytes]":
        self._log.parent.mkdir(parents=True, exist_ok=True)
        output = os.open(self._log, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", CHILD, str(descriptor)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(descriptor,),
                env=_environment(spec),
                start_new_session=True,
            )
        finally:
            os.close(output)

    @property
    def is_reaped(self) -> bool:
        """Whether the process was collected, so that its id may be another's by now."""
        return self._process.returncode is not None

    @property
    def is_ending(self) -> bool:
        """Whether it is about to be killed."""
        return self.doom is not None or self.mute_until is not None

    @property
    def takes_more(self) -> bool:
        """Whether it may be given anything beside what it has."""
        return not (self.alone or self.retiring or self.recalled or self.is_ending)

    def give(self, task: Task) -> None:
        """Queue a task for ``send``."""
        limit = task.timeout_s or math.inf
        if limit < self.shortest_limit_s or not self.queue:
            self.shortest_limit_s = limit
        self.queue.append(task)
        self._unsent.append(task)

    def send(self) -> None:
        """Send what was given, in one frame; never blocks."""
        if self._unsent:
            self.channel.write(_encode(self._unsent))
            self._unsent = []

    def receive(self) -> tuple[list[Result], bool]:
        """Return (results that arrived and that somebody waits for, whether the channel is still open)."""
        frames, is_open = self.channel.receive()
        results = [result for data in frames for result in _decode_results(data) if self._account(result)]
        return results, is_open

    def _account(self, result: Result) -> bool:
        """Note a result; return whether anybody still waits for it."""
        if self.recalled and result.number in self.recalled:
            self.recalled.remove(result.number)
            if not self.recalled and not self.retiring:
                self._slots.release(self.slot)
            return False
        self.queue.popleft()
        if self.alone:
            self.alone = bool(self.queue)
        if result.status != "returned":
            self.answered += 1
            self.peak_rss, self.cpu_s = result.peak_rss, result.cpu_s
            self.estimate_s = moved(self.estimate_s, result.duration_s)
        return True

    def on(self) -> Now:
        """Return what it is on."""
        number, since, phase, count = self._slots.read(self.slot)
        place = next((place for place, task in enumerate(self.queue) if task.number == number), None)
        tasks = () if place is None else tuple(islice(self.queue, place, place + count))
        return Now(tasks, since, phase)

    def recall(self) -> list[Task]:
        """Take back what waits behind the item that runs, and return it; nothing when it is too late.

        The child looks whether it may start before it starts anything, so what it is told while it still runs one item
        holds for the next.
        """
        self._slots.hold(self.slot)
        running, _since, phase = self.on()
        if phase is not Phase.RUN or not running or running[0] is not self.queue[0]:
            self._slots.release(self.slot)
            return []
        taken = list(self.queue)[len(running) :]
        self.recalled = {task.number for task in taken}
        self.queue = deque(running)
        return taken

    def retire(self) -> None:
        """Tell it to give back what it has not started; it is replaced when it has answered."""
        self.retiring = True
        self._slots.hold(self.slot)

    def terminate(self, doom: "Doom") -> None:
        """Send SIGTERM to the process group; SIGKILL follows when the doom says."""
        self.doom = doom
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process group, grandchildren included."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_reaped:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def reap(self) -> int:
        """Kill what is left of the group, collect the process and return its exit code, negative for a signal."""
        self.kill()
        _pid, status, usage = os.wait4(self.pid, 0)
        self.kill()  # what it forked meanwhile
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_s = usage.ru_utime + usage.ru_stime
        os.close(self.death)
        self.channel.socket.close()
        return self._process.returncode

    def hang_up(self) -> None:
        """Tell the process that no more tasks come; it ends by itself."""
        with contextlib.suppress(OSError):
            self.channel.socket.shutdown(socket.SHUT_WR)

    def last_output(self) -> str:
        """Return the last lines that the process printed during its item."""
        try:
            with self._log.open("rb") as file:
                return last_output(file.fileno(), self._hide)
        except OSError:
            return ""
