"""The only code that runs beside the stage in a worker: open the stage, call it, have its outputs committed."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from docparse_runner._attempt import Attempt
from docparse_runner._context import StageContext
from docparse_runner._desk import Desk
from docparse_runner._factories import WorkerFactory
from docparse_runner._gate import Gate, Phase
from docparse_runner._model import ItemOutcome, Stage
from docparse_runner._row import ErrorRecord
from docparse_runner._secrets import Redactor
from docparse_runner._verdicts import judged, outcome_of, outcomes_of
from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner._workspace import Workspace
from docparse_runner.errors import Category, PluginError, SkipItem, StageError, UsageError


class SetupError(Exception):
    """The worker could not be opened; no item is to blame."""

    def __init__(self, record: ErrorRecord) -> None:
        super().__init__(record.message)
        self.record = record


class ItemRunner:
    """Runs one item, or one batch, after the other in one worker; opens the stage when the first needs it."""

    def __init__(self, spec: WorkerSpec, gate: Gate, load: Callable[[], WorkerFactory]) -> None:
        """Prepare the worker's folders; `load` is called when the first item needs the stage."""
        self._spec = spec
        self._load = load
        self._gate = gate
        self._call: Callable[[Any], Any] | None = None
        self._stack = ExitStack()
        self._began = 0.0, 0.0
        self._workspace = Workspace(Path(spec.root))
        self._hide = Redactor(spec.secrets)
        self._desk = Desk(Path(spec.staging), self._workspace)

    def process(self, unit: Sequence[Task]) -> Iterable[Result]:
        """Run items together and return a result for each, in order; whatever the stage raises comes back as data.

        Nothing else leaves a worker, so this is where secrets are taken out.
        """
        if not self._gate.may_start():
            return _returned(unit)
        results = self._together(unit) if len(unit) > 1 else (self._alone(unit[0]),)
        return map(self._without_secrets, results) if self._hide else results

    def _without_secrets(self, result: Result) -> Result:
        hide, error = self._hide, result.error
        result.reason, result.metrics = hide.text(result.reason), hide.data(result.metrics)
        if error is not None:
            result.error = msgspec.structs.replace(
                error, message=hide.text(error.message), detail=hide.text(error.detail)
            )
        return result

    def _begin(self, task: Task, count: int) -> None:
        self._began = time.time(), time.monotonic()
        self._gate.enter(Phase.RUN, task.number, count)

    def _attempt(self, task: Task, place: int = 0) -> Attempt:
        attempt = Attempt(task, place, self._spec.stage, self._gate, self._desk, self._workspace, self._hide)
        attempt.read()
        return attempt

    def _ended(self, attempt: Attempt, count: int = 1) -> Result:
        """Return how an attempt ended, with its times; of a batch, each item took its share."""
        result = attempt.result
        assert result is not None  # noqa: S101 - it has ended
        result.started_at, began = self._began
        result.duration_s = (time.monotonic() - began) / count
        return result

    def _alone(self, task: Task) -> Result:
        """Run one item."""
        self._begin(task, 1)
        attempt = self._attempt(task)
        if attempt.result is None:
            try:
                answer = self._opened(task, 1)([attempt.item()] if self._spec.lists else attempt.item())
                outcome = outcomes_of(answer, 1)[0] if self._spec.lists else outcome_of(answer)
            except SkipItem as skip:
                attempt.finish(ItemOutcome.skip(skip.reason))
            except SetupError as error:
                attempt.result = Result(task.number, "setup", error=error.record)
            except BaseException as error:  # noqa: BLE001 - the stage's own code: anything can come out of it
                attempt.fail(error)
            else:
                attempt.finish(outcome)
        self._desk.clean()
        return self._ended(attempt)

    def _together(self, unit: Sequence[Task]) -> Iterator[Result]:
        """Run a batch; when the stage has no answer for it, its halves: who is to blame will fail again, alone."""
        self._begin(unit[0], len(unit))
        attempts = [self._attempt(task, place) for place, task in enumerate(unit)]
        try:
            items = [attempt.item() for attempt in attempts if attempt.result is None]
            outcomes = iter(outcomes_of(self._opened(unit[0], len(unit))(items), len(items)) if items else ())
        except SetupError as error:
            yield Result(unit[0].number, "setup", error=error.record)
            yield from _returned(unit[1:])
        except BaseException as error:  # noqa: BLE001 - the stage's own code: anything can come out of it
            self._desk.clean()
            if isinstance(error, StageError) and error.category == Category.CONFIG:
                yield from self._all_failed(attempts, error)  # which stops the run: no half would fare better
                return
            half = (len(unit) + 1) // 2
            yield from self.process(unit[:half])
            yield from self.process(unit[half:])
        else:
            yield from self._finish(attempts, outcomes)
        self._desk.clean()

    def _all_failed(self, attempts: Sequence[Attempt], error: StageError) -> Iterator[Result]:
        for attempt in attempts:
            if attempt.result is None:
                attempt.fail(error)
            yield self._ended(attempt, len(attempts))

    def _finish(self, attempts: Sequence[Attempt], outcomes: Iterator[ItemOutcome]) -> Iterator[Result]:
        """Yield how the items of a batch end; one that was given up meanwhile is not committed."""
        if not self._gate.may_commit(attempts[0].task.number):
            yield from _returned([attempt.task for attempt in attempts])
            return
        for attempt in attempts:
            if attempt.result is None:
                attempt.finish(next(outcomes))
            yield self._ended(attempt, len(attempts))

    def _opened(self, first: Task, count: int) -> Callable[[Any], Any]:
        if self._call is None:
            self._gate.enter(Phase.SETUP, first.number)
            self._call = self._open()
            self._begin(first, count)  # opening the stage is not these items' time
        return self._call

    def _open(self) -> Callable[[Any], Any]:
        spec = self._spec
        context = StageContext(
            stage=Stage(name=spec.stage, version=1, consumes=["source"], produces={}),
            workspace=self._workspace,
            run_id=spec.run_id,
            logger=logging.getLogger(f"docparse.{spec.stage}"),
            worker_id=spec.name,
            device=spec.device,
            threads=spec.threads,
            make_scratch=self._desk.scratch,
            progress=self._gate.progress,
            allow=self._gate.allow,
            cancelled=self._gate.stopping,
        )
        try:
            opened = self._load().open(context)
            if hasattr(opened, "__enter__"):
                opened = self._stack.enter_context(opened)
        except (UsageError, PluginError) as error:
            raise SetupError(ErrorRecord(category=str(Category.CONFIG), message=str(error), type="config")) from error
        except BaseException as error:
            raise SetupError(judged(error, self._hide)) from error
        if not callable(opened):
            msg = f"docparse_worker must return a callable, not {type(opened).__name__}"
            raise SetupError(ErrorRecord(category=str(Category.CONFIG), message=msg, type="contract"))
        call: Callable[[Any], Any] = opened
        return call

    def close(self) -> None:
        """Close what the stage opened."""
        self._stack.close()


def _returned(unit: Sequence[Task]) -> list[Result]:
    """Return the answer of items that were not tried."""
    return [Result(task.number, "returned") for task in unit]


def peak_rss_and_cpu() -> tuple[int, float]:
    """Return (largest resident set in bytes, CPU seconds) of this process so far."""
    return _peak_rss(), time.process_time()


def _peak_rss() -> int:
    try:
        # Not ru_maxrss: a process that was started by a large one inherits that one's.
        with open("/proc/self/status", "rb") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(b"VmHWM:"))
    except (OSError, StopIteration):
        return _peak_rss_elsewhere()


def _peak_rss_elsewhere() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415 - POSIX only

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
