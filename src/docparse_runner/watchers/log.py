"""The structured log of a run: ``runs/<run id>/log.jsonl``, one JSON object a line."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any, TextIO

from docparse_runner._context import StageContext
from docparse_runner._model import ItemOutcome, Status, WorkItem
from docparse_runner._outcome import StageOutcome
from docparse_runner._row import timestamp
from docparse_runner.errors import ManifestError
from docparse_runner.hookspecs import hookimpl


class LogWatcher:
    """Writes what happened to each item that was run, and to each stage."""

    docparse_hears_unchanged = False

    def __init__(self) -> None:
        self._file: TextIO | None = None

    @hookimpl
    def docparse_before_stage(self, context: StageContext) -> None:
        """Open the log.

        Raises:
            ManifestError: it cannot be written.
        """
        path = Path(context.workspace.runs) / context.run_id / "log.jsonl"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ManifestError.of(error, path) from error
        self._write(context, "stage started", total=context.plan.total_items if context.plan else None)

    @hookimpl
    def docparse_after_item(self, item: WorkItem, outcome: ItemOutcome, context: StageContext) -> None:
        """Write one line for an item that was run."""
        if outcome.status is not Status.SKIP or outcome.duration_s:
            error = outcome.error
            self._write(
                context,
                "item",
                item_id=item.item_id,
                status=str(outcome.status),
                reason=outcome.reason,
                seconds=round(outcome.duration_s, 6),
                **({"category": str(error.category)} if error else {}),
            )

    @hookimpl
    def docparse_after_stage(self, outcome: StageOutcome, context: StageContext) -> None:
        """Write the counts and close the log."""
        counts = {name: getattr(outcome, name) for name in ("planned", "succeeded", "partial", "skipped", "failed")}
        self._write(context, "stage ended", exit_code=outcome.exit_code, stop_reason=outcome.stop_reason, **counts)
        if self._file:
            self._file.close()

    def _write(self, context: StageContext, event: str, **fields: Any) -> None:
        line = {"at": timestamp(time.time()), "run_id": context.run_id, "stage": context.stage.name, "event": event}
        if self._file:
            try:
                self._file.write(json.dumps(line | fields) + "\n")
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.close()
                raise
