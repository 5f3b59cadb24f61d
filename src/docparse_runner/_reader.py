"""Reads a plan in a thread of its own, as far ahead as it is asked to.

A planner may take its time, or hang on a network file system; deadlines, heartbeats and Ctrl-C must not wait for it.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

_END = object()


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
                self._feed_the_hungry()
        except BaseException as error:  # noqa: BLE001 - the planner's own code; whatever it is, the engine raises it
            self._error = error
        self._ended = True
        self._feed_the_hungry()

    def _may_read(self) -> bool:
        """Wait until more is wanted; return whether anything is."""
        while self._read >= self._goal and not self._closed:
            self._more.clear()
            if self._read >= self._goal and not self._closed:
                self._more.wait()
        return not self._closed

    def _feed_the_hungry(self) -> None:
        if self._hungry:
            self._hungry = False
            self._wake()

    def ask(self, count: int) -> None:
        """Let so many items be read ahead of what was taken."""
        taken = self._read - len(self._items)
        if taken + count > self._goal:
            self._goal = taken + count
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

    def has_something(self) -> bool:
        """Whether there is an item, or the end, to take now; if not, ``wake`` is called when there is."""
        self._hungry = True
        if self._items or self._ended:
            self._hungry = False
        return not self._hungry

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
