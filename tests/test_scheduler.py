"""The scheduler: who runs next, who is tried again and when, what stops the run."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from docparse_runner._scheduler import BREAKER_SIZE, MAX_BACKOFF_S, Dispatch, Failure, Rules, Scheduler, Verdict
from docparse_runner.errors import Category

IO = Failure(category=Category.IO, retryable=True, type="OSError")
BAD = Failure(category=Category.INPUT, type="StageError")
BUG = Failure(category=Category.RUNTIME, type="ValueError")
CRASH = Failure(category=Category.CRASH, type="crash")
LATE = Failure(category=Category.TIMEOUT, type="timeout")


def scheduler_of(count, *, total=None, **rules):
    """Return a scheduler with so many items queued."""
    scheduler = Scheduler(Rules(**rules), total)
    for number in range(count):
        scheduler.add(number)
    return scheduler


def run_one(scheduler, failure=None, now=0.0):
    """Run the next item to its end."""
    return scheduler.finished(scheduler.next(now).number, failure, now)


def order_of(schedule, costs):
    """Return the order in which items of these costs are handed out."""
    scheduler = Scheduler(Rules(schedule=schedule))
    for number, cost in enumerate(costs):
        scheduler.add(number, cost)
    return [scheduler.next(0.0).number for _ in costs]


def wait_after(retries, **rules):
    """Return how long an item waits after failing once more than `retries` times."""
    scheduler = scheduler_of(1, retries=retries + 1, **rules)
    now = 0.0
    for _ in range(retries):
        run_one(scheduler, IO, now)
        now = scheduler.due
    run_one(scheduler, IO, now)
    return scheduler.due - now


# --- what runs next

costs = st.lists(st.integers(0, 5).map(float) | st.floats(0, 1e12), max_size=30)


@given(costs)
def test_fifo_hands_out_in_the_order_of_the_plan(costs):
    assert order_of("fifo", costs) == list(range(len(costs)))


@given(costs)
def test_sjf_hands_out_the_small_first_and_the_alike_in_the_order_of_the_plan(costs):
    assert order_of("sjf", costs) == sorted(range(len(costs)), key=lambda number: (costs[number], number))


@given(costs)
def test_lpt_hands_out_the_large_first_and_the_alike_in_the_order_of_the_plan(costs):
    assert order_of("lpt", costs) == sorted(range(len(costs)), key=lambda number: (-costs[number], number))


def test_a_small_item_that_comes_later_overtakes_large_ones_under_sjf():
    scheduler = Scheduler(Rules(schedule="sjf"))
    scheduler.add(0, 9.0)
    scheduler.add(1, 5.0)
    assert scheduler.next(0.0).number == 1

    scheduler.add(2, 7.0)

    assert scheduler.next(0.0).number == 2


def test_nothing_queued_means_nothing_to_run_and_nothing_due():
    scheduler = Scheduler(Rules())

    assert scheduler.next(0.0) is None
    assert scheduler.due is None
    assert (scheduler.queued, scheduler.running) == (0, 0)


def test_a_first_attempt_is_plain():
    assert scheduler_of(1, fallbacks=("text",)).next(0.0) == Dispatch(number=0, attempt=1, fallback=None, alone=False)


# --- retries


def test_without_retries_the_first_failure_is_final():
    scheduler = scheduler_of(1)

    assert run_one(scheduler, IO) is Verdict.FINAL
    assert scheduler.queued == 0


@pytest.mark.parametrize("retries", [1, 3])
def test_a_retryable_failure_is_tried_as_often_as_asked_and_no_more(retries):
    scheduler = scheduler_of(1, retries=retries)

    verdicts = [run_one(scheduler, IO, now * MAX_BACKOFF_S) for now in range(retries + 1)]

    assert verdicts == [Verdict.AGAIN] * retries + [Verdict.FINAL]
    assert scheduler.next(1e9) is None


@pytest.mark.parametrize("failure", [BAD, BUG, LATE])
def test_a_failure_that_is_not_retryable_is_final_however_many_retries_are_allowed(failure):
    assert run_one(scheduler_of(1, retries=9), failure) is Verdict.FINAL


def test_an_attempt_that_may_still_run_is_never_repeated():
    living = Failure(category=Category.TIMEOUT, retryable=True, repeatable=False)

    assert run_one(scheduler_of(1, retries=9, fallbacks=("text",)), living) is Verdict.FINAL


def test_an_item_that_waits_for_its_retry_runs_neither_early_nor_late():
    scheduler = scheduler_of(1, retries=1, backoff_s=8.0, seed=1)
    run_one(scheduler, IO, now=100.0)

    assert scheduler.due > 100.0
    assert scheduler.next(scheduler.due - 0.001) is None
    assert scheduler.next(scheduler.due) == Dispatch(number=0, attempt=2, fallback=None, alone=False)
    assert scheduler.due is None


def test_others_run_while_an_item_waits_for_its_retry_and_it_goes_first_when_it_is_due():
    scheduler = scheduler_of(3, retries=1, backoff_s=8.0, seed=1)
    run_one(scheduler, IO)

    assert scheduler.next(0.0).number == 1
    assert scheduler.queued == 2
    assert scheduler.next(scheduler.due).number == 0


def test_the_retry_that_is_due_first_runs_first():
    scheduler = scheduler_of(20, retries=1, seed=3)
    for _ in range(20):
        run_one(scheduler, IO)

    waits = []
    while scheduler.due is not None:
        waits.append(scheduler.due)
        scheduler.next(scheduler.due)

    assert len(waits) == 20
    assert waits == sorted(waits)


@given(st.integers(0, 12), st.floats(0, 1000), st.integers())
def test_a_wait_is_bounded_by_the_doubled_backoff_and_by_five_minutes(retries, backoff_s, seed):
    wait = wait_after(retries, backoff_s=backoff_s, seed=seed)

    # The wait is read back as a difference of two times, hence the tolerance.
    assert -1e-6 <= wait <= min(MAX_BACKOFF_S, backoff_s * 2**retries) + 1e-6


def test_waits_are_spread_over_the_whole_of_their_bound():
    shares = [wait_after(2, backoff_s=1.0, seed=seed) / 4.0 for seed in range(100)]

    assert min(shares) < 0.1
    assert max(shares) > 0.9
    assert 0.4 < sum(shares) / len(shares) < 0.6


def test_one_seed_gives_one_series_of_waits():
    assert wait_after(3, seed=7) == wait_after(3, seed=7) != wait_after(3, seed=8)


def test_without_a_seed_two_runs_wait_differently():
    assert wait_after(0) != wait_after(0)


def test_retries_may_be_many():
    assert wait_after(1100, backoff_s=0.0) == 0.0


# --- crashes and suspects


def test_a_crash_is_tried_once_more_and_alone():
    scheduler = scheduler_of(1, retries=5)

    assert run_one(scheduler, CRASH) is Verdict.AGAIN
    assert scheduler.next(1e9) == Dispatch(number=0, attempt=2, fallback=None, alone=True)
    assert scheduler.finished(0, CRASH, 1e9) is Verdict.FINAL


def test_a_crash_is_final_without_retries():
    assert run_one(scheduler_of(1), CRASH) is Verdict.FINAL


def test_an_item_given_back_runs_again_as_if_for_the_first_time():
    scheduler = scheduler_of(1)
    first = scheduler.next(0.0)

    scheduler.give_back(0)

    assert scheduler.next(0.0) == first


def test_an_item_given_back_goes_before_those_that_never_ran():
    scheduler = scheduler_of(3)
    scheduler.next(0.0)

    scheduler.give_back(0)

    assert [scheduler.next(0.0).number for _ in range(3)] == [0, 1, 2]


def test_a_suspect_runs_alone_without_an_attempt_being_charged_and_dying_alone_is_held_against_it():
    scheduler = scheduler_of(1, retries=5)
    scheduler.next(0.0)

    scheduler.give_back(0, suspect=True)

    assert scheduler.next(0.0) == Dispatch(number=0, attempt=1, fallback=None, alone=True)
    assert scheduler.finished(0, CRASH, 0.0) is Verdict.FINAL


def test_a_suspect_that_is_given_back_again_still_runs_alone():
    scheduler = scheduler_of(1)
    scheduler.next(0.0)
    scheduler.give_back(0, suspect=True)
    scheduler.next(0.0)

    scheduler.give_back(0)

    assert scheduler.next(0.0).alone


# --- fallbacks


@pytest.mark.parametrize("category", [Category.RUNTIME, Category.CRASH, Category.TIMEOUT, Category.OOM])
def test_fallbacks_are_tried_in_their_order_one_attempt_each(category):
    scheduler = scheduler_of(1, fallbacks=("native", "text"))
    failure = Failure(category=category)

    seen = []
    while dispatch := scheduler.next(0.0):
        seen.append((dispatch.attempt, dispatch.fallback))
        scheduler.finished(0, failure, 0.0)

    assert seen == [(1, None), (2, "native"), (3, "text")]


@pytest.mark.parametrize(
    "category", sorted(set(Category) - {Category.RUNTIME, Category.CRASH, Category.TIMEOUT, Category.OOM})
)
def test_a_failure_that_another_engine_cannot_mend_is_not_given_to_a_fallback(category):
    assert run_one(scheduler_of(1, fallbacks=("text",)), Failure(category=category)) is Verdict.FINAL


def test_a_fallback_that_succeeds_is_the_end_of_its_item_and_no_failure():
    scheduler = scheduler_of(1, fallbacks=("text",), error_budget="0")
    run_one(scheduler, BUG)

    assert run_one(scheduler) is Verdict.FINAL
    assert not scheduler.stop_reason


def test_retries_come_before_fallbacks():
    flaky = Failure(category=Category.RUNTIME, retryable=True)
    scheduler = scheduler_of(1, retries=1, fallbacks=("text",))

    seen = []
    while dispatch := scheduler.next(MAX_BACKOFF_S * len(seen)):
        seen.append(dispatch.fallback)
        scheduler.finished(0, flaky, MAX_BACKOFF_S * (len(seen) - 1))

    assert seen == [None, None, "text"]


# --- the error budget


@pytest.mark.parametrize(("budget", "allowed"), [("0", 0), ("1", 1), ("4", 4)])
def test_a_budget_that_is_a_count_is_spent_by_one_failure_more(budget, allowed):
    scheduler = scheduler_of(9, error_budget=budget)

    for _ in range(allowed):
        run_one(scheduler, BAD)
    assert not scheduler.stop_reason
    run_one(scheduler, BAD)

    assert scheduler.stopped_by_failures
    assert scheduler.stop_reason == f"the error budget of {budget} is spent: {allowed + 1} failed"
    assert scheduler.next(0.0) is None


def test_without_a_budget_any_number_may_fail():
    scheduler = scheduler_of(50)
    for _ in range(50):
        run_one(scheduler, BAD)

    assert not scheduler.stop_reason


def test_a_percentage_is_of_the_whole_plan_when_its_size_is_known():
    scheduler = scheduler_of(10, total=100, error_budget="5%")

    for _ in range(5):
        run_one(scheduler, BAD)
    assert not scheduler.stop_reason
    run_one(scheduler, BAD)

    assert scheduler.stop_reason == "the error budget of 5% is spent: 6 failed"


def test_a_percentage_of_an_unknown_total_takes_it_for_at_least_twenty():
    scheduler = scheduler_of(10, error_budget="10%")

    for _ in range(2):
        run_one(scheduler, BAD)
    assert not scheduler.stop_reason
    run_one(scheduler, BAD)

    assert scheduler.stopped_by_failures


def test_a_percentage_of_an_unknown_total_grows_with_what_has_ended():
    scheduler = scheduler_of(10, error_budget="10%")
    for _ in range(22):
        scheduler.skipped()
    for _ in range(5):
        run_one(scheduler)

    for _ in range(3):
        run_one(scheduler, BAD)  # 3 of 30 are 10 %
    assert not scheduler.stop_reason
    run_one(scheduler, BAD)  # 4 of 31 are more

    assert scheduler.stopped_by_failures


def test_a_percentage_may_be_a_fraction():
    scheduler = scheduler_of(10, total=1000, error_budget="0.1%")

    run_one(scheduler, BAD)
    assert not scheduler.stop_reason
    run_one(scheduler, BAD)

    assert scheduler.stopped_by_failures


def test_only_what_finally_failed_spends_the_budget():
    scheduler = scheduler_of(1, retries=2, error_budget="0")

    run_one(scheduler, IO)
    run_one(scheduler, IO, MAX_BACKOFF_S)
    assert not scheduler.stop_reason
    run_one(scheduler, IO, 2 * MAX_BACKOFF_S)

    assert scheduler.stopped_by_failures


def test_an_item_that_failed_before_it_was_queued_spends_the_budget():
    scheduler = scheduler_of(1, error_budget="0")

    scheduler.refused()

    assert scheduler.stopped_by_failures


def test_what_ends_well_without_being_queued_spends_nothing():
    scheduler = scheduler_of(1, error_budget="0")

    scheduler.skipped()

    assert scheduler.next(0.0) is not None


def test_once_the_budget_is_spent_running_items_end_as_what_they_are_and_are_not_tried_again():
    scheduler = scheduler_of(4, retries=5, error_budget="0")
    for _ in range(3):
        scheduler.next(0.0)

    verdicts = [scheduler.finished(number, failure, 0.0) for number, failure in enumerate((BAD, IO, None))]

    assert verdicts == [Verdict.FINAL] * 3
    assert scheduler.stop_reason.endswith("1 failed")
    assert scheduler.waiting() == [3]


# --- the breaker


def fail_alike(scheduler, count, failure):
    """Let so many items fail in the same way."""
    for _ in range(count):
        run_one(scheduler, failure)


def test_ten_first_items_that_fail_alike_stop_the_run():
    scheduler = scheduler_of(20)

    fail_alike(scheduler, BREAKER_SIZE - 1, BUG)
    assert not scheduler.stop_reason
    fail_alike(scheduler, 1, BUG)

    assert BREAKER_SIZE == 10
    assert scheduler.stopped_by_failures
    assert scheduler.stop_reason == "the first 10 items all failed alike (runtime: ValueError)"
    assert scheduler.next(0.0) is None


def test_bad_documents_never_trip_the_breaker():
    scheduler = scheduler_of(50)

    fail_alike(scheduler, 50, BAD)

    assert not scheduler.stop_reason


@pytest.mark.parametrize(
    "other", [None, LATE, Failure(category=Category.RUNTIME, type="KeyError")], ids=["good", "category", "type"]
)
@pytest.mark.parametrize("before", [0, 5, 9])
def test_one_of_the_first_ten_that_ends_otherwise_keeps_the_breaker_from_tripping(other, before):
    scheduler = scheduler_of(50)

    fail_alike(scheduler, before, BUG)
    run_one(scheduler, other)
    fail_alike(scheduler, 30, BUG)

    assert not scheduler.stop_reason


def test_items_that_failed_before_they_were_queued_say_nothing_to_the_breaker():
    scheduler = scheduler_of(20)
    for _ in range(15):
        scheduler.refused()
    assert not scheduler.stop_reason

    fail_alike(scheduler, BREAKER_SIZE, BUG)

    assert scheduler.stopped_by_failures


def test_an_attempt_that_is_tried_again_says_nothing_to_the_breaker():
    scheduler = scheduler_of(BREAKER_SIZE, retries=1)

    fail_alike(scheduler, BREAKER_SIZE, IO)

    assert not scheduler.stop_reason


# --- stopping


def test_the_first_reason_to_stop_stays():
    scheduler = scheduler_of(1)

    scheduler.stop("interrupted")
    scheduler.stop("something else")

    assert scheduler.stop_reason == "interrupted"
    assert not scheduler.stopped_by_failures


def test_a_failure_after_an_interruption_does_not_make_it_a_spent_budget():
    scheduler = scheduler_of(1, error_budget="0")
    scheduler.next(0.0)
    scheduler.stop("interrupted")

    scheduler.finished(0, BAD, 0.0)

    assert scheduler.stop_reason == "interrupted"
    assert not scheduler.stopped_by_failures


def test_a_stopped_run_leaves_what_never_ended_to_be_cancelled_in_the_order_of_the_plan():
    scheduler = scheduler_of(5, schedule="lpt", retries=1)
    run_one(scheduler, IO)
    scheduler.next(0.0)
    scheduler.stop("interrupted")

    assert scheduler.waiting() == [0, 2, 3, 4]
    assert scheduler.due is None


def test_an_item_that_is_dropped_while_it_runs_is_gone():
    scheduler = scheduler_of(1)
    scheduler.next(0.0)
    scheduler.stop("killed")

    scheduler.drop(0)

    assert (scheduler.queued, scheduler.running, scheduler.waiting()) == (0, 0, [])


# --- all of it together

failures = st.builds(
    Failure,
    category=st.sampled_from(sorted(Category)),
    retryable=st.booleans(),
    type=st.sampled_from(["OSError", "ValueError"]),
    repeatable=st.booleans(),
)


class Runs(RuleBasedStateMachine):
    """Any run: what the engine may tell the scheduler, in any order, against a plain account of it."""

    @initialize(
        rules=st.builds(
            Rules,
            schedule=st.sampled_from(["fifo", "sjf", "lpt"]),
            retries=st.integers(0, 3),
            backoff_s=st.floats(0, 10),
            error_budget=st.sampled_from([None, "0", "3", "25%"]),
            fallbacks=st.sampled_from([(), ("native",), ("native", "text")]),
            batch=st.sampled_from([1, 2, 8]),
            seed=st.integers(),
        )
    )
    def start(self, rules):
        self.rules = rules
        self.scheduler = Scheduler(rules)
        self.now = 0.0
        self.waiting = set()
        self.running = {}
        self.tries = {}
        self.seen = {}
        self.costs = {}
        self.batches = {}
        self.ended = self.failed = 0

    def pick(self, data):
        return data.draw(st.sampled_from(sorted(self.running)))

    @rule(cost=st.floats(0, 100))
    def add(self, cost):
        number = len(self.tries)
        self.scheduler.add(number, cost)
        self.waiting.add(number)
        self.tries[number] = 0
        self.seen[number] = (-1, False)
        self.costs[number] = cost
        self.batches[number] = self.rules.batch

    @rule(seconds=st.floats(0, 50))
    def pass_time(self, seconds):
        self.now += seconds

    @rule()
    def next(self):
        dispatch = self.scheduler.next(self.now)
        if self.scheduler.stop_reason:
            assert dispatch is None
        elif dispatch is None:
            # Only items whose retry is not due may be left waiting.
            assert not self.waiting or self.scheduler.due > self.now
        else:
            self.hand_out(dispatch)

    def hand_out(self, dispatch):
        number = dispatch.number
        if number in self.costs:
            self.comes_first(number)
            del self.costs[number]
        assert dispatch.batch == (1 if dispatch.alone or dispatch.fallback else self.batches[number])
        self.waiting.remove(number)
        assert number not in self.running
        assert dispatch.attempt == self.tries[number] + 1
        fallback = (None, *self.rules.fallbacks).index(dispatch.fallback) - 1
        assert fallback >= self.seen[number][0]
        assert dispatch.alone >= self.seen[number][1]
        self.seen[number] = (fallback, dispatch.alone)
        self.running[number] = dispatch

    def comes_first(self, number):
        """Of the items that were never handed out, this is the one that the policy names."""
        sign = {"fifo": 0, "sjf": 1, "lpt": -1}[self.rules.schedule]
        assert number == min(self.costs, key=lambda each: (sign * self.costs[each], each))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), failure=st.none() | failures)
    def finished(self, data, failure):
        number = self.pick(data)
        was_stopped = bool(self.scheduler.stop_reason)

        verdict = self.scheduler.finished(number, failure, self.now)

        del self.running[number]
        self.tries[number] += 1
        if verdict is Verdict.AGAIN:
            assert failure is not None
            assert failure.repeatable
            assert not was_stopped
            assert failure.category is not Category.INPUT or failure.retryable
            self.waiting.add(number)
        else:
            self.ended += 1
            self.failed += failure is not None
        # One crash may be tried again beyond the retries.
        assert self.tries[number] <= 2 + self.rules.retries + len(self.rules.fallbacks)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), suspect=st.booleans(), batch=st.integers(0, 4))
    def give_back(self, data, suspect, batch):
        number = self.pick(data)
        self.scheduler.give_back(number, suspect=suspect, batch=batch)
        self.batches[number] = batch or self.batches[number]
        del self.running[number]
        self.waiting.add(number)
        self.seen[number] = (self.seen[number][0], self.seen[number][1] or suspect)

    @precondition(lambda self: len(self.tries) > 3)
    @rule()
    def stop(self):
        before = self.scheduler.stop_reason
        self.scheduler.stop("interrupted")
        assert self.scheduler.stop_reason == (before or "interrupted")

    @invariant()
    def the_counts_add_up(self):
        assert self.scheduler.running == len(self.running)
        assert self.scheduler.queued == len(self.waiting)
        assert self.scheduler.waiting() == sorted(self.waiting)
        assert self.scheduler.queued + self.scheduler.running + self.ended == len(self.tries)

    @invariant()
    def a_spent_budget_has_stopped_the_run(self):
        if self.rules.error_budget in {"0", "3"} and self.failed > int(self.rules.error_budget):
            assert self.scheduler.stop_reason
        if self.scheduler.stopped_by_failures:
            assert self.failed

    def teardown(self):
        """Let what is left come to its end: no item is ever lost."""
        for number in sorted(self.running):
            self.scheduler.finished(number, None, self.now)
        while dispatch := self.scheduler.next(self.now + MAX_BACKOFF_S):
            self.waiting.remove(dispatch.number)
            self.scheduler.finished(dispatch.number, None, self.now)
        for number in self.scheduler.waiting():
            assert self.scheduler.stop_reason
            self.waiting.remove(number)
            self.scheduler.drop(number)
        assert not self.waiting
        assert (self.scheduler.queued, self.scheduler.running) == (0, 0)


TestRuns = Runs.TestCase
TestRuns.settings = settings(max_examples=80, stateful_step_count=40)


@pytest.mark.long
class TestManyRuns(Runs.TestCase):
    """The same, ten times as often and for longer."""

    settings = settings(max_examples=800, stateful_step_count=80)
