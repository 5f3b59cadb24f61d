"""The main loop of a worker process: tasks in, results out, over one socket.

Started as ``python -m docparse_runner.executors._child FD`` in a session of its own, its output going to a file.
"""

import contextlib
import faulthandler
import pickle
import select
import signal
import socket
import sys
import time
from collections import deque

import msgspec

from docparse_runner._gate import Phase
from docparse_runner._row import ErrorRecord
from docparse_runner._secrets import Redactor
from docparse_runner._wire import Task, WorkerSpec, unit_of
from docparse_runner._worker import ItemRunner
from docparse_runner.executors._frames import Inbox
from docparse_runner.executors._output import Output
from docparse_runner.executors._results import Results
from docparse_runner.executors._slots import Slots

_BLOCK = 1 << 18


class _SlotGate:
    """The worker's side of the slot."""

    def __init__(self, slots: Slots, slot: int) -> None:
        self._slots = slots
        self._slot = slot
        self._has_progress = self._has_asked = False

    def enter(self, phase: Phase, number: int, count: int = 1) -> None:
        """Start the clock of a phase."""
        self._slots.write(self._slot, number, time.monotonic(), phase, count)

    def may_commit(self, number: int) -> bool:
        """Announce the commit, then look whether the item was given up."""
        self.enter(Phase.COMMIT, number)
        return self._slots.expired(self._slot) != number

    def stopping(self) -> bool:
        """Whether the run is stopping."""
        return self._slots.stopping(self._slot)

    def may_start(self) -> bool:
        """Whether to start the next item."""
        return self._slots.may_start(self._slot)

    def progress(self, done: float, total: float | None) -> None:
        """Say how far the item is."""
        self._has_progress = True
        self._slots.progress(self._slot, done, total or 0.0)

    def allow(self, seconds: float) -> None:
        """Say how long the item may take."""
        self._has_asked = True
        self._slots.allow(self._slot, seconds)

    def forget_item(self) -> None:
        """Say that the next item has not come far yet, and has asked for nothing."""
        if self._has_progress:
            self.progress(0.0, None)
        if self._has_asked:
            self.allow(0.0)
        self._has_progress = self._has_asked = False


class Child:
    """One worker process."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._inbox = Inbox()
        self._decode = msgspec.msgpack.Decoder(list[Task]).decode
        self._results = Results(channel)
        self._output = Output()

    def serve(self) -> None:
        """Answer tasks until the runner closes the channel."""
        first = self._receive()
        if first is None:
            return
        spec = msgspec.msgpack.decode(first, type=WorkerSpec)
        sys.path[:] = spec.path
        self._hide = Redactor(spec.secrets)
        self._gate = _SlotGate(Slots(spec.slots), spec.slot)
        runner = self._runner(spec)
        tasks: deque[Task] = deque()
        with contextlib.closing(runner):
            while tasks or self._refill(tasks):
                self._top_up(tasks)
                self._run(runner, unit_of(tasks), last=not tasks)

    def _runner(self, spec: WorkerSpec) -> ItemRunner:
        return ItemRunner(spec, self._gate, lambda: pickle.loads(spec.factory))  # noqa: S301 - from our own parent

    def _refill(self, tasks: deque[Task]) -> bool:
        """Wait for the next tasks; return whether there are any."""
        data = self._receive()
        tasks.extend(self._decode(data) if data is not None else ())
        return bool(tasks)

    def _top_up(self, tasks: deque[Task]) -> None:
        """Take what has come meanwhile, as far as it may join a batch; wait for nothing."""
        while len(tasks) < tasks[0].batch and (data := self._arrived()) is not None:
            tasks.extend(self._decode(data))

    def _run(self, runner: ItemRunner, unit: list[Task], *, last: bool) -> None:
        """Run items together and send their results; `last` says that nothing waits behind them."""
        self._output.forget()
        self._gate.forget_item()
        for result in runner.process(unit):
            if result.error is not None:
                result.error = _with_output(result.error, self._output.last(self._hide))
            if self._results.add(result, last=last and result.number == unit[-1].number):
                self._gate.enter(Phase.SEND, result.number)
                self._results.send()
        if last:  # else the next item says at once what it is on
            self._gate.enter(Phase.IDLE, -1)

    def _arrived(self) -> bytes | None:
        data = self._inbox.take()
        while data is None and select.select([self._channel], [], [], 0)[0]:
            block = self._channel.recv(_BLOCK)
            if not block:
                return None
            self._inbox.feed(block)
            data = self._inbox.take()
        return data

    def _receive(self) -> bytes | None:
        while (data := self._inbox.take()) is None:
            block = self._channel.recv(_BLOCK)
            if not block:
                return None
            self._inbox.feed(block)
        return data


def _with_output(error: ErrorRecord, printed: str) -> ErrorRecord:
    """Return the failure with the last lines that its item printed."""
    if not printed:
        return error
    return msgspec.structs.replace(error, detail=f"{error.detail}\n{printed}".strip())


def main(kind: type[Child] = Child) -> None:
    """Serve the channel whose descriptor is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the runner's business
    faulthandler.enable()
    with socket.socket(fileno=int(sys.argv[1])) as channel, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        kind(channel).serve()


if __name__ == "__main__":
    main()
