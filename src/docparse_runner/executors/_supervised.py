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
from pathlib import Path

import msgspec

from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner._worker import Phase
from docparse_runner.executors._frames import Inbox, frame
from docparse_runner.executors._slots import Slots

GRACE_S = 2.0
"""Between SIGTERM and SIGKILL."""

_TAIL = 4000
_BLOCK = 1 << 18
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


class Supervised:
    """A worker process and what it was given.

    Attributes:
        name: the worker's name.
        queue: tasks it was given and has not answered, oldest first.
        alone: whether it must get nothing beside what it has.
        draining: whether it was told to start nothing more.
        shortest_limit_s: the shortest deadline of what waits or runs in it, seconds; infinite without one.
        estimate_s: moving average of an item's seconds, 0 before the first.
        death: descriptor that becomes readable when it has ended.
        channel: socket to it.
        mute_until: monotonic time of the SIGKILL once it has closed its channel and lives on.
        doomed: (monotonic time of the SIGKILL, number of the item given up) after SIGTERM was sent.
        born: monotonic time of its start.
        answered: whether it ever answered.
        peak_rss: its largest resident set, bytes.
        cpu_s: its CPU seconds, once it is reaped.
    """

    def __init__(self, spec: WorkerSpec, slots: Slots) -> None:
        """Start the process."""
        self.name = spec.name
        self.slot = spec.slot
        self.queue: deque[Task] = deque()
        self.alone = False
        self.draining = False
        self.shortest_limit_s = math.inf
        self.estimate_s = 0.0
        self.mute_until: float | None = None
        self.doomed: tuple[float, int] | None = None
        self.born = time.monotonic()
        self.answered = False
        self.peak_rss = 0
        self.cpu_s = 0.0
        self._slots = slots
        self._inbox = Inbox()
        self._outbox = bytearray()
        self._log = Path(spec.staging) / "output.log"
        slots.clear(spec.slot)
        self.channel, theirs = socket.socketpair()
        with theirs:
            self._process = self._start(spec, theirs.fileno())
        self.channel.setblocking(False)
        self.death = _death_watch(self._process.pid)
        self.pid = self._process.pid
        self._write(frame(_encode(spec)))

    def _start(self, spec: WorkerSpec, descriptor: int) -> "subprocess.Popen[bytes]":
        self._log.parent.mkdir(parents=True, exist_ok=True)
        output = os.open(self._log, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "docparse_runner.executors._child", str(descriptor)],
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
        """Whether it must get nothing more, because it is about to die."""
        return self.doomed is not None or self.mute_until is not None

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes wait for the socket to take them."""
        return bool(self._outbox)

    def give(self, tasks: list[Task]) -> None:
        """Send tasks; never blocks."""
        limits = [task.timeout_s for task in tasks if task.timeout_s]
        self.shortest_limit_s = min([*limits, self.shortest_limit_s if self.queue else math.inf])
        self.queue.extend(tasks)
        self._write(frame(_encode(tasks)))

    def _write(self, data: bytes) -> None:
        self._outbox += data
        self.flush()

    def flush(self) -> None:
        """Write what the socket takes now."""
        try:
            while self._outbox:
                del self._outbox[: self.channel.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError:
            self._outbox.clear()  # it died; the death watch tells

    def receive(self) -> tuple[list[Result], bool]:
        """Return (results that arrived, whether the channel is still open)."""
        is_open = True
        try:
            while block := self.channel.recv(_BLOCK):
                self._inbox.feed(block)
            is_open = False
        except BlockingIOError:
            pass
        except OSError:
            is_open = False
        results: list[Result] = []
        while (data := self._inbox.take()) is not None:
            results.extend(_decode_results(data))
        for result in results:
            self._account(result)
        return results, is_open

    def _account(self, result: Result) -> None:
        self.queue.popleft()
        self.answered = True
        if not self.queue:
            self.alone = False
        if result.status != "returned":
            self.peak_rss = max(self.peak_rss, result.peak_rss)
            self.estimate_s += (result.duration_s - self.estimate_s) * (0.3 if self.estimate_s else 1.0)

    def on(self) -> tuple[Task | None, float, Phase]:
        """Return (task that runs or None, monotonic start of its phase, phase)."""
        number, since, phase = self._slots.read(self.slot)
        task = next((task for task in self.queue if task.number == number), None)
        return task, since, phase

    def terminate(self, number: int) -> None:
        """Send SIGTERM to the process group; SIGKILL follows after the grace."""
        self.doomed = (time.monotonic() + GRACE_S, number)
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
        self.channel.close()
        return self._process.returncode

    def hang_up(self) -> None:
        """Tell the process that no more tasks come; it ends by itself."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def last_output(self) -> str:
        """Return the last lines that the process printed during its item."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
                return file.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""
