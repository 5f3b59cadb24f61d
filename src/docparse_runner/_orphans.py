"""Artifacts that no document accounts for: those of documents that are gone.

A ``gone`` row has no outputs, so its files are looked for where the stage writes them now, and where older rows of the
manifest say that it wrote them once.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import msgspec

from docparse_runner._manifest import manifest_paths
from docparse_runner._row import GONE, UNREADABLE, FileState, Row
from docparse_runner._runs import read_run, run_ids
from docparse_runner._standing import Tables
from docparse_runner._workspace import Workspace, printable, unquote_id

_ENDED_WELL = (0, 1)


@attrs.frozen(kw_only=True)
class Orphan:
    """A document that is gone, and what a stage still has of it.

    Attributes:
        stage: the stage.
        item_id: the document.
        files: path relative to the data root → bytes.
        kept: why the files must stay for now, or an empty string.
    """

    stage: str
    item_id: str
    files: Mapping[str, int]
    kept: str = ""


def makers(workspace: Workspace) -> dict[str, str]:
    """Return kind → the stage that makes it here."""
    return {kind: made["stage"] for kind, made in workspace.kinds().items()}


def orphans(workspace: Workspace, tables: Tables) -> list[Orphan]:
    """Return what is left of documents that are gone; `tables` has every recorded stage."""
    judge = _Judge(workspace, tables)
    return [
        Orphan(stage=stage, item_id=row.item_id, files=files, kept=printable(judge.reason(stage, row)))
        for stage, rows in tables.items()
        for row, files in _left(workspace, stage, rows)
    ]


def _left(workspace: Workspace, stage: str, rows: Mapping[str, Row]) -> Iterator[tuple[Row, dict[str, int]]]:
    """Yield (row, path → bytes) of the documents of a stage that are gone and left files."""
    gone = {item_id: row for item_id, row in rows.items() if row.status == GONE}
    own = {kind: made["suffix"] for kind, made in workspace.kinds().items() if made["stage"] == stage}
    if not gone or not own:
        return
    names = {item_id: [f"{kind}/{item_id}{suffix}" for kind, suffix in own.items()] for item_id in gone}
    for item_id, path in _once_written(workspace, stage, gone):
        names[item_id].append(path)
    candidates = {path for paths in names.values() for path in paths}
    living = (state.path for row in rows.values() if row.status != GONE for state in row.in_place.values())
    taken = {path for path in living if path in candidates}
    for item_id, row in gone.items():
        found = {path: size_of(workspace, path, own) for path in names[item_id] if path not in taken}
        files = {path: size for path, size in found.items() if size is not None}
        if files:
            yield row, files


class _Written(msgspec.Struct, frozen=True):
    item_id: str
    outputs: dict[str, FileState]


def _once_written(workspace: Workspace, stage: str, gone: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    """Yield (item id, path) of the outputs that any row of these documents names."""
    decode = msgspec.json.Decoder(_Written).decode
    for line in _lines(manifest_paths(workspace, stage)):
        try:
            row = decode(line)
        except UNREADABLE:
            continue
        if row.item_id in gone:
            yield from ((row.item_id, state.path) for state in row.outputs.values())


def _lines(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:  # a run may merge it into another
            yield from file


def size_of(workspace: Workspace, path: str, kinds: Iterable[str]) -> int | None:
    """Return the bytes of an artifact, None for what is no file of ours: not there, a link, or behind a link."""
    kind, *parts = path.split("/")
    if kind not in kinds or not parts or {"", ".", ".."} & {kind, *parts}:
        return None
    try:
        found = os.lstat(workspace.absolute(path))
        if not stat.S_ISREG(found.st_mode) or _behind_a_link(workspace, path):
            return None
    except OSError:
        return None
    return found.st_size


def _behind_a_link(workspace: Workspace, path: str) -> bool:
    parts = path.split("/")
    return any(
        stat.S_ISLNK(os.lstat(workspace.absolute("/".join(parts[:count]))).st_mode) for count in range(1, len(parts))
    )


class _Judge:
    """Says which files of documents that are gone must stay for now."""

    def __init__(self, workspace: Workspace, tables: Tables) -> None:
        self._workspace = workspace
        self._tables = tables
        self._makers = makers(workspace)
        self._forgotten = workspace.forgotten()
        self._roots = {root.name: root for root in workspace.inputs() if root.kind == "source"}
        self._missing: dict[Path, str] = {}
        self._ends: dict[str, str] = {}

    def reason(self, stage: str, row: Row) -> str:
        """Return why what a stage has of a document must stay, or an empty string."""
        return self._end_of(stage) or self._among_inputs(row) or self._back(row) or self._unheard(stage, row)

    def _end_of(self, stage: str) -> str:
        """Return what was wrong with the last run of a stage; after it, no listing is believed."""
        if not self._ends:
            self._ends = _last_ends(self._workspace, self._tables)
        return self._ends.get(stage, "")

    def _among_inputs(self, row: Row) -> str:
        """Look for the document where it was, and make sure that it could be seen there."""
        name, _, rest = row.item_id.partition("/")
        if name in self._forgotten:
            return ""
        root = self._roots.get(name)
        places = [] if root is None else [os.path.join(root.path, unquote_id(rest))]
        if os.path.isabs(row.input_path):
            places.append(row.input_path)
        try:
            if any(_exists(place) for place in places):
                return "the document is among the inputs"
        except OSError as error:
            return f"{error.filename} cannot be looked at: {error.strerror}"
        return self._unseen(root.path) if root else ""

    def _unseen(self, folder: Path) -> str:
        """Return why nothing can be seen in an input folder: it may be a disk that is not mounted."""
        if folder not in self._missing:
            try:
                with os.scandir(folder) as found:
                    self._missing[folder] = "" if any(found) else f"the input folder {folder} is empty"
            except OSError as error:
                self._missing[folder] = f"the input folder {folder} cannot be listed: {error.strerror}"
        return self._missing[folder]

    def _back(self, row: Row) -> str:
        maker = self._makers.get(row.input_path.partition("/")[0], "")
        source = self._tables.get(maker, {}).get(row.item_id)
        return "" if source is None or source.status == GONE else f"{maker} does not say that it is gone"

    def _unheard(self, stage: str, row: Row) -> str:
        """Return which later stage still has a result: it finds out that the document is gone by this one's files."""
        for other, rows in self._tables.items():
            later = rows.get(row.item_id)
            if other == stage or later is None or later.status == GONE:
                continue
            kinds = {later.input_path.partition("/")[0], *later.inputs}
            if any(self._makers.get(kind) == stage for kind in kinds):
                return f"{other} has not heard that it is gone; docparse run {other}"
        return ""


def _exists(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the latter: a name that no file can have
        return False
    return True


def _last_ends(workspace: Workspace, stages: Iterable[str]) -> dict[str, str]:
    """Return stage → what was wrong with its last run, an empty string when nothing was."""
    left = set(stages)
    ends = dict.fromkeys(left, "")
    for run_id in run_ids(workspace):
        if not left:
            break
        record = read_run(workspace, run_id)
        for stage in left.intersection(record.stages):
            summary = record.summary.get(stage)
            left.discard(stage)
            if summary is None:
                ends[stage] = f"its last run, {run_id}, did not end; docparse run {stage}"
            elif summary.exit_code not in _ENDED_WELL:
                ends[stage] = f"its last run, {run_id}, ended with {summary.exit_code}; docparse run {stage}"
    return ends
