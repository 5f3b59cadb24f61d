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
