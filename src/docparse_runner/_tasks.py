"""From a job to the task that a worker gets, and what is known of its inputs when the worker died."""

import contextlib
import os
from collections.abc import Mapping

from docparse_runner._decision import Action, Decider
from docparse_runner._files import digest_state
from docparse_runner._model import Output
from docparse_runner._record import Job
from docparse_runner._row import FileState
from docparse_runner._scheduler import Dispatch
from docparse_runner._wire import Task
from docparse_runner._workspace import Workspace
from docparse_runner.errors import StageError


def task_for(
    job: Job, dispatch: Dispatch, outputs: Mapping[str, Output], decider: Decider, *, receipts: bool = False
) -> Task:
    """Return what a worker is to do.

    Args:
        job: the item, and what was decided of it.
        dispatch: which attempt this is.
        outputs: kind → what the stage declares.
        decider: knows the deadline and the data root.
        receipts: whether the outputs stand for an effect elsewhere.
    """
    item, row = job.item, job.decision.row
    is_good = row is not None and row.status != "failure"  # what a failure left is not compared, only replaced
    old = {
        path: state.digest if is_good else ""
        for state in job.old_outputs.values()
        if (path := _inside(state, decider.workspace))
    }
    return Task(
        number=dispatch.number,
        item_id=item.item_id,
        inputs={kind: os.fsencode(path) for kind, path in item.inputs.items()},
        outputs={kind: str(path) for kind, path in item.outputs.items()},
        optional=tuple(kind for kind, output in outputs.items() if not output.required),
        digests=dict(job.decision.digests),
        recorded_inputs={kind: state.digest for kind, state in row.inputs.items()} if row else {},
        recorded_outputs=old,
        check=job.decision.action is Action.CHECK,
        attempt=dispatch.attempt,
        fallback=dispatch.fallback or "",
        removed=item.removed,
        timeout_s=decider.deadline(item),
        batch=dispatch.batch,
        cost_hint=item.cost_hint,
        metadata=dict(item.metadata),
        fingerprint=(row.cfg_hash, row.stage_version) if row else None,
        receipts=receipts,
    )


def _inside(state: FileState, workspace: Workspace) -> str:
    """Return the path of a recorded output that lies in the data root, else an empty string."""
    return "" if os.path.isabs(state.path) else workspace.absolute(state.path)


def inputs_at_planning(job: Job, workspace: Workspace) -> dict[str, FileState]:
    """Return the inputs of an item whose worker died, digested here if they are still what was planned."""
    states = {}
    for kind, found in job.decision.stats.items():
        path = job.item.inputs[kind]
        recorded = workspace.relative(path)
        states[kind] = FileState.of(recorded, found)
        with contextlib.suppress(OSError, StageError):
            if states[kind].same_stat(os.stat(path)):
                states[kind] = digest_state(path, recorded)
    return states
