"""What comes back from the workers: judged by the scheduler, recorded once it is final."""

import time
from collections.abc import Callable

import attrs

from docparse_runner._record import Job, Recorder
from docparse_runner._row import ErrorRecord
from docparse_runner._scheduler import Failure, Scheduler, Verdict
from docparse_runner._tasks import inputs_at_planning
from docparse_runner._wire import Result
from docparse_runner._workspace import Workspace
from docparse_runner.errors import Category, DocparseError, UsageError
from docparse_runner.executors import Died, Event, Finished, Returned

_SETUP_FAILURES = 3
_EXIT_STOPPED = 3


@attrs.define(kw_only=True)
class Arrivals:
    """Handles what executors tell.

    Attributes:
        stage: name of the stage.
        workspace: the data root.
        scheduler: says what an end means.
        recorder: records what is final.
        jobs: number → item that has not ended; those that end are removed.
        stop: called with a reason and an exit code when too many items have failed.
        stop_with: called with what ends the run with exit code 2.
        unchanged: how many items turned out to be as they were.
    """

    stage: str
    workspace: Workspace
    scheduler: Scheduler
    recorder: Recorder
    jobs: dict[int, Job]
    stop: Callable[[str, int], None]
    stop_with: Callable[[DocparseError], None]
    unchanged: int = 0
    _setup_failures: int = attrs.field(default=0, init=False)

    def handle(self, event: Event) -> None:
        if isinstance(event, Returned):
            self.scheduler.give_back(event.number, suspect=event.suspect, batch=event.batch)
        elif isinstance(event, Died):
            self._died(event)
        elif event.result.status == "setup":
            self._setup_failed(event.result)
        else:
            self._finished(event)

    def _finished(self, event: Finished) -> None:
        result = event.result
        job = self.jobs[result.number]
        self.recorder.attempt(job, result.status, event.worker)
        if result.error is not None and result.error.category == Category.CONFIG:
            self._setup_failed(result)
            return
        self._setup_failures = 0
        if result.error is not None:
            self._judge(job, result, result.error, event.worker)
            return
        self.scheduler.finished(result.number, None, time.monotonic())
        del self.jobs[result.number]
        record = self.recorder.removed if job.item.removed else self.recorder.result
        if result.status == "unchanged":
            record = self.recorder.verified
            self.unchanged += 1
        record(job, result, event.worker)

    def _judge(self, job: Job, result: Result, error: ErrorRecord, worker: str, *, repeatable: bool = True) -> None:
        """Let the scheduler say whether a failure is final, and record it if so."""
        failure = Failure(
            category=Category(error.category), retryable=error.retryable, type=error.type, repeatable=repeatable
        )
        if self.scheduler.finished(result.number, failure, time.monotonic()) is Verdict.FINAL:
            del self.jobs[result.number]
            self.recorder.failure(job, error, result, worker)
        self.mind_failures()

    def mind_failures(self) -> None:
        """Stop once too many items have failed."""
        if self.scheduler.stopped_by_failures:
            self.stop(self.scheduler.stop_reason, _EXIT_STOPPED)

    def _died(self, event: Died) -> None:
        job = self.jobs[event.number]
        self.recorder.attempt(job, str(event.category), event.worker)
        if event.torn:
            job.torn = True
            for path in job.item.outputs.values():
                path.unlink(missing_ok=True)
        if event.category is Category.CANCELLED:
            self.scheduler.drop(event.number)
            del self.jobs[event.number]
            self.recorder.cancelled(job)
            return
        error = ErrorRecord(
            category=str(event.category),
            message=event.message,
            type=str(event.category),
            detail=event.detail,
            limit=event.limit,
        )
        result = Result(
            event.number,
            "failure",
            inputs=inputs_at_planning(job, self.workspace),
            started_at=time.time() - event.seconds,
            duration_s=event.seconds,
        )
        self._judge(job, result, error, event.worker, repeatable=not event.alive)

    def _setup_failed(self, result: Result) -> None:
        """Count a worker that could not be opened; the item is not to blame."""
        self.scheduler.give_back(result.number)
        error = result.error or ErrorRecord(category=str(Category.RUNTIME), message="the worker could not be opened")
        self._setup_failures += 1
        if error.category == Category.CONFIG or self._setup_failures >= _SETUP_FAILURES:
            self.stop_with(UsageError(f"{self.stage}: {error.message}"))
