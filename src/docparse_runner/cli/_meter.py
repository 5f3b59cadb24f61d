"""How far a long look is, on stderr: a bar on a terminal after two seconds, elsewhere a line every half minute."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress

_BAR_AFTER_S = 2.0
_LINE_EVERY_S = 30.0


class Meter:
    """Counts steps of something whose number is known."""

    def __init__(self, what: str, total: int) -> None:
        """Say nothing yet."""
        self._what = what
        self._total = total
        self._done = 0
        self._is_terminal = sys.stderr.isatty()
        self._due = time.monotonic() + (_BAR_AFTER_S if self._is_terminal else _LINE_EVERY_S)
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def step(self, count: int = 1) -> None:
        """Count so many more."""
        self._done += count
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)
        elif time.monotonic() >= self._due:
            self._show()

    def _show(self) -> None:
        if self._is_terminal:
            self._bar = _started_bar(self._what, self._total)
        else:
            click.echo(f"{self._what}: {self._done}/{self._total}", err=True)
            self._due = time.monotonic() + _LINE_EVERY_S


def _started_bar(what: str, total: int) -> "Progress":
    from rich.console import Console  # noqa: PLC0415 - rich is needed on a terminal only
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task(what, total=total)
    bar.start()
    return bar
