"""Remove what ``_orphans`` found, and the folders that become empty; list what no row knows."""

import os
from collections.abc import Iterable, Iterator

import attrs

from docparse_runner._orphans import Orphan, makers, size_of
from docparse_runner._row import GONE
from docparse_runner._standing import Tables
from docparse_runner._workspace import Workspace, printable


@attrs.define
class Removed:
    """What was removed.

    Attributes:
        files: their number.
        size: their bytes.
        folders: the number of folders that became empty and were removed.
        problems: what could not be removed, and why.
    """

    files: int = 0
    size: int = 0
    folders: int = 0
    problems: list[str] = attrs.field(factory=list)


def remove(workspace: Workspace, orphans: Iterable[Orphan]) -> Removed:
    """Remove the files of orphans that need not be kept; the run locks of all stages must be held."""
    removed = Removed()
    kinds = makers(workspace)
    emptied: set[str] = set()
    for orphan in orphans:
        for path in () if orphan.kept else orphan.files:
            size = size_of(workspace, path, kinds)  # once more: it may have become a link since
            if size is not None and _unlinked(workspace, path, removed):
                removed.files += 1
                removed.size += size
                emptied.add(path.rpartition("/")[0])
    for folder in emptied:
        removed.folders += _remove_empty(workspace, folder)
    return removed


def _unlinked(workspace: Workspace, path: str, removed: Removed) -> bool:
    try:
        os.unlink(workspace.absolute(path))
    except OSError as error:
        removed.problems.append(f"{path} cannot be removed: {error.strerror}")
        return False
    return True


def _remove_empty(workspace: Workspace, folder: str) -> int:
    """Remove a folder and those above it as long as they are empty, but not the folder of the kind."""
    count = 0
    while "/" in folder:
        try:
            os.rmdir(workspace.absolute(folder))
        except OSError:  # there is something in it, or it was removed before
            break
        folder = folder.rpartition("/")[0]
        count += 1
    return count


def unrecorded(workspace: Workspace, tables: Tables, orphans: Iterable[Orphan]) -> Iterator[str]:
    """Yield the paths, relative to the data root, of files in the folders of kinds that no row speaks of."""
    known = {path for orphan in orphans for path in orphan.files}
    known |= {
        state.path
        for rows in tables.values()
        for row in rows.values()
        if row.status != GONE
        for state in row.in_place.values()
    }
    for kind in sorted(makers(workspace)):
        yield from (printable(path) for path in _files(workspace, kind) if path not in known)


def _files(workspace: Workspace, kind: str) -> Iterator[str]:
    """Yield what lies in a kind's folder and is no folder; links are not followed."""
    folders = [kind]
    while folders:
        folder = folders.pop()
        try:
            if os.path.islink(workspace.absolute(folder)):
                continue
            with os.scandir(workspace.absolute(folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue  # nothing was made of this kind yet, or it cannot be looked at
        inner = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        folders.extend(f"{folder}/{name}" for name in sorted(inner, reverse=True))
        yield from (f"{folder}/{entry.name}" for entry in entries if entry.name not in inner)
