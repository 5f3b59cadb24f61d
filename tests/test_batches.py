"""Items that run together: ``Stage(batch=N)``, and who is charged when a batch ends badly."""

import itertools
import os
from collections import Counter, deque

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docparse_runner import Output, Stage
from docparse_runner._scheduler import Failure, Rules, Scheduler
from docparse_runner._wire import Task, unit_of
from docparse_runner.errors import Category, DocparseError

EXECUTORS = {
    "inline": {"workers": 0},
    "threads": {"workers": 1, "policy": "io"},
    "processes": {"workers": 1},
}
CRASH = Failure(category=Category.CRASH, type="crash")


@pytest.fixture
def batches(bench):
    """Return a bench whose stage takes lists of 4."""
    bench.stage = Stage(name="verbs", version=1, consumes=["source"], produces={"out": Output(".out")}, batch=4)
    return bench


@pytest.fixture(params=EXECUTORS)
def executor(request):
    return EXECUTORS[request.param]


def together(bench):
    """Return the names of the documents of each call, in order."""
    path = bench.folder / "batches.txt"
    return [line.split() for line in path.read_text().splitlines()]


# --- what runs together


def tasks_of(limits):
    return deque(Task(number, f"d{number}", {}, {}, batch=limit) for number, limit in enumerate(limits))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_no_item_runs_together_with_more_than_it_may(limits):
    tasks = tasks_of(limits)

    units = []
    while tasks:
        units.append(unit_of(tasks))

    assert [task.number for unit in units for task in unit] == list(range(len(limits)))
    assert all(len(unit) <= task.batch for unit in units for task in unit)
    for unit, behind in itertools.pairwise(units):
        assert len(unit) + 1 > min(*(task.batch for task in unit), behind[0].batch), "as many as may"


def test_lists_are_as_long_as_the_stage_says_and_every_item_has_its_own_result(batches, executor):
    batches.write(**{f"d{number}": f"ok {number}" for number in range(10)})

    outcome = batches.run(batches.verbs.work_together, **executor)

    assert (outcome.succeeded, outcome.exit_code) == (10, 0)
    assert sorted(map(len, together(batches))) == [2, 4, 4]
    assert [batches.out(f"d{number}").read_text() for number in range(10)] == list(map(str, range(10)))
    assert {row["attempts"] for row in batches.rows().values()} == {1}


@pytest.mark.parametrize(("policy", "longest"), [("gpu", 4), ("io", 1), (None, 1)], ids=["gpu", "io", "its own"])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_stage_may_have_batches_under_one_policy_and_gets_lists_of_one_under_the_others(
    batches, policy, longest, workers
):
    batches.stage = attrs.evolve(batches.stage, batch={"gpu": 4})
    batches.write(**{f"d{number}": f"ok {number}" for number in range(10)})

    outcome = batches.run(batches.verbs.work_together, policy=policy, workers=workers)

    assert outcome.succeeded == 10
    assert max(map(len, together(batches))) == longest
    assert [batches.out(f"d{number}").read_text() for number in range(10)] == list(map(str, range(10)))


def test_items_of_a_batch_write_the_same_name_and_never_meet(batches, executor):
    for folder in "abc":
        path = batches.folder / "docs" / folder / "same"
        path.parent.mkdir(parents=True)
        path.write_text(f"ok {folder}")
        os.utime(path, (1_700_000_000, 1_700_000_000))

    outcome = batches.run(
        batches.verbs.work_together, items=[batches.item(f"{folder}/same") for folder in "abc"], **executor
    )

    assert outcome.succeeded == 3
    assert (batches.folder / "docs" / "batches.txt").read_text() == "a/same b/same c/same\n"
    assert [batches.out(f"{folder}/same").read_text() for folder in "abc"] == ["a", "b", "c"]


def test_each_item_of_a_batch_has_an_outcome_of_its_own(batches, executor):
    batches.write(a="ok a", b="partial", c="answer input", d="nothing")

    outcome = batches.run(batches.verbs.work_together, **executor)

    assert (outcome.succeeded, outcome.partial, outcome.failed) == (1, 1, 2)
    assert together(batches) == [["a", "b", "c", "d"]], "what the stage answers is an answer"
    rows = batches.rows()
    assert {name: rows[name]["status"] for name in "abcd"} == {
        "a": "success", "b": "partial", "c": "failure", "d": "failure",
    }  # fmt: skip
    assert rows["c"]["error"]["category"] == "input"
    assert rows["d"]["error"]["category"] == "contract"


def test_an_item_that_cannot_be_read_is_not_in_the_batch(batches, executor):
    batches.write(a="ok", b="ok", c="ok")
    items = batches.items()
    (batches.folder / "docs" / "b").unlink()
    (batches.folder / "docs" / "b").mkdir()

    outcome = batches.run(batches.verbs.work_together, items=items, **executor)

    assert (outcome.succeeded, outcome.failed) == (2, 1)
    assert together(batches) == [["a", "c"]]


def test_unchanged_items_are_not_in_the_batch(batches, executor):
    batches.write(a="ok 1", b="ok 2", c="ok 3")
    batches.run(batches.verbs.work_together, **executor)
    (batches.folder / "batches.txt").unlink()
    batches.write(b="ok 4")
    os.utime(batches.folder / "docs" / "a")

    outcome = batches.run(batches.verbs.work_together, **executor)

    assert (outcome.succeeded, outcome.up_to_date) == (1, 2)
    assert together(batches) == [["b"]]


# --- a batch that ends badly


@pytest.mark.parametrize("name", ["inline", "threads", "processes"])
@pytest.mark.parametrize("verb", ["raise value", "skip the weather", "raise memory", "fail input"])
def test_a_batch_that_raises_runs_again_in_halves_and_only_the_item_that_raises_alone_is_charged(batches, name, verb):
    batches.write(a="ok", b="ok", c=verb, d="ok")

    outcome = batches.run(batches.verbs.work_together, **EXECUTORS[name])

    assert outcome.succeeded == 3
    assert (outcome.failed, outcome.skipped) == ((0, 1) if verb.startswith("skip") else (1, 0))
    assert together(batches) == [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["d"]]
    assert {row["attempts"] for row in batches.rows().values()} == {1}, "halves are not attempts"
    assert [batches.out(each).exists() for each in "abcd"] == [True, True, False, True]


@pytest.mark.parametrize(
    ("verb", "category", "options"),
    [
        ("die 7", "crash", {}),
        ("after 60 ok", "timeout", {"timeout_s": 0.3}),
        ("eats 400", "oom", {"memory_limit_mb": 300}),
    ],
)
def test_a_batch_that_kills_its_worker_runs_again_in_halves_and_only_the_killer_is_charged(
    batches, verb, category, options
):
    batches.write(a="ok", b=verb, c="ok", d="ok")

    outcome = batches.run(batches.verbs.work_together, workers=1, **options)

    rows = batches.rows()
    assert (outcome.succeeded, outcome.failed) == (3, 1)
    assert rows["b"]["error"]["category"] == category
    assert {row["attempts"] for row in rows.values()} == {1}
    assert together(batches)[0] == ["a", "b", "c", "d"]
    assert ["b"] in together(batches)
    assert Counter(each for names in together(batches) for each in names)["b"] == 3, "in 4, in 2, alone"


def test_a_batch_has_the_sum_of_the_deadlines_of_its_items(batches):
    batches.write(a="after 0.4 ok", b="after 0.4 ok", c="after 0.4 ok", d="after 0.4 ok")

    outcome = batches.run(batches.verbs.work_together, workers=1, timeout_s=0.9)

    assert outcome.succeeded == 4
    assert together(batches) == [["a", "b", "c", "d"]]


def test_a_batch_without_a_deadline_for_one_of_its_items_has_none(batches):
    batches.write(a="after 1 ok", b="ok")
    items = [attrs.evolve(item, timeout_s=limit) for item, limit in zip(batches.items(), (0.0, 0.2), strict=True)]

    outcome = batches.run(batches.verbs.work_together, items=items, workers=1)

    assert outcome.succeeded == 2
    assert together(batches) == [["a", "b"]]


def test_the_deadline_raised_in_time_for_a_whole_batch_commits_nothing_of_it(batches):
    batches.write(a="ok", b="lingers 1.2", c="ok", d="ok")

    outcome = batches.run(batches.verbs.work_together, workers=1, timeout_s=0.2)

    assert (outcome.succeeded, outcome.failed) == (3, 1)
    assert batches.rows()["b"]["error"]["category"] == "timeout"
    assert not batches.out("b").exists()


def test_threads_cannot_run_the_halves_of_a_batch_that_may_still_run(batches):
    batches.write(a="waits", b="ok")

    outcome = batches.run(batches.verbs.work_together, timeout_s=0.2, **EXECUTORS["threads"])

    (batches.folder / "go").touch()
    assert outcome.failed == 2
    assert {row["error"]["category"] for row in batches.rows().values()} == {"timeout"}
    assert together(batches) == [["a", "b"]]


def test_an_answer_of_the_wrong_length_is_a_broken_contract_of_the_item_that_is_alone(batches, executor):
    batches.write(a="ok", b="ok")

    outcome = batches.run(batches.verbs.work_short, **executor)

    assert outcome.failed == 2
    messages = {row["error"]["message"] for row in batches.rows().values()}
    assert messages == {"the worker must return a list of one ItemOutcome for each of 1 items, not a list of 0"}


def test_a_worker_of_lists_that_cannot_be_opened_blames_no_item(batches, executor):
    batches.write(a="ok", b="ok", c="ok")

    error, outcome = batches.stopped(worker=batches.verbs.BrokenOpener("raises"), **executor)

    assert str(error) == "verbs: RuntimeError: the model is broken"
    assert (outcome.failed, outcome.cancelled) == (0, 3)


def test_a_retry_and_a_fallback_of_an_item_of_a_batch_are_its_own(batches):
    batches.stage = attrs.evolve(batches.stage, fallbacks=("text",))
    batches.write(a="flaky 1 io", b="only text", c="ok", d="ok")

    outcome = batches.run(batches.verbs.work_together, workers=1, retries=1, retry_backoff_s=0.01)

    rows = batches.rows()
    assert (outcome.succeeded, outcome.partial) == (3, 1)
    assert rows["b"]["reason"] == "made with fallback 'text'"
    assert rows["b"]["attempts"] == 2
    assert together(batches)[-1] in (["a"], ["b"]), "a fallback runs by itself"


# --- the scheduler


@settings(max_examples=200)
@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_whoever_kills_its_batch_is_found_and_nobody_else_is_charged(count, batch, data):
    killers = set(data.draw(st.lists(st.integers(0, count - 1), max_size=3)))
    scheduler = Scheduler(Rules(batch=batch))
    for number in range(count):
        scheduler.add(number)
    charged, done, waiting, rounds = set(), set(), deque(), 0

    while scheduler.queued or scheduler.running:
        rounds += 1
        assert rounds <= 200
        while (dispatch := scheduler.next(0.0)) is not None:
            assert dispatch.attempt == 1
            waiting.append(Task(dispatch.number, "", {}, {}, batch=dispatch.batch))
        unit = unit_of(waiting)
        if len(unit) == 1 and unit[0].number in killers:
            scheduler.finished(unit[0].number, CRASH, 0.0)
            charged.add(unit[0].number)
        elif killers & {task.number for task in unit}:
            for task in unit:
                scheduler.give_back(task.number, batch=(len(unit) + 1) // 2)
        else:
            for task in unit:
                scheduler.finished(task.number, None, 0.0)
                done.add(task.number)

    assert charged == killers
    assert done == set(range(count)) - killers


def test_a_batch_that_finds_the_configuration_wrong_stops_the_run_and_is_not_cut_in_halves(batches):
    batches.write(a="ok", b="fail config the token is refused", c="ok", d="ok")

    with pytest.raises(DocparseError, match="the token is refused"):
        batches.run(batches.verbs.work_together, workers=1)

    assert together(batches) == [["a", "b", "c", "d"]]
    assert batches.rows() == {}
