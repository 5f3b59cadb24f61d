"""The loop of a run: draw from the plan, decide, dispatch, handle what comes back, until everything has ended."""

import time
from collections.abc import Mapping

import attrs

from docparse_runner._arrivals import Arrivals
from docparse_runner._context import Progress, Running
from docparse_runner._intake import Intake
from docparse_runner._offline import network
from docparse_runner._outcome import StageOutcome
from docparse_runner._parts import Parts
from docparse_runner._record import Job, Recorder
from docparse_runner._scheduler import Rules, Scheduler
from docparse_runner._tally import Tally
from docparse_runner._tasks import task_for
from docparse_runner.errors import DocparseError, ManifestError
from docparse_runner.executors import Executor

_EXIT_SETUP = 2


class Run:
    """One run of one stage."""

    def __init__(self, parts: Parts) -> None:
        """Prepare; nothing happens before ``execute``."""
        self._parts = parts
        options = parts.options
        rules = Rules(
            schedule=options.schedule,
            retries=options.retries,
            backoff_s=options.retry_backoff_s,
            error_budget=options.error_budget,
            fallbacks=parts.fallbacks,
            batch=parts.batch,
            seed=options.seed,
        )
        self._scheduler = Scheduler(rules, parts.plan.total_items)
        self._tally = Tally()
        self._recorder = Recorder(
            context=parts.context, plan=parts.plan, sink=parts.sink, hooks=parts.hooks, tally=self._tally
        )
        self._executor: Executor | None = None
        self._jobs: dict[int, Job] = {}
        self._arrivals = Arrivals(
            stage=parts.plan.stage_name,
            workspace=parts.context.workspace,
            scheduler=self._scheduler,
            recorder=self._recorder,
            jobs=self._jobs,
            stop=self._stop,
            stop_with=self._stop_with,
        )
        self._intake = Intake(parts, self._arrivals, self._tally, self._wake)
        self._started = time.monotonic()
        self._heartbeat_s = parts.hooks.heartbeat_s or options.diagnostics_interval_s
        self._heartbeat_at = self._started + self._heartbeat_s
        self._signals = 0
        self._obeyed = 0
        self._signal_exit = 0
        self._exit_code = 0
        self._error: DocparseError | None = None

    # --- the run as a whole

    def execute(self) -> tuple[StageOutcome, DocparseError | None]:
        """Run the stage to its end and return (outcome, what stopped it with exit code 2 if anything did).

        What was recorded before stays recorded.
        """
        try:
            with network(allowed=self._parts.options.network):
                self._parts.hooks.before_stage(self._parts.context)
                self._intake.feed.reader.start()
                self._loop()
        except DocparseError as error:
            self._give_up(error)
        except OSError as error:
            self._give_up(ManifestError.of(error, self._parts.context.workspace.root))
        except BaseException:
            self._intake.feed.reader.close()
            if self._executor:
                self._executor.kill()
                self._executor.close()
            raise
        outcome = self._end()
        return outcome, self._error

    def _give_up(self, error: DocparseError) -> None:
        self._error = self._error or error
        self._exit_code = _EXIT_SETUP
        self._scheduler.stop(str(error))
        self._tally.cancelled += self._recorder.lose()
        if self._executor:
            self._executor.kill()

    def _end(self) -> StageOutcome:
        self._intake.feed.reader.close()
        if self._executor:
            self._executor.close()
        peak, cpu = self._executor.usage() if self._executor else (0, 0.0)
        self._tally.cancelled += len(self._jobs)
        self._tally.unlisted(self._parts.plan.unlisted())
        outcome = self._tally.outcome(
            stage=self._parts.plan.stage_name,
            run_id=self._parts.context.run_id,
            wall_s=time.monotonic() - self._started,
            stop_reason=self._scheduler.stop_reason,
            exit_code=self._final_exit_code(),
            peak_rss=peak,
            cpu_s=cpu,
        )
        try:
            summary = self._parts.hooks.after_stage(outcome, self._parts.context)
        except DocparseError as error:
            self._error = self._error or error
            return attrs.evolve(outcome, exit_code=_EXIT_SETUP, stop_reason=outcome.stop_reason or str(error))
        return attrs.evolve(outcome, summary=summary) if isinstance(summary, Mapping) else outcome

    def _final_exit_code(self) -> int:
        if self._exit_code:
            return self._exit_code
        remembered = 0 if self._parts.options.allow_quarantined else self._tally.quarantined
        return int(bool(self._tally.failed or self._tally.waiting or self._tally.unseen or remembered))

    def _loop(self) -> None:
        while True:
            self._obey_signals()
            self._intake.draw()
            self._dispatch()
            if self._is_over():
                break
            if self._executor is None:
                self._intake.feed.reader.wait(self._timeout())
            else:
                for event in self._executor.wait(self._timeout()):
                    self._arrivals.handle(event)
            self._recorder.flush_if_due()
            self._beat()
        if self._intake.is_at_limit:
            self._tally.notes.append(f"stopped at --limit {self._parts.options.limit}")
        if self._intake.feed.is_whole and not self._scheduler.stop_reason:
            for row in self._intake.feed.gone_rows():
                self._recorder.gone(row)
        self._cancel_rest()
        self._recorder.flush()

    def _is_over(self) -> bool:
        if self._scheduler.running:
            return False
        return bool(self._scheduler.stop_reason) or not (self._intake.wants_more or self._scheduler.queued)

    def _timeout(self) -> float:
        """Return how long to wait for the workers, in seconds."""
        now = time.monotonic()
        due = [self._heartbeat_at, self._recorder.due, self._scheduler.due]
        if self._intake.wants_more and (delay := self._intake.more_in(now)) is not None:
            due.append(now + delay)
        return max(0.0, min(at for at in due if at is not None) - now)

    def _beat(self) -> None:
        now = time.monotonic()
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + self._heartbeat_s
            self._parts.hooks.heartbeat(self._progress(now), self._parts.context)

    def _progress(self, now: float) -> Progress:
        busy = self._executor.busy() if self._executor else []
        peak, cpu = self._executor.usage() if self._executor else (0, 0.0)
        running = tuple(
            Running(
                worker=each.worker,
                item_id=self._jobs[each.number].item.item_id,
                seconds=now - each.since,
                share_done=each.share_done,
            )
            for each in busy
            if each.number in self._jobs
        )
        return self._tally.progress(
            total=self._parts.plan.total_items,
            elapsed_s=now - self._started,
            peak_rss=peak,
            cpu_s=cpu,
            running=running,
        )

    # --- execute

    def _dispatch(self) -> None:
        room = 0
        while not self._scheduler.stop_reason and self._scheduler.queued:
            if self._executor is None:
                self._executor = self._parts.make_executor()
            room = room or self._executor.room()
            now = time.monotonic()
            dispatch = self._scheduler.next(now) if room > 0 else None
            if dispatch is None:
                return
            room = 0 if dispatch.alone else room - 1
            job = self._jobs[dispatch.number]
            first, job.dispatch = job.dispatch is None, dispatch
            if first:
                self._tally.scheduled += 1
                self._tally.queue.add(now - job.queued_at)
                self._parts.hooks.before_item(job.item, self._parts.context)
            self._recorder.attempt(job, "started", "")
            task = task_for(job, dispatch, self._parts.outputs, self._parts.decider, receipts=self._parts.removes)
            self._executor.submit(task, alone=dispatch.alone)

    # --- stopping

    def _stop_with(self, error: DocparseError) -> None:
        self._error = self._error or error
        self._stop(str(error), _EXIT_SETUP)

    def _stop(self, reason: str, exit_code: int) -> None:
        self._scheduler.stop(reason)
        self._exit_code = self._exit_code or exit_code
        if self._executor:
            self._executor.drain()

    def interrupt(self, exit_code: int = 130) -> None:
        """Ask for a drain on the first call, for a kill on the second; safe in signal handlers and other threads."""
        self._signals += 1
        self._signal_exit = exit_code
        self._wake()

    def _wake(self) -> None:
        """End the wait for something to happen; safe in signal handlers and other threads."""
        if self._executor:
            self._executor.wake()
        else:
            self._intake.feed.reader.end_wait()

    def cancel(self) -> None:
        """Ask for a drain; safe in hooks and other threads, and as often as anybody likes."""
        if not self._signals:
            self.interrupt()

    def _obey_signals(self) -> None:
        if self._signals and not self._obeyed:
            self._obeyed = 1
            self._exit_code = self._signal_exit
            self._stop("interrupted", self._signal_exit)
            self._parts.context.logger.warning("stopping: running items finish; once more to stop them at once")
        if self._signals > 1 and self._obeyed == 1:
            self._obeyed = 2
            if self._executor:
                self._executor.kill()

    def _cancel_rest(self) -> None:
        for number in self._scheduler.waiting():
            self._scheduler.drop(number)
            self._recorder.cancelled(self._jobs.pop(number))
