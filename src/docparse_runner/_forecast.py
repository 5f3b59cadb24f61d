"""What a run would do: the same draw from the plan and the same decisions as a run's, without the doing."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from docparse_runner._config import Settings
from docparse_runner._decision import Action, Decider, Decision
from docparse_runner._feed import Feed
from docparse_runner._files import digest_state
from docparse_runner._manifest import read_manifest
from docparse_runner._model import StagePlan, WorkItem
from docparse_runner._options import as_plain, specs_of
from docparse_runner._plan_file import ActionWord, PlannedItem, PlannedStage
from docparse_runner._reader import Reader
from docparse_runner._row import GONE, FileState, Row
from docparse_runner._selection import Selection
from docparse_runner._session import Prepared, Request, prepare
from docparse_runner._workspace import Workspace
from docparse_runner.errors import StageError, UsageError

_WORDS: Mapping[Action, ActionWord] = {Action.RUN: "run", Action.SKIP: "skip", Action.FAIL: "fail"}


@attrs.frozen(kw_only=True)
class Before:
    """What the stage before in a pipeline would do, as far as it matters to the next one.

    Attributes:
        stage: its name.
        running: ids of what would run.
        gone: ids of what is gone.
    """

    stage: str
    running: frozenset[str]
    gone: frozenset[str]

    @classmethod
    def of(cls, name: str, planned: PlannedStage) -> "Before":
        """Return what matters of a stage's plan."""
        gone = frozenset(item.item_id for item in planned.items if item.action == "gone" or item.reason == GONE)
        ahead = frozenset(item.item_id for item in planned.items if item.action == "run") - gone
        return cls(stage=name, running=ahead, gone=gone)


def forecast(
    prepared: Prepared, before: Before | None = None, step: Callable[[], object] = lambda: None
) -> PlannedStage:
    """Return what a run of a stage would do; reads what has to be digested, writes nothing.

    Args:
        prepared: the run.
        before: what the stage before would do, none of which has happened yet.
        step: called after each document.

    Raises:
        PluginError: the stage's planner is broken.
    """
    plan, context = prepared.plan, prepared.context
    outlook = _Outlook(prepared, before)
    for _ in outlook.draw():
        step()
    return PlannedStage.of(
        outlook.items,
        stage_version=plan.stage_version,
        cfg_hash=plan.config_hash,
        options=_options(context.options),
        resolved=dict(context.resolved),
        note=outlook.note,
    )


def forecast_all(
    wanted: Sequence[Request],
    settings: Settings,
    workspace: Workspace,
    plan: Callable[[Prepared, Before | None], PlannedStage] = forecast,
) -> Iterator[tuple[str, PlannedStage]]:
    """Yield (stage, what a run of it would do) of a pipeline; one whose input does not exist yet follows the last one.

    Args:
        wanted: the stages.
        settings: where options come from.
        workspace: the data root.
        plan: ``forecast``, or what calls it.

    Raises:
        UsageError: the first stage has nothing to take.
        PluginError: a stage is broken.
    """
    before: Before | None = None
    for request in wanted:
        try:
            prepared = prepare(request, settings, workspace)
        except UsageError as error:
            if before is None:
                raise
            planned = _unprepared(before, str(error))
        else:
            planned = plan(prepared, before)
        yield request.stage, planned
        before = Before.of(request.stage, planned)


def _unprepared(before: Before, why: str) -> PlannedStage:
    items = [PlannedItem(item_id, "run", f"after {before.stage}", {}) for item_id in sorted(before.running)]
    return PlannedStage.of(items, stage_version=0, cfg_hash="", options={}, resolved={}, note=why)


def _options(options: Any) -> dict[str, Any]:
    """Return the options that change the output; a secret is none of them."""
    names = {spec.name for spec in specs_of(type(options)) if spec.affects_output} if options is not None else set()
    return {name: value for name, value in as_plain(options).items() if name in names}


class _DirectReader(Reader):
    """Reads the plan in this thread: where nothing runs, no deadline waits for it."""

    def __init__(self, items: Iterable[object]) -> None:
        super().__init__(items, lambda: None)
        self._left = (item for item in items)  # what the planner raises comes with the first item

    def take(self) -> object | None:
        """Return the next item, None at the end."""
        for item in self._left:
            return item
        self.is_done = True
        return None


class _Outlook:
    """The items of one stage, drawn as a run draws them.

    Attributes:
        items: what would become of each.
        note: why they are not all, or empty.
    """

    def __init__(self, prepared: Prepared, before: Before | None) -> None:
        context = prepared.context
        self._plan: StagePlan = prepared.plan
        self._removes = prepared.plugin.stage.removes
        self._workspace = context.workspace
        self._limit = context.runner.limit
        self._selection = Selection.of(context.runner)
        self._feed = Feed(self._plan, {}, self._selection, _DirectReader(self._plan.items), tell_gone=False)
        self._rows: Mapping[str, Row] = read_manifest(self._workspace, self._plan.stage_name)[0]
        self._decider = Decider(
            workspace=self._workspace,
            options=context.runner,
            stage_version=self._plan.stage_version,
            cfg_hash=self._plan.config_hash,
            upstreams=context._upstreams or {},  # noqa: SLF001 - the context is ours
            timeout_s=context.stage.timeout_s,
            receipts=context.stage.removes,
        )
        self._before = before
        self._ahead = set(before.running) if before else set[str]()
        self._runs = 0
        self.items: list[PlannedItem] = []
        self.note = ""

    def draw(self) -> Iterator[None]:
        """Draw all items, yielding after each."""
        while not self._feed.is_exhausted and not self._at_limit():
            item = self._feed.next_item()
            if isinstance(item, WorkItem):
                self._take(item)
                yield
        for item_id in sorted(self._ahead):
            if not self._at_limit():
                assert self._before is not None  # noqa: S101 - nothing is ahead without it
                self._add(item_id, "run", f"after {self._before.stage}", {})
        if self._feed.is_whole:
            self._add_gone()
        self.note = "; ".join(filter(None, [self.note, *self._plan.unlisted()]))

    def _at_limit(self) -> bool:
        if self._limit is not None and self._runs >= self._limit:
            self.note = f"stopped at --limit {self._limit}"
        return bool(self.note)

    def _add(self, item_id: str, action: ActionWord, reason: str, inputs: Mapping[str, str | Path]) -> None:
        self._runs += action == "run"
        paths = {kind: self._workspace.relative(path) for kind, path in inputs.items()}
        self.items.append(PlannedItem(item_id, action, reason, paths))

    def _take(self, item: WorkItem) -> None:
        if self._before and item.item_id in self._before.gone:
            return  # by the time that this stage runs, its input counts for nothing
        decision = self._feed.refusal(item) or self._decider.decide(item, self._rows.get(item.item_id))
        if decision.action is Action.CHECK:
            decision = _checked(item, decision, self._workspace)
        word, reason = _WORDS[decision.action], decision.reason
        if decision.error is not None:
            reason = decision.error.message
        ahead = item.item_id in self._ahead
        self._ahead.discard(item.item_id)
        if ahead and word == "skip" and self._before:
            word, reason = "run", f"if {self._before.stage} changes it"
        self._add(item.item_id, word, reason, item.inputs)

    def _add_gone(self) -> None:
        """Add the documents that are recorded and not in the plan any more."""
        seen = {item.item_id for item in self.items}
        covers, wants = self._plan.covers, self._selection.wants
        for item_id in self._rows:
            if item_id in seen or not wants(item_id) or not covers(item_id):
                continue
            row = self._rows.get(item_id)
            if row is None or row.status == GONE:
                continue
            if self._removes:
                self._add(item_id, "run", GONE, {})
            else:
                self._add(item_id, "gone", "the document is gone", {})


def _checked(item: WorkItem, decision: Decision, workspace: Workspace) -> Decision:
    """Return what the worker would find out by digesting."""
    row = decision.row
    assert row is not None  # noqa: S101 - a check compares with a row
    inputs = {kind: _state(path, workspace) for kind, path in item.inputs.items()}
    outputs = [(_state(workspace.absolute(state.path), workspace), state) for state in row.outputs.values()]
    same = all(now.digest == then.digest for now, then in outputs)
    if same and {kind: state.digest for kind, state in inputs.items()} == {
        kind: state.digest for kind, state in row.inputs.items()
    }:
        return attrs.evolve(decision, action=Action.SKIP)
    return attrs.evolve(decision, action=Action.RUN, reason=decision.reason_after_check(inputs))


def _state(path: str | Path, workspace: Workspace) -> FileState:
    try:
        return digest_state(path, workspace.relative(path))
    except (OSError, StageError):
        return FileState(os.fspath(path), -1, 0, 0, 0)
