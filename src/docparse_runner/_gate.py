"""How a worker and its supervisor agree on what the worker does, and on who is in time."""

from enum import IntEnum
from typing import Protocol


class Phase(IntEnum):
    """What a worker is doing; each has its own limit."""

    IDLE = 0
    SETUP = 1
    RUN = 2
    COMMIT = 3
    SEND = 4


def share_done(done: float, total: float) -> float:
    """Return how much of an item is done, from 0 to 1; 0 as long as its `total` is not known."""
    return min(1.0, max(0.0, done / total)) if total > 0 else 0.0


class Gate(Protocol):
    """The worker's side."""

    def may_start(self) -> bool:
        """Whether the worker may start anything more."""

    def enter(self, phase: Phase, number: int, count: int = 1) -> None:
        """Say what the worker does now, and with which items: that one, and those that run together with it."""

    def may_commit(self, number: int) -> bool:
        """Enter the commit phase, unless the attempt was given up: then False, and nothing may be put in place."""

    def stopping(self) -> bool:
        """Whether the run is stopping."""

    def progress(self, done: float, total: float | None) -> None:
        """Say how far the item is."""

    def allow(self, seconds: float) -> None:
        """Say that the item that runs may take so long from its start, if its deadline is shorter."""
