"""The run lock: one run at a time of a stage, or of each of its shards; a crashed holder's lock is free at once.

A run without shards shuts out every shard, and shards of one count shut out those of another, so that a data root is
always divided in one way. Who starts holds the start lock for a moment, so that nobody starts beside it unseen.
"""

import contextlib
import datetime as dt
import json
import os
import platform
import time
from collections.abc import Iterator

import filelock

from docparse_runner._manifest import merge_shards, part_name
from docparse_runner._workspace import Workspace, write_atomically
from docparse_runner.errors import ManifestError, UsageError

_POLL_S = 0.1


@contextlib.contextmanager
def run_lock(workspace: Workspace, stage: str, shard: str = "", *, wait: bool = False) -> Iterator[None]:
    """Hold the run lock of a stage, or of one shard of it; a thread that holds it may take it again.

    Args:
        workspace: the data root.
        stage: the stage.
        shard: such as ``2/4``; empty for all documents.
        wait: wait for whoever stands in the way.

    Raises:
        UsageError: somebody else runs; the message says who and since when.
        ManifestError: the lock cannot be written.
    """
    name = part_name(stage, shard)
    lock = _lock(workspace, name)
    if lock.is_locked:
        lock.acquire(timeout=0)  # by this very thread: locks are one object a thread and path
    else:
        try:
            _start(workspace, stage, name, lock, wait=wait)
        except OSError as error:
            raise ManifestError.of(error, workspace.locks) from error
    try:
        yield
    finally:
        lock.release()


def _start(workspace: Workspace, stage: str, name: str, lock: filelock.BaseFileLock, *, wait: bool) -> None:
    """Take the lock, make sure that nothing runs that it shuts out, and bring the manifest into one division."""
    while True:
        with _lock(workspace, f"{stage}.start"):
            other = _in_the_way(workspace, stage, name, lock)
            if not other:
                try:
                    holder = {"host": platform.node(), "pid": os.getpid(), "since": _now()}
                    write_atomically(workspace.locks / f"{name}.holder.json", json.dumps(holder).encode())
                    merge_shards(workspace, stage, name)
                except BaseException:
                    lock.release()
                    raise
                return
        if not wait:
            told = f"{_shown(other)} is already running on {workspace.root}: {_holder(workspace, other)}"
            msg = f"{told}; wait for it, or use --wait"
            raise UsageError(msg)
        time.sleep(_POLL_S)


def _in_the_way(workspace: Workspace, stage: str, name: str, lock: filelock.BaseFileLock) -> str:
    """Take the lock and return an empty string, or return who stands in the way, with the lock not taken."""
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return name
    for path in sorted(workspace.locks.glob(f"{stage}*.lock")):
        other = path.name.removesuffix(".lock")
        if other.partition(".")[0] != stage or not _excludes(name, other):
            continue
        try:
            with _lock(workspace, other).acquire(timeout=0):
                pass
        except filelock.Timeout:
            lock.release()
            return other
    return ""


def _excludes(name: str, other: str) -> bool:
    """Whether two runs of one stage may not run beside each other, one of which is not the other."""
    if other == name or other.endswith(".start"):
        return False
    mine, theirs = (each.partition("of")[2] if "." in each else "" for each in (name, other))
    return mine != theirs or not mine


def _shown(name: str) -> str:
    """Return the name of a stage, or of a shard, as people write it."""
    stage, dot, shard = name.partition(".")
    return f"shard {shard.replace('of', '/')} of {stage}" if dot else stage


def _lock(workspace: Workspace, name: str) -> filelock.FileLock:
    return filelock.FileLock(workspace.locks / f"{name}.lock", is_singleton=True)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _holder(workspace: Workspace, name: str) -> str:
    try:
        holder = json.loads((workspace.locks / f"{name}.holder.json").read_bytes())
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
