"""The only code that runs beside the stage in a worker: open the stage, call it, have its outputs committed."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from docparse_runner._attempt import Attempt
from docparse_runner._context import StageContext
from docparse_runner._desk import Desk
from docparse_runner._factories import WorkerFactory
from docparse_runner._gate import Gate, Phase
from docparse_runner._model import ItemOutcome, Stage
from docparse_runner._row import ErrorRecord
from docparse_runner._verdicts import judged, outcome_of, outcomes_of
from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner._workspace import Workspace
from docparse_runner.errors import Category, PluginError, SkipItem, UsageError


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
        self._desk = Desk(Path(spec.staging), self._workspace)

    def process(self, unit: Sequence[Task]) -> Iterator[Result]:
        """Run items together and yield a result for each, in order; whatever the stage raises comes back as data."""
        if not self._gate.may_start():
            yield from _returned(unit)
            return
        attempts = self._begin(unit)
        for attempt in attempts:
            attempt.read()
        outcomes: Iterator[ItemOutcome] = iter(())
        try:
            outcomes = iter(self._ask([attempt for attempt in attempts if attempt.result is None]))
        except SetupError as error:
            attempts[0].result = Result(unit[0].number, "setup", error=error.record)
            for attempt in attempts[1:]:
                attempt.result = Result(attempt.task.number, "returned")
        except BaseException as error:  # noqa: BLE001 - the stage's own code: anything can come out of it
            if len(unit) > 1:
                yield from self._halves(unit)
                return
            attempts[0].fail(error)
        yield from self._finish(attempts, outcomes)
        self._desk.clean()

    def _begin(self, unit: Sequence[Task]) -> list[Attempt]:
        self._began = time.time(), time.monotonic()
        self._gate.enter(Phase.RUN, unit[0].number, len(unit))
        return [
            Attempt(task, place, self._spec.stage, self._gate, self._desk, self._workspace)
            for place, task in enumerate(unit)
        ]

    def _ask(self, attempts: Sequence[Attempt]) -> list[ItemOutcome]:
        """Return what the stage answers."""
        if not attempts:
            return []
        call = self._opened(attempts)
        items = [attempt.item() for attempt in attempts]
        try:
            return outcomes_of(call(items), len(items)) if self._spec.batch > 1 else [outcome_of(call(items[0]))]
        except SkipItem as skip:
            if len(items) > 1:
                raise
            return [ItemOutcome.skip(skip.reason)]

    def _halves(self, unit: Sequence[Task]) -> Iterator[Result]:
        """Run the halves of a batch for which the stage has no answer: who is to blame will fail again, alone."""
        self._desk.clean()
        half = (len(unit) + 1) // 2
        yield from self.process(unit[:half])
        yield from self.process(unit[half:])

    def _finish(self, attempts: Sequence[Attempt], outcomes: Iterator[ItemOutcome]) -> Iterator[Result]:
        """Yield how each attempt ends; a batch that was given up meanwhile is not committed."""
        if len(attempts) > 1 and not self._gate.may_commit(attempts[0].task.number):
            yield from _returned([attempt.task for attempt in attempts])
            return
        for attempt in attempts:
            if attempt.result is None:
                attempt.finish(next(outcomes))
            assert attempt.result is not None  # noqa: S101 - finished is finished
            attempt.result.started_at = self._began[0]
            attempt.result.duration_s = (time.monotonic() - self._began[1]) / len(attempts)
            yield attempt.result

    def _opened(self, attempts: Sequence[Attempt]) -> Callable[[Any], Any]:
        if self._call is None:
            first = attempts[0].task.number
            self._gate.enter(Phase.SETUP, first)
            self._call = self._open()
            self._gate.enter(Phase.RUN, first, len(attempts))
            self._began = time.time(), time.monotonic()  # opening the stage is not these items' time
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
            scratch=self._desk.scratch,
            progress=self._gate.progress,
            cancelled=self._gate.stopping,
        )
        try:
            opened = self._load().open(context)
            if hasattr(opened, "__enter__"):
                opened = self._stack.enter_context(opened)
        except (UsageError, PluginError) as error:
            raise SetupError(ErrorRecord(category=str(Category.CONFIG), message=str(error), type="config")) from error
        except BaseException as error:
            raise SetupError(judged(error)) from error
        if not callable(opened):
            msg = f"docparse_worker must return a callable, not {type(opened).__name__}"
            raise SetupError(ErrorRecord(category=str(Category.CONFIG), message=msg, type="contract"))
        call: Callable[[Any], Any] = opened
        return call

    def close(self) -> None:
        """Close what the stage opened."""
        self._stack.close()


def _returned(unit: Sequence[Task]) -> Iterator[Result]:
    """Yield the answer of items that were not tried."""
    return (Result(task.number, "returned") for task in unit)


def peak_rss_and_cpu() -> tuple[int, float]:
    """Return (largest resident set in bytes, CPU seconds) of this process so far."""
    if sys.platform == "win32":
        return 0, time.process_time()
    import resource  # noqa: PLC0415 - POSIX only

    usage = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit, usage.ru_utime + usage.ru_stime
