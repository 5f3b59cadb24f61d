"""Promises of docs/reference/promises.md that no other test holds."""

import itertools
import os
import signal
import time
from pathlib import Path

import attrs
import pytest

from docparse_runner import StageHooks, Status
from docparse_runner.executors import _memory, _overseer

EXECUTORS = {
    "inline": {"workers": 0},
    "threads": {"workers": 1, "policy": "io"},
    "processes": {"workers": 1},
}


def error_of(row):
    return row["error"]["category"], row["error"]["message"]


# --- a worker that cannot be opened


@pytest.mark.parametrize(
    ("name", "times"), [("inline", "rrro"), ("threads", "rrro"), ("processes", "rrro"), ("processes", "dddo")]
)
def test_three_failures_to_open_a_worker_in_a_row_stop_the_run(bench, name, times):
    bench.write(a="ok")

    _error, outcome = bench.stopped(worker=bench.verbs.FickleOpener(str(bench.folder), times), **EXECUTORS[name])

    assert (bench.folder / "openings").read_text() == "xxx"
    assert (outcome.failed, outcome.cancelled) == (0, 1)
    assert bench.rows() == {}


@pytest.mark.parametrize(
    ("name", "times"), [("inline", "rro"), ("threads", "rro"), ("processes", "rro"), ("processes", "ddo")]
)
def test_a_worker_that_opens_at_the_third_time_costs_nobody_anything(bench, name, times):
    bench.write(a="ok", b="ok")

    outcome = bench.run(bench.verbs.FickleOpener(str(bench.folder), times), **EXECUTORS[name])

    assert (outcome.succeeded, outcome.exit_code) == (2, 0)
    assert (bench.folder / "openings").read_text() == "xxx"
    assert {row["attempts"] for row in bench.rows().values()} == {1}


def test_failures_to_open_a_worker_with_a_success_between_them_are_not_in_a_row(bench):
    bench.write(a="ok", b="ok")
    worker = bench.verbs.FickleOpener(str(bench.folder), "rrorro")

    outcome = bench.run(worker, workers=1, max_items_per_worker=1)

    assert (outcome.succeeded, outcome.exit_code) == (2, 0)
    assert (bench.folder / "openings").read_text() == "xxxxxx"


# --- memory


def test_a_kill_is_oom_only_when_the_kernel_has_just_killed_for_want_of_memory(bench, monkeypatch):
    events = bench.folder / "memory.events"
    events.write_text("oom 0\noom_kill 0\n")
    monkeypatch.setattr(_memory, "_events_of_this_group", lambda: events)
    bench.write(a="is_killed", b=f"starves {events}", c="is_killed")

    bench.run(workers=1)

    rows = bench.rows()
    killed = ("crash", "the worker process died: signal 9 (SIGKILL)")
    assert error_of(rows["a"]) == killed
    assert error_of(rows["b"]) == ("oom", "the machine ran out of memory and the kernel killed its process")
    assert error_of(rows["c"]) == killed, "the same rise does not excuse the next death"


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="only Linux lets a process be offered")
def test_the_kernel_is_offered_workers_before_the_runner(bench):
    bench.write(a="tells /proc/self/oom_score_adj")

    bench.run(workers=1)

    ours = int(Path("/proc/self/oom_score_adj").read_text())
    assert int(bench.rows()["a"]["metrics"]["text"]) >= max(500, ours)


def test_what_a_document_starts_counts_towards_its_memory(bench):
    bench.write(a="breeds 400", b="ok")

    outcome = bench.run(workers=1, memory_limit_mb=300)

    assert (outcome.failed, outcome.succeeded) == (1, 1)
    assert error_of(bench.rows()["a"]) == ("oom", "used more than 300 MiB of memory; its process was killed")


# --- deaths and limits


@pytest.mark.parametrize("verb", ["dies_now", "orphans"])
def test_a_death_is_noticed_when_it_happens_although_nothing_else_does(bench, verb):
    bench.write(a="ok", b=verb)
    heard = {}
    bench.hooks = attrs.evolve(
        bench.hooks, after_item=lambda item, *_: heard.setdefault(item.item_id, time.monotonic()), heartbeat_s=600
    )

    bench.run(workers=1, timeout_s=0)

    died_at = float((bench.folder / "died_at").read_text())
    assert error_of(bench.rows()["b"]) == ("crash", "the worker process died: exit code 7")
    assert heard["docs/b"] - died_at < 2


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_a_commit_that_was_begun_in_time_may_take_longer_than_the_deadline(bench, name):
    bench.write(a="commits_in 2.5 text")

    outcome = bench.run(timeout_s=1, **EXECUTORS[name])

    row = bench.rows()["a"]
    assert (outcome.succeeded, row["status"], bench.out("a").read_text()) == (1, "success", "text")
    assert row["duration_s"] > 2.5


@pytest.mark.parametrize(
    ("limit", "seconds", "text", "doing"),
    [("COMMIT_LIMIT_S", 300, "commits_in 60 text", "commit"), ("SEND_LIMIT_S", 120, "sends_nothing text", "send")],
)
def test_commit_and_send_have_limits_of_their_own_and_leave_no_outputs(bench, monkeypatch, limit, seconds, text, doing):
    assert getattr(_overseer, limit) == seconds
    monkeypatch.setattr(_overseer, limit, 0.5)
    bench.write(a=text, b="after 1 ok")

    outcome = bench.run(workers=1, timeout_s=30, diagnostics_interval_s=0.1)  # nobody tells when a phase begins

    row = bench.rows()["a"]
    assert (outcome.failed, outcome.succeeded) == (1, 1)
    assert error_of(row) == ("timeout", f"took longer than 0.5 s to {doing}; its process was killed")
    assert row["error"]["limit"] == 0.5
    assert not bench.out("a").exists()
    assert not bench.out("a", "extra").exists()


# --- what is on disk, and when


@pytest.fixture
def disk(monkeypatch):
    """Return what becomes of files, in order: ("sync", inode) and ("put", inode, name)."""
    events = []

    def watch_sync(real):
        def sync(descriptor):
            real(descriptor)
            events.append(("sync", os.fstat(descriptor).st_ino))

        return sync

    def watch_put(real):
        def put(source, target, **folders):
            inode = os.stat(source).st_ino
            real(source, target, **folders)
            events.append(("put", inode, Path(target).name))

        return put

    watched = {"fsync": watch_sync, "fdatasync": watch_sync, "replace": watch_put, "rename": watch_put}
    for name in [name for name in watched if hasattr(os, name)]:
        monkeypatch.setattr(os, name, watched[name](getattr(os, name)))
    return events


def test_outputs_are_synced_before_they_are_in_place_the_canonical_one_last_and_the_row_before_it_counts(bench, disk):
    bench.write(a="extra text")
    bench.hooks = attrs.evolve(
        bench.hooks,
        before_item=lambda *_: disk.append(("before",)),
        after_item=lambda *_: disk.append(("after",)),
    )

    bench.run(workers=0)

    during = disk[disk.index(("before",)) + 1 : disk.index(("after",))]
    puts = [event for event in during if event[0] == "put"]
    assert [name for _put, _inode, name in puts] == ["a.extra", "a.out"]
    for put in puts:
        assert ("sync", put[1]) in during[: during.index(put)]
    row = ("sync", (bench.workspace.manifests / "verbs.manifest.jsonl").stat().st_ino)
    assert row in during[during.index(puts[-1]) :]


def test_what_a_dead_run_of_the_stage_left_half_done_is_removed_by_the_next(bench):
    left, other = (bench.workspace.staging / stage / "a-dead-run" / "p1" / "out" for stage in ("verbs", "another"))
    for folder in (left, other):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    bench.write(a="ok")

    bench.run(workers=0)

    assert list(bench.workspace.staging.glob("verbs/*")) == []
    assert (other / "half").exists(), "that of another stage, which may be running, stays"


# --- a run that is stopped


@pytest.fixture
def kill_when(bench):
    """Return a function that makes the run get two Ctrl-C as soon as a condition holds."""

    def kill(condition):
        signals = itertools.count()

        def look(*_):
            if condition() and not next(signals):
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)

        bench.hooks = attrs.evolve(bench.hooks, heartbeat=look, heartbeat_s=0.05)

    return kill


def text_of(path):
    """Return what a file says, or None in the moment in which a commit has removed it and not yet put the new one."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def test_a_kill_during_a_commit_removes_the_outputs_and_the_next_run_makes_them_again(bench, kill_when):
    bench.write(a="commits_in 0 old")
    bench.run(workers=1)
    extra = bench.out("a", "extra")
    bench.write(a="commits_in 60 new")
    kill_when(lambda: text_of(extra) == "more new")

    killed = bench.run(workers=1)

    assert (killed.cancelled, killed.exit_code) == (1, 130)
    assert not bench.out("a").exists()
    assert not extra.exists()
    bench.hooks = StageHooks()
    bench.write(a="commits_in 0 old")  # what the row of the first run says of the input is true again
    again = bench.run(workers=1)
    assert (again.succeeded, bench.out("a").read_text(), extra.read_text()) == (1, "old", "more old")


def test_a_cancelled_document_has_no_row_and_is_heard_of(bench, kill_when):
    bench.write(a="ok", b="waits", c="ok")
    kill_when(lambda: "b" in bench.calls())
    heard = {}
    bench.hooks = attrs.evolve(
        bench.hooks, after_item=lambda item, outcome, _: heard.setdefault(item.item_id, outcome.status)
    )

    outcome = bench.run(workers=1)

    assert outcome.cancelled == 2
    assert heard == {"docs/a": Status.SUCCESS, "docs/b": Status.CANCELLED, "docs/c": Status.CANCELLED}
    assert list(bench.rows()) == ["a"]


# --- what is handed out, and in which order


def test_before_item_is_not_called_for_what_needs_nothing(bench):
    bench.write(done="ok", remembered="fail input")
    bench.run(workers=0)
    bench.write(new="ok")
    handed = []
    bench.hooks = attrs.evolve(bench.hooks, before_item=lambda item, _: handed.append(item.item_id))

    outcome = bench.run(workers=0)

    assert (outcome.up_to_date, outcome.quarantined, outcome.succeeded) == (1, 1, 1)
    assert handed == ["docs/new"]


@pytest.mark.parametrize(("schedule", "order"), [("sjf", "cab"), ("lpt", "bac")])
def test_what_the_planner_says_of_the_cost_counts_before_the_size(bench, schedule, order):
    bench.write(a="ok", b="ok 1", c="ok 1000000")
    costs = {"a": 20, "b": 30, "c": 10}

    bench.run(items=[bench.item(name, cost_hint=cost) for name, cost in costs.items()], workers=0, schedule=schedule)

    assert bench.calls() == list(order)


def test_a_failure_of_the_last_fallback_is_remembered(bench):
    bench.stage = attrs.evolve(bench.stage, fallbacks=("native", "text"))
    bench.write(a="raise memory", b="only text")

    first, second = bench.run(workers=0), bench.run(workers=0)

    assert (first.failed, first.partial, bench.rows()["a"]["attempts"]) == (1, 1, 3)
    assert (second.quarantined, second.up_to_date, second.exit_code) == (1, 1, 1)
    assert sorted(bench.calls()) == ["a", "a", "a", "b", "b", "b"], "three ways each in the first run, none later"


# --- figures


def test_the_outcome_tells_the_time_and_the_memory_that_workers_used(bench):
    bench.write(a="burns 0.5", b="ok")
    peaks = {}
    bench.hooks = attrs.evolve(
        bench.hooks, after_item=lambda item, outcome, _: peaks.setdefault(item.item_id, outcome.peak_rss)
    )

    outcome = bench.run(workers=1)

    assert 0.5 <= outcome.children_cpu_s < 20
    assert 100 * 2**20 <= peaks["docs/a"] <= outcome.peak_rss < 500 * 2**20
