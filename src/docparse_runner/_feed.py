"""The items of a run, one by one: from the plan, and then the documents that are gone."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from docparse_runner._decision import Action, Decision
from docparse_runner._model import StagePlan, WorkItem
from docparse_runner._row import GONE, ErrorRecord, Row
from docparse_runner.errors import Category, DocparseError, PluginError


class Feed:
    """Draws items from a plan and catches what a planner can do wrong."""

    def __init__(self, plan: StagePlan, rows: Mapping[str, Row], *, tell_gone: bool) -> None:
        """Keep the plan.

        Args:
            plan: the items.
            rows: item id → last row, of the items that were not drawn yet.
            tell_gone: whether the stage wants an item for each document that is gone.
        """
        self._plan = plan
        self._rows = rows
        self._tell_gone = tell_gone
        self._items: Iterator[object] = iter(())
        self._gone: Iterator[Row] | None = None
        self._seen: set[int] = set()
        self.is_whole = False

    def start(self) -> None:
        """Begin to read the plan.

        Raises:
            DocparseError: the planner raised, or there is nothing to iterate.
        """
        self._items = self._guarded(lambda: iter(self._plan.items))

    def next_item(self) -> WorkItem | None:
        """Return the next item, or None at the end.

        Raises:
            DocparseError: the planner raised, or yielded something else than items.
        """
        item = self._guarded(lambda: next(self._items, None))
        if item is None:
            return self._next_gone()
        if not isinstance(item, WorkItem):
            raise PluginError(self._plan.stage_name, f"its plan must yield WorkItem, not {type(item).__name__}")
        return item

    def _guarded(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except DocparseError:
            raise
        except Exception as error:  # the planner's own code
            raise PluginError(self._plan.stage_name, f"its plan raised {type(error).__name__}: {error}") from error

    def _next_gone(self) -> WorkItem | None:
        self.is_whole = True
        if not self._tell_gone:
            return None
        if self._gone is None:
            self._gone = iter(self.gone_rows())
        row = next(self._gone, None)
        return WorkItem(item_id=row.item_id, removed=True) if row else None

    def gone_rows(self) -> list[Row]:
        """Return the rows of documents that were recorded and are not in the plan any more."""
        covers = self._plan.covers
        return [row for item_id, row in self._rows.items() if row.status != GONE and covers(item_id)]

    def refusal(self, item: WorkItem) -> Decision | None:
        """Return the decision that refuses an id which came before, else None."""
        if self._plan.unique_ids:
            return None
        mark = hash(item.item_id)
        if mark in self._seen:
            error = ErrorRecord(category=str(Category.CONTRACT), message="the plan has this id twice", type="repeated")
            return Decision(action=Action.FAIL, reason="", error=error)
        self._seen.add(mark)
        return None
