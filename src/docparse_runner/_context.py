"""What hooks and workers are told about the run they are part of."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from docparse_runner._model import ItemOutcome, Stage, StagePlan, WorkItem
from docparse_runner._outcome import StageOutcome
from docparse_runner._runner_options import StageOptions

if TYPE_CHECKING:
    from docparse_runner._workspace import Workspace


@attrs.frozen(kw_only=True)
class Running:
    """What one worker is on.

    Attributes:
        worker: its name (``p1``).
        item_id: the document.
        seconds: for how long, in seconds.
        share_done: how much of it is done, from 0 to 1; 0 as long as the stage does not call ``context.progress``.
    """

    worker: str
    item_id: str
    seconds: float
    share_done: float = 0.0


@attrs.frozen(kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        planned: items drawn from the plan so far.
        total: items that there will be, or None while that is not known.
        succeeded: see ``StageOutcome``, as the others that it has too.
        partial: items with a result of which something was given up.
        skipped: items that needed nothing.
        failed: items that finally failed.
        cancelled: items that were stopped or never started.
        elapsed_s: seconds since the start.
        exec_p50_ms: median time in the worker so far, milliseconds.
        exec_p95_ms: the 95th percentile of the same.
        exec_p99_ms: the 99th percentile of the same.
        children_cpu_s: CPU seconds of the worker processes so far.
        peak_rss: largest resident set of any worker so far, in bytes.
        error_counts: category → number of items that finally failed with it.
        slowest: (item id, seconds) of the slowest items so far, slowest first.
        running: what each busy worker is on.
    """

    planned: int
    total: int | None
    succeeded: int
    partial: int
    skipped: int
    failed: int
    cancelled: int
    elapsed_s: float
    exec_p50_ms: float = 0.0
    exec_p95_ms: float = 0.0
    exec_p99_ms: float = 0.0
    children_cpu_s: float = 0.0
    peak_rss: int = 0
    error_counts: Mapping[str, int] = attrs.field(factory=dict)
    reasons: Mapping[str, int] = attrs.field(factory=dict)
    slowest: tuple[tuple[str, float], ...] = ()
    running: tuple[Running, ...] = ()

    @property
    def done(self) -> int:
        """Return the number of items that have ended, one way or another."""
        return self.succeeded + self.partial + self.skipped + self.failed + self.cancelled


def _no_progress(_done: float, _total: float | None) -> None:
    """Do nothing: nobody is watching this item."""


def _no_deadline(_seconds: float) -> None:
    """Do nothing: nobody gives up this item."""


@attrs.define(kw_only=True)
class StageContext:
    """The run, as hooks and workers see it.

    Attributes:
        stage: the stage that runs.
        options: an instance of the stage's options class, resolved; None for a stage without options.
        runner: the runner's own options.
        workspace: the data root.
        run_id: the run; the same for all stages of ``docparse run all``.
        verbosity: how much the user wants to be told: the number of ``-v``.
        logger: ``docparse.<stage>``; what a worker logs is kept with its item.
        resolved: what ``docparse_resolve`` returned.
        plan: the plan, in the parent once it is made.
        worker_id: in a worker: its name.
        device: in a worker with policy ``gpu``: the device's number as text, else ``cpu``.
        threads: in a worker: how many threads numeric libraries may use.
        progress: in a worker: call ``progress(done, total)`` to say how far the item is.
        allow: in a worker: call ``allow(seconds)`` once it is known how large the item is; its deadline, if shorter,
            becomes that. With ``--timeout-s`` the user has the word, and nothing happens.
        cancelled: in a worker: call it to learn whether the run is stopping; long items may then return early.
    """

    stage: Stage
    options: Any = None
    runner: StageOptions = attrs.field(factory=StageOptions)
    workspace: "Workspace"
    run_id: str = ""
    verbosity: int = 0
    logger: logging.Logger = attrs.field(factory=lambda: logging.getLogger("docparse"))
    resolved: Mapping[str, Any] = attrs.field(factory=dict)
    plan: StagePlan | None = None
    worker_id: str = ""
    device: str = "cpu"
    threads: int = 1
    progress: Callable[[float, float | None], None] = _no_progress
    allow: Callable[[float], None] = _no_deadline
    cancelled: Callable[[], bool] = lambda: False
    _make_scratch: Callable[[], Path] | None = attrs.field(default=None, alias="make_scratch")
    _upstreams: Mapping[str, Any] | None = attrs.field(default=None, alias="upstreams")
    _cancel: Callable[[], None] = attrs.field(default=lambda: None, alias="cancel")

    @property
    def scratch(self) -> Path:
        """Return, in a worker, a folder of its own, emptied after each item.

        Raises:
            RuntimeError: this is not a worker.
        """
        if self._make_scratch is None:
            msg = "only a worker has a scratch folder"
            raise RuntimeError(msg)
        return self._make_scratch()

    def cancel(self) -> None:
        """Stop the run as the first Ctrl-C does: nothing new starts, running items finish and are recorded."""
        self._cancel()


def _nothing(*_args: object) -> None:
    """Do nothing: the hook is not set."""


@attrs.frozen(kw_only=True)
class StageHooks:
    """Lifecycle hooks of a program that calls ``run_stage`` and has no plugin.

    Attributes:
        before_stage: called once before the first item; raising stops the run before it starts.
        after_stage: called once at the end, always; a mapping that it returns becomes ``StageOutcome.summary``.
        before_item: called once per item when it is first handed to a worker.
        after_item: called once per item after its row is on disk.
        heartbeat: called every ``heartbeat_s`` seconds.
        heartbeat_s: seconds between two heartbeats; None means ``diagnostics_interval_s``.
        hears_unchanged: whether `after_item` is called for items that are up to date; where nobody listens they are
            found several times as fast.
    """

    before_stage: Callable[[StageContext], object] = _nothing
    after_stage: Callable[[StageOutcome, StageContext], object] = _nothing
    before_item: Callable[[WorkItem, StageContext], object] = _nothing
    after_item: Callable[[WorkItem, ItemOutcome, StageContext], object] = _nothing
    heartbeat: Callable[[Progress, StageContext], object] = _nothing
    heartbeat_s: float | None = None
    hears_unchanged: bool = attrs.field()

    @hears_unchanged.default
    def _if_it_hears_anything(self) -> bool:
        return self.after_item is not _nothing
