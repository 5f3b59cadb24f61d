"""Run, check or skip, and why: every reason, told from what ``stat`` says and the last row alone."""

import os
from pathlib import Path

import attrs
import msgspec
import pytest

from docparse_runner import StageOptions, WorkItem, Workspace
from docparse_runner._decision import Action, Decider
from docparse_runner._planning import Upstream
from docparse_runner._row import ErrorRecord, FileState, LastGood, timestamp
from docparse_runner.errors import QUARANTINED, Category

LONG_AGO = 1_700_000_000
RUN_AT = LONG_AGO + 1_000_000
REMEMBERED = sorted(QUARANTINED - {Category.TIMEOUT})
FORGOTTEN = sorted(set(Category) - QUARANTINED)


@attrs.define
class Bench:
    """One document of a stage in a data root, its last row, and what is decided."""

    workspace: Workspace
    source: Path
    item: WorkItem
    row: object
    upstreams: dict = attrs.field(factory=dict)
    receipts: bool = False

    def change_row(self, **fields):
        self.row = msgspec.structs.replace(self.row, **fields)

    def fail(self, category, **fields):
        """Make the last row one of a failure of this kind."""
        error = ErrorRecord(category=category, message="it failed", **fields)
        self.change_row(status="failure", category=category, error=error, outputs={})

    def full_decision(self, row=..., item=None, stage_version=1, cfg_hash="options-engine", deadline=600.0, **options):
        decider = Decider(
            workspace=self.workspace,
            options=StageOptions(**options),
            stage_version=stage_version,
            cfg_hash=cfg_hash,
            upstreams=self.upstreams,
            timeout_s=deadline,
            receipts=self.receipts,
        )
        return decider.decide(item or self.item, self.row if row is ... else row)

    def decide(self, *arguments, **options):
        """Return (what to do, why)."""
        decision = self.full_decision(*arguments, **options)
        return decision.action, decision.reason


def write(path, text="hello", seconds=LONG_AGO):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))
    return path


def touch(path):
    os.utime(path, (LONG_AGO + 5, LONG_AGO + 5))


def state_of(workspace, path, digest):
    return FileState.of(workspace.relative(path), path.stat(), digest)


@pytest.fixture
def bench(workspace, tmp_path, make_row):
    """Return a document that was done: its row says so, and everything is as it was."""
    source = write(tmp_path / "papers" / "a.txt")
    output = write(workspace.artifact("upper", "papers/a.txt", ".upper"), "HELLO")
    item = WorkItem(item_id="papers/a.txt", inputs={"source": source}, outputs={"upper": output})
    row = make_row(
        started_at=timestamp(RUN_AT),
        inputs={"source": state_of(workspace, source, "sha256:in")},
        outputs={"upper": state_of(workspace, output, "sha256:out")},
    )
    return Bench(workspace, source, item, row)


@pytest.fixture
def join(bench, make_row):
    """Return a document whose stage joins ``upper`` and ``count``; both were made, the latter from the former."""
    upper = bench.item.outputs["upper"]
    count = write(bench.workspace.artifact("count", "papers/a.txt", ".json"), "5")
    made = state_of(bench.workspace, upper, "sha256:u")
    counted = state_of(bench.workspace, count, "sha256:c")
    bench.item = attrs.evolve(bench.item, inputs={"upper": upper, "count": count}, outputs={})
    bench.upstreams = {
        "upper": Upstream("upper", (".upper",), {"papers/a.txt": make_row(outputs={"upper": made})}),
        "count": Upstream(
            "counter", (".json",), {"papers/a.txt": make_row(inputs={"upper": made}, outputs={"count": counted})}
        ),
    }
    bench.change_row(inputs={"upper": made, "count": counted}, outputs={})
    return bench


def change_upstream(bench, kind, **fields):
    rows = bench.upstreams[kind].rows
    rows["papers/a.txt"] = msgspec.structs.replace(rows["papers/a.txt"], **fields)


def test_what_was_never_done_is_new(bench):
    assert bench.decide(row=None) == (Action.RUN, "new")


def test_what_was_gone_and_is_back_is_new(bench):
    bench.change_row(status="gone")

    assert bench.decide() == (Action.RUN, "new")


@pytest.mark.parametrize("status", ["success", "partial"])
def test_what_is_as_it_was_is_up_to_date(bench, status):
    bench.change_row(status=status)

    assert bench.decide() == (Action.SKIP, "up to date")


def test_a_skip_of_the_worker_is_a_result_without_outputs_and_up_to_date(bench):
    bench.item.outputs["upper"].unlink()
    bench.change_row(status="skip", outputs={})

    assert bench.decide() == (Action.SKIP, "up to date")


@pytest.mark.parametrize("options", [{"force": True}, {"resume": False}])
def test_what_is_up_to_date_is_done_again_when_told_to(bench, options):
    assert bench.decide(**options) == (Action.RUN, "forced")


def test_a_newer_stage_does_everything_again(bench):
    assert bench.decide(stage_version=2) == (Action.RUN, "stage version changed")


@pytest.mark.parametrize(
    ("cfg_hash", "reason"),
    [
        ("other-engine", "options changed"),
        ("options-other", "engine changed"),
        ("other-other", "options changed"),
    ],
)
def test_another_configuration_does_everything_again_and_says_which_half_of_it_changed(bench, cfg_hash, reason):
    assert bench.decide(cfg_hash=cfg_hash) == (Action.RUN, reason)


def test_an_input_of_another_size_changed(bench):
    write(bench.source, "hello!")

    assert bench.decide() == (Action.RUN, "input changed")


def test_an_input_of_the_same_size_but_other_times_is_checked(bench):
    write(bench.source, "jello", LONG_AGO + 5)

    assert bench.decide() == (Action.CHECK, "up to date")


def test_an_input_of_the_same_size_and_time_that_is_another_file_is_checked(bench):
    write(bench.source.with_name("b.txt"), "jello").replace(bench.source)

    assert bench.decide() == (Action.CHECK, "up to date")


@pytest.mark.parametrize(
    ("before_ns", "action"),
    [
        (2_001_000_000, Action.SKIP),
        (2_000_000_000, Action.CHECK),
        (0, Action.CHECK),
        (-60_000_000_000, Action.CHECK),
    ],
)
def test_an_input_that_was_written_just_before_it_was_read_is_not_trusted(bench, before_ns, action):
    moment = RUN_AT * 1_000_000_000 - before_ns
    os.utime(bench.source, ns=(moment, moment))
    bench.change_row(inputs={"source": state_of(bench.workspace, bench.source, "sha256:in")})

    assert bench.decide() == (action, "up to date")


def test_a_row_whose_start_cannot_be_read_is_not_trusted(bench):
    bench.change_row(started_at="yesterdax")

    assert bench.decide() == (Action.CHECK, "up to date")


@pytest.mark.parametrize("recorded", [{}, {"source": ..., "extra": ...}, {"other": ...}])
def test_a_document_with_other_kinds_of_inputs_than_before_changed(bench, recorded):
    bench.change_row(inputs=dict.fromkeys(recorded, bench.row.inputs["source"]))

    assert bench.decide() == (Action.RUN, "input changed")


def test_an_output_that_is_not_there_is_made_again(bench):
    bench.item.outputs["upper"].unlink()

    assert bench.decide() == (Action.RUN, "output missing")


def test_an_output_of_another_size_is_made_again(bench):
    write(bench.item.outputs["upper"], "HELLO!")

    assert bench.decide() == (Action.RUN, "output changed")


def test_an_output_that_was_touched_is_checked(bench):
    touch(bench.item.outputs["upper"])

    assert bench.decide() == (Action.CHECK, "up to date")


def test_any_output_of_the_row_counts_not_only_the_first(bench):
    extra = bench.workspace.artifact("extra", "papers/a.txt", ".x")
    state = state_of(bench.workspace, write(extra), "sha256:x")
    bench.change_row(outputs=bench.row.outputs | {"extra": state})
    both = bench.decide()

    extra.unlink()

    assert both == (Action.SKIP, "up to date")
    assert bench.decide() == (Action.RUN, "output missing")


def test_outputs_are_found_after_the_data_root_was_moved(bench, tmp_path):
    bench.workspace.root.rename(tmp_path / "moved")
    bench.workspace = Workspace(tmp_path / "moved")

    assert bench.decide() == (Action.SKIP, "up to date")


def test_verify_hash_checks_what_looks_up_to_date(bench):
    assert bench.decide(verify_hash=True) == (Action.CHECK, "up to date")


def test_verify_hash_checks_the_outputs_of_what_has_no_inputs(bench):
    bench.item = attrs.evolve(bench.item, inputs={})
    bench.change_row(inputs={})

    assert bench.decide() == (Action.SKIP, "up to date")
    assert bench.decide(verify_hash=True) == (Action.CHECK, "up to date")


def test_after_a_check_it_is_told_whether_an_input_or_an_output_changed(bench):
    decision = bench.full_decision(verify_hash=True)
    same = bench.row.inputs["source"]
    touched = msgspec.structs.replace(same, mtime_ns=0)
    other = msgspec.structs.replace(same, digest="sha256:other")

    assert decision.reason_after_check({"source": touched}) == "output changed"
    assert decision.reason_after_check({"source": other}) == "input changed"


@pytest.mark.parametrize("category", FORGOTTEN)
def test_a_failure_that_is_not_remembered_is_tried_again(bench, category):
    bench.fail(category)

    assert bench.decide() == (Action.RUN, "failed before")


@pytest.mark.parametrize("category", REMEMBERED)
def test_a_failure_that_is_remembered_is_not_tried_again(bench, category):
    bench.fail(category)

    assert bench.decide() == (Action.SKIP, "quarantined")


@pytest.mark.parametrize("category", REMEMBERED)
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"retry_quarantined": True}, "failed before"),
        ({"force": True}, "forced"),
        ({"stage_version": 2}, "stage version changed"),
        ({"cfg_hash": "other-engine"}, "options changed"),
    ],
)
def test_a_failure_is_remembered_only_until_told_or_something_changes(bench, category, options, reason):
    bench.fail(category)

    assert bench.decide(**options) == (Action.RUN, reason)


def test_a_failure_whose_input_changed_is_tried_again(bench):
    bench.fail("input")
    write(bench.source, "hello!")

    assert bench.decide() == (Action.RUN, "input changed")


@pytest.mark.parametrize(("category", "then"), [("input", (Action.CHECK, "quarantined")), ("io", (Action.RUN, ...))])
def test_a_remembered_failure_whose_input_was_touched_is_checked_and_another_just_tried(bench, category, then):
    bench.fail(category)
    touch(bench.source)

    assert bench.decide() == tuple("failed before" if each is ... else each for each in then)


@pytest.mark.parametrize("category", ["io", "crash"])
@pytest.mark.parametrize("inputs", ["none", "unread"])
def test_a_failure_before_the_input_was_read_is_tried_again(bench, inputs, category):
    state = msgspec.structs.replace(bench.row.inputs["source"], digest="")
    bench.fail(category)
    bench.change_row(inputs={} if inputs == "none" else {"source": state})

    assert bench.decide() == (Action.RUN, "failed before")


def test_a_remembered_failure_does_not_look_at_outputs(bench):
    bench.fail("crash")
    bench.item.outputs["upper"].unlink()

    assert bench.decide() == (Action.SKIP, "quarantined")


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [
        (5.0, (Action.SKIP, "quarantined")),
        (4.0, (Action.SKIP, "quarantined")),
        (5.1, (Action.RUN, "failed before")),
        (0.0, (Action.RUN, "failed before")),
    ],
    ids=["same", "lower", "raised", "none"],
)
def test_a_timeout_is_remembered_until_its_deadline_is_raised(bench, deadline, expected):
    bench.fail("timeout", limit=5.0)

    assert bench.decide(deadline=deadline) == expected
    assert bench.decide(timeout_s=deadline) == expected
    assert bench.decide(item=attrs.evolve(bench.item, timeout_s=deadline)) == expected


@pytest.mark.parametrize(
    ("limit_mb", "expected"),
    [
        (64, (Action.SKIP, "quarantined")),
        (32, (Action.SKIP, "quarantined")),
        (65, (Action.RUN, "failed before")),
        (0, (Action.RUN, "failed before")),
    ],
    ids=["same", "lower", "raised", "none"],
)
def test_running_out_of_memory_is_remembered_until_its_limit_is_raised(bench, limit_mb, expected):
    bench.fail("oom", limit=64 * 2**20)

    assert bench.decide(memory_limit_mb=limit_mb) == expected


@pytest.mark.parametrize("limit_mb", [0, 64])
def test_running_out_of_the_memory_of_the_machine_is_remembered_whatever_the_limit(bench, limit_mb):
    bench.fail("oom")

    assert bench.decide(memory_limit_mb=limit_mb) == (Action.SKIP, "quarantined")


@pytest.mark.parametrize(
    ("flag", "item", "stage", "deadline"),
    [(None, None, 600.0, 600.0), (None, 7.0, 600.0, 7.0), (3.0, 7.0, 600.0, 3.0), (0.0, 7.0, 600.0, 0.0)],
)
def test_the_deadline_is_that_of_the_flag_else_of_the_item_else_of_the_stage(bench, flag, item, stage, deadline):
    decider = Decider(
        workspace=bench.workspace,
        options=StageOptions(timeout_s=flag),
        stage_version=1,
        cfg_hash="",
        upstreams={},
        timeout_s=stage,
    )

    assert decider.deadline(attrs.evolve(bench.item, timeout_s=item)) == deadline


def test_an_input_that_is_not_there_is_a_failure_that_may_be_retried(bench):
    bench.source.unlink()

    decision = bench.full_decision()

    assert (decision.action, decision.error.category, decision.error.retryable) == (Action.FAIL, "io", True)
    assert decision.error.message == f"{bench.source}: No such file or directory"
    assert decision.row is bench.row


@pytest.mark.parametrize(("name", "action"), [("ü" * 124 + "a", Action.RUN), ("ü" * 125, Action.FAIL)])
def test_a_name_longer_than_a_file_system_can_hold_is_an_input_failure(bench, name, action):
    output = bench.workspace.artifact("upper", f"papers/{name}", ".upper")  # .upper is 6 of the 255 bytes

    decision = bench.full_decision(item=attrs.evolve(bench.item, outputs={"upper": output}), row=None)

    assert decision.action == action
    if action == Action.FAIL:
        assert (decision.error.category, decision.error.retryable) == ("input", False)
        assert decision.error.message.startswith("its output would need a name longer than 255 bytes (üüü")
        assert decision.error.message.endswith("…); rename the document")


@pytest.mark.parametrize("options", [{"force": True}, {"retry_quarantined": True}])
def test_no_option_makes_a_name_shorter(bench, options):
    bench.fail("input")
    output = bench.workspace.root / ("x" * 256) / "a"

    assert bench.decide(item=attrs.evolve(bench.item, outputs={"upper": output}), **options)[0] == Action.FAIL


def test_a_document_that_is_gone_is_told_to_the_stage_that_asked(bench):
    gone = WorkItem(item_id="papers/a.txt", removed=True)

    assert bench.decide(item=gone) == (Action.RUN, "gone")


def test_a_join_whose_parts_belong_together_is_decided_as_anything_else(join):
    assert join.decide() == (Action.SKIP, "up to date")
    assert join.decide(row=None) == (Action.RUN, "new")


def test_a_join_waits_for_a_part_that_is_not_there(join):
    join.item.inputs["count"].unlink()

    assert join.decide() == (Action.SKIP, "waiting for counter")
    assert join.decide(force=True) == (Action.SKIP, "waiting for counter")


def test_a_join_waits_for_a_kind_when_no_stage_is_known_to_make_it(join):
    join.item.inputs["count"].unlink()
    join.upstreams["count"] = Upstream("", (".json",), {})

    assert join.decide() == (Action.SKIP, "waiting for count")


@pytest.mark.parametrize("status", ["failure", "skip", "gone"])
def test_a_join_waits_for_a_part_whose_maker_has_no_result_now(join, status):
    change_upstream(join, "count", status=status)

    assert join.decide() == (Action.SKIP, "waiting for counter")


def test_a_join_waits_for_a_part_that_was_made_from_an_older_one(join):
    newer = msgspec.structs.replace(join.row.inputs["upper"], digest="sha256:newer")
    change_upstream(join, "upper", outputs={"upper": newer})

    assert join.decide() == (Action.SKIP, "waiting for counter")


def test_a_join_waits_for_a_part_that_was_made_from_an_older_one_than_the_last_good_one(join):
    newer = msgspec.structs.replace(join.row.inputs["upper"], digest="sha256:newer")
    change_upstream(join, "upper", status="failure", outputs={}, last_good=LastGood("r0", {"upper": newer}))

    assert join.decide() == (Action.SKIP, "waiting for counter")


def test_a_join_takes_parts_that_no_manifest_knows(join):
    join.upstreams = {kind: Upstream("", each.suffixes, {}) for kind, each in join.upstreams.items()}

    assert join.decide(row=None) == (Action.RUN, "new")


def test_an_input_that_no_stage_makes_is_nothing_to_wait_for(join, tmp_path):
    notes = write(tmp_path / "notes.txt")
    join.item = attrs.evolve(join.item, inputs={**join.item.inputs, "notes": notes})
    there = join.decide(row=None)

    notes.unlink()

    assert there == (Action.RUN, "new")
    assert join.decide(row=None)[0] == Action.FAIL


def test_the_first_part_missing_is_a_failure_and_nothing_to_wait_for(join):
    join.item.inputs["upper"].unlink()

    assert join.decide()[0] == Action.FAIL


def test_the_digests_that_producers_recorded_are_known_without_reading(join):
    assert join.full_decision().digests == {"upper": "sha256:u", "count": "sha256:c"}


def test_the_digest_of_the_last_good_output_of_a_failure_is_known(join):
    good = join.row.inputs["upper"]
    change_upstream(join, "upper", status="failure", outputs={}, last_good=LastGood("r0", {"upper": good}))

    assert join.full_decision().digests["upper"] == "sha256:u"


def test_a_recorded_digest_is_not_known_of_a_file_that_was_touched_since(join):
    touch(join.item.inputs["upper"])

    decision = join.full_decision()

    assert decision.digests == {"count": "sha256:c"}
    assert decision.action == Action.CHECK


def test_verify_hash_knows_no_digest(join):
    decision = join.full_decision(verify_hash=True)

    assert (decision.digests, decision.action) == ({}, Action.CHECK)


def remake(bench, digest):
    """Let the upstream stage write its output anew, with this digest, and the other follow it."""
    upper = write(bench.item.inputs["upper"], "AGAIN", LONG_AGO + 99)
    made = state_of(bench.workspace, upper, digest)
    change_upstream(bench, "upper", outputs={"upper": made})
    change_upstream(bench, "count", inputs={"upper": made})


def test_identical_bytes_from_upstream_stop_the_cascade(join):
    remake(join, "sha256:u")

    assert join.decide() == (Action.SKIP, "up to date")


def test_other_bytes_from_upstream_go_on_although_the_size_is_the_same(join):
    remake(join, "sha256:other")

    assert join.decide() == (Action.RUN, "input changed")


def test_a_known_digest_is_trusted_however_new_the_file_is(join):
    upper = write(join.item.inputs["upper"], "HELLO", RUN_AT)
    made = state_of(join.workspace, upper, "sha256:u")
    change_upstream(join, "upper", outputs={"upper": made})
    join.change_row(inputs=join.row.inputs | {"upper": made})

    assert join.decide() == (Action.SKIP, "up to date")


def test_the_stats_that_were_taken_go_with_the_decision(join):
    assert join.full_decision().stats == {kind: path.stat() for kind, path in join.item.inputs.items()}


CHANGES = {
    "another version": lambda bench: bench.change_row(stage_version=2),
    "other options": lambda bench: bench.change_row(cfg_hash="others-engine"),
    "a failure": lambda bench: bench.fail("input"),
    "gone": lambda bench: bench.change_row(status="gone"),
    "another input": lambda bench: write(bench.source, "other"),
    "an input that was touched": lambda bench: os.utime(bench.source, (RUN_AT - 100, RUN_AT - 100)),
    "an input as young as its row": lambda bench: write(bench.source, seconds=RUN_AT),
    "no input": lambda bench: bench.source.unlink(),
    "another output": lambda bench: write(bench.item.outputs["upper"], "OTHER"),
    "no output": lambda bench: bench.item.outputs["upper"].unlink(),
    "an input that was never read": lambda bench: bench.change_row(inputs={}),
    "two inputs": lambda bench: bench.change_row(inputs=bench.row.inputs | {"more": bench.row.inputs["source"]}),
    "a garbled time": lambda bench: bench.change_row(started_at="long ago"),
}


def is_settled(bench):
    decider = Decider(
        workspace=bench.workspace,
        options=StageOptions(),
        stage_version=1,
        cfg_hash="options-engine",
        upstreams={},
    )
    return decider.is_settled(bench.row, "source", str(bench.source))


@pytest.mark.parametrize("status", ["success", "partial", "skip"])
def test_what_is_settled_at_a_glance_is_up_to_date(bench, status):
    bench.change_row(status=status)

    assert is_settled(bench)
    assert bench.decide() == (Action.SKIP, "up to date")


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_in_doubt_is_not_settled_at_a_glance(bench, change):
    CHANGES[change](bench)

    assert not is_settled(bench)


@pytest.mark.parametrize(
    ("receipts", "seconds", "decision"),
    [
        (False, RUN_AT, (Action.CHECK, "up to date")),
        (True, RUN_AT, (Action.RUN, "output changed")),
        (True, LONG_AGO, (Action.CHECK, "up to date")),
    ],
    ids=["an output", "a receipt", "a receipt that was copied"],
)
def test_equal_bytes_of_a_receipt_of_another_time_prove_nothing(bench, receipts, seconds, decision):
    bench.receipts = receipts
    output = bench.item.outputs["upper"]
    output.unlink()
    write(output, "HELLO", seconds)

    assert bench.decide() == decision
