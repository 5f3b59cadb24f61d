"""Progress on stderr: a bar on a terminal, one line per interval elsewhere."""

import sys
from collections.abc import Sequence

import click

from docparse_runner._context import Progress, Running, StageContext
from docparse_runner._outcome import StageOutcome
from docparse_runner.hookspecs import hookimpl

_SHOWN = 3


def _rate(progress: Progress) -> str:
    rate = progress.done / progress.elapsed_s if progress.elapsed_s > 0 else 0.0
    return f"{rate:.1f}/s"


def _eta(progress: Progress) -> str:
    if not progress.total or not progress.done:
        return ""
    seconds = int(progress.elapsed_s / progress.done * (progress.total - progress.done))
    return f", {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"


def _busy(running: Running) -> str:
    share = f" {running.share_done:.0%}" if running.share_done else ""
    return f"{running.item_id.rpartition('/')[2]} {running.seconds:.0f}s{share}"


def details(progress: Progress | StageOutcome, slowest: int = _SHOWN) -> list[str]:
    """Return what ``-v`` shows beside the counts: reasons, times, CPU, memory, failures by category, slowest items."""
    found = sorted(progress.reasons.items(), key=lambda each: -each[1])
    why = ["why: " + ", ".join(f"{count} {reason}" for reason, count in found)] if found else []
    if not progress.exec_p99_ms:
        return why  # nothing has run yet
    times = f"{progress.exec_p50_ms:.0f} / {progress.exec_p95_ms:.0f} / {progress.exec_p99_ms:.0f} ms"
    lines = [
        *why,
        f"time per item p50 / p95 / p99: {times}",
        f"CPU of workers {progress.children_cpu_s:.1f} s; largest worker {progress.peak_rss / 2**20:.0f} MiB",
    ]
    if progress.error_counts:
        found = sorted(progress.error_counts.items(), key=lambda each: -each[1])
        lines.append("failed: " + ", ".join(f"{count} {category}" for category, count in found))
    return lines + [f"slow: {seconds:.2f} s {item_id}" for item_id, seconds in progress.slowest[:slowest]]


def _of_total(progress: Progress) -> str:
    return (
        f"{progress.done}/{progress.total}"
        if progress.total is not None
        else f"{progress.done} of ≥ {progress.planned}"
    )


class ProgressWatcher:
    """Shows how far a run is."""

    def __init__(self) -> None:
        self._bar: _Bar | None = None

    @hookimpl
    def docparse_before_stage(self, context: StageContext) -> None:
        """Begin a bar on a terminal."""
        if sys.stderr.isatty():
            self._bar = _Bar(context.stage.name, context.plan.total_items if context.plan else None)

    @hookimpl
    def docparse_heartbeat(self, progress: Progress, context: StageContext) -> None:
        """Move the bar, or print a line when the interval has passed; with ``-v`` some more."""
        more = details(progress) if context.verbosity else []
        if self._bar is not None:
            self._bar.show(progress, more)
        else:
            failed = f", {progress.failed} failed" if progress.failed else ""
            line = f"{context.stage.name}: {_of_total(progress)}, {_rate(progress)}{failed}{_eta(progress)}"
            click.echo("\n  ".join([line, *more]), err=True)

    @hookimpl
    def docparse_after_stage(self, outcome: StageOutcome, context: StageContext) -> None:
        """Take the bar away; the summary follows."""
        del outcome, context
        if self._bar is not None:
            self._bar.close()


class _Bar:
    """A rich progress bar, and below it what the workers are on; a quick run ends before the first heartbeat."""

    def __init__(self, stage: str, total: int | None) -> None:
        from rich.console import Console  # noqa: PLC0415 - rich is needed on a terminal only
        from rich.live import Live  # noqa: PLC0415
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        self._rich = RichProgress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}", markup=False)
        )
        self._task = self._rich.add_task(stage, total=total, text="")
        self._live = Live(console=Console(stderr=True), transient=True)
        self._started = False

    def show(self, progress: Progress, more: Sequence[str] = ()) -> None:
        """Draw the state of the run."""
        from rich.console import Group  # noqa: PLC0415 - rich is needed on a terminal only
        from rich.text import Text  # noqa: PLC0415

        if not self._started:
            self._live.start()
            self._started = True
        failed = f", {progress.failed} failed" if progress.failed else ""
        text = f"{_of_total(progress)} {_rate(progress)}{_eta(progress)}{failed}"
        self._rich.update(self._task, completed=progress.done, total=progress.total, text=text)
        lines = ["  ".join(map(_busy, progress.running[:_SHOWN])), *more]
        below = [Text(f"  {line}", no_wrap=True, overflow="ellipsis") for line in lines if line]
        self._live.update(Group(self._rich, *below))

    def close(self) -> None:
        """Remove the bar."""
        if self._started:
            self._live.stop()
