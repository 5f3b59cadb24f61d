"""What an earlier system got wrong (D03 to D17 of the measured facts), each as the behaviour that is promised now."""

import importlib
import json
import os
import shlex
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
    Status,
    UsageError,
    WorkItem,
    Workspace,
    run_stage,
)

CONCURRENT = [{"workers": 2}, {"workers": 2, "policy": "io"}]
ENDINGS = ("succeeded", "partial", "skipped", "failed", "cancelled")
EARLY, LATE = 1514, 2
"""Seeds: random.Random(EARLY).random() is almost 0, random.Random(LATE).random() almost 1."""


@attrs.define
class Lab:
    """Documents that say what becomes of them (``worker_verbs``), and runs over them."""

    folder: Path
    verbs: object
    history: object
    docparse: object

    def write(self, **texts):
        (self.folder / "docs").mkdir(exist_ok=True)
        for name, text in texts.items():
            path = self.folder / "docs" / name
            path.write_text(text)
            os.utime(path, (1_700_000_000, 1_700_000_000))
        return self

    def items(self, root="data"):
        workspace = Workspace(self.folder / root)
        for path in sorted((self.folder / "docs").iterdir()):
            item_id = f"docs/{path.name}"
            outputs = {"out": workspace.artifact("out", item_id, ".out")}
            yield WorkItem(item_id=item_id, inputs={"source": path}, outputs=outputs)

    def run(self, worker=None, *, items=None, hooks=None, root="data", **options):
        workspace = Workspace(self.folder / root)
        stage = Stage(name="verbs", version=1, consumes=["source"], produces={"out": Output(".out")})
        context = StageContext(stage=stage, workspace=workspace, run_id=f"run{time.monotonic_ns()}")
        plan = StagePlan(stage_name="verbs", items=self.items(root) if items is None else items)
        worker, options = worker or self.verbs.work, StageOptions(**options)
        return run_stage(plan, worker, options, StageHooks(**hooks or {}), workspace=workspace, context=context)

    def rows(self, root="data"):
        return {row["item_id"].removeprefix("docs/"): row for row in self.history("verbs", root)}

    def calls(self):
        path = self.folder / "calls.txt"
        return path.read_text().replace("docs/", "").split() if path.exists() else []


@pytest.fixture
def lab(stages, history, docparse):
    return Lab(stages, importlib.import_module("worker_verbs"), history, docparse)


def test_d03_a_closure_is_refused_before_the_plan_is_read(lab):
    """A closure could not be pickled: 0 of 10 documents, exit code 0."""
    lab.write(a="ok")
    plan = lab.items()

    def closure(item):
        return lab.verbs.work(item)

    with pytest.raises(UsageError, match=r"cannot be sent to a process .* at the top of an importable module$"):
        lab.run(closure, items=plan, workers=1)

    assert next(plan).item_id == "docs/a"


def test_d04_the_runner_rests_while_its_workers_are_busy(docs, spawn, watch):
    """The loop spun at 97 to 99 % of a core."""
    docs(a="text", b="text")
    process = spawn("run", "upper", "docs", "--workers", 2, "--delay-s", 600)
    watch.until(lambda: len(list(Path("docparse-data").glob(".staging/upper/*/p*/out/**/upper"))) == 2, "both workers")
    runner = psutil.Process(process.pid)
    before, start = runner.cpu_times(), time.monotonic()

    time.sleep(2)

    after, wall = runner.cpu_times(), time.monotonic() - start
    assert sum(after[:2]) - sum(before[:2]) < 0.1 * wall


def test_d05_five_of_five_that_raise_are_five_failures(docs, docparse, history):
    """Workers that raised were not counted: 5 of 5 failed, failed=0, exit code 0."""
    docs(**{f"d{number}": "raises" for number in range(5)})

    ended = docparse("run", "poison", "docs", "--workers", 2, "--json")

    outcome = json.loads(ended.out)
    assert (ended.code, outcome["planned"], outcome["failed"], outcome["succeeded"]) == (1, 5, 5, 0)
    assert [row["category"] for row in history("poison")] == ["runtime"] * 5


def test_d06_a_document_past_its_deadline_stops_and_is_not_tried_beside_itself(lab, watch):
    """Timeouts did not stop the work; a retry ran beside the first attempt and wrote the same output."""
    lab.write(a="after 600 ok")

    outcome = lab.run(workers=2, timeout_s=0.3, retries=3, retry_backoff_s=0.001)

    assert (outcome.failed, lab.rows()["a"]["category"], lab.rows()["a"]["attempts"]) == (1, "timeout", 1)
    assert lab.calls() == ["a"]
    assert watch.alive(watch.family(os.getpid())[1:]) == []
    assert list((lab.folder / "data" / "out").glob("**/*.out")) == []


def test_d07_retries_do_not_lower_the_number_of_failures(lab):
    """A retry took one from the count of failures."""
    lab.write(a="fail provider", b="flaky 1 provider", c="fail input")

    outcome = lab.run(workers=0, retries=2, retry_backoff_s=0.001)

    assert (outcome.planned, outcome.failed, outcome.succeeded) == (3, 2, 1)
    assert {name: row["attempts"] for name, row in lab.rows().items()} == {"a": 3, "b": 2, "c": 1}


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 1}], ids=["inline", "processes"])
def test_d08_a_document_that_waits_for_its_retry_holds_nobody_up(lab, options):
    """The wait before a retry was slept on the loop."""
    lab.write(a="flaky 1 provider", b="ok", c="ok", d="ok")
    stop = {"after_item": lambda item, _outcome, context: item.item_id == "docs/d" and context.cancel()}

    outcome = lab.run(hooks=stop, retries=1, retry_backoff_s=300, seed=LATE, **options)

    assert lab.calls() == ["a", "b", "c", "d"]
    assert (outcome.succeeded, outcome.cancelled) == (3, 1)


def test_d09_ctrl_c_is_heard_with_one_worker(docs, spawn, docparse, history, watch):
    """With one worker, Ctrl-C was swallowed."""
    docs(**{f"d{number}": "text" for number in range(9)})
    process = spawn("run", "upper", "docs", "--workers", 1, "--delay-s", 0.3)
    watch.until(lambda: history("upper"), "a row")

    os.killpg(process.pid, signal.SIGINT)

    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert 1 <= len(history("upper")) < 9
    command = err.partition("to go on: docparse ")[2].partition("\n")[0]
    assert docparse(*shlex.split(command), "--workers", 0, "--delay-s", 0).code == 0


@pytest.mark.parametrize("options", CONCURRENT, ids=["processes", "threads"])
def test_d10_what_is_finished_is_recorded_and_what_is_queued_is_cancelled(lab, options):
    """Finished work was reported as cancelled; what was queued was in no state at all."""
    lab.write(**{f"d{number:02}": "after 0.1 ok" for number in range(12)})
    ends = {}

    def after(item, outcome, context):
        assert item.item_id not in ends
        ends[item.item_id.removeprefix("docs/")] = outcome.status
        context.cancel()

    outcome = lab.run(hooks={"after_item": after}, **options)

    done = {name for name, status in ends.items() if status is Status.SUCCESS}
    assert 1 <= len(done) < 12
    assert set(lab.rows()) == done == set(lab.calls())
    assert list(ends.values()).count(Status.CANCELLED) == outcome.cancelled == 12 - len(done)
    assert sum(getattr(outcome, name) for name in ENDINGS) == outcome.planned == 12


@pytest.mark.parametrize(("budget", "failed"), [("0", 1), ("2", 3), ("10%", 3)])
def test_d11_the_budget_counts_documents_that_finally_failed(lab, budget, failed):
    """The error budget had three meanings, and counted attempts."""
    lab.write(**{f"d{number:02}": "fail provider" for number in range(20)})

    outcome = lab.run(items=list(lab.items()), workers=0, retries=1, retry_backoff_s=0, error_budget=budget)

    assert outcome.stop_reason == f"the error budget of {budget} is spent: {failed} failed"
    assert (outcome.exit_code, outcome.failed, outcome.cancelled) == (3, failed, outcome.planned - failed)
    assert {row["attempts"] for row in lab.rows().values()} == {2}


def test_d12_a_dry_run_says_how_many_would_run_and_touches_nothing(docs, docparse):
    """A dry run reported planned=0."""
    docs(a="text a", b="text b", c="text c")

    ended = docparse("run", "upper", "docs", "--dry-run")

    assert (ended.code, ended.out.splitlines()[0]) == (0, "upper: 3 of 3 would run")
    assert not Path("docparse-data").exists()


@pytest.mark.parametrize("stage", ["upper", "all"])
def test_d12_a_dry_run_is_one_wherever_it_was_asked_for(docs, docparse, stages, stage):
    """It was a flag that some commands knew and others did not."""
    docs(a="text a")
    (stages / "docparse.toml").write_text('[pipeline]\nstages = ["upper"]\n[runner]\ndry_run = true\n')

    ended = docparse("run", stage, "docs")

    assert (ended.code, ended.out.splitlines()[:1]) == (0, ["upper: 1 of 1 would run"])
    assert not Path("docparse-data").exists()


@pytest.mark.parametrize("hook", ["before_stage", "before_item", "after_item", "after_stage"])
def test_d13_a_hook_that_fails_is_not_hidden(lab, hook):
    """Failures of hooks were invisible, even those of the set-up."""
    lab.write(a="ok", b="ok")

    def fail(*_arguments):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lab.run(hooks={hook: fail}, workers=0)


def test_d13_before_item_is_called_when_the_document_is_handed_over(lab):
    """It was called for all documents up front. (Of quicker ones, about 20 ms of work are handed over together.)"""
    lab.write(**{f"d{number}": "after 0.05 ok" for number in range(5)})
    done_before = []

    lab.run(hooks={"before_item": lambda _item, _context: done_before.append(len(lab.calls()))}, workers=0)

    assert done_before == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("how", ["skip", "skipped"])
@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 1}], ids=["inline", "process"])
def test_d14_a_worker_may_skip(lab, how, options):
    """A worker that returned a skip crashed the stage."""
    lab.write(a=f"{how} nothing in it", b="ok")

    outcome = lab.run(**options)

    assert (outcome.skipped, outcome.succeeded, outcome.exit_code) == (1, 1, 0)
    assert (lab.rows()["a"]["status"], lab.rows()["a"]["reason"]) == ("skip", "nothing in it")


@pytest.mark.parametrize("options", CONCURRENT, ids=["processes", "threads"])
def test_d15_two_workers_work_at_the_same_time(lab, options):
    """Two cores lost to one. (Rates are measured in bench; here each document waits for the other one.)"""
    lab.write(a="meets b", b="meets a")

    outcome = lab.run(**options)

    assert outcome.succeeded == 2


def test_d16_work_begins_before_the_whole_plan_is_compared(lab):
    """What is up to date was found out for the whole plan, one by one, before any work."""
    lab.write(**{f"d{number:04}": "skip nothing in it" for number in range(1000)})
    lab.run(workers=0)
    lab.write(d0000="ok")
    read, read_at_first = [], []

    def plan():
        for item in lab.items():
            read.append(item.item_id)
            yield item

    outcome = lab.run(
        items=plan(), hooks={"before_item": lambda _item, _context: read_at_first.append(len(read))}, workers=0
    )

    assert (outcome.up_to_date, outcome.succeeded, len(read)) == (999, 1, 1000)
    assert read_at_first[0] < 600


def test_d16_what_is_up_to_date_is_not_opened(docs, docparse):
    """The check cost 51 µs a document. (Costs are measured in bench; here nothing is read but the manifest.)"""
    docs(**{f"d{number}": f"text {number}" for number in range(3)})
    docparse("run", "upper", "docs", "--workers", 0)
    program = (
        "import sys; from docparse_runner.cli import main; opened = open('opened.txt', 'w');"
        "sys.addaudithook(lambda event, given: event == 'open' and print(given[0], file=opened));"
        "main(['run', 'upper', '--workers', '1'])"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stderr.startswith("upper: 3 up to date in ")
    opened = Path("opened.txt").read_text()
    assert "upper.manifest.jsonl" in opened
    assert "docs/" not in opened


# --- D17: eleven options were accepted and ignored

EFFECTS = {}


def effect(function):
    """Keep a function that returns what a run shows without an option, and what it shows with it."""
    EFFECTS[function.__name__.removeprefix("_")] = function
    return function


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(StageOptions)])
def test_d17_every_option_of_the_runner_has_an_effect(lab, name):
    """Eleven options were accepted and ignored."""
    without, given = EFFECTS[name](lab)

    assert given != without


def runs(lab, observe, *given, **common):
    """Return what is observed of runs with each of these options, each in a data root of its own."""
    seen = []
    for place, options in enumerate(given):
        for rest in ("calls.txt", "docs-a.tries"):
            (lab.folder / rest).unlink(missing_ok=True)
        root = f"data{place}"
        outcome = lab.run(root=root, **common, **options)
        seen.append(observe(outcome, lab.rows(root)))
    return seen


def again(lab, observe, **options):
    """Return what is observed of a second run, without and with these options."""
    for root in ("data0", "data1"):
        lab.run(root=root, workers=0)
    (lab.folder / "calls.txt").unlink()
    return runs(lab, observe, {}, options, workers=0)


def workers_of(_outcome, rows):
    return {row["worker"] for row in rows.values()}


def pids(_outcome, rows):
    return len({row["metrics"]["pid"] for row in rows.values()})


def counts(outcome, _rows):
    return {name: getattr(outcome, name) for name in (*ENDINGS, "scheduled", "exit_code")}


def order_of(lab):
    return lambda _outcome, _rows: lab.calls()


@effect
def _network(lab):
    return runs(
        lab.write(a="environment TRANSFORMERS_OFFLINE"),
        lambda _, rows: rows["a"]["metrics"]["TRANSFORMERS_OFFLINE"],
        {},
        {"network": False},
        workers=1,
    )


@effect
def _workers(lab):
    return runs(lab.write(a="after 1 ok", b="after 1 ok"), workers_of, {"workers": 1}, {"workers": 2})


@effect
def _policy(lab):
    return runs(
        lab.write(a="keeps 0"), lambda _, rows: rows["a"]["metrics"]["pid"] == os.getpid(), {}, {"policy": "io"}
    )


@effect
def _schedule(lab):
    return runs(lab.write(a="ok and so on", b="ok"), order_of(lab), {}, {"schedule": "sjf"}, workers=0)


@effect
def _max_queue(lab):
    lab.write(**{f"d{number}": "ok" for number in range(9)})
    read = []

    def read_ahead(**options):
        plan = (read.append(0) or item for item in lab.items())
        seen = []
        lab.run(items=plan, hooks={"before_item": lambda *_: seen.append(len(read))}, workers=0, force=True, **options)
        read.clear()
        return seen[0]

    return read_ahead(), read_ahead(max_queue=2)


@effect
def _limit(lab):
    return runs(lab.write(a="ok", b="ok"), counts, {}, {"limit": 1}, workers=0)


@effect
def _max_items_per_worker(lab):
    return runs(lab.write(a="keeps 0", b="keeps 0"), pids, {}, {"max_items_per_worker": 1}, workers=1)


@effect
def _recycle_memory_mb(lab):
    return runs(lab.write(a="keeps 0", b="keeps 0"), pids, {}, {"recycle_memory_mb": 1}, workers=1)


@effect
def _memory_limit_mb(lab):
    return runs(lab.write(a="keeps 300"), counts, {}, {"memory_limit_mb": 200}, workers=1)


@effect
def _timeout_s(lab):
    return runs(lab.write(a="after 1 ok"), counts, {}, {"timeout_s": 0.2}, workers=1)


@effect
def _retries(lab):
    return runs(lab.write(a="flaky 1 provider"), counts, {}, {"retries": 1}, workers=0, retry_backoff_s=0.001)


def retry_order(lab, *given, **common):
    """Return whether a retry came before a later document; nobody waits for one that comes after it."""
    lab.write(a="flaky 1 provider", b="after 0.5 ok", c="ok")
    stop = {"after_item": lambda item, _outcome, context: item.item_id == "docs/c" and context.cancel()}
    return runs(lab, order_of(lab), *given, hooks=stop, workers=0, retries=1, **common)


def planned(outcome, _rows):
    return outcome.planned


@effect
def _include(lab):
    return runs(lab.write(a="ok", b="ok"), planned, {}, {"include": ("a",)}, workers=0)


@effect
def _exclude(lab):
    return runs(lab.write(a="ok", b="ok"), planned, {}, {"exclude": ("a",)}, workers=0)


@effect
def _shard(lab):
    return runs(lab.write(**{f"d{number}": "ok" for number in range(12)}), planned, {}, {"shard": "1/2"}, workers=0)


@effect
def _executor(lab):
    lab.write(**{"a.txt": "text"})
    return [lab.docparse("run", "upper", "docs", *flags).code for flags in ((), ("--executor", "nobody's"))]


@effect
def _retry_backoff_s(lab):
    return retry_order(lab, {"retry_backoff_s": 40}, {"retry_backoff_s": 0.001}, seed=LATE)


@effect
def _seed(lab):
    return retry_order(lab, {"seed": LATE}, {"seed": EARLY}, retry_backoff_s=40)


@effect
def _error_budget(lab):
    return runs(lab.write(a="fail input"), counts, {}, {"error_budget": "0"}, workers=0)


@effect
def _allow_quarantined(lab):
    return again(lab.write(a="fail input"), counts, allow_quarantined=True)


@effect
def _resume(lab):
    return again(lab.write(a="ok"), counts, resume=False)


@effect
def _force(lab):
    return again(lab.write(a="ok"), counts, force=True)


@effect
def _verify_hash(lab):
    return again(lab.write(a="ok"), lambda _outcome, rows: rows["a"]["reason"], verify_hash=True)


@effect
def _retry_quarantined(lab):
    return again(lab.write(a="fail input"), order_of(lab), retry_quarantined=True)


@effect
def _dry_run(lab):
    lab.write(**{"a.txt": "text"})
    return [lab.docparse("run", "upper", "docs", "--workers", 0, "--force", *flag).out for flag in ((), ("--dry-run",))]


@effect
def _diagnostics_interval_s(lab):
    heard = []
    hooks = {"heartbeat": lambda progress, _context: heard.append(progress)}

    def beats(*_):
        return bool(heard)

    return runs(
        lab.write(a="after 0.3 ok", b="ok"), beats, {}, {"diagnostics_interval_s": 0.01}, hooks=hooks, workers=0
    )
