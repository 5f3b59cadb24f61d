"""What crosses between the runner and a worker: plain strings and numbers, as MessagePack."""

from collections import deque
from typing import Any

import msgspec

from docparse_runner._row import ErrorRecord, FileState


class Task(msgspec.Struct, array_like=True, gc=False):
    """One item for a worker.

    Attributes:
        number: the engine's number of the item.
        item_id: the document.
        inputs: kind → path, in bytes: names of the user's files need not be text.
        outputs: kind → where the committed output lies.
        optional: kinds of output that need not be written.
        digests: kind → digest of an input that is already known for certain.
        recorded_inputs: kind → digest in the last row; with `check`, equal digests mean there is nothing to do.
        recorded_outputs: path → digest in the last row, empty for what a failure left, which is not compared; those
            that the new result lacks are removed.
        check: whether the item may turn out to be unchanged.
        attempt: 1 for the first.
        fallback: which fallback to use, or an empty string for none.
        removed: whether the document is gone.
        timeout_s: deadline in seconds, 0 for none.
        batch: with so many items at most, itself included, it may run together.
        cost_hint: as planned.
        metadata: as planned.
        fingerprint: (config hash, stage version) of the last row, or None.
        receipts: whether the outputs stand for an effect elsewhere, so that they go before it changes.
    """

    number: int
    item_id: str
    inputs: dict[str, bytes]
    outputs: dict[str, str]
    optional: tuple[str, ...] = ()
    digests: dict[str, str] = {}
    recorded_inputs: dict[str, str] = {}
    recorded_outputs: dict[str, str] = {}
    check: bool = False
    attempt: int = 1
    fallback: str = ""
    removed: bool = False
    timeout_s: float = 0.0
    batch: int = 1
    cost_hint: float = 0.0
    metadata: dict[str, Any] = {}
    fingerprint: tuple[str, int] | None = None
    receipts: bool = False


class Result(msgspec.Struct, array_like=True, gc=False):
    """What a worker answers.

    Attributes:
        number: the item.
        status: ``success``, ``partial``, ``skip``, ``failure``, ``unchanged`` (the digests are those recorded),
            ``setup`` (the worker could not be opened; the item was not tried), or ``returned`` (not tried, because the
            worker may start nothing more; or what it ran together with was given up).
        reason: what was given up, or why it was skipped.
        metrics: JSON data, encoded.
        error: of ``failure`` and ``setup``.
        inputs: kind → the file that was read.
        outputs: kind → the file that is in place.
        started_at: seconds since 1970.
        duration_s: seconds, the commit included.
        peak_rss: largest resident set of the worker so far, bytes.
        cpu_s: CPU seconds of the worker so far.
    """

    number: int
    status: str
    reason: str = ""
    metrics: dict[str, Any] = {}
    error: ErrorRecord | None = None
    inputs: dict[str, FileState] = {}
    outputs: dict[str, FileState] = {}
    started_at: float = 0.0
    duration_s: float = 0.0
    peak_rss: int = 0
    cpu_s: float = 0.0


class WorkerSpec(msgspec.Struct, gc=False):
    """What a worker process needs to know once, to open the stage.

    Attributes:
        name: of the worker.
        path: ``sys.path`` of the parent.
        root: data root.
        run_id: the run.
        stage: its name, for the logger.
        device: ``cpu`` or the number of the device.
        threads: for numeric libraries.
        staging: folder for this worker's outputs and scratch files.
        slots: file that holds the shared slots.
        slot: number of this worker's slot.
        lists: whether the stage's worker takes lists of items.
        secrets: what must not leave the worker in any text.
        factory: the pickled worker factory, for processes.
    """

    name: str
    path: list[str]
    root: str
    run_id: str
    stage: str
    device: str
    threads: int
    staging: str
    slots: str
    slot: int
    lists: bool = False
    secrets: list[str] = []
    factory: bytes = b""


def unit_of(tasks: deque[Task]) -> list[Task]:
    """Take from the left, and return, the tasks that run together: as many as each of them allows."""
    unit = [tasks.popleft()]
    limit = unit[0].batch
    while len(unit) < limit and tasks and tasks[0].batch > len(unit):
        limit = min(limit, tasks[0].batch)
        unit.append(tasks.popleft())
    return unit
