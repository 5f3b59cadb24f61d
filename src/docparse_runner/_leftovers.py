"""Temporary files that killed runs left behind, found without touching a lock."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from docparse_runner._workspace import Workspace

_OLD_S = 3600.0
"""A file written beside another is there for milliseconds; one this old has nobody left who would rename it."""


def leftovers(workspace: Workspace, stage: str, *, is_locked: bool) -> Iterator[Path]:
    """Yield the temporary files of a stage whose writers are dead: what was staged, and what was to replace a file.

    Args:
        workspace: the data root.
        stage: the stage.
        is_locked: whether the caller holds the stage's run lock, so that its staged files belong to nobody.
    """
    if is_locked or not _may_be_running(workspace, stage):
        for folder in (workspace.staging / stage, *sorted(workspace.staging.glob(f"{stage}.*of*"))):
            yield from _files(folder)
    for folder in (workspace.manifests, workspace.locks):
        for path in sorted(folder.glob(f".{stage}.*.tmp")):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _OLD_S:
                    yield path


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


def _may_be_running(workspace: Workspace, stage: str) -> bool:
    """Whether a process that took the stage's run lock may be alive; one on another machine may be."""
    for path in workspace.locks.glob(f"{stage}.*holder.json"):
        try:
            holder = json.loads(path.read_bytes())
            if holder["host"] != platform.node() or _is_alive(int(holder["pid"])):
                return True
        except (OSError, ValueError, KeyError, TypeError):
            return True
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is somebody else's
    return True
