"""Looks after worker processes while they run: deadlines, memory, and items that wait behind a slow one."""

import math
import time
from collections.abc import Iterator

from docparse_runner._gate import Phase
from docparse_runner.errors import Category
from docparse_runner.executors import Returned, Setup
from docparse_runner.executors._memory import SAMPLE_S, tree_rss
from docparse_runner.executors._slots import Slots
from docparse_runner.executors._supervised import GRACE_S, Doom, Now, Supervised

RECALL_S = 0.25
"""What waits behind an item that runs for longer than this is taken back and given to others."""

COMMIT_LIMIT_S = 300.0
SEND_LIMIT_S = 120.0


class Overseer:
    """Decides when a worker has to be looked at, and what to do with it then.

    Attributes:
        workers: the workers of the run, replaced in place when they die.
    """

    def __init__(self, setup: Setup, slots: Slots, workers: list[Supervised]) -> None:
        """Look after these workers."""
        self.workers = workers
        self._setup = setup
        self._slots = slots
        setup_limit = setup.setup_timeout_s or math.inf
        self._limits = {Phase.SETUP: setup_limit, Phase.COMMIT: COMMIT_LIMIT_S, Phase.SEND: SEND_LIMIT_S}
        self._weigh_at = 0.0

    def next_look(self) -> float | None:
        """Return the seconds after which to look at the workers again, None for when something happens.

        Nobody tells when an item starts, so none may wait unseen for longer than its own limit.
        """
        now = time.monotonic()
        ends = [end - now for worker in self.workers if (end := self._deadline(worker, worker.on())) is not None]
        busy = [worker for worker in self.workers if worker.queue]
        ends += [min(worker.shortest_limit_s, *self._limits.values()) for worker in busy]
        ends += [RECALL_S for worker in busy if len(worker.queue) > 1]
        if busy and (self._setup.memory_limit or self._setup.recycle_memory):
            ends.append(SAMPLE_S)
        return max(0.0, min(ends)) if ends and min(ends) < math.inf else None

    def _deadline(self, worker: Supervised, on: Now) -> float | None:
        """Return the monotonic time at which something has to be done about a worker that is on this."""
        if worker.doom:
            return worker.doom.kill_at
        if worker.mute_until:
            return worker.mute_until
        if not worker.queue:
            return None
        if not on.tasks:
            return None if worker.answered else worker.born + self._setup.setup_timeout_s
        limit = self._limit(worker, on)
        return on.since + limit if limit else None

    def _limit(self, worker: Supervised, on: Now) -> float:
        """Return the limit of the phase in seconds, 0 for none; a batch has the sum of what its items have."""
        if on.phase is not Phase.RUN:
            return self._limits.get(on.phase, 0.0)
        limits = [task.timeout_s for task in on.tasks]
        asked = self._slots.allowed(worker.slot) if self._setup.may_allow else 0.0
        return max(sum(limits), asked) if all(limits) else 0.0

    def expire(self) -> None:
        """Give up what is past its limit, and kill what was given up and lives on."""
        now = time.monotonic()
        for worker in self.workers:
            on = worker.on()
            end = self._deadline(worker, on)
            if end is None or end > now or worker.on() != on:  # read twice: the child may be writing it
                continue
            if worker.is_ending or not on.tasks:
                worker.kill()
                continue
            self._slots.expire(worker.slot, on.tasks[0].number)
            if worker.on() == on:  # else it went on to its commit in this very moment, and the flag decides
                numbers, limit = tuple(task.number for task in on.tasks), self._limit(worker, on)
                worker.terminate(Doom(kill_at=now + GRACE_S, numbers=numbers, category=Category.TIMEOUT, limit=limit))

    def recall(self) -> Iterator[Returned]:
        """Take back what waits behind an item that turns out to be slow, so that others can do it."""
        now = time.monotonic()
        for worker in self.workers:
            if len(worker.queue) < 2 or not worker.takes_more:  # noqa: PLR2004 - one runs, one waits
                continue
            tasks, since, phase = worker.on()
            if phase is Phase.RUN and tasks and len(worker.queue) > len(tasks) and now - since > RECALL_S:
                yield from (Returned(number=each.number) for each in worker.recall())

    def weigh(self) -> None:
        """Kill workers over the memory limit, and replace those over the recycling limit between two items."""
        limit, recycle = self._setup.memory_limit, self._setup.recycle_memory
        now = time.monotonic()
        if not (limit or recycle) or now < self._weigh_at:
            return
        self._weigh_at = now + SAMPLE_S
        for worker in self.workers:
            used = tree_rss(worker.pid) if worker.queue and not worker.is_ending else 0
            tasks = worker.on().tasks
            if limit and used > limit and tasks:
                numbers = tuple(task.number for task in tasks)
                worker.doom = Doom(kill_at=now, numbers=numbers, category=Category.OOM, limit=limit)
                self._slots.expire(worker.slot, numbers[0])
                worker.kill()
            elif recycle and used > recycle and tasks and not worker.retiring:  # none it could not even begin
                worker.retire()
