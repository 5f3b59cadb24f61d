"""The only code that runs beside the stage in a worker: digest, open the stage, call it, commit its outputs."""

import errno
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol, cast

import attrs
import msgspec

from docparse_runner._context import StageContext
from docparse_runner._factories import WorkerFactory
from docparse_runner._files import digest_state, empty, put
from docparse_runner._model import ItemFingerprint, ItemOutcome, Stage, Status, WorkItem
from docparse_runner._row import ErrorRecord, FileState
from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner._workspace import Workspace, printable
from docparse_runner.errors import Category, PluginError, SkipItem, StageError, UsageError

_DISK = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT, errno.ENOMEM})


class Phase(IntEnum):
    """What a worker is doing; each has its own limit."""

    IDLE = 0
    SETUP = 1
    RUN = 2
    COMMIT = 3
    SEND = 4


class Gate(Protocol):
    """How a worker and its supervisor agree on who is in time."""

    def enter(self, phase: Phase, number: int) -> None:
        """Say what the worker does now."""

    def may_commit(self, number: int) -> bool:
        """Enter the commit phase, unless the attempt was given up: then False, and nothing may be put in place."""

    def stopping(self) -> bool:
        """Whether the run is stopping."""

    def progress(self, done: float, total: float | None) -> None:
        """Say how far the item is."""


class SetupError(Exception):
    """The worker could not be opened; no item is to blame."""

    def __init__(self, record: ErrorRecord) -> None:
        super().__init__(record.message)
        self.record = record


class ItemRunner:
    """Runs one item after the other in one worker; opens the stage when the first needs it."""

    def __init__(self, spec: WorkerSpec, gate: Gate, load: Callable[[], WorkerFactory]) -> None:
        """Prepare the worker's folders; `load` is called when the first item needs the stage."""
        self._spec = spec
        self._load = load
        self._gate = gate
        self._call: Callable[[WorkItem], ItemOutcome] | None = None
        self._stack = ExitStack()
        self._began = 0.0, 0.0
        self._workspace = Workspace(Path(spec.root))
        self._out = Path(spec.staging) / "out"
        self._scratch = Path(spec.staging) / "scratch"
        self._out.mkdir(parents=True, exist_ok=True)
        self._scratch.mkdir(exist_ok=True)

    def process(self, task: Task) -> Result:
        """Run one item and return its result; whatever the stage raises comes back as data."""
        self._began = time.time(), time.monotonic()
        self._gate.enter(Phase.RUN, task.number)
        inputs: dict[str, FileState] = {}
        try:
            result = self._attempt(task, inputs)
        except SetupError as error:
            result = Result(task.number, "setup", error=error.record)
        except BaseException as error:  # noqa: BLE001 - the stage's own code: anything can come out of it
            result = Result(task.number, "failure", error=_judged(error), inputs=inputs)
        finally:
            self._clean()
        started_at, start = self._began
        result.started_at, result.duration_s = started_at, time.monotonic() - start
        return result

    def _attempt(self, task: Task, inputs: dict[str, FileState]) -> Result:
        paths = {kind: os.fsdecode(path) for kind, path in task.inputs.items()}
        for kind, path in paths.items():
            inputs[kind] = self._input_state(path, task.digests.get(kind, ""))
        if task.check and (outputs := self._unchanged(task, inputs)) is not None:
            return Result(task.number, "unchanged", inputs=inputs, outputs=outputs)
        call = self._opened(task.number)
        try:
            outcome = _checked(call(self._item(task, paths)))
        except SkipItem as skip:
            outcome = ItemOutcome.skip(skip.reason)
        if task.fallback and outcome.status is Status.SUCCESS:
            outcome = attrs.evolve(outcome, status=Status.PARTIAL, reason=f"made with fallback {task.fallback!r}")
        for state, path in zip(inputs.values(), paths.values(), strict=True):
            if not os.path.exists(path) or not state.same_stat(os.stat(path)):
                msg = f"{path} changed while it was read"
                raise StageError(msg, category=Category.IO)
        return self._commit(task, inputs, outcome)

    def _input_state(self, path: str, known: str) -> FileState:
        recorded = self._workspace.relative(path)
        try:
            if known:
                return FileState.of(recorded, os.stat(path), known)
            return digest_state(path, recorded)
        except PermissionError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise StageError(msg, category=Category.INPUT) from None
        except IsADirectoryError:
            msg = f"{path} is a folder"
            raise StageError(msg, category=Category.INPUT) from None
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror or error}"
            raise StageError(msg, category=Category.IO) from None

    def _unchanged(self, task: Task, inputs: Mapping[str, FileState]) -> dict[str, FileState] | None:
        """Return the states of the outputs when everything is as recorded, else None."""
        if {kind: state.digest for kind, state in inputs.items()} != task.recorded_inputs:
            return None
        outputs = {}
        kinds = {path: kind for kind, path in task.outputs.items()}
        for path, digest in task.recorded_outputs.items():
            try:
                state = digest_state(path, self._workspace.relative(path))
            except OSError:
                return None
            if state.digest != digest:
                return None
            outputs[kinds.get(path, path)] = state
        return outputs

    def _opened(self, number: int) -> Callable[[WorkItem], ItemOutcome]:
        if self._call is None:
            self._gate.enter(Phase.SETUP, number)
            self._call = self._open()
            self._gate.enter(Phase.RUN, number)
            self._began = time.time(), time.monotonic()  # opening the stage is not this item's time
        return self._call

    def _open(self) -> Callable[[WorkItem], ItemOutcome]:
        spec = self._spec
        context = StageContext(
            stage=Stage(name=spec.stage, version=1, consumes=["source"], produces={}),
            workspace=self._workspace,
            run_id=spec.run_id,
            logger=logging.getLogger(f"docparse.{spec.stage}"),
            worker_id=spec.name,
            device=spec.device,
            threads=spec.threads,
            scratch=self._scratch,
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
            raise SetupError(_judged(error)) from error
        if not callable(opened):
            msg = f"docparse_worker must return a callable, not {type(opened).__name__}"
            raise SetupError(ErrorRecord(category=str(Category.CONFIG), message=msg, type="contract"))
        return cast(Callable[[WorkItem], ItemOutcome], opened)

    def _item(self, task: Task, paths: Mapping[str, str]) -> WorkItem:
        outputs = {}
        for kind, path in task.outputs.items():
            folder = self._out / kind
            folder.mkdir(exist_ok=True)
            outputs[kind] = folder / os.path.basename(path)
        return WorkItem(
            item_id=task.item_id,
            inputs=cast(Mapping[str, Path], paths),
            outputs=outputs,
            cost_hint=task.cost_hint,
            timeout_s=task.timeout_s,
            metadata=task.metadata,
            fingerprint=_fingerprint(task, self._spec.stage),
            fallback=task.fallback or None,
            removed=task.removed,
        )

    def _commit(self, task: Task, inputs: dict[str, FileState], outcome: ItemOutcome) -> Result:
        reason, metrics = printable(outcome.reason), _plain(outcome.metrics)
        result = Result(task.number, str(outcome.status), reason, metrics, inputs=inputs)
        if outcome.status is Status.FAILURE:
            result.error = ErrorRecord.of(outcome.error or StageError(outcome.reason or "the stage said so"))
            return result
        staged = self._staged(task, outcome)
        if not self._gate.may_commit(task.number):
            result.status = "failure"
            result.error = ErrorRecord(
                category=str(Category.TIMEOUT),
                message=f"took longer than {task.timeout_s:g} s",
                type="timeout",
                limit=task.timeout_s,
            )
            return result
        # The canonical output last: where it is new, all of them are.
        for kind, path in reversed(staged.items()):
            result.outputs[kind] = put(path, task.outputs[kind], self._workspace.relative(task.outputs[kind]))
        result.outputs = {kind: result.outputs[kind] for kind in staged}
        if not task.removed:
            self._remove_others(task, result.outputs)
        return result

    def _staged(self, task: Task, outcome: ItemOutcome) -> dict[str, Path]:
        """Return kind → staged file, in the order of the declaration.

        Raises:
            StageError: a required output is missing, or a skipped item has written one.
        """
        if outcome.status is Status.SKIP or task.removed:
            return {}
        staged = {}
        for kind, path in task.outputs.items():
            file = self._out / kind / os.path.basename(path)
            if file.is_file():
                staged[kind] = file
            elif kind not in task.optional:
                msg = f"the stage did not write its required output {kind!r}"
                raise StageError(msg, category=Category.CONTRACT)
        return staged

    def _remove_others(self, task: Task, kept: Mapping[str, FileState]) -> None:
        """Remove files that the previous result had and this one has not."""
        mine = {self._workspace.absolute(state.path) for state in kept.values()}
        for path in task.recorded_outputs:
            if path not in mine:
                Path(path).unlink(missing_ok=True)

    def _clean(self) -> None:
        """Empty the staging and scratch folders."""
        empty(self._out, keep_folders=True)
        empty(self._scratch, keep_folders=False)

    def close(self) -> None:
        """Close what the stage opened."""
        self._stack.close()


def _fingerprint(task: Task, stage: str) -> ItemFingerprint | None:
    if task.fingerprint is None:
        return None
    cfg_hash, version = task.fingerprint
    return ItemFingerprint(digests=task.recorded_inputs, config_hash=cfg_hash, stage_name=stage, stage_version=version)


def _checked(outcome: object) -> ItemOutcome:
    if not isinstance(outcome, ItemOutcome) or outcome.status is Status.CANCELLED:
        shown = f"status {outcome.status}" if isinstance(outcome, ItemOutcome) else type(outcome).__name__
        msg = f"the worker must return an ItemOutcome (success, partial or skip), not {shown}"
        raise StageError(msg, category=Category.CONTRACT)
    return outcome


def _plain(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics as JSON data.

    Raises:
        StageError: they hold something else; the message names the type.
    """
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(metrics))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"metrics must be JSON data: {error}"
        raise StageError(msg, category=Category.CONTRACT) from None
    return plain


def _judged(error: BaseException) -> ErrorRecord:
    """Return what an exception of the stage means."""
    kind = type(error).__name__
    if isinstance(error, StageError):
        return ErrorRecord.of(error, kind)
    detail = "".join(traceback.format_exception(error, limit=-12))[-8000:]
    message = _message(error, kind)
    if isinstance(error, MemoryError):
        return ErrorRecord(category=str(Category.OOM), message=message, type=kind, detail=detail)
    if isinstance(error, OSError) and error.errno in _DISK:
        return ErrorRecord(category=str(Category.IO), message=message, retryable=True, type=kind, detail=detail)
    return ErrorRecord(category=str(Category.RUNTIME), message=message, type=kind, detail=detail)


def _message(error: BaseException, kind: str) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the exception's own code can be as broken as the rest
        text = "(its text cannot be shown)"
    return f"{kind}: {text}"[:2000] if text else kind


def peak_rss_and_cpu() -> tuple[int, float]:
    """Return (largest resident set in bytes, CPU seconds) of this process so far."""
    if sys.platform == "win32":
        return 0, time.process_time()
    import resource  # noqa: PLC0415 - POSIX only

    usage = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit, usage.ru_utime + usage.ru_stime
