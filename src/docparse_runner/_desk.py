"""Where a worker's items write, and how what they wrote is put in place: staged first, digested, synced, renamed."""

import os
from pathlib import Path

from docparse_runner._files import empty, put, sync_folder
from docparse_runner._row import FileState
from docparse_runner._wire import Task
from docparse_runner._workspace import Workspace
from docparse_runner.errors import Category, StageError


class Desk:
    """The folders of one worker; items that run together have places of their own."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        """Keep the folder below which everything lies, on the file system of the outputs; made when it is used."""
        self._workspace = workspace
        self._out = folder / "out"
        self._scratch = folder / "scratch"
        self._used: set[Path] = set()
        self._has_scratch = False

    def scratch(self) -> Path:
        """Return a folder for whatever an item likes; emptied after each item from now on."""
        self._has_scratch = True
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    def outputs(self, task: Task, place: int) -> dict[str, Path]:
        """Return kind → where the item at this place is to write."""
        paths = {}
        for kind, final in task.outputs.items():
            folder = self._out / str(place) / kind
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
            self._used.add(folder)
            paths[kind] = folder / os.path.basename(final)
        return paths

    def staged(self, task: Task, place: int) -> dict[str, Path]:
        """Return kind → written file, in the order of the declaration.

        Raises:
            StageError: a required output is missing.
        """
        staged = {}
        for kind, final in task.outputs.items():
            file = self._out / str(place) / kind / os.path.basename(final)
            if file.is_file():
                staged[kind] = file
            elif kind not in task.optional:
                msg = f"the stage did not write its required output {kind!r}"
                raise StageError(msg, category=Category.CONTRACT)
        return staged

    def commit(self, task: Task, staged: dict[str, Path]) -> dict[str, FileState]:
        """Put files in place, remove those that only the previous result had; return kind → what is in place."""
        done = {}
        for kind, path in reversed(staged.items()):  # the canonical one last: where it is new, all of them are
            done[kind] = put(path, task.outputs[kind], self._workspace.relative(task.outputs[kind]))
        if not task.removed:
            mine = {self._workspace.absolute(state.path) for state in done.values()}
            # No row may know of what this result lacks: it is of a run that was killed, or the document was gone.
            lacking = {path for kind, path in task.outputs.items() if kind not in staged}
            for old in {*task.recorded_outputs, *lacking} - mine:
                if self._is_of(task, old):
                    Path(old).unlink(missing_ok=True)
        return {kind: done[kind] for kind in staged}

    def withdraw(self, task: Task) -> None:
        """Remove the receipt of an effect that is about to change: killed in between, the effect is made again."""
        for path in map(Path, {*task.recorded_outputs, *task.outputs.values()}):
            if self._is_of(task, str(path)) and path.exists():
                path.unlink()
                sync_folder(path.parent)

    def _is_of(self, task: Task, old: str) -> bool:
        """Whether a recorded output can be this item's; a garbled row may name that of another document."""
        _kind, _, name = self._workspace.relative(old).partition("/")
        return name.startswith(task.item_id) or old in task.outputs.values()

    def clean(self) -> None:
        """Empty what was used."""
        if self._has_scratch:
            self._used.add(self._scratch)
        for folder in self._used:
            if not folder.is_dir() or os.listdir(folder):
                empty(folder)
        self._used.clear()
