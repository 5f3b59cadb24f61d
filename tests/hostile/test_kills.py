"""``kill -9`` at any moment: what was recorded is never lost and never done again, nothing is ever half-written."""

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

TEXTS = {f"d{place:03}": f"text {place} " * 400 for place in range(200)}
ITEMS = {f"docs/{name}.txt": text.upper() for name, text in TEXTS.items()}
CASES = (
    *itertools.islice(itertools.product(("parent",), range(150), (1, 4)), 300),
    *itertools.islice(itertools.product(("group",), range(50), (1, 4)), 100),
)
"""(Who is killed, seed, workers)."""

ROOT = Path("docparse-data")
MANIFEST = ROOT / "manifests" / "upper.manifest.jsonl"
START_S = 0.5
RUN_S = 0.6
"""About what a run takes to begin, and then to end, on a machine that has nothing else to do."""


@attrs.frozen
class Killed:
    """What a run left that was killed.

    Attributes:
        recorded: ids that its manifest calls a success.
        rows: so many whole rows there were.
    """

    recorded: frozenset
    rows: int


@pytest.fixture
def history():
    """Return a function that returns the rows of a manifest; a kill may tear a line, which the next run fences off."""

    def read(_stage):
        rows = []
        for line in MANIFEST.read_text().split("\n") if MANIFEST.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
        return rows

    return read


def recorded(history):
    """Return the ids of the rows."""
    return [row["item_id"] for row in history("upper") if row["status"] == "success"]


def in_place():
    """Return item id → text of every output in place."""
    folder = ROOT / "upper"
    return {
        path.relative_to(folder).as_posix().removesuffix(".upper.txt"): path.read_text()
        for path in folder.rglob("*.upper.txt")
    }


@pytest.fixture
def kill(spawn, history, watch, left_running):
    """Return a function that starts a run, kills it after so many seconds, and says what it left."""

    def run(who, workers, seconds):
        process = spawn("run", "upper", "docs", "--workers", workers)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL) if who == "group" else os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        watch.until(lambda: not left_running(), "the workers to be gone")
        found = recorded(history)
        assert len(found) == len(set(found)), "no document was recorded twice"
        for item_id, text in in_place().items():
            assert text == ITEMS[item_id], f"{item_id} is half-written"
        assert set(found) <= set(in_place()), "what is recorded is in place"
        return Killed(frozenset(found), len(found))

    return run


def finish(docparse, history, before):
    """Run to the end, and see that nothing of what was recorded was done again."""
    ended = docparse("run", "upper", "docs", "--workers", 2)

    assert ended.code == 0, ended.err
    rows = [row["item_id"] for row in history("upper")]
    assert len(rows) == len(set(rows)) == len(ITEMS), "one row for each document, none lost and none again"
    assert before <= set(rows[: len(before)]), "rows of before stay where they were"
    assert in_place() == ITEMS
    assert list(ROOT.glob(".staging/*/*")) == []


@pytest.mark.battery("case", CASES)
def test_a_run_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice(docs, docparse, kill, history, case):
    who, _seed, workers = case
    draw = random.Random(repr(case))
    docs(**TEXTS)
    done = frozenset()

    for _ in range(draw.randint(1, 3)):
        killed = kill(
            who, workers, draw.uniform(0, START_S) if draw.random() < 0.2 else START_S + draw.uniform(0, RUN_S)
        )
        assert done <= killed.recorded, "what was recorded stays recorded"
        done = killed.recorded

    finish(docparse, history, done)


# --- at every step of committing an item

DRIVER = """
import os, signal, sys
from docparse_runner import _desk, _files, _manifest, _record
from docparse_runner.cli import main

step, after = sys.argv[1], int(sys.argv[2])
module, _, name = step.rpartition(".")
owner = {"manifest": _manifest, "files": _files, "desk": _desk, "recorder": _record.Recorder, "os": os}[module]
real = getattr(owner, name)
calls = 0

def die(*args, **kwargs):
    global calls
    calls += 1
    if calls == after:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)

def die_afterwards(*args, **kwargs):
    answer = real(*args, **kwargs)
    global calls
    calls += 1
    if calls == after:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(owner, name, die if sys.argv[3] == "before" else die_afterwards)
main(["run", "upper", "docs", "--workers", "0"])
"""
STEPS = {
    "files.digest_state": "an input or an output is digested",
    "os.fsync": "an output, or the manifest, is synced",
    "os.replace": "a small file is renamed into place",
    "manifest.append_lines": "rows are appended",
    "manifest._write_all": "the bytes of rows are written",
    "recorder.flush": "documents are counted",
    "recorder.result": "a row is made",
}
"""A function that a run in one process calls → what it is about to do, or has just done."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_dies_at_any_step_of_a_commit_loses_nothing(docs, docparse, history, stages, step, when):
    docs(**{name: text for name, text in TEXTS.items() if name < "d020"})
    expected = {item_id: text for item_id, text in ITEMS.items() if item_id < "docs/d020"}
    driver = stages / "driver.py"
    driver.write_text(DRIVER)
    deaths = 0

    for after in (1, 2, 3, 7):
        done = subprocess.run(
            [sys.executable, driver, step, str(after), when], capture_output=True, text=True, check=False
        )
        deaths += done.returncode == -signal.SIGKILL
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        found = recorded(history)
        assert len(found) == len(set(found))
        assert {item_id: in_place()[item_id] for item_id in found} == {item_id: expected[item_id] for item_id in found}

    ended = docparse("run", "upper", "docs", "--workers", 0)
    assert deaths, "the step was reached"
    assert ended.code == 0
    assert sorted(recorded(history)) == sorted(expected)
    assert in_place() == expected
    assert list(ROOT.glob(".staging/*/*")) == []


def test_a_torn_line_is_fenced_off_and_its_document_done_again(docs, docparse, caplog):
    docs(a="text a", b="text b", c="text c")
    docparse("run", "upper", "docs", "--workers", 0)
    whole = MANIFEST.read_bytes()
    MANIFEST.write_bytes(whole[:-40])

    ended = docparse("run", "upper", "docs", "--workers", 0)

    assert ended.code == 0
    assert "1 lines of the manifest of upper are unreadable" in caplog.text
    assert ended.err.count("1 done, 2 up to date") == 1
