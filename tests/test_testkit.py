"""The testkit's harness, its poison, and what it costs a pytest that tests something else."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from docparse_runner import Status, UsageError
from docparse_runner.testing import StageContract, StageHarness, poison
from docparse_runner.testing._values import sample

KIT = Path(__file__).parent / "kit"
TEXTS = {"a.txt": "one 1", "b.txt": "two 22", "sub/c d.txt": "three"}


@pytest.fixture
def kit(stages, monkeypatch):
    """Install the stages of ``tests/kit``, here and in children."""
    monkeypatch.setattr(sys, "path", [str(KIT), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(KIT), prepend=os.pathsep)


@pytest.fixture
def letters(kit, stage_harness):
    harness = stage_harness("letters", least=2)
    harness.write(TEXTS)
    return harness


# --- the harness


def test_a_harness_runs_a_stage_and_shows_what_came_of_it(letters):
    outcome = letters.run()

    assert (outcome.planned, outcome.succeeded) == (3, 3)
    assert set(TEXTS) == letters.ran(outcome) == set(letters.rows())
    assert letters.rows()["b.txt"].metrics == {"words": 2}
    assert {"letters/docs/b.txt.json", "digits/docs/b.txt.digits"} == set(letters.outputs("b.txt"))
    assert letters.outputs("b.txt")["digits/docs/b.txt.digits"] == b"22"
    assert len(letters.outputs()) == 4
    assert {"letters", "digits"} == letters.folders()


def test_a_harness_sees_what_a_run_left_alone(letters):
    letters.run()
    letters.write({"a.txt": "changed"})

    again = letters.run()

    assert {"a.txt"} == letters.ran(again)
    assert set() == letters.ran(letters.run())


def test_options_of_a_run_win_over_those_of_the_harness(letters):
    letters.run(least=9)

    assert letters.rows()["b.txt"].metrics == {"words": 0}


def test_a_harness_poisons_documents_once_they_are_done(letters):
    outcome = letters.run(poison={"a.txt": "fail"})

    assert (outcome.failed, outcome.succeeded) == (1, 2)
    assert letters.rows()["a.txt"].error.message == "RuntimeError: poisoned by the test"
    assert letters.outputs("a.txt") == {}


def test_a_harness_stops_a_run_as_ctrl_c_does(letters):
    outcome = letters.run(stop_after=1, workers=1, poison=dict.fromkeys(TEXTS, "dawdle"))

    assert outcome.stop_reason == "interrupted"
    assert outcome.succeeded < 3


def test_a_harness_hears_what_a_worker_answers(letters):
    answers = []

    letters.run(answers=answers)

    assert [answer.status for answer in answers] == [Status.SUCCESS] * 3


def test_a_harness_tells_what_stopped_a_run(letters):
    stopped = letters.stopped(least=0)

    assert "least" in str(stopped)
    assert letters.stopped() is None
    with pytest.raises(UsageError, match="least"):
        letters.run(least=0)


def test_a_fresh_harness_has_the_documents_and_no_results(letters):
    letters.run()

    fresh = letters.fresh("other")

    assert fresh.rows() == {}
    assert fresh.run().succeeded == 3
    assert fresh.outputs() == letters.outputs()


def test_a_fresh_harness_has_the_artifacts_that_the_stage_consumes(kit, stage_harness):
    lines = stage_harness("lines")
    lines.write({"a": '{"letters": 3}'})

    assert lines.fresh("other").run().succeeded == 1


def test_a_document_can_be_removed(letters):
    letters.run()
    letters.remove("a.txt")

    letters.run()

    assert not letters.path("a.txt").exists()
    assert letters.rows()["a.txt"].status == "gone"


def test_harnesses_of_one_test_share_a_data_root(letters, stage_harness):
    letters.run()

    outcome = stage_harness("lines").run()

    assert outcome.succeeded == 3


def test_a_kind_whose_files_end_nobody_knows_how_is_a_question(kit, stage_harness):
    with pytest.raises(UsageError, match=r"no installed stage makes 'notes': tell the testkit .* suffixes = "):
        stage_harness("pairs").write({"a": {"letters": "1", "notes": "2"}})

    pairs = stage_harness("pairs", suffixes={"notes": ".note"})
    pairs.write({"a": {"letters": "1", "notes": "2"}})
    assert pairs.run().succeeded == 1
    assert pairs.outputs() == {"pairs/docs/a.pair": b"1|2"}


def test_a_broken_stage_beside_it_is_nothing_to_a_harness(kit, stage_harness, install):
    install("wreck", "docparse.stages", {"awreck": "awreck"}, awreck="1 / 0")

    assert stage_harness("lines").path("a").name == "a.json"


def test_the_worker_of_a_harness_is_closed_like_any_other(kit, stage_harness):
    store = stage_harness("store")
    store.write(TEXTS)

    outcome = store.run(poison={"a.txt": "dawdle"})

    assert outcome.succeeded == 3
    assert {"receipts", "store"} == store.folders()


# --- what contracts are told


def test_a_contract_without_documents_says_what_to_set(pytester):
    pytester.makepyfile(
        "from docparse_runner.testing import StageContract\n\n\n"
        "class TestNothing(StageContract):\n    pass\n\n\n"
        "class TestNoDocuments(StageContract):\n    stage = 'x'\n"
    )

    result = pytester.runpytest_inprocess("-k", "lazy")

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*set `stage` to the name*", "*set `documents` to at least two documents*"])


def test_a_contract_of_a_stage_that_is_not_installed_says_so(pytester):
    pytester.makepyfile(
        "from docparse_runner.testing import StageContract\n\n\n"
        "class TestNone(StageContract):\n    stage = 'none'\n    documents = {'a': '', 'b': ''}\n"
    )

    result = pytester.runpytest_inprocess("-k", "lazy")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["no stage 'none'; installed: *"])


def test_a_value_that_every_guess_of_is_refused_is_not_guessed(kit):
    import attrs  # noqa: PLC0415 - for this class

    from docparse_runner._options import option, specs_of  # noqa: PLC0415 - for this class

    def never(_options, _field, value):
        if value != 5:
            raise ValueError

    @attrs.frozen(kw_only=True)
    class Options:
        five: int = option(5, help="Five.", validator=never)
        on: tuple[bool, ...] = option((), help="Some.")
        many: tuple[Path, ...] = option((), help="Some.")

    five, on, many = specs_of(Options)

    assert sample(five, Options, Path("x")) is None
    assert sample(on, Options, Path("x")) == (True,)
    assert (Path("x/sample"),) == sample(many, Options, Path("x"))


def test_the_contract_has_more_than_twenty_tests_each_with_a_sentence():
    tests = [name for name in dir(StageContract) if name.startswith("test_")]

    assert len(tests) >= 20
    assert [name for name in tests if not getattr(StageContract, name).__doc__.endswith(".")] == []


# --- poison


@pytest.fixture
def child():
    """Return a function that starts a poison in a child, which is killed in the end."""
    started = []

    def start(name):
        process = multiprocessing.get_context("spawn").Process(target=poison.KINDS[name])
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.mark.parametrize(
    ("name", "code"), [("segfault", -signal.SIGSEGV), ("exit_silently", 0), ("fail", 1), ("dawdle", 0)]
)
def test_a_poison_ends_its_process_as_it_says(child, name, code):
    process = child(name)

    process.join(30)

    assert process.exitcode == code


@pytest.mark.parametrize("name", ["hang", "hang_in_c"])
def test_a_poison_that_hangs_is_ended_by_a_signal(child, name):
    process = child(name)

    process.join(1)
    hung = process.is_alive()
    process.terminate()
    process.join(30)

    assert (hung, process.exitcode) == (True, -signal.SIGTERM)


def test_a_poison_that_ignores_sigterm_is_ended_by_sigkill_only(child, watch):
    process = child("ignore_sigterm")
    ignored = 1 << (signal.SIGTERM - 1)
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        pytest.skip("Linux says which signals are ignored")
    watch.until(lambda: int(status.read_text().partition("SigIgn:")[2].split()[0], 16) & ignored, "the signal")

    process.terminate()
    process.join(0.3)
    outlived = process.is_alive()
    process.kill()
    process.join(30)

    assert (outlived, process.exitcode) == (True, -signal.SIGKILL)


def test_a_poison_that_eats_memory_takes_it(child, watch):
    process = child("eat_memory")

    watch.until(lambda: psutil.Process(process.pid).memory_info().rss > 2**28, "256 MiB")

    assert process.is_alive()


# --- the plugin of pytest


PROGRAM = """
import sys
import pytest
code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"])
print("ended", int(code))
print("imported", *sorted(sys.modules))
"""


def test_pytest_with_the_plugin_imports_no_more_of_docparse_than_the_plugin(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    command = [sys.executable, "-I", "-c", PROGRAM]

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    imported = set(done.stdout.partition("imported ")[2].split())
    assert "ended 5" in done.stdout, done.stdout + done.stderr  # no tests
    ours = {name for name in imported if name.partition(".")[0] == "docparse_runner"}
    assert {"docparse_runner._pytest_plugin"} <= ours
    assert not imported & {"attrs", "msgspec", "psutil", "rich", "click", "docparse_runner.testing"}
    assert ours <= {"docparse_runner", "docparse_runner._pytest_plugin"}


def test_the_harness_is_the_public_one(stage_harness):
    assert isinstance(stage_harness("any"), StageHarness)
