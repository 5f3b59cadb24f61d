"""Results on their way from a worker process to the runner."""

import contextlib
import socket
import threading
import time

import msgspec

from docparse_runner._wire import Result
from docparse_runner.executors._frames import frame

FLUSH_S = 0.005
"""Results of quick items are gathered this long."""


class Results:
    """Sends results: those of quick items together, and none later than 5 ms, however long the next item takes."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._encode = msgspec.msgpack.Encoder().encode
        self._held: list[Result] = []
        self._sent = time.monotonic()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, result: Result, *, last: bool) -> None:
        """Take a result; with `last`, or when the last sending was a while ago, send it now."""
        with self._lock:
            self._held.append(result)
        if last or time.monotonic() - self._sent > FLUSH_S:
            self._send()
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_in_time, name="docparse-results", daemon=True)
            self._thread.start()
        self._some.set()

    def _send(self) -> None:
        with self._lock:
            held, self._held = self._held, []
            if held:
                self._channel.sendall(frame(self._encode(held)))
                self._sent = time.monotonic()

    def _send_in_time(self) -> None:
        with contextlib.suppress(OSError):  # the runner is gone, or the item closed the channel: both end the worker
            while self._some.wait():
                self._some.clear()
                time.sleep(FLUSH_S)
                self._send()
