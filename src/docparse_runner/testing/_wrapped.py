"""What the harness puts between a stage and its run: poison, an ear, and a hand at Ctrl-C."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from docparse_runner._context import StageContext, StageHooks
from docparse_runner._factories import WorkerFactory
from docparse_runner._model import ItemOutcome, WorkItem
from docparse_runner.testing.poison import KINDS


@attrs.frozen
class Wrapped:
    """A stage's worker that is listened to, and in which some documents, once they are done, do what poison does.

    What dies so has begun its work, and may have written everything: nothing of that counts.

    Attributes:
        inner: opens the worker.
        doses: item id → name of the poison.
        answers: gets each outcome as the worker returns it; of a run inline.
    """

    inner: WorkerFactory
    doses: Mapping[str, str]
    answers: list[ItemOutcome]

    @contextmanager
    def open(self, context: StageContext) -> Iterator[Any]:
        """Open the worker and wrap it."""
        opened = self.inner.open(context)
        with opened if hasattr(opened, "__enter__") else _unmanaged(opened) as call:
            yield lambda given: self._call(call, given)

    def _call(self, call: Any, given: WorkItem | list[WorkItem]) -> Any:
        try:
            answer = call(given)
            self.answers.extend(answer if isinstance(answer, list) else [answer])
            return answer
        finally:
            for item in given if isinstance(given, list) else [given]:
                if item.item_id in self.doses:
                    KINDS[self.doses[item.item_id]]()


@contextmanager
def _unmanaged(call: Any) -> Iterator[Any]:
    yield call


def stopping(hooks: StageHooks, count: int) -> StageHooks:
    """Return hooks that stop the run after so many items."""
    ended = 0

    def after_item(item: WorkItem, outcome: ItemOutcome, context: StageContext) -> None:
        nonlocal ended
        hooks.after_item(item, outcome, context)
        ended += 1
        if ended >= count:
            context.cancel()

    return attrs.evolve(hooks, after_item=after_item)
