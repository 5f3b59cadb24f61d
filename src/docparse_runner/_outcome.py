"""How a run of a stage ended, as hooks, programs and ``--json`` see it."""

from collections.abc import Mapping
from typing import Any

import attrs

from docparse_runner.errors import Category


@attrs.frozen(kw_only=True)
class FailureSample:
    """One failed item, for summaries.

    Attributes:
        item_id: the document.
        category: what kind of failure.
        message: one sentence.
    """

    item_id: str
    category: Category
    message: str


def counted(counts: Any) -> dict[str, int]:
    """Return word → number of items as people read it; words that count none are left out.

    Args:
        counts: an outcome, or anything else that has its counts under the same names.
    """
    words = {
        "done": counts.succeeded,
        "partial": counts.partial,
        "up to date": counts.up_to_date,
        "skipped": counts.skipped - counts.up_to_date - counts.quarantined - counts.waiting,
        "waiting": counts.waiting,
        "quarantined": counts.quarantined,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "gone": counts.gone,
    }
    return {word: number for word, number in words.items() if number > 0}


@attrs.frozen(kw_only=True)
class StageOutcome:
    """How a run of one stage ended.

    Always true: ``succeeded + partial + skipped + failed + cancelled == planned``, where `planned` counts the items
    drawn from the plan.

    Attributes:
        stage_name: the stage.
        run_id: the run; the same for all stages of ``docparse run all``.
        planned: items drawn from the plan.
        scheduled: items handed to a worker at least once.
        succeeded: items with a complete result made in this run.
        partial: items with a result of which something was given up.
        skipped: items that needed nothing: up to date, quarantined, waiting, or skipped by the stage.
        up_to_date: those of `skipped` that already had a result.
        quarantined: those of `skipped` that failed before and are remembered.
        waiting: those of `skipped` whose other inputs are not there yet.
        failed: items that finally failed.
        cancelled: items that were stopped or never started.
        gone: documents recorded before and no longer in the plan.
        wall_ms: milliseconds from start to end.
        queue_p50_ms: median wait between planning an item and handing it to a worker, milliseconds; so `queue_p95_ms`.
        queue_p95_ms: the 95th percentile of the same.
        exec_p50_ms: median time in the worker, milliseconds; so `exec_p95_ms` and `exec_p99_ms`.
        exec_p95_ms: the 95th percentile of the same.
        exec_p99_ms: the 99th percentile of the same.
        items_per_s: finished items per second of wall time.
        children_cpu_s: CPU seconds of the worker processes.
        peak_rss: largest resident set of any worker, in bytes.
        stop_reason: why the run ended before the plan did, or an empty string.
        exit_code: what the command line returns.
        errors: the first failures.
        error_counts: category → number of items that finally failed with it.
        reasons: why an item ran, or did not → number of items.
        slowest: (item id, seconds) of the slowest items, slowest first.
        notes: what the user should know: dropped watchers, stale documents, corpus summary.
        summary: what the stage's ``docparse_after_stage`` returned.
    """

    stage_name: str
    run_id: str = ""
    planned: int = 0
    scheduled: int = 0
    succeeded: int = 0
    partial: int = 0
    skipped: int = 0
    up_to_date: int = 0
    quarantined: int = 0
    waiting: int = 0
    failed: int = 0
    cancelled: int = 0
    gone: int = 0
    wall_ms: float = 0.0
    queue_p50_ms: float = 0.0
    queue_p95_ms: float = 0.0
    exec_p50_ms: float = 0.0
    exec_p95_ms: float = 0.0
    exec_p99_ms: float = 0.0
    items_per_s: float = 0.0
    children_cpu_s: float = 0.0
    peak_rss: int = 0
    stop_reason: str = ""
    exit_code: int = 0
    errors: tuple[FailureSample, ...] = ()
    error_counts: Mapping[str, int] = attrs.field(factory=dict)
    reasons: Mapping[str, int] = attrs.field(factory=dict)
    slowest: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    summary: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Refuse to exist with counts that do not add up."""
        ended = self.succeeded + self.partial + self.skipped + self.failed + self.cancelled
        if ended != self.planned:
            msg = f"{self.stage_name}: {ended} items ended but {self.planned} were planned"
            raise AssertionError(msg)
