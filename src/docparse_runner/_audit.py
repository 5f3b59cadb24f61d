"""Verification: is what the manifest records what lies on the disk, byte for byte, and nothing else?"""

import os
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import attrs
import msgspec

from docparse_runner._files import digest_state
from docparse_runner._leftovers import leftovers
from docparse_runner._manifest import read_manifest
from docparse_runner._row import GONE, IMPORTED, FileState, Row
from docparse_runner._workspace import Workspace
from docparse_runner.errors import QUARANTINED, StageError

_SHOWN = len("sha256:") + 12


class Problem(StrEnum):
    """What is wrong with a file."""

    MISSING = "missing"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    UNRECORDED = "unrecorded"
    TEMPORARY = "temporary"


@attrs.frozen(kw_only=True)
class Finding:
    """One file with which something is wrong.

    Attributes:
        stage: the stage that wrote it, or whose folder it lies in.
        problem: what is wrong.
        path: relative to the data root.
        item_id: the document, or empty when it is not known.
        detail: what is there instead.
        is_unseen: whether its size and times are those recorded, so that a run would trust it.
        is_older: whether it is an older result, which a later failure left in place.
        category: of that failure, else empty.
    """

    stage: str
    problem: Problem
    path: str
    item_id: str = ""
    detail: str = ""
    is_unseen: bool = False
    is_older: bool = False
    category: str = ""


@attrs.define(kw_only=True)
class Audit:
    """What was found out about one stage.

    Attributes:
        stage: the stage.
        files: recorded outputs that were looked at.
        orphans: files of documents that are gone.
        bad_lines: lines of the manifest that are unreadable.
        findings: what is wrong.
    """

    stage: str
    files: int = 0
    orphans: int = 0
    bad_lines: int = 0
    findings: list[Finding] = attrs.field(factory=list)


class Auditor:
    """Compares the record of stages with their files; writes nothing, and takes no lock.

    A run may go on meanwhile, so whatever seems wrong is looked at once more, against the record as it then is.
    """

    def __init__(self, workspace: Workspace, step: Callable[[int], None] = lambda _files: None) -> None:
        """Keep the data root, and what is called with how many files were looked at."""
        self._workspace = workspace
        self._step = step

    def audit(self, stage: str, rows: Mapping[str, Row], bad_lines: int, *, is_locked: bool = False) -> Audit:
        """Digest every recorded output of a stage and list its folders.

        Args:
            stage: the stage.
            rows: item id → its last row.
            bad_lines: unreadable lines of the manifest.
            is_locked: whether the caller holds the run lock, so that nobody else works on the stage.
        """
        audit = Audit(stage=stage, bad_lines=bad_lines)
        doubtful = set()
        for row in rows.values():
            audit.files += len(row.in_place)
            if list(self._broken(row)):
                doubtful.add(row.item_id)
            self._step(len(row.in_place))
        unrecorded = self._unrecorded(stage, rows, audit)
        if doubtful or unrecorded:
            rows = read_manifest(self._workspace, stage, strict=True)[0]
            audit.findings += (each for name, row in rows.items() if name in doubtful for each in self._broken(row))
            recorded = self._recorded(rows)
            audit.findings += (each for each in unrecorded if each.path not in recorded and self._is_there(each.path))
        for path in leftovers(self._workspace, stage, is_locked=is_locked):
            recorded_path = self._workspace.relative(path)
            audit.findings.append(Finding(stage=stage, problem=Problem.TEMPORARY, path=recorded_path))
        return audit

    def _is_there(self, recorded: str) -> bool:
        return os.path.lexists(self._workspace.absolute(recorded))

    def _broken(self, row: Row) -> Iterator[Finding]:
        """Yield what is wrong with the outputs of a row."""
        for state in row.in_place.values():
            problem, detail, unseen = compared(self._workspace, state)
            if problem:
                older = not row.outputs
                yield Finding(
                    stage=row.stage,
                    problem=problem,
                    path=state.path,
                    item_id=row.item_id,
                    detail=detail,
                    is_unseen=unseen,
                    is_older=older,
                    category=row.category,
                )

    def _unrecorded(self, stage: str, rows: Mapping[str, Row], audit: Audit) -> list[Finding]:
        """Return the files in the stage's folders that no row speaks of; those of gone documents are only counted."""
        recorded = self._recorded(rows)
        found: list[Finding] = []
        for kind, entry in self._workspace.kinds().items():
            if entry["stage"] != stage:
                continue
            for path in self._listed(stage, self._workspace.root / kind, found):
                if path in recorded:
                    continue
                item_id = path.removeprefix(f"{kind}/").removesuffix(entry["suffix"])
                if item_id in rows and rows[item_id].status == GONE:
                    audit.orphans += 1
                else:
                    found.append(Finding(stage=stage, problem=Problem.UNRECORDED, path=path))
        return found

    def _recorded(self, rows: Mapping[str, Row]) -> set[str]:
        """Return the paths that rows of a stage speak of, and those that were imported into its folders."""
        imported = read_manifest(self._workspace, IMPORTED)[0]
        return {state.path for each in (imported, rows) for row in each.values() for state in row.in_place.values()}

    def _listed(self, stage: str, top: Path, found: list[Finding]) -> Iterator[str]:
        """Yield the files below a folder as rows record them; what cannot be listed is itself a finding."""

        def failed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                path = self._workspace.relative(error.filename)
                detail = error.strerror or str(error)
                found.append(Finding(stage=stage, problem=Problem.UNREADABLE, path=path, detail=detail))

        for folder, folders, names in os.walk(top, onerror=failed):
            folders.sort()
            yield from (self._workspace.relative(os.path.join(folder, name)) for name in sorted(names))


def compared(workspace: Workspace, state: FileState) -> tuple[Problem | None, str, bool]:
    """Return (what is wrong, what is there instead, whether size and times hide it)."""
    path = workspace.absolute(state.path)
    try:
        size = os.stat(path).st_size
        if size != state.size:
            return Problem.CHANGED, f"{size} bytes instead of {state.size}", False
        found = digest_state(path, state.path)
    except (FileNotFoundError, NotADirectoryError):
        return Problem.MISSING, "", False
    except OSError as error:
        return Problem.UNREADABLE, error.strerror or str(error), False
    except StageError as error:
        return Problem.CHANGED, error.message, False
    if not state.digest or found.digest == state.digest:
        return None, "", False
    is_unseen = msgspec.structs.replace(found, digest=state.digest) == state
    return Problem.CHANGED, f"{_short(found)} instead of {_short(state)}", is_unseen


def _short(state: FileState) -> str:
    return f"{state.digest[:_SHOWN]}…"


@attrs.frozen(kw_only=True)
class Repair:
    """What was done about the findings of a stage.

    Attributes:
        scheduled: broken results that the next run makes again.
        removed: temporary files that were deleted.
        failed: (path, why) of files that could not be touched.
        needs_retry: whether a remembered failure stands before one of them, so that a run has to be told to try.
    """

    scheduled: tuple[Finding, ...] = ()
    removed: tuple[Finding, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    needs_retry: bool = False


def repair(workspace: Workspace, audit: Audit) -> Repair:
    """Make the next run see what is broken, and delete temporary files; the run lock must be held.

    The record stays as it is. A changed file that looks untouched gets new times, so that the run digests it; missing
    files and those of another size it notices anyway. Unrecorded files are left alone: they may be somebody's.
    """
    scheduled, removed, failed = [], [], []
    for each in audit.findings:
        path = workspace.absolute(each.path)
        try:
            if each.problem is Problem.TEMPORARY:
                os.unlink(path)
                removed.append(each)
            elif each.problem in (Problem.MISSING, Problem.CHANGED):
                if each.is_unseen:
                    os.utime(path)
                scheduled.append(each)
        except OSError as error:
            failed.append((each.path, error.strerror or str(error)))
    needs_retry = any(each.is_older and each.category in QUARANTINED for each in scheduled)
    return Repair(scheduled=tuple(scheduled), removed=tuple(removed), failed=tuple(failed), needs_retry=needs_retry)
