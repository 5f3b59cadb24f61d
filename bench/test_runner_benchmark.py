"""The targets of the runner as tests, each measured against its peer in one run; for a quiet machine.

    PYTHONPATH=bench python -m pytest bench

They are not part of `make test`: a shared machine would fail them for no fault of ours. The scripts beside this file
measure the same things at greater length and print the figures.
"""

import concurrent.futures
import statistics
from functools import partial

import latency
import overhead
import pytest
import schedules

from docparse_runner.executors.processes import ProcessExecutor
from docparse_runner.executors.threads import ThreadExecutor

ROUNDS = 3
FEW = 5_000


def median(call):
    return statistics.median(call() for _ in range(ROUNDS))


def test_the_bare_pool_runs_no_ops_15_times_as_fast_as_process_pool_executor():
    peer = median(partial(overhead.executor_pool, concurrent.futures.ProcessPoolExecutor, FEW, 0.0))

    assert median(partial(overhead.bare_pool, 200_000, 0.0)) >= 15 * peer


def test_the_pool_runs_whole_items_several_times_as_fast_as_pebble_calls_a_function():
    pytest.importorskip("pebble")
    peer = median(partial(overhead.pebble_pool, FEW, 0.0))

    assert median(partial(overhead.our_pool, ProcessExecutor, "nothing", 100_000, 0.0)) >= 3 * peer


@pytest.mark.parametrize(("seconds", "share"), [(0.01, 0.97), (0.001, 0.93)])
def test_items_that_take_a_while_keep_two_workers_busy(seconds, share):
    ideal = 2 * (median(partial(overhead.loop, 500, seconds)) if seconds < 0.01 else 1 / seconds)

    assert median(partial(overhead.bare_pool, int(4 / seconds), seconds)) >= share * ideal


def test_threads_run_items_at_the_rate_of_thread_pool_executor():
    peer = median(partial(overhead.thread_pool_of_items, FEW))

    assert median(partial(overhead.our_pool, ThreadExecutor, "nothing", FEW, 0.0)) >= peer


def test_a_whole_run_costs_at_most_100_microseconds_of_cpu_an_item():
    assert median(lambda: overhead.whole_run(20_000, workers=2)[1]) <= 100


def test_inline_reaches_60_per_cent_of_a_bare_loop_that_writes_the_same_rows():
    assert median(lambda: overhead.whole_run(20_000, workers=0)[0]) >= 0.6 * median(partial(overhead.bare_loop, 20_000))


def test_the_parent_rests_while_its_workers_are_busy():
    assert latency.idle_share(2, 10.0) < 0.01


def test_retries_wait_side_by_side():
    assert median(latency.retry_storm) < 1.0


@pytest.mark.parametrize(("how", "grace_s"), latency.HANGS.items())
def test_a_deadline_frees_the_slot(how, grace_s):
    assert median(partial(latency.freed, how)) < latency.FREED_S + grace_s


def test_a_death_is_noticed_within_50_ms():
    _starts, noticed, _replaced = latency.deaths(10)

    assert statistics.median(noticed) < latency.NOTICED_S


def test_sjf_lowers_the_median_and_lpt_the_makespan():
    costs = schedules.costs_of(60, 4.0)
    known = schedules.Arrivals(title="known", window=len(costs), over_s=0.0)
    found = {name: schedules.Trial(schedules.items_of(costs), known).run(name) for name in ("fifo", "sjf", "lpt")}

    assert found["sjf"].quantile(0.5) < found["fifo"].quantile(0.5)
    assert found["lpt"].makespan < found["fifo"].makespan
