"""Workers that stand in for a stage: functions of an importable module, as ``run_stage`` wants them.

Moments are told on the monotonic clock, which all processes of a machine share.
"""

import ctypes
import os
import signal
import time
from pathlib import Path

from docparse_runner import ItemOutcome, StageError, StageHooks, WorkItem

_HOUR_S = 3600


def nothing(_item: WorkItem) -> ItemOutcome:
    """Do nothing."""
    return ItemOutcome.success()


def sleep(item: WorkItem) -> ItemOutcome:
    """Sleep as long as the item says."""
    time.sleep(item.metadata["seconds"])
    return ItemOutcome.success()


def churn(_item: WorkItem) -> ItemOutcome:
    """Make a megabyte of small objects and let go of it."""
    return ItemOutcome.success(objects=len([str(number) for number in range(15_000)]))


def fail_once(item: WorkItem) -> ItemOutcome:
    """Fail at the first try in a way that may be tried again."""
    tried = Path(item.metadata["note"])
    if not tried.exists():
        tried.touch()
        msg = "the server is away"
        raise StageError(msg, category="provider")
    return ItemOutcome.success()


def act(item: WorkItem) -> ItemOutcome:
    """Note the moment, then do what the item says."""
    note = Path(item.metadata["note"])
    note.with_suffix(".tmp").write_text(repr(time.monotonic()))
    note.with_suffix(".tmp").replace(note)
    _ACTS[item.metadata["act"]]()
    return ItemOutcome.success()


def _return() -> None:
    """Do nothing more."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    time.sleep(_HOUR_S)


def _hang_in_c() -> None:
    ctypes.PyDLL(None).sleep(_HOUR_S)  # holds the interpreter's lock


def _ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(_HOUR_S)


_ACTS = {
    "returns": _return,
    "dies": _die,
    "hangs": _hang,
    "hangs in C": _hang_in_c,
    "ignores SIGTERM": _ignore_sigterm,
}


def peer_item(number: int, seconds: float) -> int:
    """Do what ``nothing`` and ``sleep`` do, for pools that call functions."""
    if seconds:
        time.sleep(seconds)
    return number


def no_hooks() -> StageHooks:
    """Return hooks that do nothing."""
    return StageHooks()
