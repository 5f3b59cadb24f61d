"""Validation: are a stage's recorded outputs in place and what they should be? Asked in child processes, like a run.

The children work for a data root of their own in a temporary folder, so that nothing is written in the real one. What
they are to look at comes with each item as metadata; an item itself has neither inputs nor outputs, so that nothing is
digested twice or staged.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import msgspec

from docparse_runner._audit import compared
from docparse_runner._context import StageContext, StageHooks
from docparse_runner._engine import new_run_id, run_stage
from docparse_runner._manifest import read_manifest
from docparse_runner._model import ItemOutcome, Stage, StagePlan, WorkItem
from docparse_runner._options import secrets_of
from docparse_runner._outcome import StageOutcome
from docparse_runner._plugins import StagePlugin, load_stage
from docparse_runner._row import FileState, Row
from docparse_runner._runner_options import StageOptions
from docparse_runner._secrets import Redactor
from docparse_runner._workspace import Workspace


@attrs.frozen(kw_only=True)
class ValidatorFactory:
    """Opens what validates items of a stage, in a worker.

    Attributes:
        name: the entry point.
        options: the stage's options.
        runner: the runner's options.
        resolved: what ``docparse_resolve`` returned.
        root: the data root whose results are validated.
    """

    name: str
    options: Any
    runner: StageOptions
    resolved: Mapping[str, Any]
    root: str

    def open(self, context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
        """Load the stage and return the function that finds the problems of one item."""
        plugin, workspace = load_stage(self.name), Workspace(self.root)
        context.stage, context.workspace = plugin.stage, workspace
        context.options, context.runner, context.resolved = self.options, self.runner, self.resolved

        def validate(item: WorkItem) -> ItemOutcome:
            states = msgspec.convert(item.metadata["outputs"], dict[str, FileState])
            problems = [*_lacking(plugin.stage, states), *_broken(workspace, states)]
            if not problems and plugin.has("docparse_validate"):
                problems = _asked(plugin, _real(item, states, workspace), context)
            return ItemOutcome.success(problems=problems)

        return validate


def _real(item: WorkItem, states: Mapping[str, FileState], workspace: Workspace) -> WorkItem:
    """Return the item with the files that it has in the data root."""
    outputs = {kind: Path(workspace.absolute(state.path)) for kind, state in states.items()}
    return attrs.evolve(item, inputs=item.metadata["inputs"], outputs=outputs, metadata={})


def _lacking(stage: Stage, states: Mapping[str, FileState]) -> Iterator[str]:
    """Yield required outputs that are not recorded; where options decide what is made, nobody knows those of then."""
    if isinstance(stage.produces, Mapping):
        for kind, output in stage.produces.items():
            if output.required and kind not in states:
                yield f"the required output {kind!r} is not recorded"


def _broken(workspace: Workspace, states: Mapping[str, FileState]) -> Iterator[str]:
    for kind, state in states.items():
        problem, detail, _unseen = compared(workspace, state)
        if problem:
            yield f"the output {kind!r} is {problem}: {state.path}" + (f" ({detail})" if detail else "")


def _asked(plugin: StagePlugin, item: WorkItem, context: StageContext) -> list[str]:
    try:
        return plugin.validate(item, context)
    except Exception as error:  # noqa: BLE001 - the stage's own code
        return [f"docparse_validate() raised {type(error).__name__}: {error}"]


@attrs.frozen(kw_only=True)
class Validation:
    """What was found out about a stage's results.

    Attributes:
        results: how many were looked at.
        problems: item id → what is wrong, one sentence each.
        outcome: how the looking went.
    """

    results: int
    problems: Mapping[str, list[str]]
    outcome: StageOutcome


def validate(context: StageContext) -> Validation:
    """Validate every result that a stage recorded.

    Args:
        context: the stage, its options and what they mean, the runner's options, and the data root.

    Raises:
        DocparseError: the stage cannot be opened.
    """
    stage, workspace = context.stage, context.workspace
    rows = _results(workspace, stage.name)
    found: dict[str, list[str]] = {}
    hide = Redactor(secrets_of(context.options))

    def heard(item: WorkItem, outcome: ItemOutcome, _context: StageContext) -> None:
        error = outcome.error
        problems = [f"{error.category}: {error.message}"] if error else outcome.metrics.get("problems", [])
        if problems:
            found[item.item_id] = hide.data(problems)

    factory = ValidatorFactory(
        name=stage.name,
        options=context.options,
        runner=context.runner,
        resolved=dict(context.resolved),
        root=str(workspace.root),
    )
    plan = StagePlan(stage_name=stage.name, items=_items(rows, workspace), total_items=len(rows))
    with tempfile.TemporaryDirectory(prefix="docparse-validate-") as folder:
        outcome = run_stage(
            plan,
            factory,
            context.runner,
            StageHooks(after_item=heard),
            workspace=Workspace(folder),
            context=_stand_in(stage, folder),
        )
    now = _results(workspace, stage.name) if found else {}
    still = {item_id: found[item_id] for item_id in sorted(found) if now.get(item_id) == rows[item_id]}
    return Validation(results=len(rows), problems=still, outcome=outcome)


def _results(workspace: Workspace, stage: str) -> dict[str, Row]:
    return {item_id: row for item_id, row in read_manifest(workspace, stage, strict=True)[0].items() if row.outputs}


def _items(rows: Mapping[str, Row], workspace: Workspace) -> Iterator[WorkItem]:
    for item_id, row in rows.items():
        inputs = {kind: workspace.absolute(state.path) for kind, state in row.inputs.items()}
        yield WorkItem(item_id=item_id, metadata={"inputs": inputs, "outputs": msgspec.to_builtins(row.outputs)})


def _stand_in(stage: Stage, folder: str) -> StageContext:
    """Return a context for a run of a stage that makes nothing and has the deadlines of the real one."""
    quiet = Stage(
        name=stage.name,
        version=1,
        consumes=["source"],
        produces={},
        timeout_s=stage.timeout_s,
        setup_timeout_s=stage.setup_timeout_s,
    )
    return StageContext(stage=quiet, workspace=Workspace(folder), run_id=new_run_id())
