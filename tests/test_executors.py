"""The executors: who is blamed, what waits where, what stays behind."""

import importlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs
import psutil
import pytest

from docparse_runner import (
    Output,
    Stage,
    StageContext,
    StageHooks,
    StageOptions,
    StagePlan,
    UsageError,
    WorkItem,
    Workspace,
    run_stage,
)
from docparse_runner._factories import FunctionFactory
from docparse_runner._wire import Task
from docparse_runner.errors import Category
from docparse_runner.executors import PREFETCH_MAX, Died, Finished, Returned, Setup, _guardian
from docparse_runner.executors._deaths import how_it_died
from docparse_runner.executors.inline import InlineExecutor
from docparse_runner.executors.processes import ProcessExecutor
from docparse_runner.executors.threads import ThreadExecutor

CORES = os.cpu_count() or 1


@attrs.define
class Pool:
    """An executor without an engine."""

    folder: Path
    executor: object
    submitted: int = 0
    seen: list = attrs.field(factory=list)

    def task(self, text, *, timeout_s=0.0):
        number, self.submitted = self.submitted, self.submitted + 1
        source = self.folder / "docs" / f"d{number}"
        source.parent.mkdir(exist_ok=True)
        source.write_text(text)
        out = str(self.folder / "data" / "out" / f"d{number}.out")
        return Task(number, f"d{number}", {"source": os.fsencode(source)}, {"out": out}, timeout_s=timeout_s)

    def submit(self, *texts, alone=False, **limits):
        for text in texts:
            self.executor.submit(self.task(text, **limits), alone=alone)
        if self.executor.name != "inline":
            self.seen += self.executor.wait(0)  # sends them

    def events(self, count):
        """Wait for so many events."""
        (found, self.seen), end = (self.seen, []), time.monotonic() + 60
        while len(found) < count:
            assert time.monotonic() < end, found
            found += self.executor.wait(1.0)
        return sorted(found, key=lambda event: getattr(event, "number", None) or number_of(event))

    def warm(self):
        """Run quick items until the executor gives out more than one at a time."""
        end = time.monotonic() + 60
        while self.executor.room() <= 1:
            assert time.monotonic() < end
            self.submit("ok")
            self.events(1)

    def calls(self):
        return (self.folder / "calls.txt").read_text().split()


def number_of(event):
    return event.result.number if isinstance(event, Finished) else event.number


@pytest.fixture
def pool(stages):
    """Return a function that opens an executor; it is closed at the end."""
    opened = []
    verbs = importlib.import_module("worker_verbs")

    def start(kind=ProcessExecutor, factory=None, **setup):
        setup = Setup(
            factory=factory or FunctionFactory(verbs.work),
            root=str(stages / "data"),
            staging=str(stages / "staging"),
            run_id="run",
            stage="verbs",
            **{"workers": 1, **setup},
        )
        opened.append(Pool(stages, kind(setup)))
        return opened[-1]

    yield start
    for each in opened:
        each.executor.kill()
        each.executor.close()


def test_items_queued_behind_a_crash_lose_nothing_and_run_once(pool):
    pool = pool()
    pool.warm()
    first = pool.submitted
    pool.submit("die 7", "ok", "ok", "ok", "ok")

    crash, *behind = pool.events(5)

    assert (crash.number, crash.category) == (first, Category.CRASH)
    assert crash.message == "the worker process died: exit code 7"
    assert [(type(event), event.suspect) for event in behind] == [(Returned, False)] * 4
    pool.submit("ok", "ok", "ok", "ok")
    assert {event.result.status for event in pool.events(4)} == {"success"}
    assert len(pool.calls()) == len(set(pool.calls()))


def test_items_whose_results_a_crash_swallowed_run_again_alone_and_only_the_killer_is_blamed(stages, history):
    verbs = importlib.import_module("worker_verbs")
    killers = {f"docs/{number:03}" for number in range(40, 200, 40)}
    (stages / "docs").mkdir()
    items = []
    for number in range(200):
        path = stages / "docs" / f"{number:03}"
        path.write_text("die 7" if f"docs/{path.name}" in killers else "ok")
        items.append(item_of(stages, path.name))

    outcome = run(stages, items, verbs.work, workers=2)

    rows = history("verbs", "data")
    assert {each.item_id for each in outcome.errors} == killers
    assert (outcome.succeeded, len(rows)) == (196, 200)
    assert {row["attempts"] for row in rows} == {1}


def item_of(folder, name):
    return WorkItem(
        item_id=f"docs/{name}",
        inputs={"source": folder / "docs" / name},
        outputs={"out": folder / "data" / "out" / f"{name}.out"},
    )


def run(folder, items, worker, hooks=None, **options):
    stage = Stage(name="verbs", version=1, consumes=["source"], produces={"out": Output(".out")})
    workspace = Workspace(folder / "data")
    return run_stage(
        StagePlan(stage_name="verbs", items=items),
        worker,
        StageOptions(**options),
        hooks,
        workspace=workspace,
        context=StageContext(stage=stage, workspace=workspace, run_id="run"),
    )


def test_more_waits_in_a_pipe_the_quicker_the_items_are(pool):
    pool = pool()
    assert pool.executor.room() == 1, "nothing is known before the first item"
    pool.submit("after 0.2 ok")
    pool.events(1)

    slow = pool.executor.room()
    pool.warm()

    assert slow == 1
    assert 1 < pool.executor.room() <= PREFETCH_MAX


def test_items_that_wait_behind_a_slow_one_are_given_back_and_run_once(pool):
    pool = pool()
    pool.warm()
    slow = pool.submitted
    pool.submit("waits", "ok", "ok")

    behind = pool.events(2)

    assert behind == [Returned(number=slow + 1), Returned(number=slow + 2)]
    (pool.folder / "go").touch()
    (done,) = pool.events(1)
    assert (done.result.number, done.result.status) == (slow, "success")
    end = time.monotonic() + 60
    while not pool.executor.room():  # until it has handed over what was taken back
        assert time.monotonic() < end
        assert pool.executor.wait(0.1) == []
    pool.submit("ok")
    assert [event.result.status for event in pool.events(1)] == ["success"]
    assert {f"d{slow + 1}", f"d{slow + 2}"}.isdisjoint(pool.calls())


def test_an_item_that_may_kill_gets_a_worker_to_itself(pool, watch):
    pool = pool(workers=2)
    pool.submit("waits", alone=True)
    watch.until((pool.folder / "calls.txt").exists, "it to run")
    done = []
    for _ in range(3):
        assert pool.executor.room() >= 1
        pool.submit("ok")
        done += pool.events(1)

    assert {event.worker for event in done} == {done[0].worker}
    assert [busy.number for busy in pool.executor.busy()] == [0]
    assert [busy.worker for busy in pool.executor.busy()] != [done[0].worker]


def test_an_item_that_starts_in_the_grace_of_another_is_not_blamed_for_it(pool):
    pool = pool()
    pool.warm()
    late, innocent = pool.submitted, pool.submitted + 1
    limits = {late: 0.02, innocent: 60.0}
    for number, text in ((late, "lingers 0.08"), (innocent, "waits")):
        pool.executor.submit(pool.task(text, timeout_s=limits[number]), alone=False)

    first, second = pool.events(2)

    assert (first.result.number, first.result.error.category) == (late, "timeout")
    assert (first.result.error.message, first.result.error.limit) == ("took longer than 0.02 s", 0.02)
    assert (type(second), second.number) == (Returned, innocent)


@pytest.mark.parametrize("kind", [ProcessExecutor, ThreadExecutor])
def test_an_item_is_late_in_time_although_nobody_tells_when_it_starts(pool, kind):
    verbs = importlib.import_module("worker_verbs")
    pool = pool(kind, verbs.SlowOpener(0.5))
    start = time.monotonic()
    pool.submit("waits", timeout_s=0.5)

    found = []
    while not found:
        found = pool.executor.wait(30)

    (died,) = found
    assert (died.category, died.limit) == (Category.TIMEOUT, 0.5)
    assert time.monotonic() - start < 25
    (pool.folder / "go").touch()


def test_a_worker_that_dies_of_an_exception_of_its_own_leaves_its_traceback(pool):
    pool = pool()
    task = pool.task("ok")
    task.number = "a word"
    pool.executor.submit(task, alone=False)

    found = []
    while not found:
        found = pool.executor.wait(30)

    error = found[0].result.error
    assert (found[0].result.status, error.category) == ("setup", "crash")
    assert error.message.startswith("the worker died while starting (exit code 1): ")
    assert "ValidationError" in error.message


def test_a_result_that_takes_long_to_send_does_not_hit_the_deadline_of_its_item(pool):
    pool = pool()
    pool.submit("large 5000000", timeout_s=2)
    time.sleep(3)  # nobody reads, so the worker cannot send

    (done,) = pool.events(1)

    assert (done.result.status, len(done.result.metrics["text"])) == ("success", 5_000_000)


def test_a_result_of_300_megabytes_arrives(pool):
    pool = pool()
    pool.submit("large 300000000", timeout_s=30)

    (done,) = pool.events(1)

    assert (done.result.status, len(done.result.metrics["text"])) == ("success", 300_000_000)


def test_workers_killed_while_they_start_are_not_failures_of_the_set_up(pool):
    pool = pool(workers=3)
    pool.submit("ok", "ok", "ok")

    pool.executor.kill()

    assert [type(event) for event in pool.events(3)] == [Returned] * 3


def test_a_kill_cancels_what_runs_and_gives_back_what_waits(pool, watch):
    pool = pool()
    pool.warm()
    first = pool.submitted
    pool.submit("waits", "ok", "ok")
    watch.until(lambda: f"d{first}" in pool.calls(), "the first item to run")

    pool.executor.kill()

    died, *waiting = pool.events(3)
    assert (died.number, died.category) == (first, Category.CANCELLED)
    assert waiting == [Returned(number=first + 1), Returned(number=first + 2)]


def test_a_drain_finishes_what_runs_and_gives_back_what_waits(pool, watch):
    pool = pool()
    pool.warm()
    first = pool.submitted
    pool.submit("waits", "ok", "ok")
    watch.until(lambda: f"d{first}" in pool.calls(), "the first item to run")

    pool.executor.drain()
    (pool.folder / "go").touch()

    done, *waiting = pool.events(3)
    assert (done.result.number, done.result.status) == (first, "success")
    assert waiting == [Returned(number=first + 1), Returned(number=first + 2)]
    assert pool.executor.room() == 0


def test_wake_ends_a_wait(pool):
    pool = pool()
    pool.executor.wake()

    assert pool.executor.wait(60) == []


def test_numeric_libraries_get_their_share_of_the_cores(pool, monkeypatch):
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TORCH_NUM_THREADS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    pool = pool(workers=2)
    pool.submit(f"environment {' '.join(names)} TOKENIZERS_PARALLELISM")

    (done,) = pool.events(1)

    share = str(max(1, CORES // 2))
    assert done.result.metrics == {
        "OMP_NUM_THREADS": share,
        "MKL_NUM_THREADS": "7",
        "OPENBLAS_NUM_THREADS": share,
        "TORCH_NUM_THREADS": share,
        "TOKENIZERS_PARALLELISM": "false",
    }
    assert os.environ["MKL_NUM_THREADS"] == "7"
    assert "OMP_NUM_THREADS" not in os.environ


def test_each_worker_of_policy_gpu_sees_one_device(pool, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    pool = pool(workers=2, gpu=True)
    pool.submit("environment CUDA_VISIBLE_DEVICES", "environment CUDA_VISIBLE_DEVICES")

    seen = {event.worker: event.result.metrics["CUDA_VISIBLE_DEVICES"] for event in pool.events(2)}

    assert seen == {"p1": "3", "p2": "5"}


def test_what_a_failing_item_prints_is_kept_with_it_and_never_on_our_stdout(stages, history, capfd):
    verbs = importlib.import_module("worker_verbs")
    (stages / "docs").mkdir()
    texts = {
        "good": "print good-words ok",
        "raises": "print raised-words raise value",
        "crash": "print crash-words die 7",
        "slow": "print slow-words waits",
        "silent": "raise value",
    }
    for name, text in texts.items():
        (stages / "docs" / name).write_text(text)

    run(stages, [item_of(stages, name) for name in texts], verbs.work, workers=1, timeout_s=2)

    details = {row["item_id"]: (row["error"] or {}).get("detail", "") for row in history("verbs", "data")}
    assert capfd.readouterr() == ("", "")
    assert details["docs/raises"].startswith("Traceback")
    assert {"ValueError: no", "raised-words", "raised-words on stderr"} <= set(details["docs/raises"].splitlines())
    assert set(details["docs/crash"].splitlines()) == {"crash-words", "crash-words on stderr"}
    assert set(details["docs/slow"].splitlines()) == {"slow-words", "slow-words on stderr"}
    assert "words" not in details["docs/silent"]
    assert details["docs/good"] == ""


@pytest.mark.parametrize(
    ("options", "workers"),
    [({"workers": 0}, {"inline"}), ({"workers": 1, "policy": "io"}, {"t1"}), ({"workers": 1}, {"p1"})],
)
def test_a_worker_knows_its_context_and_finds_its_folders_empty(stages, history, options, workers):
    verbs = importlib.import_module("worker_verbs")
    (stages / "docs").mkdir()
    for name in ("a", "b"):
        (stages / "docs" / name).write_text("text")

    run(stages, [item_of(stages, name) for name in ("a", "b")], verbs.Curious(), **options)

    seen = [row["metrics"] for row in history("verbs", "data")]
    assert [each["found"] for each in seen] == [[], []]
    assert {each["worker_id"] for each in seen} == workers
    assert {(each["device"], each["run_id"]) for each in seen} == {("cpu", "run")}
    assert all(each["threads"] >= 1 for each in seen)
    assert [path.name for path in (stages / "data" / "out").iterdir()] != ["forgotten"]
    assert list((stages / "data" / ".staging").rglob("*.out")) == []


@pytest.mark.parametrize("options", [{"workers": 2, "policy": "io"}, {"workers": 2}], ids=["threads", "processes"])
def test_a_long_item_can_see_that_the_run_is_stopping(stages, history, options):
    verbs = importlib.import_module("worker_verbs")
    (stages / "docs").mkdir()
    (stages / "docs" / "a").write_text("text")
    started = stages / "calls.txt"
    hooks = StageHooks(heartbeat=lambda _progress, context: started.exists() and context.cancel(), heartbeat_s=0.05)

    outcome = run(stages, [item_of(stages, "a")], verbs.Patient(), hooks, **options)

    assert (outcome.partial, outcome.exit_code) == (1, 130)
    assert history("verbs", "data")[0]["reason"] == "the run was stopping"


def test_threads_cannot_be_killed_but_are_abandoned(pool, watch):
    pool = pool(ThreadExecutor)
    pool.submit("waits")
    watch.until((pool.folder / "calls.txt").exists, "the item to run")

    pool.executor.kill()

    (died,) = pool.events(1)
    assert (died.number, died.category) == (0, Category.CANCELLED)
    assert pool.executor.busy() == []
    (pool.folder / "go").touch()
    watch.until((pool.folder / "woke.txt").exists, "the thread to end")
    assert not (pool.folder / "data" / "out" / "d0.out").exists()


def test_inline_a_drain_gives_back_what_was_not_started(pool):
    pool = pool(InlineExecutor, workers=1)
    pool.submit("ok")

    pool.executor.drain()

    assert pool.executor.wait(0) == [Returned(number=0)]
    assert pool.executor.busy() == []


# --- limits of worker processes


def write(folder, **texts):
    """Write documents and return their items."""
    (folder / "docs").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "docs" / name).write_text(text)
    return [item_of(folder, name) for name in texts]


def test_a_worker_is_replaced_after_so_many_items_and_nobody_is_blamed(stages, history):
    verbs = importlib.import_module("worker_verbs")
    items = write(stages, **{f"d{number}": "keeps 0" for number in range(5)})

    outcome = run(stages, items, verbs.work, workers=1, max_items_per_worker=2)

    pids = [row["metrics"]["pid"] for row in history("verbs", "data")]
    assert (outcome.succeeded, outcome.failed) == (5, 0)
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]
    assert {row["attempts"] for row in history("verbs", "data")} == {1}


def test_a_worker_that_has_grown_is_replaced_between_two_items(stages, history):
    verbs = importlib.import_module("worker_verbs")
    items = write(stages, a="keeps 300", b="keeps 300", c="keeps 1", d="keeps 1")

    outcome = run(stages, items, verbs.work, workers=1, recycle_memory_mb=250)

    a, b, c, d = [row["metrics"]["pid"] for row in history("verbs", "data")]
    assert (outcome.succeeded, outcome.failed) == (4, 0)
    assert len({a, b, c}) == 3
    assert c == d


def test_an_item_over_the_memory_limit_is_killed_and_alone_to_blame(stages, history):
    verbs = importlib.import_module("worker_verbs")
    items = write(stages, a="ok", hungry="eats 400", b="ok", c="keeps 1")

    outcome = run(stages, items, verbs.work, workers=1, memory_limit_mb=250)

    row = next(row for row in history("verbs", "data") if row["item_id"] == "docs/hungry")
    assert (outcome.succeeded, outcome.failed) == (3, 1)
    assert row["category"] == "oom"
    assert row["error"]["message"] == "used more than 250 MiB of memory; its process was killed"
    assert row["error"]["limit"] == 250 * 2**20


@pytest.mark.parametrize("options", [{"workers": 0}, {"policy": "io"}])
@pytest.mark.parametrize("name", ["max_items_per_worker", "recycle_memory_mb", "memory_limit_mb"])
def test_what_only_processes_can_honour_is_refused_elsewhere(stages, options, name):
    verbs = importlib.import_module("worker_verbs")

    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} needs worker processes"):
        run(stages, [], verbs.work, **options, **{name: 7})

    assert not (stages / "data").exists()


# --- nothing stays behind


@pytest.mark.parametrize("whole_group", [False, True], ids=["process", "group"])
def test_kill_9_of_the_runner_leaves_no_process_even_one_that_hangs_in_c(docs, spawn, stages, watch, whole_group):
    docs(a="hangs_in_c", b="hangs_after_fork", c="hangs_after_fork")
    process = spawn("run", "poison", "docs", "--workers", 3)
    watch.until(lambda: len(list(stages.glob("docparse-data/.staging/poison/*/p*/out/*/poison"))) == 3, "three items")
    watch.until(lambda: len([path for path in stages.glob("docs/*.pid") if path.read_text()]) == 2, "both forks")
    children = watch.family(process.pid)[1:]
    assert {int(path.read_text()) for path in stages.glob("docs/*.pid")} <= {child.pid for child in children}
    assert len(watch.alive(children)) >= 6, "three workers, two forks, one guardian"

    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()

    watch.until(lambda: not watch.alive(children), "everything to end")
    process.wait()


def test_the_guardian_kills_the_groups_that_are_still_listed(monkeypatch, watch):
    sleepers = [
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) for _ in "ab"
    ]
    left, ended = sleepers
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"+{left.pid}\n+{ended.pid}\n-{ended.pid}\n"))

    _guardian.main()

    assert left.wait(60) == -signal.SIGKILL
    assert ended.poll() is None
    ended.kill()
    ended.wait()
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"+{ended.pid}\n"))
    _guardian.main()  # a group that is gone is no error


def test_a_run_leaves_no_process_and_no_descriptor(stages):
    verbs = importlib.import_module("worker_verbs")
    (stages / "docs").mkdir()
    (stages / "docs" / "a").write_text("flaky 1 crash")
    me = psutil.Process()
    others = me.children(recursive=True)  # multiprocessing's tracker, if another test needed it
    run(stages, [item_of(stages, "a")], verbs.work, workers=2)
    before = me.num_fds()

    run(stages, [item_of(stages, "a")], verbs.work, workers=2, force=True)

    assert me.children(recursive=True) == others
    assert me.num_fds() <= before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-11, "signal 11 (SIGSEGV)"),
        (-9, "signal 9 (SIGKILL)"),
        (-63, "signal 63"),
    ],
)
def test_exit_codes_in_words(code, words):
    assert how_it_died(code).startswith(words)


def test_died_says_which_limit_was_passed():
    assert Died(number=1, worker="p1", category=Category.TIMEOUT, message="late", limit=2.0).limit == 2.0


def test_a_result_does_not_wait_for_a_slow_item_behind_it(pool):
    pool = pool()
    pool.warm()
    first = pool.submitted
    pool.submit("ok", "ok", "waits")

    done = pool.events(2)

    assert {event.result.number for event in done} == {first, first + 1}
    (pool.folder / "go").touch()
    assert [event.result.number for event in pool.events(1)] == [first + 2]


@pytest.mark.parametrize("how", ["stream", "descriptor", "none"])
def test_an_item_that_closes_what_it_prints_to_costs_nobody_anything(bench, how):
    bench.write(a=f"mute {how}", **{f"b{number}": "print words ok text" for number in range(5)})

    outcome = bench.run(workers=1)

    kept = bench.folder / "kept.txt"
    assert outcome.succeeded == 6
    assert (kept.read_text() if kept.exists() else "") == ("kept" if how == "descriptor" else "")
