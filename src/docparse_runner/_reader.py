"""Reads a plan in a thread of its own, as far ahead as it is asked to.

A planner may take its time, or hang on a network file system; deadlines, heartbeats and Ctrl-C must not wait for it.
It and the engine take turns all the same: two threads that both make many short system calls wait for each other at
each of them (measured: to find an item up to date took 149 us so, and 87 us in turns).
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

_END = object()

GATHER_S = 0.01
"""So long at most what a plan gave waits for more of it, in seconds."""


class Reader:
    """Items on their way from a plan to the engine.

    Attributes:
        is_done: whether the plan has ended, well or not, and everything it gave was taken.
    """

    def __init__(self, items: Iterable[object], wake: Callable[[], None]) -> None:
        """Keep the plan; `wake` is called, in the reading thread, when somebody is hungry and there is something."""
        self._source = items
        self._wake = wake
        self._items: deque[object] = deque()
        self._goal = self._read = 0
        self._more = threading.Event()
        self._ended = self._closed = self._hungry = False
        self._since: float | None = None
        self._error: BaseException | None = None
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.is_done = False

    def start(self) -> None:
        """Begin to read; what is a list already needs no thread."""
        if isinstance(self._source, Sequence):
            self._items.extend(self._source)
            self._ended = True
        else:
            threading.Thread(target=self._run, name="docparse-plan", daemon=True).start()

    def _run(self) -> None:
        try:
            items = iter(self._source)
            while self._may_read() and (item := next(items, _END)) is not _END:
                self._items.append(item)
                self._read += 1
                self._tell()
        except BaseException as error:  # noqa: BLE001 - the planner's own code; whatever it is, the engine raises it
            self._error = error
        self._ended = True
        self._wake()

    def _may_read(self) -> bool:
        """Wait until more is wanted; return whether anything is."""
        while self._read >= self._goal and not self._closed:
            self._more.clear()
            if self._read >= self._goal and not self._closed:
                self._more.wait()
        return not self._closed

    def _tell(self) -> None:
        """Wake the engine if it waits for a first item, and when there is all that it asked for."""
        if self._hungry or self._read >= self._goal:
            self._hungry = False
            self._wake()

    def ask(self, count: int) -> None:
        """Let so many items be read, once all that were read before are taken."""
        if not self._items and self._read + count > self._goal:
            self._goal = self._read + count
            self._more.set()

    def take(self) -> object | None:
        """Return the next item, None when there is none now.

        Raises:
            BaseException: what the plan raised, once everything before was taken.
        """
        ended = self._ended  # in this order: what came before the end is there
        if self._items:
            return self._items.popleft()
        if ended:
            self.is_done = True
            if self._error is not None:
                raise self._error
        return None

    def delay(self, now: float) -> float | None:
        """Return the seconds until something should be taken, None if there is nothing yet: then ``wake`` is called.

        Args:
            now: monotonic seconds.
        """
        self._hungry = True
        if self._ended or (self._items and self._read >= self._goal):
            return 0.0
        if not self._items:
            self._since = None
            return None
        self._hungry = False
        if self._since is None:
            self._since = now
        return max(0.0, self._since + GATHER_S - now)

    def wait(self, seconds: float) -> None:
        """Wait for ``end_wait``, for so long at most."""
        try:
            self._wakes.get(timeout=seconds)
        except queue.Empty:
            return

    def end_wait(self) -> None:
        """Make ``wait`` return; safe in signal handlers and other threads."""
        self._wakes.put(None)

    def close(self) -> None:
        """Read no more."""
        self._closed = True
        self._more.set()
