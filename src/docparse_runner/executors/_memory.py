"""Memory of worker processes: how much they use, and whether the kernel has killed one for want of it."""

import contextlib
import os
from pathlib import Path

import psutil

SAMPLE_S = 0.1
"""Between two looks at the memory of busy workers."""

_PREFERRED_VICTIM = 500
"""Added to a worker's badness, of at most 1000, so that the kernel kills it before the runner or the user's session."""


def tree_rss(pid: int) -> int:
    """Return the resident set of a process and of all it started, in bytes; 0 when it is gone."""
    total = 0
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        with contextlib.suppress(psutil.Error, OSError):
            total += psutil.Process(each).memory_info().rss
            waiting += _children(each)
    return total


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started.

    psutil looks at every process of the machine to find them, which takes milliseconds; Linux tells at once.
    """
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        texts = [Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii") for task in tasks]
    except OSError:
        return [child.pid for child in psutil.Process(pid).children()]
    return [int(child) for text in texts for child in text.split()]


def offer_as_victim(pid: int) -> None:
    """Tell the kernel to prefer this process when memory runs out (Linux); elsewhere nothing."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(_PREFERRED_VICTIM), encoding="ascii")


class OomCounter:
    """How often the kernel killed a process of this control group for want of memory (Linux)."""

    def __init__(self, events: Path | None = None) -> None:
        """Start to count; `events` is the file that tells, found by itself without one."""
        self._events = events or _events_of_this_group()
        self._seen = self._count()

    def has_risen(self) -> bool:
        """Return whether it happened since the last call."""
        count = self._count()
        risen, self._seen = count > self._seen, count
        return risen

    def _count(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            lines = self._events.read_text(encoding="ascii").splitlines()
            return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
        return 0


def _events_of_this_group() -> Path:
    """Return ``memory.events`` (cgroup v2) or ``memory.oom_control`` (v1) of this process's group."""
    groups = ""
    with contextlib.suppress(OSError):
        groups = Path("/proc/self/cgroup").read_text(encoding="ascii")
    for line in groups.splitlines():
        _number, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return Path("/sys/fs/cgroup/memory") / path.lstrip("/") / "memory.oom_control"
    unified = next((line[3:] for line in groups.splitlines() if line.startswith("0::")), "/")
    return Path("/sys/fs/cgroup") / unified.lstrip("/") / "memory.events"
