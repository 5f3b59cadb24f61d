"""What goes in: items are drawn from the plan, ahead of the workers, and queued unless nothing has to be done."""

import time
from collections.abc import Callable, Iterable

from docparse_runner._arrivals import Arrivals
from docparse_runner._decision import Action
from docparse_runner._feed import Feed
from docparse_runner._model import Unchanged, WorkItem
from docparse_runner._parts import Parts
from docparse_runner._reader import Reader
from docparse_runner._record import Job
from docparse_runner._selection import Selection
from docparse_runner._tally import Tally
from docparse_runner.errors import DocparseError

_DRAW = 256


class Intake:
    """Draws from the plan of a run.

    Attributes:
        feed: the items.
    """

    def __init__(self, parts: Parts, arrivals: Arrivals, tally: Tally, wake: Callable[[], None]) -> None:
        """Prepare; the plan is read once ``feed.reader`` is started.

        Args:
            parts: what the run is made of.
            arrivals: of the run; its jobs and its scheduler get what is queued here.
            tally: what has become of the items.
            wake: called, in the thread that reads the plan, when there is something to draw.
        """
        self._parts = parts
        self._arrivals = arrivals
        self._scheduler, self._recorder = arrivals.scheduler, arrivals.recorder
        self._tally = tally
        self._queued = 0
        self.feed = Feed(
            parts.plan,
            parts.rows,
            Selection.of(parts.options),
            Reader(self._items(), wake),
            tell_gone=parts.removes,
        )

    def _items(self) -> Iterable[WorkItem | Unchanged]:
        """Return the items of the plan; where nobody asks for more, those that are up to date are only counted."""
        plan, options = self._parts.plan, self._parts.options
        is_asked = self._parts.hooks.hears_unchanged or options.force or not options.resume or options.verify_hash
        if plan.items_unless is None or is_asked or not plan.unique_ids or not Selection.of(options).is_everything:
            return plan.items
        return plan.items_unless(self._is_unchanged)

    def _is_unchanged(self, item_id: str, kind: str, path: str) -> bool:
        """Called in the thread that reads the plan."""
        row = self._parts.rows.get(item_id)
        if row is None or not self._parts.decider.is_settled(row, kind, path):
            return False
        self._parts.rows.drop(item_id)
        return True

    @property
    def is_at_limit(self) -> bool:
        """Whether as many items run as the user wants; one that turns out to be unchanged does not count."""
        limit = self._parts.options.limit
        return limit is not None and self._queued - self._arrivals.unchanged >= limit

    @property
    def wants_more(self) -> bool:
        """Whether to read on in the plan."""
        if self.feed.is_exhausted or self.is_at_limit or self._scheduler.stop_reason:
            return False
        return self._scheduler.ready < self._parts.max_queue

    def more_in(self, now: float) -> float | None:
        """Let the plan be read ahead and return the seconds until items should be taken, None if that is not known."""
        self.feed.reader.ask(self._parts.max_queue - self._scheduler.ready)
        return self.feed.reader.delay(now)

    def draw(self) -> None:
        """Take some items of the plan, ahead of the workers."""
        if self.more_in(time.monotonic()) != 0:
            return
        for _ in range(_DRAW):
            if not self.wants_more:
                return
            try:
                item = self.feed.next_item()
            except DocparseError as error:
                self._arrivals.stop_with(error)
                return
            if item is None:
                return
            if isinstance(item, Unchanged):
                self._tally.unchanged(item.count)
                self._scheduler.skipped(item.count)
            else:
                self._take(item)

    def _take(self, item: WorkItem) -> None:
        """Count an item and queue it, unless nothing has to be done."""
        self._tally.planned += 1
        row = self._parts.rows.take(item.item_id)
        decision = self.feed.refusal(item) or self._parts.decider.decide(item, row)
        job = Job(item, decision, time.monotonic())
        if decision.action is Action.SKIP:
            self._scheduler.skipped()
            self._recorder.skip(job)
        elif decision.error is not None:
            self._scheduler.refused()
            self._recorder.failure(job, decision.error, None, "")
            self._arrivals.mind_failures()
        else:
            cost = item.cost_hint or float(sum(found.st_size for found in decision.stats.values()))
            self._arrivals.jobs[self._queued] = job
            self._scheduler.add(self._queued, cost)
            self._queued += 1
