"""One try of one item in a worker: what it reads is digested before, and checked after; what it wrote is committed."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import attrs

from docparse_runner._desk import Desk
from docparse_runner._files import digest_state
from docparse_runner._gate import Gate
from docparse_runner._model import ItemFingerprint, ItemOutcome, Status, WorkItem
from docparse_runner._row import ErrorRecord, FileState
from docparse_runner._secrets import Redactor
from docparse_runner._verdicts import judged, plain_metrics
from docparse_runner._wire import Result, Task
from docparse_runner._workspace import Workspace, printable
from docparse_runner.errors import Category, StageError


@attrs.define
class Attempt:
    """One try of one item.

    Attributes:
        task: what is to be done.
        place: which of the desk's places it has.
        stage: name of the stage.
        gate: says whether it may commit.
        desk: where it writes.
        workspace: the data root.
        hide: takes secrets out of texts.
        result: how it ended, once it has.
    """

    task: Task
    place: int
    stage: str
    gate: Gate
    desk: Desk
    workspace: Workspace
    hide: Redactor
    result: Result | None = None
    _inputs: dict[str, FileState] = attrs.field(factory=dict, init=False)
    _paths: dict[str, str] = attrs.field(factory=dict, init=False)

    def fail(self, error: BaseException) -> None:
        """End with what an exception means."""
        self.result = Result(self.task.number, "failure", error=judged(error, self.hide), inputs=self._inputs)

    # --- before the stage

    def read(self) -> None:
        """Digest the inputs; ends the attempt if they cannot be read, or if nothing has changed since the last row."""
        if not self.task.inputs and not self.task.check:
            return
        try:
            self.result = self._read()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it costs this item and no other
            self.fail(error)

    def _read(self) -> Result | None:
        task = self.task
        self._paths = {kind: os.fsdecode(path) for kind, path in task.inputs.items()}
        for kind, path in self._paths.items():
            self._inputs[kind] = self._state(path, task.digests.get(kind, ""))
        if task.check and (outputs := self._unchanged()) is not None:
            return Result(task.number, "unchanged", inputs=self._inputs, outputs=outputs)
        return None

    def _state(self, path: str, known: str) -> FileState:
        recorded = self.workspace.relative(path)
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

    def _unchanged(self) -> dict[str, FileState] | None:
        """Return the states of the outputs when everything is as recorded, else None."""
        task = self.task
        if {kind: state.digest for kind, state in self._inputs.items()} != task.recorded_inputs:
            return None
        outputs = {}
        kinds = {path: kind for kind, path in task.outputs.items()}
        for path, digest in task.recorded_outputs.items():
            if not digest:
                continue
            try:
                state = digest_state(path, self.workspace.relative(path))
            except OSError:
                return None
            if state.digest != digest:
                return None
            outputs[kinds.get(path, path)] = state
        return outputs

    def item(self) -> WorkItem:
        """Return the item as the stage gets it; the receipt of an older effect is gone then.

        Raises:
            OSError: it cannot be removed.
        """
        task = self.task
        if task.receipts:
            self.desk.withdraw(task)
        return WorkItem(
            item_id=task.item_id,
            inputs=cast(Mapping[str, Path], self._paths),
            outputs=self.desk.outputs(task, self.place) if task.outputs else {},
            cost_hint=task.cost_hint,
            timeout_s=task.timeout_s,
            metadata=task.metadata,
            fingerprint=self._fingerprint() if task.fingerprint else None,
            fallback=task.fallback or None,
            removed=task.removed,
        )

    def _fingerprint(self) -> ItemFingerprint:
        assert self.task.fingerprint is not None  # noqa: S101 - the caller has looked
        cfg_hash, version = self.task.fingerprint
        return ItemFingerprint(
            digests=self.task.recorded_inputs, config_hash=cfg_hash, stage_name=self.stage, stage_version=version
        )

    # --- after the stage

    def finish(self, outcome: ItemOutcome) -> None:
        """End with what the stage answered: check that the inputs are still what was read, commit the outputs."""
        try:
            self.result = self._finish(outcome)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it costs this item and no other
            self.fail(error)

    def _finish(self, outcome: ItemOutcome) -> Result:
        task = self.task
        if task.fallback and outcome.status is Status.SUCCESS:
            outcome = attrs.evolve(outcome, status=Status.PARTIAL, reason=f"made with fallback {task.fallback!r}")
        for kind, path in self._paths.items():
            if not os.path.exists(path) or not self._inputs[kind].same_stat(os.stat(path)):
                msg = f"{path} changed while it was read"
                raise StageError(msg, category=Category.IO)
        metrics = plain_metrics(outcome.metrics) if outcome.metrics else {}
        result = Result(task.number, outcome.status.value, printable(outcome.reason), metrics, inputs=self._inputs)
        if outcome.status is Status.FAILURE:
            result.error = ErrorRecord.of(outcome.error or StageError(outcome.reason or "the stage said so"))
            return result
        without = outcome.status is Status.SKIP or task.removed or not task.outputs
        staged = {} if without else self.desk.staged(task, self.place)
        if not self.gate.may_commit(task.number):
            return self._late()
        if task.outputs or task.recorded_outputs:
            result.outputs = self.desk.commit(task, staged)
        return result

    def _late(self) -> Result:
        limit = self.task.timeout_s
        error = ErrorRecord(
            category=str(Category.TIMEOUT), message=f"took longer than {limit:g} s", type="timeout", limit=limit
        )
        return Result(self.task.number, "failure", error=error, inputs=self._inputs)
