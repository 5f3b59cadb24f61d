"""How the data root stands: its disk, who runs in it, what killed runs left, and whether its inputs are still there."""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from docparse_runner._checkup import Finding, Level, size
from docparse_runner._holders import Holder, holders
from docparse_runner._leftovers import leftovers
from docparse_runner._manifest import recorded_stages
from docparse_runner._workspace import Workspace
from docparse_runner.errors import UsageError

_LITTLE_DISK = 1024**3


def data_root(workspace: Workspace) -> Iterator[Finding]:
    """Yield what is found in a data root, which need not exist."""
    yield _disk(workspace.root)
    yield from _inputs(workspace)
    for holder in holders(workspace):
        yield _held(holder)
    yield from _left(workspace)


def _disk(root: Path) -> Finding:
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    usage = shutil.disk_usage(place)
    text = f"{root}" + ("" if root.exists() else ", which a run makes") + f": {size(usage.free)} free"
    level, remedy = Level.OK, ""
    if not os.access(place, os.W_OK):
        text, level, remedy = f"{text}; {place} cannot be written", Level.FIX, "change its owner, or use --data-root"
    elif usage.free < _LITTLE_DISK:
        level, remedy = Level.FIX, "free some space, or use --data-root on another disk"
    data = {"path": str(root), "exists": root.exists(), "free": usage.free, "total": usage.total}
    return Finding(topic="data root", text=text, level=level, remedy=remedy, data=data)


def _inputs(workspace: Workspace) -> Iterator[Finding]:
    try:
        workspace.kinds()
        roots = workspace.inputs()
    except UsageError as error:
        remedy = "delete the file, then run the stages again with their inputs named"
        yield Finding(topic="data root", text=str(error), level=Level.FIX, remedy=remedy)
        return
    for root in roots:
        is_there = root.path.is_dir()
        yield Finding(
            topic="input",
            text=f"{root.name} is {root.path}" + ("" if is_there else ", which is not there"),
            level=Level.OK if is_there else Level.FIX,
            remedy=""
            if is_there
            else f"bring it back, or mount it; if it is gone for good: docparse inputs forget {shlex.quote(root.name)}",
            data={"name": root.name, "path": str(root.path), "kind": root.kind},
        )


def _held(holder: Holder) -> Finding:
    who = f"process {holder.pid} on {holder.host} since {holder.since}"
    data = {"name": holder.name, "host": holder.host, "pid": holder.pid, "since": holder.since}
    if holder.is_here:
        return Finding(topic="lock", text=f"{holder.name} is held by {who}", data=data)
    text = f"{holder.name} was last taken by {who}; whether it still runs is seen on that machine only"
    return Finding(topic="lock", text=text, level=Level.NOTE, data=data)


def _left(workspace: Workspace) -> Iterator[Finding]:
    staged = {path.name.partition(".")[0] for path in workspace.staging.glob("*") if path.is_dir()}
    for stage in sorted({*recorded_stages(workspace), *staged}):
        sizes = [_size(path) for path in leftovers(workspace, stage, is_locked=False)]
        if sizes:
            files = f"{len(sizes)} file{'s' * (len(sizes) != 1)}"
            yield Finding(
                topic="leftovers",
                text=f"killed runs of {stage} left {files}, {size(sum(sizes))}",
                level=Level.NOTE,
                remedy=f"the next docparse run {stage} removes them",
                data={"stage": stage, "files": len(sizes), "bytes": sum(sizes)},
            )


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
