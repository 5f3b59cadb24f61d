"""``run_stage`` as a library: what becomes of items, whatever runs them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import attrs
import pytest

from docparse_runner import (
    Category,
    ItemOutcome,
    PluginError,
    StageHooks,
    StageOutcome,
    StagePlan,
    Status,
    UsageError,
    run_stage,
)
from docparse_runner.errors import ManifestError

EXECUTORS = {
    "inline": {"workers": 0},
    "threads": {"workers": 2, "policy": "io"},
    "processes": {"workers": 2},
}
FULL = "the disk is full"
BROKEN = "the listing broke"
COUNTS = ("succeeded", "partial", "skipped", "failed", "cancelled")


def raising(error):
    """Return a hook that raises."""

    def hook(*_arguments):
        raise error

    return hook


@pytest.fixture(params=EXECUTORS)
def executor(request):
    return EXECUTORS[request.param]


def test_each_way_to_end_has_its_row_and_its_count(bench, executor):
    bench.write(
        good="ok text",
        more="extra text",
        partial="partial text",
        skip="skip nothing in it",
        skipped="skipped nothing to say",
        corrupt="fail input the document is bad",
        away="fail provider the server is away",
        answered="answer input",
        raises="raise value",
        memory="raise memory",
        disk="raise disk",
        nothing="nothing",
        wrong="wrong",
        metrics="metrics",
    )

    outcome = bench.run(**executor)

    rows = bench.rows()
    failures = {name: row["category"] for name, row in rows.items() if row["status"] == "failure"}
    assert failures == {
        "corrupt": "input",
        "away": "provider",
        "answered": "input",
        "raises": "runtime",
        "memory": "oom",
        "disk": "io",
        "nothing": "contract",
        "wrong": "contract",
        "metrics": "contract",
    }
    assert {name: row["status"] for name, row in rows.items() if name not in failures} == {
        "good": "success",
        "more": "success",
        "partial": "partial",
        "skip": "skip",
        "skipped": "skip",
    }
    assert (outcome.planned, outcome.scheduled, outcome.succeeded, outcome.partial) == (14, 14, 2, 1)
    assert (outcome.skipped, outcome.failed, outcome.exit_code) == (2, 9, 1)
    assert outcome.error_counts == Counter(failures.values())
    assert rows["good"]["metrics"] == {"letters": 4}
    assert rows["partial"]["reason"] == "a table was given up"
    assert rows["skip"]["reason"] == "nothing in it"
    assert rows["away"]["error"]["message"] == "the server is away"
    assert "ValueError: no" in rows["raises"]["error"]["detail"]
    assert bench.out("good").read_text() == "text"
    assert set(rows["more"]["outputs"]) == {"out", "extra"}
    assert not bench.out("skipped").exists()


def test_the_summary_of_the_run_is_the_outcome_it_returned(bench):
    bench.write(good="ok text", bad="fail input it is bad")

    outcome = bench.run(workers=0)

    written = json.loads((bench.workspace.runs / outcome.run_id / "summary.json").read_text())["verbs"]
    assert {name: written[name] for name in (*COUNTS, "planned", "exit_code")} == {
        name: getattr(outcome, name) for name in (*COUNTS, "planned", "exit_code")
    }
    assert written["errors"] == [{"item_id": "docs/bad", "category": "input", "message": "it is bad"}]
    assert [each["item_id"] for each in written["slowest"]] == ["docs/good"]


def test_an_outcome_whose_counts_do_not_add_up_cannot_exist():
    with pytest.raises(AssertionError, match="2 items ended but 3 were planned"):
        StageOutcome(stage_name="verbs", planned=3, succeeded=1, failed=1)


# --- what is run again, and what is not


def test_what_is_done_is_not_done_again(bench):
    bench.write(good="ok text", partial="partial text", skip="skip nothing in it")
    bench.run(workers=0)

    outcome = bench.run(workers=0)

    assert (outcome.planned, outcome.scheduled, outcome.skipped, outcome.up_to_date) == (3, 0, 3, 3)
    assert len(bench.calls()) == 3
    assert outcome.exit_code == 0


def test_a_changed_input_a_missing_output_and_a_new_version_are_done_again_and_say_why(bench):
    bench.write(same="ok same", edited="ok before", lost="ok lost", spoilt="ok spoilt")
    bench.run(workers=0)
    bench.write(edited="ok after!")
    bench.out("lost").unlink()
    bench.out("spoilt").write_text("somebody was here")

    bench.run(workers=0)

    reasons = {name: row["reason"] for name, row in bench.rows().items()}
    assert reasons == {
        "same": "new",
        "edited": "input changed",
        "lost": "output missing",
        "spoilt": "output changed",
    }
    assert bench.out("spoilt").read_text() == "spoilt"
    bench.version = 2
    bench.run(workers=0)
    assert {row["reason"] for row in bench.rows().values()} == {"stage version changed"}


def test_force_does_everything_and_leaves_identical_bytes_untouched(bench):
    bench.write(good="ok text", more="extra text")
    bench.run(workers=0)
    before = {name: bench.out(name).stat() for name in ("good", "more")}

    outcome = bench.run(force=True, workers=0)

    assert outcome.succeeded == 2
    assert {row["reason"] for row in bench.rows().values()} == {"forced"}
    for name, found in before.items():
        now = bench.out(name).stat()
        assert (now.st_ino, now.st_mtime_ns) == (found.st_ino, found.st_mtime_ns)


def test_no_resume_does_everything(bench):
    bench.write(good="ok text")
    bench.run(workers=0)

    assert bench.run(workers=0, resume=False).succeeded == 1


def test_verify_hash_finds_an_output_of_the_same_size_and_times(bench, monkeypatch):
    bench.write(good="ok text")
    bench.run(workers=0)
    row = bench.history("verbs", "data")[-1]
    bench.out("good").write_text("TEXT")
    found = bench.out("good").stat()
    path = bench.workspace.manifests / "verbs.manifest.jsonl"
    row["outputs"]["out"] |= {"mtime_ns": found.st_mtime_ns, "ctime_ns": found.st_ctime_ns, "inode": found.st_ino}
    path.write_text(json.dumps(row) + "\n")

    trusting, verifying = bench.run(workers=0), bench.run(workers=0, verify_hash=True)

    assert (trusting.up_to_date, verifying.up_to_date) == (1, 0)
    assert bench.out("good").read_text() == "text"
    assert bench.rows()["good"]["reason"] == "output changed"


def test_limit_counts_items_that_run(bench):
    bench.write(**{f"d{number}": "ok text" for number in range(5)})

    first = bench.run(limit=2, workers=0)
    second = bench.run(limit=2, workers=0)

    assert (first.planned, first.scheduled, first.succeeded) == (2, 2, 2)
    assert (second.planned, second.up_to_date, second.succeeded) == (4, 2, 2)
    assert second.notes == ("stopped at --limit 2",)
    assert bench.run(limit=0, workers=0).scheduled == 0
    assert bench.run(workers=0).succeeded == 1


def test_limit_does_not_count_an_item_that_turns_out_to_be_unchanged(bench):
    bench.write(**{f"d{number}": "ok text" for number in range(4)})
    bench.run(limit=2, workers=0)
    for path in (bench.folder / "docs").iterdir():
        path.touch()

    outcome = bench.run(limit=1, workers=0)

    assert (outcome.up_to_date, outcome.succeeded) == (2, 1)


@pytest.mark.parametrize(
    ("schedule", "order"), [("fifo", ["b", "c", "a"]), ("sjf", ["a", "b", "c"]), ("lpt", ["c", "b", "a"])]
)
def test_the_schedule_orders_by_the_size_of_the_inputs(bench, schedule, order):
    bench.write(a="ok 1", b="ok 1000", c="ok 1000000")

    bench.run(items=[bench.item(name) for name in "bca"], workers=0, schedule=schedule)

    assert bench.calls() == order


# --- failures


def test_retries_try_io_and_provider_failures_again_and_no_others(bench, executor):
    bench.write(
        away="flaky 2 provider", stuck="flaky 1 io", hopeless="fail provider", bad="fail input", bug="raise value",
        said="stubborn runtime",
    )  # fmt: skip

    outcome = bench.run(retries=2, retry_backoff_s=0.01, **executor)

    rows = bench.rows()
    assert {name: (row["status"], row["attempts"]) for name, row in rows.items()} == {
        "away": ("success", 3),
        "stuck": ("success", 2),
        "hopeless": ("failure", 3),
        "bad": ("failure", 1),
        "bug": ("failure", 1),
        "said": ("failure", 3),
    }
    assert (outcome.failed, outcome.scheduled) == (4, 6)
    tries = [
        (line["attempt"], line["event"])
        for line in bench.history("verbs", "data", "attempts")
        if line["item_id"] == "docs/away"
    ]
    assert tries == [(1, "started"), (1, "failure"), (2, "started"), (2, "failure"), (3, "started"), (3, "success")]


def test_a_retry_waits_and_holds_nobody_up(bench, executor):
    bench.write(a="flaky 1 provider", b="ok", c="ok", d="after 0.1 ok")
    start = time.monotonic()

    outcome = bench.run(retries=1, retry_backoff_s=5, seed=1, **executor)  # random.Random(1) says 0.67 s

    assert outcome.succeeded == 4
    assert time.monotonic() - start > 0.6
    assert bench.calls()[-1] == "a"


def test_a_crash_is_tried_once_more_alone_when_there_are_retries(bench):
    bench.write(once="flaky 1 crash", always="flaky 9 crash", good="ok text")

    outcome = bench.run(workers=2, retries=3, retry_backoff_s=0.01)

    rows = bench.rows()
    assert (outcome.succeeded, outcome.failed) == (2, 1)
    assert (rows["once"]["status"], rows["once"]["attempts"]) == ("success", 2)
    assert (rows["always"]["category"], rows["always"]["attempts"]) == ("crash", 2)
    assert "exit code 7" in rows["always"]["error"]["message"]


@pytest.mark.parametrize(
    ("name", "budget", "allowed"),
    [("inline", "0", 0), ("inline", "2", 2), ("inline", "10%", 2), ("threads", "2", 2), ("processes", "2", 2)],
)
def test_the_error_budget_stops_the_run_when_more_have_failed(bench, name, budget, allowed):
    bench.write(**{f"d{number:02}": "after 0.1 fail input" for number in range(20)})
    plan = bench.items()

    outcome = bench.run(items=plan, error_budget=budget, **EXECUTORS[name])

    assert allowed < outcome.failed <= allowed + 2
    assert (outcome.exit_code, outcome.cancelled) == (3, outcome.planned - outcome.failed)
    assert outcome.cancelled
    assert outcome.stop_reason == f"the error budget of {budget} is spent: {allowed + 1} failed"
    assert len(bench.rows()) == outcome.failed


def test_items_that_run_when_the_budget_is_spent_finish_and_are_recorded(bench):
    bench.write(a="after 0.2 fail input", b="after 0.5 ok b", **{f"d{number}": "after 0.5 ok" for number in range(4)})

    outcome = bench.run(workers=2, policy="io", error_budget="0")

    assert (outcome.failed, outcome.exit_code) == (1, 3)
    assert (bench.rows()["b"]["status"], bench.out("b").read_text()) == ("success", "b")
    assert outcome.succeeded + outcome.cancelled == 5


def test_a_spent_budget_within_the_allowance_stops_nothing(bench):
    bench.write(a="fail input", b="fail input", c="ok", d="ok")

    assert bench.run(workers=0, error_budget="2").exit_code == 1
    assert bench.run(workers=0, error_budget="50%", retry_quarantined=True).exit_code == 1


def test_the_run_stops_when_the_first_ten_fail_alike(bench, executor):
    bench.write(**{f"d{number:02}": "after 0.05 raise value" for number in range(30)})

    outcome = bench.run(**executor)

    assert outcome.exit_code == 3
    assert 10 <= outcome.failed < 30
    assert outcome.stop_reason == "the first 10 items all failed alike (runtime: ValueError)"


@pytest.mark.parametrize(
    "texts",
    [
        {f"d{number:02}": "fail input" for number in range(12)},
        {f"d{number:02}": "raise value" if number % 2 else "raise disk" for number in range(12)},
        {f"d{number:02}": "raise value" if number != 3 else "ok" for number in range(12)},
    ],
    ids=["bad documents", "different failures", "one success"],
)
def test_ten_failures_that_are_not_alike_do_not_stop_the_run(bench, texts):
    bench.write(**texts)

    outcome = bench.run(workers=0)

    assert (outcome.exit_code, outcome.cancelled, outcome.planned) == (1, 0, 12)


def test_a_process_that_passes_its_deadline_is_killed(bench):
    bench.write(slow="waits for ever", good="ok text")

    outcome = bench.run(workers=2, timeout_s=2)

    row = bench.rows()["slow"]
    assert (outcome.succeeded, outcome.failed) == (1, 1)
    assert (row["category"], row["error"]["message"]) == ("timeout", "took longer than 2 s; its process was killed")
    assert row["error"]["limit"] == 2
    assert row["duration_s"] >= 2
    assert row["inputs"]["source"]["digest"].startswith("sha256:")


def test_a_thread_that_passes_its_deadline_is_abandoned_and_writes_nothing_later(bench, watch):
    bench.write(slow="waits for ever", good="ok text", last="ok too")

    outcome = bench.run(workers=1, policy="io", timeout_s=2, retries=3)

    row = bench.rows()["slow"]
    assert (outcome.succeeded, outcome.failed) == (2, 1)
    assert (row["category"], row["attempts"]) == ("timeout", 1)
    assert row["error"]["message"] == "took longer than 2 s; its thread was abandoned and may still run"
    (bench.folder / "go").touch()
    watch.until(lambda: not [each for each in threading.enumerate() if each.name.startswith("docparse-")], "the thread")
    assert not bench.out("slow").exists()


def test_inline_nothing_is_ever_late(bench):
    bench.write(slow="after 0.2 ok text")

    assert bench.run(workers=0, timeout_s=0.1).succeeded == 1


def test_the_deadline_of_an_item_overrides_that_of_the_stage(bench):
    bench.write(slow="waits for ever")
    bench.stage = attrs.evolve(bench.stage, timeout_s=100)

    bench.run(items=[bench.item("slow", timeout_s=1)], workers=1)

    assert bench.rows()["slow"]["error"]["limit"] == 1


@pytest.mark.parametrize("policy", ["cpu", "io"])
def test_an_item_that_turns_out_to_be_large_may_ask_for_a_longer_deadline_of_its_own(bench, policy):
    bench.write(large="60 1.5", next="0 60")
    bench.stage = attrs.evolve(bench.stage, timeout_s=0.5, policy=policy)

    outcome = bench.run(bench.verbs.Large(), workers=1)

    assert (outcome.succeeded, outcome.failed) == (1, 1)
    assert bench.rows()["large"]["status"] == "success"
    assert bench.rows()["next"]["error"]["limit"] == 0.5


@pytest.mark.parametrize("policy", ["cpu", "io"])
def test_an_item_may_not_ask_for_more_than_the_user_said(bench, policy):
    bench.write(large="60 60")
    bench.stage = attrs.evolve(bench.stage, policy=policy)

    bench.run(bench.verbs.Large(), workers=1, timeout_s=0.5)

    assert bench.rows()["large"]["error"]["limit"] == 0.5


def test_a_timeout_is_remembered_until_its_limit_is_raised(bench):
    bench.write(slow="waits then writes")
    bench.run(workers=1, timeout_s=1)
    (bench.folder / "go").touch()

    same, lower, none = (bench.run(workers=1, timeout_s=limit) for limit in (1, 0.5, 0))

    assert (same.quarantined, lower.quarantined) == (1, 1)
    assert (none.succeeded, bench.out("slow").read_text()) == (1, "then writes")
    assert bench.rows()["slow"]["reason"] == "failed before"


@pytest.mark.parametrize("how", ["fail input", "raise memory", "flaky 9 crash"])
def test_a_failure_that_is_remembered_is_not_tried_again_until_told(bench, how):
    bench.write(bad=how)
    bench.run(workers=1)

    again = bench.run(workers=1)
    allowed = bench.run(workers=1, allow_quarantined=True)

    assert (again.skipped, again.quarantined, again.scheduled, again.exit_code) == (1, 1, 0, 1)
    assert allowed.exit_code == 0
    assert bench.run(workers=1, retry_quarantined=True).failed == 1
    assert bench.run(workers=1, force=True).failed == 1
    bench.write(bad="ok now")
    assert bench.run(workers=1).succeeded == 1


@pytest.mark.parametrize("how", ["raise value", "fail provider", "raise disk", "nothing"])
def test_any_other_failure_is_tried_again_by_the_next_run(bench, how):
    bench.write(bad=how)
    bench.run(workers=0)

    assert bench.run(workers=0).failed == 1
    assert bench.rows()["bad"]["reason"] == "failed before"


def test_fallbacks_are_tried_one_after_the_other_and_give_a_partial_result(bench, executor):
    bench.stage = attrs.evolve(bench.stage, fallbacks=("native", "text"))
    bench.write(first="ok", second="only native", third="only text", none="only other", bad="fail input")

    outcome = bench.run(**executor)

    rows = bench.rows()
    assert {name: (row["status"], row["attempts"]) for name, row in rows.items()} == {
        "first": ("success", 1),
        "second": ("partial", 2),
        "third": ("partial", 3),
        "none": ("failure", 3),
        "bad": ("failure", 1),
    }
    assert rows["third"]["reason"] == "made with fallback 'text'"
    assert rows["none"]["error"]["message"] == "RuntimeError: text"
    assert (outcome.succeeded, outcome.partial, outcome.failed) == (1, 2, 2)


def test_a_failing_document_keeps_its_last_good_output(bench):
    bench.write(doc="extra good", other="ok")
    first = bench.run(workers=0)
    for how in ("fail input", "raise value"):  # the second failure remembers it too
        bench.write(doc=how)

        outcome = bench.run(workers=0)

        row = bench.rows()["doc"]
        assert bench.out("doc").read_text() == "good"
        assert (row["status"], row["outputs"], row["last_good"]["run_id"]) == ("failure", {}, first.run_id)
        assert set(row["last_good"]["outputs"]) == {"out", "extra"}
        assert outcome.notes == ("1 failed documents keep their last good output (stale)",)


def test_a_worker_that_dies_while_it_commits_leaves_no_mixture_and_no_last_good_output(bench):
    bench.write(doc="extra good")
    bench.run(workers=1)
    bench.write(doc="tears")

    outcome = bench.run(workers=1)

    row = bench.rows()["doc"]
    assert (row["category"], row["last_good"]) == ("crash", None)
    assert (bench.out("doc").exists(), bench.out("doc", "extra").exists()) == (False, False)
    assert outcome.notes == ()


def test_outputs_that_a_new_result_lacks_are_removed(bench):
    bench.write(less="extra text", none="extra text")
    bench.run(workers=0)
    bench.write(less="ok text", none="skip there is nothing left")

    bench.run(workers=0)

    assert (bench.out("less").exists(), bench.out("less", "extra").exists()) == (True, False)
    assert (bench.out("none").exists(), bench.out("none", "extra").exists()) == (False, False)


def test_outputs_that_a_new_result_lacks_are_removed_even_if_no_row_knows_them(bench):
    bench.write(less="ok text", none="skip there is nothing left")
    for path in (bench.out("less", "extra"), bench.out("none"), bench.out("none", "extra")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of a run that was killed")

    bench.run(workers=0)

    assert (bench.out("less").exists(), bench.out("less", "extra").exists()) == (True, False)
    assert (bench.out("none").exists(), bench.out("none", "extra").exists()) == (False, False)


def test_a_failure_is_remembered_also_when_the_older_result_that_it_left_is_lost(bench):
    bench.write(doc="ok text")
    bench.run(workers=0)
    bench.folder.joinpath("docs", "doc").write_text("fail input")  # its time is too recent to be trusted
    bench.run(workers=0)
    bench.out("doc").unlink()

    outcome = bench.run(workers=0)

    assert (outcome.failed, outcome.skipped) == (0, 1)
    assert bench.rows()["doc"]["reason"] == "verified"


def test_a_result_after_failures_removes_what_the_last_good_one_had(bench):
    bench.write(doc="extra text")
    bench.run(workers=0)
    bench.write(doc="raise value")
    bench.run(workers=0)
    bench.write(doc="ok text")

    bench.run(workers=0)

    assert not bench.out("doc", "extra").exists()


@pytest.mark.parametrize("how", ["grows", "vanishes"])
def test_an_input_that_changes_while_it_is_read_is_an_io_failure_without_output(bench, how):
    bench.write(doc=how)

    outcome = bench.run(items=[bench.item("doc")], workers=0)

    row = bench.rows()["doc"]
    assert (outcome.failed, row["category"], row["error"]["retryable"]) == (1, "io", True)
    assert row["error"]["message"].endswith("docs/doc changed while it was read")
    assert not bench.out("doc").exists()


def test_an_input_that_is_not_there_or_a_folder_costs_that_item(bench):
    bench.write(good="ok")
    (bench.folder / "docs" / "folder").mkdir()

    outcome = bench.run(items=[bench.item(name) for name in ("good", "folder", "gone")], workers=0)

    rows = bench.rows()
    assert (outcome.succeeded, outcome.failed) == (1, 2)
    assert (rows["folder"]["category"], rows["gone"]["category"]) == ("input", "io")
    assert "No such file" in rows["gone"]["error"]["message"]


def test_a_name_too_long_for_its_output_is_that_items_failure(bench):
    bench.write(good="ok", **{"x" * 253: "ok"})

    outcome = bench.run(workers=0)

    assert (outcome.succeeded, outcome.failed) == (1, 1)
    assert outcome.errors[0].category is Category.INPUT
    assert "longer than 255 bytes" in outcome.errors[0].message


# --- the plan


def test_a_planner_that_raises_lets_running_items_finish_and_stops_the_run(bench, executor):
    bench.write(a="after 0.5 ok", b="ok", c="ok")

    def items():
        yield bench.item("a")
        yield bench.item("b")
        raise RuntimeError(BROKEN)

    error, outcome = bench.stopped(items=items(), **executor)

    assert isinstance(error, PluginError)
    assert str(error) == "verbs: its plan raised RuntimeError: the listing broke"
    assert (outcome.planned, outcome.failed) == (2, 0)
    assert set(bench.rows()) <= {"a", "b"}
    assert outcome.succeeded == len(bench.rows())


def test_items_that_run_when_the_planner_raises_are_recorded(bench):
    bench.write(a="waits and ends", b="ok")

    def items():
        yield bench.item("a")
        while not bench.calls():
            yield bench.item("a")
        (bench.folder / "go").touch()
        raise RuntimeError(BROKEN)

    bench.stopped(items=items(), workers=1, max_queue=1_000_000)

    assert bench.out("a").read_text() == "and ends"


@pytest.mark.parametrize("thing", ["a string", None.__class__, {"item_id": "x"}])
def test_a_plan_of_something_else_than_items_is_the_plugins_fault(bench, thing):
    bench.write(a="ok")

    error, _outcome = bench.stopped(items=[bench.item("a"), thing], workers=0)

    assert f"must yield WorkItem, not {type(thing).__name__}" in str(error)


def test_an_id_that_comes_twice_is_a_contract_failure_of_the_second(bench):
    bench.write(a="ok first", b="ok second")

    outcome = bench.run(items=[bench.item("a"), bench.item("b"), bench.item("a")], workers=0)

    assert (outcome.planned, outcome.succeeded, outcome.failed) == (3, 2, 1)
    assert [(each.item_id, each.category, each.message) for each in outcome.errors] == [
        ("docs/a", Category.CONTRACT, "the plan has this id twice")
    ]
    assert bench.out("a").read_text() == "first"


def test_an_empty_plan_is_a_good_run(bench):
    outcome = bench.run(items=[])

    assert (outcome.planned, outcome.exit_code, outcome.stop_reason) == (0, 0, "")


def test_the_plan_is_read_a_bounded_number_of_items_ahead(bench):
    bench.write(doc="after 0.03 ok")
    drawn = []

    def items():
        for number in range(50):
            drawn.append(len(bench.calls()))
            yield attrs.evolve(bench.item("doc"), item_id=f"docs/{number}")

    bench.run(items=items(), workers=0, max_queue=3)

    assert all(number - calls <= 4 for number, calls in enumerate(drawn))


# --- workers


@pytest.mark.parametrize("name", ["closure", "lambda", "main"])
def test_a_worker_that_no_process_can_import_is_refused_with_the_remedy(bench, name):
    bench.write(a="ok")

    def closure(item):
        return bench.verbs.work(item)

    def in_main(item):
        return bench.verbs.work(item)

    in_main.__module__ = "__main__"
    worker = {"closure": closure, "lambda": lambda item: bench.verbs.work(item), "main": in_main}[name]  # noqa: PLW0108 - the point

    with pytest.raises(UsageError, match="cannot be sent to a process") as caught:
        bench.run(worker, workers=1)

    assert "define it at the top of an importable module" in str(caught.value)
    assert not bench.workspace.root.exists()
    assert bench.run(worker, workers=0).succeeded == 1
    assert bench.run(worker, workers=1, policy="io", force=True).succeeded == 1


def test_a_script_whose_worker_is_in_main_is_told_so(bench):
    bench.write(a="ok")
    script = bench.folder / "script.py"
    script.write_text(
        "from docparse_runner import *\n"
        "def work(item): return ItemOutcome.success()\n"
        "if __name__ == '__main__':\n"
        "    run_stage(StagePlan(stage_name='mine', items=[WorkItem(item_id='a')]), work)\n"
    )

    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "UsageError: the worker work cannot be sent to a process (it is defined in __main__)" in ended.stderr


def test_a_worker_is_opened_once_and_closed_at_the_end(bench, executor):
    bench.write(**{f"d{number}": "ok" for number in range(6)})

    outcome = bench.run(bench.verbs.Opener(str(bench.folder)), **{**executor, "workers": min(1, executor["workers"])})

    assert outcome.succeeded == 6
    assert [(bench.folder / word).read_text() for word in ("opened", "closed")] == ["x", "x"]


UNOPENED = {
    "raises": "verbs: RuntimeError: the model is broken",
    "wrong": "verbs: docparse_worker must return a callable, not str",
    "hangs": "verbs: opening the worker took longer than 1 s",
}


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, how) for name in EXECUTORS for how in UNOPENED if (name, how) != ("inline", "hangs")],  # nobody would see
)
def test_a_worker_that_cannot_be_opened_stops_the_run_and_blames_no_item(bench, name, how):
    bench.write(**{f"d{number}": "ok" for number in range(6)})
    bench.stage = attrs.evolve(bench.stage, setup_timeout_s=1 if how == "hangs" else 60)

    error, outcome = bench.stopped(worker=bench.verbs.BrokenOpener(how), **EXECUTORS[name])

    assert str(error) == UNOPENED[how]
    assert (outcome.failed, outcome.cancelled) == (0, outcome.planned)
    assert bench.rows() == {}


def test_a_worker_that_dies_when_it_is_opened_says_what_it_printed_last(bench):
    bench.write(a="ok")

    error, outcome = bench.stopped(worker=bench.verbs.BrokenOpener("dies"), workers=2)

    assert str(error) == "verbs: the worker died while opening the stage (exit code 7): the last words"
    assert (outcome.failed, outcome.cancelled) == (0, 1)


def test_config_raised_by_an_item_stops_the_run_and_blames_no_item(bench, executor):
    bench.write(a="ok", b="fail config the key is missing", **{f"d{number}": "after 0.2 ok" for number in range(9)})

    error, outcome = bench.stopped(**executor)

    assert str(error) == "verbs: the key is missing"
    assert outcome.failed == 0
    assert outcome.cancelled
    assert "b" not in bench.rows()


# --- hooks, sinks, callers


def test_hooks_are_called_in_order_and_after_item_once_the_row_is_on_disk(bench, executor):
    bench.write(a="after 0.1 ok", b="flaky 1 provider", c="fail input")
    heard, handed_over, on_disk = [], [], []

    def before(item, _context):
        heard.append(("before", item.item_id))
        handed_over.append(len(bench.calls()))

    def after(item, outcome, _context):
        heard.append(("after", item.item_id))
        on_disk.append(bench.rows()[item.item_id.removeprefix("docs/")]["status"] == outcome.status)

    bench.hooks = StageHooks(
        before_stage=lambda context: heard.append(("before_stage", context.stage.name)),
        after_stage=lambda outcome, _context: heard.append(("after_stage", outcome.stage_name)),
        before_item=before,
        after_item=after,
    )

    bench.run(retries=1, retry_backoff_s=0.01, **{**executor, "workers": min(1, executor["workers"])})

    assert (heard[0], heard[-1]) == (("before_stage", "verbs"), ("after_stage", "verbs"))
    items = ("docs/a", "docs/b", "docs/c")
    assert sorted(heard[1:-1]) == sorted((word, item) for item in items for word in ("before", "after"))
    assert all(heard.index(("before", item)) < heard.index(("after", item)) for item in items)
    assert handed_over[1] >= 1, "before_item is called when the item is handed over, not for all of them up front"
    assert on_disk == [True, True, True]


def test_hooks_hear_how_an_item_ended(bench):
    bench.write(good="ok text", bad="fail input it is bad", cut="partial text")
    outcomes = {}
    bench.hooks = StageHooks(after_item=lambda item, outcome, _context: outcomes.update({item.item_id: outcome}))

    bench.run(workers=1)
    good, bad, cut = (outcomes[f"docs/{name}"] for name in ("good", "bad", "cut"))
    outcomes.clear()
    bench.run(workers=1)

    assert (good.status, good.reason, dict(good.metrics), good.attempts) == (Status.SUCCESS, "new", {"letters": 4}, 1)
    assert good.duration_s > 0
    assert good.peak_rss > 1_000_000
    assert (bad.status, bad.error.category, bad.error.item_id, bad.error.stage) == (
        Status.FAILURE,
        Category.INPUT,
        "docs/bad",
        "verbs",
    )
    assert bad.duration_s > 0
    assert (cut.status, cut.reason) == (Status.PARTIAL, "a table was given up")
    assert {item: outcome.reason for item, outcome in outcomes.items()} == {
        "docs/good": "up to date",
        "docs/cut": "up to date",
        "docs/bad": "quarantined",
    }


def test_after_stage_is_called_also_when_nothing_ran_and_its_answer_is_the_summary(bench):
    bench.write(good="ok text")
    bench.hooks = StageHooks(after_stage=lambda outcome, _context: {"letters": outcome.succeeded})

    first, second = bench.run(workers=0), bench.run(workers=0)

    assert (first.summary, second.summary) == ({"letters": 1}, {"letters": 0})


def test_before_stage_can_forbid_the_run(bench):
    bench.write(good="ok text")

    bench.hooks = StageHooks(before_stage=raising(UsageError("not today")))

    error, outcome = bench.stopped(workers=0)

    assert (str(error), outcome.planned, bench.calls()) == ("not today", 0, [])


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("inline", "before_item"),
        ("inline", "after_item"),
        ("inline", "after_stage"),
        ("inline", "heartbeat"),
        ("threads", "after_item"),
        ("processes", "after_item"),
    ],
)
def test_a_hook_that_stops_the_run_leaves_the_counts_whole(bench, name, hook):
    bench.write(**{f"d{number}": "after 0.1 ok" for number in range(5)})

    bench.hooks = StageHooks(**{hook: raising(UsageError("the hook says no"))}, heartbeat_s=0.01)

    error, outcome = bench.stopped(**EXECUTORS[name])

    assert str(error) == "the hook says no"
    assert outcome.succeeded <= len(bench.rows())


def test_what_is_recorded_counts_even_if_a_hook_stops_the_run(bench):
    bench.write(**{f"d{number}": "skip nothing" for number in range(5)})

    bench.hooks = StageHooks(after_item=raising(UsageError("the hook says no")))

    _error, outcome = bench.stopped(workers=0)

    assert outcome.skipped == len(bench.rows()) > 1


def test_any_other_exception_of_a_hook_reaches_the_caller_and_no_process_stays(bench, watch):
    bench.write(a="ok", b="waits for ever", c="waits for ever")
    children = []

    def stop(*_arguments):
        children.extend(watch.family(os.getpid())[1:])
        raise ZeroDivisionError

    bench.hooks = StageHooks(after_item=stop)

    with pytest.raises(ZeroDivisionError):
        bench.run(workers=2)

    assert children
    assert watch.alive(children) == []


def test_heartbeats_tell_how_far_the_run_is(bench):
    bench.write(a="ok", b="after 1 ok", c="fail input")
    heard = []
    bench.hooks = StageHooks(heartbeat=lambda progress, _context: heard.append(progress), heartbeat_s=0.05)

    bench.run(workers=1)

    busy = [progress for progress in heard if [each.item_id for each in progress.running] == ["docs/b"]]
    assert busy[-1].running[0].seconds > 0
    assert (busy[-1].done, busy[-1].planned, busy[-1].total) == (1, 3, None)


def test_heartbeats_tell_how_far_a_running_item_says_it_is(bench):
    bench.write(a="ok")
    heard = []

    def heartbeat(progress, _context):
        heard.extend(each.share_done for each in progress.running if each.share_done)
        if heard:
            (bench.folder / "go").touch()

    bench.hooks = StageHooks(heartbeat=heartbeat, heartbeat_s=0.05)

    bench.run(bench.verbs.Halfway(), workers=1)

    assert set(heard) == {0.5}


def test_cancel_lets_running_items_finish_and_drops_the_rest(bench, executor):
    bench.write(**{f"d{number:02}": f"after 0.1 ok {number}" for number in range(12)})
    bench.hooks = StageHooks(after_item=lambda _item, _outcome, context: context.cancel())

    outcome = bench.run(**executor)

    assert (outcome.exit_code, outcome.stop_reason) == (130, "interrupted")
    assert outcome.succeeded >= 1
    assert outcome.cancelled == 12 - outcome.succeeded > 0
    assert {row["status"] for row in bench.rows().values()} == {"success"}
    bench.hooks = StageHooks()
    assert bench.run(**executor).up_to_date == outcome.succeeded


def test_a_run_outside_the_main_thread_installs_no_signal_handler(bench, executor):
    bench.write(a="ok", b="fail input")
    before = signal.getsignal(signal.SIGINT)
    seen, outcomes = [], []
    bench.hooks = StageHooks(before_item=lambda *_: seen.append(signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=lambda: outcomes.append(bench.run(**executor)))
    thread.start()
    thread.join(60)

    assert (outcomes[0].succeeded, outcomes[0].failed) == (1, 1)
    assert seen == [before, before]


def test_a_run_in_the_main_thread_gives_the_handlers_back(bench):
    bench.write(a="ok")
    before = signal.getsignal(signal.SIGINT)
    seen = []
    bench.hooks = StageHooks(before_item=lambda *_: seen.append(signal.getsignal(signal.SIGINT)))

    bench.run(workers=0)

    assert seen[0] is not before
    assert signal.getsignal(signal.SIGINT) is before


class ListSink:
    """Records in a list; a flush can fail."""

    def __init__(self):
        self.logged = []
        self.flushed = 0
        self.full = False

    def log_config(self, stage, snapshot):
        self.logged.append(("config", stage, snapshot["runner"]["workers"]))

    def log_success(self, stage, item_id, input_path, output_paths, duration_s, extras):
        self.logged.append((extras["status"], item_id, sorted(output_paths)))

    def log_skip(self, stage, item_id, input_path, reason, extras):
        self.logged.append(("skip", item_id, reason))

    def log_failure(self, stage, item_id, input_path, error, extras):
        self.logged.append(("failure", item_id, error.message))

    def log_attempt(self, stage, item_id, attempt, event, extras):
        pass

    def flush(self):
        if self.full:
            raise ManifestError(FULL)
        self.flushed = len(self.logged)


def test_results_go_to_the_sink_that_the_caller_brings(bench):
    bench.write(a="ok text", b="partial text", c="skip nothing", d="fail input it is bad")
    sink = ListSink()

    outcome = bench.run(sink=sink, workers=0)

    assert sink.logged[0] == ("config", "verbs", 0)
    assert sorted(sink.logged[1:]) == [
        ("failure", "docs/d", "it is bad"),
        ("partial", "docs/b", ["out"]),
        ("skip", "docs/c", "nothing"),
        ("success", "docs/a", ["out"]),
    ]
    assert sink.flushed == 5
    assert outcome.planned == 4
    assert not (bench.workspace.manifests / "verbs.manifest.jsonl").exists()


def test_a_row_that_cannot_be_written_stops_the_run_and_its_item_does_not_count(bench, executor):
    bench.write(a="ok", b="after 0.3 ok", c="after 0.3 ok")
    sink = ListSink()
    sink.full = True
    heard = []
    bench.hooks = StageHooks(after_item=lambda item, *_: heard.append(item.item_id))

    error, outcome = bench.stopped(sink=sink, **executor)

    assert str(error) == FULL
    assert (outcome.succeeded, outcome.cancelled, heard) == (0, 3, [])


def test_a_program_needs_no_more_than_a_plan_and_a_function(bench):
    bench.write(a="ok text")

    outcome = run_stage(StagePlan(stage_name="verbs", items=[bench.item("a")]), bench.verbs.work)

    assert (outcome.failed, outcome.errors[0].category) == (1, Category.CONTRACT)
    assert "required output 'extra'" in outcome.errors[0].message
    assert (bench.folder / "docparse-data" / "manifests" / "verbs.manifest.jsonl").exists()


def test_two_runs_of_one_stage_at_a_time_are_refused(bench):
    bench.write(a="ok")
    refused = []

    def again(*_arguments):
        def run():
            with pytest.raises(UsageError) as caught:
                type(bench)(bench.folder, bench.verbs, bench.history).run(workers=0)
            refused.append(str(caught.value))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)

    bench.hooks = StageHooks(before_item=again)

    assert bench.run(workers=0).succeeded == 1
    assert refused[0].startswith(f"verbs is already running on {bench.workspace.root}: process ")


def test_outcomes_that_stages_build_say_whether_they_are_good():
    assert ItemOutcome.success().status
    assert ItemOutcome.skip("nothing").status
    assert not Status.FAILURE
    assert not Status.CANCELLED
