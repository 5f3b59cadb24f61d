"""The items of a run, one by one: from the plan, and then the documents that are gone."""

from collections.abc import Iterator, Mapping

from docparse_runner._decision import Action, Decision
from docparse_runner._model import StagePlan, Unchanged, WorkItem
from docparse_runner._reader import Reader
from docparse_runner._row import GONE, ErrorRecord, Row
from docparse_runner._selection import Selection
from docparse_runner.errors import Category, DocparseError, PluginError


class Feed:
    """Draws the selected items from a plan and catches what a planner can do wrong.

    Attributes:
        reader: reads the plan.
        is_whole: whether everything was drawn, so that what is missing is gone.
        is_exhausted: whether there is nothing more to draw.
    """

    def __init__(
        self, plan: StagePlan, rows: Mapping[str, Row], selection: Selection, reader: Reader, *, tell_gone: bool
    ) -> None:
        """Keep the plan.

        Args:
            plan: the items.
            rows: item id → last row, of the items that were not drawn yet.
            selection: which of the items.
            reader: of the plan's items.
            tell_gone: whether the stage wants an item for each document that is gone.
        """
        self._plan = plan
        self._rows = rows
        self._selection = selection
        self._tell_gone = tell_gone
        self._gone: Iterator[Row] | None = None
        self._seen: set[int] = set()
        self.reader = reader
        self.is_whole = False
        self.is_exhausted = False

    def next_item(self) -> WorkItem | Unchanged | None:
        """Return the next item, or None when there is none now, or none any more.

        Raises:
            DocparseError: the planner raised, or yielded something else than items.
        """
        while (item := self._read()) is not None:
            if isinstance(item, Unchanged):
                return item
            if not isinstance(item, WorkItem):
                raise PluginError(self._plan.stage_name, f"its plan must yield WorkItem, not {type(item).__name__}")
            if self._selection.is_everything or self._selection.wants(item.item_id):
                return item
        return self._next_gone() if self.reader.is_done else None

    def _read(self) -> object | None:
        try:
            return self.reader.take()
        except DocparseError:
            raise
        except Exception as error:  # the planner's own code
            raise PluginError(self._plan.stage_name, f"its plan raised {type(error).__name__}: {error}") from error

    def _next_gone(self) -> WorkItem | None:
        self.is_whole = not self._selection.is_partial
        if self._tell_gone and self.is_whole:
            if self._gone is None:
                self._gone = iter(self.gone_rows())
            if row := next(self._gone, None):
                return WorkItem(item_id=row.item_id, removed=True)
        self.is_exhausted = True
        return None

    def gone_rows(self) -> list[Row]:
        """Return the rows of documents that were recorded, are of this shard and are not in the plan any more."""
        covers, wants = self._plan.covers, self._selection.wants
        missing = (self._rows.get(item_id) for item_id in self._rows if covers(item_id) and wants(item_id))
        return [row for row in missing if row is not None and row.status != GONE]

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
