"""The run lock: one run of a stage at a time in a data root; a crashed holder's lock is free at once."""

import contextlib
import datetime as dt
import json
import os
import platform
from collections.abc import Iterator

import filelock

from docparse_runner._workspace import Workspace, write_atomically
from docparse_runner.errors import UsageError


@contextlib.contextmanager
def run_lock(workspace: Workspace, stage: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the run lock of a stage; a thread that holds it may take it again.

    Args:
        workspace: the data root.
        stage: the stage.
        wait: wait for whoever holds it.

    Raises:
        UsageError: somebody else holds it; the message says who and since when.
    """
    lock = filelock.FileLock(workspace.locks / f"{stage}.lock", is_singleton=True)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout:
        msg = f"{stage} is already running on {workspace.root}: {_holder(workspace, stage)}; wait for it, or use --wait"
        raise UsageError(msg) from None
    try:
        if lock.lock_counter == 1:
            holder = {"host": platform.node(), "pid": os.getpid(), "since": _now()}
            write_atomically(workspace.locks / f"{stage}.holder.json", json.dumps(holder).encode())
        yield
    finally:
        lock.release()


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _holder(workspace: Workspace, stage: str) -> str:
    try:
        holder = json.loads((workspace.locks / f"{stage}.holder.json").read_bytes())
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
