"""Who holds run locks, found without touching one: a reader must not stand in the way of a run that starts."""

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import attrs
import psutil

from docparse_runner._workspace import Workspace


@attrs.frozen(kw_only=True)
class Holder:
    """Who took a run lock last and may hold it.

    Attributes:
        name: the stage, or the stage and its shard (``upper.2of4``).
        host: the machine.
        pid: the process.
        since: when it took the lock.
        is_here: whether that is this machine, so that it surely holds the lock.
    """

    name: str
    host: str
    pid: int
    since: str
    is_here: bool


def holders(workspace: Workspace) -> Iterator[Holder]:
    """Yield who holds a run lock of this data root; of another machine, who took one last."""
    for path in sorted(workspace.locks.glob("*.holder.json")):
        try:
            told = json.loads(path.read_bytes())
            name = path.name.removesuffix(".holder.json")
            here = told["host"] == platform.node()
            holder = Holder(name=name, host=told["host"], pid=int(told["pid"]), since=told["since"], is_here=here)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # torn, or of another program
        if not here or _has_open(holder.pid, path.with_name(f"{holder.name}.lock")):
            yield holder


def _has_open(pid: int, lock: Path) -> bool:
    """Whether a process has a lock file open, as it has while it holds the lock; yes if we may not look."""
    try:
        return os.path.realpath(lock) in [os.path.realpath(each.path) for each in psutil.Process(pid).open_files()]
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
