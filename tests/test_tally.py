"""What a run counts: quantiles within 2 %, counts that add up, the slowest and the first failures."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner import Status
from docparse_runner._row import ErrorRecord
from docparse_runner._tally import Sketch, Tally
from docparse_runner.errors import Category

seconds = st.floats(1e-9, 1e7)


def sketch_of(values):
    """Return a sketch that has counted these numbers."""
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


def outcome_of(tally, **facts):
    """Return the outcome of a run of a minute."""
    defaults = {
        "stage": "upper",
        "run_id": "r1",
        "wall_s": 60.0,
        "stop_reason": "",
        "exit_code": 0,
        "peak_rss": 1,
        "cpu_s": 2.0,
    }
    return tally.outcome(**defaults | facts)


def error_of(category, message="it broke"):
    """Return the record of a failure."""
    return ErrorRecord(category=str(category), message=message)


# --- quantiles


@given(st.lists(seconds, min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_within_two_per_cent_of_the_exact_one(values, share):
    exact = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]

    assert sketch_of(values).quantile(share) == pytest.approx(exact, rel=0.02 + 1e-9, abs=0)


@given(st.lists(seconds, min_size=1, max_size=50))
def test_quantiles_rise_with_the_share(values):
    sketch = sketch_of(values)

    found = [sketch.quantile(share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)]

    assert found == sorted(found)


def test_quantiles_of_nothing_are_zero():
    assert Sketch().quantile(0.5) == 0.0


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30])
def test_a_time_too_short_to_measure_counts_as_a_nanosecond(value):
    assert sketch_of([value]).quantile(0.5) == pytest.approx(1e-9, rel=0.02)


def test_a_sketch_of_fifty_thousand_different_numbers_fits_into_a_few_kilobytes():
    sketch = sketch_of(0.002 * number for number in range(1, 50_001))

    assert len(pickle.dumps(sketch)) < 8_000


# --- counts


def test_each_way_to_end_is_counted_as_what_it_is():
    tally = Tally(planned=8)

    tally.ended(Status.SUCCESS, "a", 1.0, "new")
    tally.ended(Status.SUCCESS, "b", 1.0, "new")
    tally.ended(Status.PARTIAL, "c", 1.0, "new")
    tally.ended(Status.SKIP, "d", 1.0, "new")
    tally.skip("up to date")
    tally.skip("quarantined")
    tally.skip("waiting for embed")
    tally.fail("e", error_of(Category.IO), "new", kept_old=False)
    outcome = outcome_of(tally)

    assert (outcome.succeeded, outcome.partial, outcome.skipped, outcome.failed) == (2, 1, 4, 1)
    assert (outcome.up_to_date, outcome.quarantined, outcome.waiting) == (1, 1, 1)


def test_a_skip_for_another_reason_is_only_a_skip():
    tally = Tally(planned=1)

    tally.skip("no tables in it")
    outcome = outcome_of(tally)

    assert (outcome.skipped, outcome.up_to_date, outcome.quarantined, outcome.waiting) == (1, 0, 0, 0)


def test_counts_that_do_not_add_up_are_refused():
    tally = Tally(planned=2)
    tally.ended(Status.SUCCESS, "a", 1.0, "new")

    with pytest.raises(AssertionError, match="upper: 1 items ended but 2 were planned"):
        outcome_of(tally)


def test_cancelled_items_are_part_of_the_plan_and_not_of_the_rate():
    tally = Tally(planned=4, cancelled=1)
    for item_id in "abc":
        tally.ended(Status.SUCCESS, item_id, 1.0, "new")

    outcome = outcome_of(tally, wall_s=2.0)

    assert outcome.cancelled == 1
    assert outcome.items_per_s == 1.5


def test_a_run_that_took_no_time_has_no_rate():
    assert outcome_of(Tally(), wall_s=0.0).items_per_s == 0.0


def test_times_are_told_in_milliseconds():
    tally = Tally(planned=100)
    for number in range(1, 101):
        tally.queue.add(number / 10)
        tally.ended(Status.SUCCESS, f"{number}", number / 100, "new")

    outcome = outcome_of(tally, wall_s=1.5)

    assert outcome.wall_ms == 1500
    assert outcome.exec_p50_ms == pytest.approx(500, rel=0.02)
    assert outcome.exec_p95_ms == pytest.approx(950, rel=0.02)
    assert outcome.exec_p99_ms == pytest.approx(990, rel=0.02)
    assert outcome.queue_p50_ms == pytest.approx(5000, rel=0.02)
    assert outcome.queue_p95_ms == pytest.approx(9500, rel=0.02)


def test_what_the_tally_cannot_know_is_passed_through():
    outcome = outcome_of(Tally(), stop_reason="interrupted", exit_code=130, peak_rss=7, cpu_s=3.5)

    assert (outcome.stage_name, outcome.run_id) == ("upper", "r1")
    assert (outcome.stop_reason, outcome.exit_code, outcome.peak_rss) == ("interrupted", 130, 7)
    assert outcome.children_cpu_s == 3.5


# --- the slowest, the failures, the notes


@given(st.lists(seconds, max_size=40, unique=True))
def test_the_ten_slowest_are_named_the_slowest_first(times):
    tally = Tally(planned=len(times))
    for number, time in enumerate(times):
        tally.ended(Status.SUCCESS, f"d{number}", time, "new")

    expected = sorted(((f"d{number}", time) for number, time in enumerate(times)), key=lambda entry: -entry[1])[:10]
    assert list(outcome_of(tally).slowest) == expected


def test_all_failures_are_counted_by_category_and_the_first_ten_are_quoted():
    tally = Tally(planned=15)
    for number in range(12):
        tally.fail(f"d{number}", error_of(Category.INPUT, f"page {number} is torn"), "new", kept_old=False)
    for number in range(12, 15):
        tally.fail(f"d{number}", error_of(Category.TIMEOUT), "new", kept_old=False)

    outcome = outcome_of(tally)

    assert outcome.failed == 15
    assert outcome.error_counts == {"input": 12, "timeout": 3}
    assert [sample.item_id for sample in outcome.errors] == [f"d{number}" for number in range(10)]
    assert (outcome.errors[3].category, outcome.errors[3].message) == (Category.INPUT, "page 3 is torn")


def test_failed_documents_that_keep_an_older_result_are_called_stale():
    tally = Tally(planned=3)
    for kept_old in (True, False, True):
        tally.fail("a", error_of(Category.IO), "new", kept_old=kept_old)

    assert outcome_of(tally).notes == ("2 failed documents keep their last good output (stale)",)


def test_without_stale_documents_only_the_notes_of_the_run_are_told():
    tally = Tally(planned=1, notes=["3 lines of the manifest are damaged"])
    tally.fail("a", error_of(Category.IO), "new", kept_old=False)

    assert outcome_of(tally).notes == ("3 lines of the manifest are damaged",)


def test_an_outcome_does_not_change_with_what_is_counted_later():
    tally = Tally(planned=1)
    tally.fail("a", error_of(Category.IO), "new", kept_old=True)
    first = outcome_of(tally)

    tally.planned = 2
    tally.fail("b", error_of(Category.OOM), "new", kept_old=True)

    assert first.error_counts == {"io": 1}
    assert len(first.errors) == 1
    assert outcome_of(tally).notes == ("2 failed documents keep their last good output (stale)",)


def test_why_items_ran_or_did_not_is_counted():
    tally = Tally(planned=8)
    tally.unchanged(3)
    tally.skip("waiting for embed")
    tally.ended(Status.SUCCESS, "a", 0.1, "new")
    tally.ended(Status.SKIP, "b", 0.1, "input changed")
    tally.fail("c", error_of(Category.IO), "new", kept_old=False)
    tally.fail("d", error_of(Category.IO), "", kept_old=False)

    assert dict(tally.reasons) == {
        "up to date": 3,
        "waiting for embed": 1,
        "new": 2,
        "input changed": 1,
        "impossible": 1,
    }
