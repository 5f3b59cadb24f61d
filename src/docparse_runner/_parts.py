"""What a run is made of, put together by the engine."""

from collections.abc import Callable, Mapping

import attrs

from docparse_runner._context import StageContext, StageHooks
from docparse_runner._decision import Decider
from docparse_runner._manifest import ManifestSink
from docparse_runner._model import Output, StagePlan
from docparse_runner._row_index import RowIndex
from docparse_runner._runner_options import StageOptions
from docparse_runner.executors import Executor


@attrs.frozen(kw_only=True)
class Parts:
    """What a run is made of.

    Attributes:
        context: told to hooks.
        plan: the items.
        hooks: lifecycle hooks.
        options: the runner's options.
        decider: skip or do.
        rows: item id → last row; emptied as the plan is read: what is left at its end is gone.
        sink: where results are recorded.
        make_executor: called when the first item has to run.
        outputs: kind → what the stage declares.
        fallbacks: of the stage.
        batch: so many items at most run together.
        removes: whether the stage wants to hear of documents that are gone.
        max_queue: items read ahead.
    """

    context: StageContext
    plan: StagePlan
    hooks: StageHooks
    options: StageOptions
    decider: Decider
    rows: RowIndex
    sink: ManifestSink
    make_executor: Callable[[], Executor]
    outputs: Mapping[str, Output]
    fallbacks: tuple[str, ...]
    batch: int
    removes: bool
    max_queue: int
