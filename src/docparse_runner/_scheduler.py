"""What runs next, what is tried again and when, what stops the run: decisions only.

No clock, no thread, no file: the engine says what happened and at what time, so every rule here is tested with plain
calls. Items are known by the number the engine gave them.

Simulated on log-normal costs with 8 workers: ``lpt`` (large first) gives the shortest run, 1.00 of the lower bound
against 1.25 for ``fifo``; ``sjf`` (small first) gives the earliest results, at 1.42.
"""

import heapq
import random
from collections import Counter, deque
from enum import Enum, auto

import attrs

from docparse_runner.errors import Category

BREAKER_SIZE = 10
"""So many first items failing alike stop the run: a missing model, a wrong key."""

MAX_BACKOFF_S = 300.0
"""No retry waits longer than this."""

_MAX_DOUBLINGS = 64  # further ones change nothing below MAX_BACKOFF_S and would overflow a float

_FALLBACK_AFTER = frozenset({Category.RUNTIME, Category.CRASH, Category.TIMEOUT, Category.OOM})


class Verdict(Enum):
    """What a finished attempt means for its item."""

    FINAL = auto()
    AGAIN = auto()


@attrs.frozen(kw_only=True)
class Rules:
    """What the scheduler goes by.

    Attributes:
        schedule: ``fifo``, ``sjf`` or ``lpt``.
        retries: how often a retryable failure is tried again.
        backoff_s: upper bound of the first wait, in seconds; doubles with each retry.
        error_budget: None, a count such as ``10``, or a percentage such as ``5%``.
        fallbacks: names to try after the first attempt failed for good.
        batch: so many items at most run together.
        seed: of the waits; None for a different one in each run.
    """

    schedule: str = "fifo"
    retries: int = 0
    backoff_s: float = 1.0
    error_budget: str | None = None
    fallbacks: tuple[str, ...] = ()
    batch: int = 1
    seed: int | None = None


@attrs.frozen(kw_only=True)
class Failure:
    """What the scheduler needs to know of a failed attempt.

    Attributes:
        category: what kind.
        retryable: whether ``retries`` may try again.
        type: name of the exception's class.
        repeatable: False while the attempt may still be running: no other may start.
    """

    category: Category
    retryable: bool = False
    type: str = ""
    repeatable: bool = True


@attrs.frozen(kw_only=True)
class Dispatch:
    """Run this item now.

    Attributes:
        number: the item.
        attempt: 1 for the first.
        fallback: which fallback to use, or None.
        alone: whether the worker must have nothing else, because the item may kill it.
        batch: with so many items at most, itself included, it may run together.
    """

    number: int
    attempt: int
    fallback: str | None
    alone: bool
    batch: int = 1


@attrs.define
class _Entry:
    cost: float
    attempts: int = 0
    retries: int = 0
    fallback: int = -1
    alone: bool = False
    batch: int = 1


class Scheduler:
    """The state of a run: what waits, what runs, what has ended."""

    def __init__(self, rules: Rules, total: int | None = None) -> None:
        """Start with nothing queued; `total` is the number of items the plan announced, if it did."""
        self._rules = rules
        self._total = total
        self._random = random.Random(rules.seed)  # noqa: S311 - spreads retries, guards nothing
        self._entries: dict[int, _Entry] = {}
        self._queue: deque[int] = deque()
        self._heap: list[tuple[float, int]] = []
        self._delayed: list[tuple[float, int]] = []
        self._suspects: deque[int] = deque()
        self._running: set[int] = set()
        self._ended = 0
        self._failed = 0
        self._good = 0
        self._first: Counter[tuple[Category, str]] = Counter()
        self.stop_reason = ""
        self.stopped_by_failures = False

    @property
    def queued(self) -> int:
        """Return how many items wait for a worker, retries that are not due included."""
        return len(self._entries) - len(self._running)

    @property
    def ready(self) -> int:
        """Return how many items a worker could take now."""
        return len(self._entries) - len(self._running) - len(self._delayed)

    @property
    def running(self) -> int:
        """Return how many items are with a worker."""
        return len(self._running)

    def add(self, number: int, cost: float = 0.0) -> None:
        """Queue an item."""
        self._entries[number] = _Entry(cost, batch=self._rules.batch)
        self._push(number)

    def _push(self, number: int) -> None:
        if self._rules.schedule == "fifo":
            self._queue.append(number)
        else:
            sign = 1.0 if self._rules.schedule == "sjf" else -1.0
            heapq.heappush(self._heap, (sign * self._entries[number].cost, number))

    def next(self, now: float) -> Dispatch | None:
        """Return what to hand to a worker at `now`, or None when nothing is ready or the run is stopping."""
        if self.stop_reason:
            return None
        number = self._pop(now)
        if number is None:
            return None
        entry = self._entries[number]
        entry.attempts += 1
        self._running.add(number)
        fallback = self._rules.fallbacks[entry.fallback] if entry.fallback >= 0 else None
        batch = 1 if entry.alone or fallback else entry.batch
        return Dispatch(number=number, attempt=entry.attempts, fallback=fallback, alone=entry.alone, batch=batch)

    def _pop(self, now: float) -> int | None:
        if self._delayed and self._delayed[0][0] <= now:
            return heapq.heappop(self._delayed)[1]
        if self._suspects:
            return self._suspects.popleft()
        if self._queue:
            return self._queue.popleft()
        return heapq.heappop(self._heap)[1] if self._heap else None

    @property
    def due(self) -> float | None:
        """Return the time at which the next retry is due, None when none waits."""
        return self._delayed[0][0] if self._delayed and not self.stop_reason else None

    def give_back(self, number: int, *, suspect: bool = False, batch: int = 0) -> None:
        """Take back an item that a worker never finished through no proven fault of its own.

        Args:
            number: the item.
            suspect: it may have killed its worker: it runs again alone, and only dying alone is held against it.
            batch: with so many items at most it may run together from now on; 0 changes nothing.
        """
        self._running.remove(number)
        entry = self._entries[number]
        entry.attempts -= 1
        entry.alone = entry.alone or suspect
        entry.batch = batch or entry.batch
        self._suspects.append(number)

    def finished(self, number: int, failure: Failure | None, now: float) -> Verdict:
        """Say how an attempt ended; the answer says whether the item has ended too."""
        self._running.remove(number)
        if failure is not None and not self.stop_reason and self._try_again(number, failure, now):
            return Verdict.AGAIN
        self._end(number, failure)
        return Verdict.FINAL

    def _try_again(self, number: int, failure: Failure, now: float) -> bool:
        if not failure.repeatable:
            return False
        entry = self._entries[number]
        crash_once = failure.category is Category.CRASH and self._rules.retries > 0 and not entry.alone
        if (failure.retryable and entry.retries < self._rules.retries) or crash_once:
            entry.alone = entry.alone or crash_once
            bound = min(MAX_BACKOFF_S, self._rules.backoff_s * 2.0 ** min(entry.retries, _MAX_DOUBLINGS))
            entry.retries += 1
            heapq.heappush(self._delayed, (now + self._random.uniform(0, bound), number))
            return True
        if failure.category in _FALLBACK_AFTER and entry.fallback + 1 < len(self._rules.fallbacks):
            entry.fallback += 1
            self._suspects.append(number)
            return True
        return False

    def _end(self, number: int, failure: Failure | None) -> None:
        del self._entries[number]
        self._ended += 1
        if failure is None:
            self._good += 1
            return
        self._failed += 1
        if not self._good:
            self._first[failure.category, failure.type] += 1
        self._judge()

    def _judge(self) -> None:
        if self.stop_reason:
            return
        if self._over_budget():
            self._stop_for_failures(f"the error budget of {self._rules.error_budget} is spent: {self._failed} failed")
        elif not self._good and self._first.total() == BREAKER_SIZE and len(self._first) == 1:
            ((category, kind),) = self._first
            if category is not Category.INPUT:
                self._stop_for_failures(f"the first {BREAKER_SIZE} items all failed alike ({category}: {kind})")

    def _over_budget(self) -> bool:
        budget = self._rules.error_budget
        if budget is None:
            return False
        if not budget.endswith("%"):
            return self._failed > int(budget)
        # Without a total the first failures would look like 100 %: judge by at least 20 items.
        base = self._total if self._total is not None else max(self._ended, 20)
        return self._failed > base * float(budget[:-1]) / 100

    def _stop_for_failures(self, reason: str) -> None:
        self.stop(reason)
        self.stopped_by_failures = True

    def stop(self, reason: str) -> None:
        """Hand out nothing more; the first reason stays."""
        self.stop_reason = self.stop_reason or reason

    def skipped(self, count: int = 1) -> None:
        """Count items that ended without being queued and are good."""
        self._ended += count

    def refused(self) -> None:
        """Count an item that failed without being queued; it counts for the budget and says nothing to the breaker."""
        self._ended += 1
        self._failed += 1
        self._judge()

    def waiting(self) -> list[int]:
        """Return the items that were queued and never ended, in the order they were added, running ones left out."""
        return sorted(set(self._entries) - self._running)

    def drop(self, number: int) -> None:
        """Forget an item that ends as cancelled."""
        self._running.discard(number)
        del self._entries[number]
