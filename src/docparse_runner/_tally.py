"""What a run counts: results, times, failures. Percentiles come from a sketch, not from a list of every item."""

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from docparse_runner._context import Progress, Running
from docparse_runner._model import Status
from docparse_runner._outcome import FailureSample, StageOutcome
from docparse_runner._row import ErrorRecord
from docparse_runner.errors import Category

_STEP = math.log(1.02)
_KEPT = 10


class Sketch:
    """Quantiles of positive numbers within 2 %, in constant memory (logarithmic buckets, as in DDSketch, 2019)."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._count = 0

    def add(self, value: float) -> None:
        """Count a number; anything below a nanosecond counts as that."""
        self._buckets[math.ceil(math.log(max(value, 1e-9)) / _STEP)] += 1
        self._count += 1

    def quantile(self, share: float) -> float:
        """Return the number below which this share of the numbers lies, 0 without any."""
        rank = share * self._count
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return math.exp(bucket * _STEP)
        return 0.0


@attrs.define
class Tally:
    """The counts of one run; the fields are those of ``StageOutcome``."""

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
    queue: Sketch = attrs.field(factory=Sketch)
    execution: Sketch = attrs.field(factory=Sketch)
    errors: list[FailureSample] = attrs.field(factory=list)
    error_counts: Counter[str] = attrs.field(factory=Counter)
    reasons: Counter[str] = attrs.field(factory=Counter)
    slowest: list[tuple[float, str]] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)
    kept_old: int = 0
    unseen: int = 0

    def unchanged(self, count: int) -> None:
        """Count items of the plan that are up to date."""
        self.planned += count
        self.skipped += count
        self.up_to_date += count
        self.reasons["up to date"] += count

    def skip(self, reason: str) -> None:
        """Count an item that needed nothing."""
        self.skipped += 1
        self.reasons[reason] += 1
        if reason == "up to date":
            self.up_to_date += 1
        elif reason == "quarantined":
            self.quarantined += 1
        elif reason.startswith("waiting for "):
            self.waiting += 1

    def ended(self, status: Status, item_id: str, seconds: float, reason: str) -> None:
        """Count an item that a worker finished; `reason` says why it ran."""
        self.reasons[reason] += 1
        if status is Status.SUCCESS:
            self.succeeded += 1
        elif status is Status.PARTIAL:
            self.partial += 1
        elif status is Status.SKIP:
            self.skipped += 1
        self.execution.add(seconds)
        entry = (seconds, item_id)
        if len(self.slowest) < _KEPT:
            heapq.heappush(self.slowest, entry)
        else:
            heapq.heappushpop(self.slowest, entry)

    def fail(self, item_id: str, error: ErrorRecord, reason: str, *, kept_old: bool) -> None:
        """Count an item that finally failed; `kept_old` says that an older result is still in place."""
        self.reasons[reason or "impossible"] += 1
        self.failed += 1
        self.kept_old += kept_old
        self.error_counts[error.category] += 1
        if len(self.errors) < _KEPT:
            sample = FailureSample(item_id=item_id, category=Category(error.category), message=error.message)
            self.errors.append(sample)

    def unlisted(self, problems: Sequence[str]) -> None:
        """Note what of the inputs could not be listed."""
        self.unseen = len(problems)
        self.notes += [f"{problem}; what lies there is left as it is" for problem in problems[:_KEPT]]
        if len(problems) > _KEPT:
            self.notes.append(f"… and {len(problems) - _KEPT} more that cannot be listed")

    def _slowest_first(self) -> tuple[tuple[str, float], ...]:
        """Return (item id, seconds) of the slowest items, slowest first."""
        return tuple((item_id, seconds) for seconds, item_id in sorted(self.slowest, reverse=True))

    def outcome(  # noqa: PLR0913 - what the tally cannot know
        self, *, stage: str, run_id: str, wall_s: float, stop_reason: str, exit_code: int, peak_rss: int, cpu_s: float
    ) -> StageOutcome:
        """Return the outcome of the run."""
        notes = list(self.notes)
        if self.kept_old:
            notes.append(f"{self.kept_old} failed documents keep their last good output (stale)")
        ended = self.succeeded + self.partial + self.skipped + self.failed
        return StageOutcome(
            stage_name=stage,
            run_id=run_id,
            scheduled=self.scheduled,
            up_to_date=self.up_to_date,
            quarantined=self.quarantined,
            waiting=self.waiting,
            gone=self.gone,
            wall_ms=wall_s * 1000,
            queue_p50_ms=self.queue.quantile(0.5) * 1000,
            queue_p95_ms=self.queue.quantile(0.95) * 1000,
            items_per_s=ended / wall_s if wall_s > 0 else 0.0,
            children_cpu_s=cpu_s,
            peak_rss=peak_rss,
            stop_reason=stop_reason,
            exit_code=exit_code,
            errors=tuple(self.errors),
            notes=tuple(notes),
            **self._so_far(),
        )

    def progress(
        self, *, total: int | None, elapsed_s: float, peak_rss: int, cpu_s: float, running: tuple[Running, ...]
    ) -> Progress:
        """Return how far the run is."""
        return Progress(
            total=total,
            elapsed_s=elapsed_s,
            children_cpu_s=cpu_s,
            peak_rss=peak_rss,
            running=running,
            **self._so_far(),
        )

    def _so_far(self) -> dict[str, Any]:
        """Return the fields that an outcome and the progress towards it share."""
        return {
            "planned": self.planned,
            "succeeded": self.succeeded,
            "partial": self.partial,
            "skipped": self.skipped,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "exec_p50_ms": self.execution.quantile(0.5) * 1000,
            "exec_p95_ms": self.execution.quantile(0.95) * 1000,
            "exec_p99_ms": self.execution.quantile(0.99) * 1000,
            "error_counts": dict(self.error_counts),
            "reasons": dict(self.reasons),
            "slowest": self._slowest_first(),
        }
