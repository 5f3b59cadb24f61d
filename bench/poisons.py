"""What the items of ``poison.py`` do to their worker: the same plain functions for every system.

An innocent item takes 0.2 s, so that every system is still at work when the poison strikes.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

from docparse_runner import ItemOutcome, WorkItem

INNOCENT = "innocent"
INNOCENT_S = 0.2
HOUR_S = 3600
EATS_MIB = 768
"""A memory hog that nobody stops is killed at this size, as the kernel would do."""


class TwoArgumentError(Exception):
    """Can be pickled and not unpickled: its class wants two arguments and pickle has kept one."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)
        self.two = two


def raises() -> None:
    msg = "no"
    raise ValueError(msg)


def raises_unpicklable() -> None:
    msg = "one"
    raise TwoArgumentError(msg, "two")


def segfaults() -> None:
    ctypes.string_at(0)


def exits_0() -> None:
    os._exit(0)


def exits_3() -> None:
    os._exit(3)


def hangs() -> None:
    time.sleep(HOUR_S)


def hangs_in_c() -> None:
    """Hang in ``sleep()``, which through PyDLL holds the interpreter's lock."""
    while True:
        ctypes.PyDLL(None).sleep(HOUR_S)


def ignores_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(HOUR_S)


def leaves_a_process() -> None:
    if os.fork() == 0:
        time.sleep(HOUR_S)
        os._exit(0)


def eats_memory() -> None:
    kept = []
    for _ in range(EATS_MIB // 16):
        kept.append(b"x" * (16 * 2**20))
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


def closes_descriptors() -> None:
    os.closerange(0, 256)
    time.sleep(0.2)


def recurses() -> None:
    recurses()


def prints_10_mb() -> None:
    sys.stdout.write("x" * 10_000_000)


KINDS: dict[str, Callable[[], None]] = {
    function.__name__: function
    for function in (
        raises,
        raises_unpicklable,
        segfaults,
        exits_0,
        exits_3,
        hangs,
        hangs_in_c,
        ignores_sigterm,
        leaves_a_process,
        eats_memory,
        closes_descriptors,
        recurses,
        prints_10_mb,
    )
}
_CRASH = frozenset({"crash", "ProcessExpired", "BrokenProcessPool"})
_TIMEOUT = frozenset({"timeout", "TimeoutError"})
TRUE_CAUSES: dict[str, frozenset[str]] = {
    "raises": frozenset({"runtime", "ValueError"}),
    "raises_unpicklable": frozenset({"runtime", "TwoArgumentError"}),
    "segfaults": _CRASH,
    "exits_0": _CRASH,
    "exits_3": _CRASH,
    "hangs": _TIMEOUT,
    "hangs_in_c": _TIMEOUT,
    "ignores_sigterm": _TIMEOUT,
    "eats_memory": _CRASH | {"oom", "MemoryError"},
    "closes_descriptors": _CRASH,
    "recurses": frozenset({"runtime", "RecursionError"}),
}
"""What a system may truly call what happened: docparse by category, the others by the exception's class.

Kinds that are not here do their work too; the question is what they leave behind."""


def work(kind: str) -> str:
    """Do what an item does."""
    if kind == INNOCENT:
        time.sleep(INNOCENT_S)
    else:
        KINDS[kind]()
    return kind


def work_row(row: dict[str, object]) -> dict[str, object]:
    """Do what an item of Ray Data does, which is a row of a table."""
    work(str(row["kind"]))
    return row


def work_numbered(number: int, kind: str) -> int:
    """Do what an item does and return its number, for systems that deliver out of order."""
    work(kind)
    return number


def work_item(item: WorkItem) -> ItemOutcome:
    """Do what an item of docparse does."""
    work(item.metadata["kind"])
    return ItemOutcome.success()
