"""Runs a stage in a scratch folder, as ``docparse run`` does, and shows what came of it."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs

from docparse_runner._config import Settings
from docparse_runner._engine import run_stage
from docparse_runner._entry_points import STAGES, listed
from docparse_runner._factories import StageFactory, WorkerFactory
from docparse_runner._layers import Layer
from docparse_runner._lifecycle import Lifecycle
from docparse_runner._manifest import read_manifest
from docparse_runner._model import ItemOutcome, Stage
from docparse_runner._outcome import StageOutcome
from docparse_runner._planning import SOURCE
from docparse_runner._plugins import StagePlugin, load_stage
from docparse_runner._row import Row
from docparse_runner._session import Prepared, Request, prepare
from docparse_runner._workspace import Workspace, quote_id, unquote_id
from docparse_runner.errors import DocparseError, UsageError
from docparse_runner.testing._wrapped import Wrapped, stopping

Content = str | bytes
Documents = Mapping[str, Content | Mapping[str, Content]]

_LONG_AGO = 1_700_000_000
_INPUT = "docs"
SUFFIXES = {
    "docling": ".docling.json",
    "doctags": ".doctags",
    "chunks": ".chunks.jsonl",
    "embeddings": ".vectors.parquet",
}
"""Kind → suffix of the artifacts of the stages that docparse comes with."""


@attrs.define(kw_only=True)
class StageHarness:
    """A stage, some documents and a data root of their own.

    Attributes:
        name: the stage's entry point.
        root: a folder for everything; the documents lie in ``docs``, the data root is ``data``.
        options: option → value, on top of the defaults; the stage's and the runner's.
        suffixes: kind → suffix of what the stage consumes, where neither the stage nor an installed one says it.
        messages: what the runs have told their user.
    """

    name: str
    root: Path
    options: Mapping[str, Any] = attrs.field(factory=dict)
    suffixes: Mapping[str, str] = attrs.field(factory=dict)
    messages: list[str] = attrs.field(factory=list, init=False)
    _loaded: StagePlugin | None = attrs.field(default=None, init=False)
    _ends: dict[str, str] = attrs.field(factory=dict, init=False)

    @property
    def plugin(self) -> StagePlugin:
        """The stage, loaded once: looking through what is installed takes longer than most tests."""
        if self._loaded is None:
            self._loaded = load_stage(self.name)
        return self._loaded

    @property
    def stage(self) -> Stage:
        """What the stage says of itself."""
        return self.plugin.stage

    @property
    def workspace(self) -> Workspace:
        """The data root."""
        return Workspace(self.root / "data")

    def fresh(self, name: str) -> Self:
        """Return a harness with the same documents and a data root that has seen no run."""
        copy = attrs.evolve(self, root=self.root / name)
        copy.root.mkdir()
        if (self.root / _INPUT).exists():
            shutil.copytree(self.root / _INPUT, copy.root / _INPUT)
        for kind in self.stage.consumes:
            if kind != SOURCE and (self.workspace.root / kind).exists():
                shutil.copytree(self.workspace.root / kind, copy.workspace.root / kind)
        return copy

    def write(self, documents: Documents) -> None:
        """Write documents, as if long ago, so that their times are trusted.

        Args:
            documents: name → content of the first kind that the stage consumes, or a mapping kind → content for a stage
                that joins several. A stage that consumes source files takes names with an ending (``a.txt``).
        """
        first = next(iter(self.stage.consumes))
        for name, content in documents.items():
            parts = content if isinstance(content, Mapping) else {first: content}
            for kind, part in parts.items():
                path = self.path(name, kind)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(part.encode() if isinstance(part, str) else part)
                os.utime(path, (_LONG_AGO, _LONG_AGO))

    def path(self, name: str, kind: str | None = None) -> Path:
        """Return where a document lies: its source, or an artifact that the stage consumes."""
        kind = kind or next(iter(self.stage.consumes))
        if kind == SOURCE:
            return self.root / _INPUT / name
        return self.workspace.artifact(kind, self.item_id(name), self._suffix(kind))

    def item_id(self, name: str) -> str:
        """Return the id of a document."""
        return f"{_INPUT}/{quote_id(name)}"

    def _suffix(self, kind: str) -> str:
        if kind not in self._ends:
            self._ends[kind] = self._find_suffix(kind)
        return self._ends[kind]

    def _find_suffix(self, kind: str) -> str:
        declared = self.stage.consumes[kind]
        found = (declared[0] if declared else "") or self.suffixes.get(kind) or SUFFIXES.get(kind) or _installed(kind)
        if not found:
            msg = (
                f"no installed stage makes {kind!r}: tell the testkit how its files end, suffixes = {{{kind!r}: '.…'}}"
            )
            raise UsageError(msg)
        return found

    def prepared(self, **options: Any) -> Prepared:
        """Return the stage configured and planned, as a run begins.

        Raises:
            DocparseError: a run would stop before it starts.
        """
        sources = SOURCE in self.stage.consumes
        self._declare()
        request = Request(
            stage=self.name,
            inputs=[str(self.root / _INPUT)] if sources else (),
            flags={"workers": 0, **self.options, **options},
        )
        return prepare(request, Settings(environment={}, file=Layer(where="")), self.workspace)

    def _declare(self) -> None:
        """Say how the artifacts end that the test has written, unless a stage has said so."""
        self.workspace.create()
        known = self.workspace.kinds()
        for kind, declared in self.stage.consumes.items():
            if kind != SOURCE and not declared and kind not in known:
                self.workspace.declare("", {kind: self._suffix(kind)})

    def run(
        self,
        *,
        poison: Mapping[str, str] | None = None,
        stop_after: int | None = None,
        answers: list[ItemOutcome] | None = None,
        **options: Any,
    ) -> StageOutcome:
        """Run the stage and return how it went.

        Args:
            poison: document → what it does to its worker once it is done, see ``docparse_runner.testing.poison``.
            stop_after: stop the run, as Ctrl-C does, after so many documents.
            answers: gets what the worker returns for each document, as it returns it; for a run inline.
            options: of the stage and of the runner. Without ``workers`` it runs inline.

        Raises:
            DocparseError: the run stopped with exit code 2.
        """
        prepared = self.prepared(**options)
        context = prepared.context
        factory: WorkerFactory = StageFactory(
            name=self.name, options=context.options, runner=context.runner, resolved=dict(context.resolved)
        )
        if poison or answers is not None:
            doses = {self.item_id(name): kind for name, kind in (poison or {}).items()}
            factory = Wrapped(factory, doses, [] if answers is None else answers)
        hooks = Lifecycle(prepared.plugin.lifecycle(), [], self.messages.append).hooks(None)
        context.workspace.remember(prepared.roots)
        if stop_after is not None:
            hooks = stopping(hooks, stop_after)
        return run_stage(prepared.plan, factory, context.runner, hooks, workspace=context.workspace, context=context)

    def stopped(self, **arguments: Any) -> DocparseError | None:
        """Run, and return what stopped the run with exit code 2, None if nothing did."""
        try:
            StageHarness.run(self, **arguments)
        except DocparseError as error:
            return error
        return None

    def rows(self) -> dict[str, Row]:
        """Return document → the last row of the stage's manifest."""
        rows, _bad = read_manifest(self.workspace, self.stage.name)
        return {_name(item_id): row for item_id, row in rows.items()}

    def ran(self, outcome: StageOutcome) -> set[str]:
        """Return the documents that a worker had in a run, whatever became of them."""
        path = self.workspace.manifests / f"{self.stage.name}.attempts.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return {
            _name(line["item_id"])
            for line in lines
            if line["run_id"] == outcome.run_id and line["event"] not in ("started", "cancelled", "unchanged")
        }

    def outputs(self, name: str | None = None) -> dict[str, bytes]:
        """Return path in the data root → content, of what the stage made: of one document, or of all."""
        kinds = self.stage.outputs(self.prepared().context.options)
        mine = {f"{kind}/{self.item_id(name)}{kinds[kind].suffix}" for kind in kinds} if name is not None else None
        found = {}
        for kind in kinds:
            for path in sorted((self.workspace.root / kind).rglob("*")):
                place = path.relative_to(self.workspace.root).as_posix()
                if path.is_file() and (mine is None or place in mine):
                    found[place] = path.read_bytes()
        return found

    def remove(self, name: str) -> None:
        """Remove a document, of each kind that the stage consumes."""
        for kind in self.stage.consumes:
            self.path(name, kind).unlink()

    def folders(self) -> set[str]:
        """Return the names in the data root that are not the runner's own."""
        own = {"manifests", "runs", "config.json"}
        return {each.name for each in self.workspace.root.iterdir() if each.name not in own and each.name[0] != "."}


def _name(item_id: str) -> str:
    return unquote_id(item_id).removeprefix(f"{_INPUT}/")


def _installed(kind: str) -> str:
    """Return the suffix that an installed stage gives a kind, or an empty string."""
    for entry in listed(STAGES):
        try:
            stage = load_stage(entry.name).stage
        except DocparseError:  # of somebody else's stage
            continue
        if isinstance(stage.produces, Mapping) and kind in stage.produces:
            return stage.produces[kind].suffix
    return ""
