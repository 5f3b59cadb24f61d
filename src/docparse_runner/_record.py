"""Record, then tell: rows go to the sink, and only once they are durable does an item count and do hooks hear of it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from docparse_runner._context import StageContext, StageHooks
from docparse_runner._decision import Action, Decision
from docparse_runner._manifest import ManifestSink
from docparse_runner._model import ItemOutcome, StagePlan, Status, WorkItem
from docparse_runner._row import GONE, ErrorRecord, FileState, LastGood, Row, timestamp
from docparse_runner._scheduler import Dispatch
from docparse_runner._tally import Tally
from docparse_runner._wire import Result

FLUSH_ROWS = 256
FLUSH_S = 0.05
"""Rows are gathered up to so many, or for so long, before they are synced together."""


@attrs.define
class Job:
    """An item on its way.

    Attributes:
        item: as planned.
        decision: why it runs, and what is known of it.
        queued_at: monotonic seconds at which it was drawn from the plan.
        dispatch: the last one, None before the first.
        torn: whether a worker died while it put the outputs in place, so that they were removed, older ones too.
    """

    item: WorkItem
    decision: Decision
    queued_at: float
    dispatch: Dispatch | None = None
    torn: bool = False

    @property
    def attempts(self) -> int:
        """Return how often the item was tried."""
        return self.dispatch.attempt if self.dispatch else 0

    @property
    def old_outputs(self) -> Mapping[str, FileState]:
        """Return the outputs of the last good result, which a failure leaves in place."""
        row = self.decision.row
        if row is None or self.torn:
            return {}
        return row.in_place


@attrs.define(kw_only=True)
class Recorder:
    """Writes what became of items, and tells hooks afterwards.

    Attributes:
        context: told to hooks.
        plan: of this run.
        sink: where rows go.
        hooks: lifecycle hooks.
        tally: the counts.
    """

    context: StageContext
    plan: StagePlan
    sink: ManifestSink
    hooks: StageHooks
    tally: Tally
    _pending: list[tuple[Callable[[], None], Callable[[], object]]] = attrs.field(factory=list, init=False)
    _due: float | None = attrs.field(default=None, init=False)
    _gone: int = attrs.field(default=0, init=False)

    def skip(self, job: Job) -> None:
        """Tell of an item that needs nothing; no row is written."""
        self.tally.skip(job.decision.reason)
        self.hooks.after_item(job.item, ItemOutcome.skip(job.decision.reason), self.context)

    def attempt(self, job: Job, event: str, worker: str) -> None:
        """Log that a try started or finished."""
        extras = {"at": timestamp(time.time()), "worker": worker}
        self.sink.log_attempt(self.plan.stage_name, job.item.item_id, job.attempts, event, extras)

    def result(self, job: Job, result: Result, worker: str) -> None:
        """Record a result: success, partial or skip."""
        why = _why(job, result)
        extras = self._extras(job, worker, result) | {"metrics": result.metrics}
        status = Status(result.status)
        if status is Status.SKIP:
            why = result.reason
            self.sink.log_skip(*self._whom(job), why, extras)
        else:
            why = result.reason if status is Status.PARTIAL else why
            self.sink.log_success(
                *self._whom(job),
                result.outputs,
                extras.pop("duration_s"),
                extras | {"status": str(status), "reason": why},
            )
        self._after(job, self._outcome(job, result, status, why), lambda: self._ended(job, result, status))

    def _ended(self, job: Job, result: Result, status: Status) -> None:
        self.tally.ended(status, job.item.item_id, result.duration_s, _why(job, result))

    def removed(self, job: Job, result: Result, worker: str) -> None:
        """Record that a stage has undone its effect for a document that is gone."""
        extras = self._extras(job, worker, result) | {"status": GONE}
        self.sink.log_skip(*self._whom(job), "the document is gone", extras)
        status = Status(result.status)

        def count() -> None:
            self.tally.gone += 1
            self._ended(job, result, status)

        self._after(job, self._outcome(job, result, status, "the document is gone"), count)

    def verified(self, job: Job, result: Result, worker: str) -> None:
        """Record that digests proved an item unchanged although its files' times differ."""
        row = job.decision.row
        if row is not None:
            extras = self._extras(job, worker, result) | {"metrics": row.metrics}
            if row.status == "failure" and row.error is not None:
                self.sink.log_failure(
                    *self._whom(job), row.error, extras | {"reason": "verified", "last_good": row.last_good}
                )
            elif row.status == "skip":
                self.sink.log_skip(*self._whom(job), row.reason, extras)
            else:
                outputs, seconds = result.outputs, extras.pop("duration_s")
                extras |= {"status": row.status, "reason": "verified"}
                self.sink.log_success(*self._whom(job), outputs, seconds, extras)
        reason = job.decision.reason
        self._after(job, ItemOutcome.skip(reason), lambda: self.tally.skip(reason))

    def failure(self, job: Job, error: ErrorRecord, result: Result | None, worker: str) -> None:
        """Record a final failure; the last good outputs stay."""
        row, old = job.decision.row, {} if self.context.stage.removes else job.old_outputs
        last_good = (row.last_good or LastGood(row.run_id, old)) if row and old else None
        why = _why(job, result)
        extras = self._extras(job, worker, result) | {"reason": why, "last_good": last_good}
        self.sink.log_failure(*self._whom(job), error, extras)
        restored = error.restored(self.plan.stage_name, job.item.item_id)
        outcome = attrs.evolve(
            ItemOutcome.failure(restored),
            attempts=job.attempts,
            duration_s=result.duration_s if result else 0.0,
            peak_rss=result.peak_rss if result else 0,
        )
        self._after(job, outcome, lambda: self.tally.fail(job.item.item_id, error, why, kept_old=bool(old)))

    def cancelled(self, job: Job) -> None:
        """Tell of an item that was stopped or never started; no row is written."""
        self.tally.cancelled += 1
        self.hooks.after_item(job.item, ItemOutcome(status=Status.CANCELLED), self.context)

    def gone(self, row: Row) -> None:
        """Record that a document which had a row is no longer there."""
        extras = {
            "status": GONE,
            "stage_version": row.stage_version,
            "cfg_hash": row.cfg_hash,
            "attempts": 0,
            "started_at": timestamp(time.time()),
            "duration_s": 0.0,
            "worker": "",
            "inputs": {},
            "metrics": {},
        }
        self.sink.log_skip(self.plan.stage_name, row.item_id, row.input_path, "the document is gone", extras)
        self._gone += 1

    def _whom(self, job: Job) -> tuple[str, str, str]:
        first = next((self.context.workspace.relative(path) for path in job.item.inputs.values()), "")
        return self.plan.stage_name, job.item.item_id, first

    def _extras(self, job: Job, worker: str, result: Result | None) -> dict[str, Any]:
        return {
            "stage_version": self.plan.stage_version,
            "cfg_hash": self.plan.config_hash,
            "attempts": job.attempts,
            "started_at": timestamp(result.started_at if result else time.time()),
            "duration_s": round(result.duration_s, 6) if result else 0.0,
            "worker": worker,
            "inputs": result.inputs if result else {},
            "metrics": {},
        }

    def _outcome(self, job: Job, result: Result, status: Status, reason: str) -> ItemOutcome:
        return ItemOutcome(
            status=status,
            reason=reason,
            duration_s=result.duration_s,
            attempts=job.attempts,
            metrics=result.metrics,
            peak_rss=result.peak_rss,
        )

    def _after(self, job: Job, outcome: ItemOutcome, count: Callable[[], None]) -> None:
        """Count the item and tell hooks once its row is on disk."""
        self._pending.append((count, lambda: self.hooks.after_item(job.item, outcome, self.context)))
        if self._due is None:
            self._due = time.monotonic() + FLUSH_S
        if len(self._pending) >= FLUSH_ROWS:
            self.flush()

    @property
    def due(self) -> float | None:
        """Return the monotonic time at which rows must be synced, None when there are none."""
        return self._due

    def flush_if_due(self) -> None:
        """Sync the rows that were gathered for long enough."""
        if self._due is not None and time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Sync all rows, then count their items and tell hooks.

        Raises:
            ManifestError: the rows could not be written; their items do not count.
        """
        self.sink.flush()
        pending, self._pending, self._due = self._pending, [], None
        self.tally.gone += self._gone
        self._gone = 0
        for count, _tell in pending:
            count()  # all of them: a hook that raises must not make recorded items vanish from the counts
        for _count, tell in pending:
            tell()

    def lose(self) -> int:
        """Forget what could not be recorded and return how many items that are."""
        lost, self._pending, self._due = len(self._pending), [], None
        return lost


def _why(job: Job, result: Result | None) -> str:
    """Return why the item ran; of one that was to be checked first, what the check found."""
    if job.decision.action is Action.CHECK and result is not None:
        return job.decision.reason_after_check(result.inputs)
    return job.decision.reason
