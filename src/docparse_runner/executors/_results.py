"""Results on their way from a worker process to the runner."""

import contextlib
import socket
import threading
import time
from collections import deque

import msgspec

from docparse_runner._wire import Result
from docparse_runner._worker import peak_rss_and_cpu
from docparse_runner.executors._frames import frame

FLUSH_S = 0.005
"""Results of quick items are gathered this long."""


class Results:
    """Sends results: those of quick items together, and none later than 5 ms, however long the next item takes."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._encode = msgspec.msgpack.Encoder().encode
        self._held: deque[Result] = deque()
        self._sent = time.monotonic()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, result: Result, *, last: bool) -> bool:
        """Take a result; return whether to send now: it is the `last`, or the last sending was a while ago."""
        self._held.append(result)
        if last or time.monotonic() - self._sent > FLUSH_S:
            return True
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_in_time, name="docparse-results", daemon=True)
            self._thread.start()
        if len(self._held) == 1:
            self._some.set()
        return False

    def send(self) -> None:
        """Send what is held."""
        with self._lock:
            sent = []
            peak, cpu = peak_rss_and_cpu()
            while self._held:
                sent.append(result := self._held.popleft())
                result.peak_rss, result.cpu_s = peak, cpu
            if sent:
                self._channel.sendall(frame(self._encode(sent)))
                self._sent = time.monotonic()

    def _send_in_time(self) -> None:
        with contextlib.suppress(OSError):  # the runner is gone, or the item closed the channel: both end the worker
            while self._some.wait():
                self._some.clear()
                time.sleep(FLUSH_S)
                self.send()
