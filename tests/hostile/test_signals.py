"""Ctrl-C and SIGTERM at any moment: nothing reported done is missing, nothing is half-written, nobody stays behind."""

import contextlib
import itertools
import json
import os
import random
import signal
import time
from pathlib import Path

import attrs
import pytest

TEXTS = {f"d{place:02}": f"text {place} " * 4000 for place in range(24)}
ITEMS = {f"docs/{name}.txt": text.upper() for name, text in TEXTS.items()}
DELAY_S = 0.05
START_S = 0.6
"""A run takes about this long until its first document is done, on a machine that has nothing else to do."""

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
CASES = tuple(itertools.product(range(50), CODES, (1, 4)))
"""(Seed, signal, workers)."""


@attrs.frozen
class Moment:
    """When the signals are sent; drawn from a seed.

    Attributes:
        rows: wait until so many documents are recorded; None for a run that is only starting.
        delay_s: then wait so long.
        gap_s: between the first signal and the second; None for a single one.
    """

    rows: int | None
    delay_s: float
    gap_s: float | None

    @classmethod
    def of(cls, case):
        draw = random.Random(repr(case))
        starting = draw.random() < 0.3
        rows = None if starting else draw.randint(0, len(TEXTS))
        delay_s = draw.uniform(0, START_S if starting else 2 * DELAY_S)
        return cls(rows, delay_s, draw.choice([None, None, 0.0, draw.uniform(0, 0.02), draw.uniform(0, 0.3)]))


@attrs.frozen
class Ended:
    """What an interrupted run left.

    Attributes:
        code: exit code, negative for a death by signal.
        outcome: its summary on stdout; None when it did not come to that.
        err: what it printed on stderr.
        done: ids of the documents that its manifest calls a success.
    """

    code: int
    outcome: dict | None
    err: str
    done: list


@pytest.fixture
def interrupt(docs, spawn, history, watch, stages):
    """Return a function that starts a run, sends it signals, and returns what it left once it has ended."""
    manifest = stages / "docparse-data/manifests/upper.manifest.jsonl"

    def lines():
        return manifest.read_bytes().count(b"\n") if manifest.exists() else 0

    def send(process, number):
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            os.killpg(process.pid, number)  # as a terminal does; the workers are in sessions of their own

    def run(number, workers, moment):
        docs(**TEXTS)
        process = spawn("run", "upper", "docs", "--workers", workers, "--delay-s", DELAY_S, "--json")
        if moment.rows is not None:
            watch.until(lambda: lines() >= moment.rows or process.poll() is not None, f"{moment.rows} rows")
        time.sleep(moment.delay_s)
        send(process, number)
        if moment.gap_s is not None:
            time.sleep(moment.gap_s)
            send(process, number)
        out, err = process.communicate(timeout=60)
        done = [row["item_id"] for row in history("upper") if row["status"] == "success"]
        return Ended(process.returncode, json.loads(out) if out else None, err, done)

    return run


def outputs():
    """Return id → content of what lies in place."""
    return {
        f"docs/{path.name.removesuffix('.upper.txt')}": path.read_text()
        for path in Path("docparse-data/upper/docs").glob("*")
    }


def staged():
    return list(Path("docparse-data/.staging").glob("upper/*"))


@pytest.mark.battery("case", CASES)
def test_a_signal_at_any_moment_loses_nothing(interrupt, docparse, history, left_running, case):
    moment = Moment.of(case)
    _seed, number, workers = case

    ended = interrupt(number, workers, moment)

    assert left_running() == []
    check_exit_code(ended, number, moment)
    check_what_is_recorded(ended, history)
    check_the_next_run(ended, docparse, history)


SLOW_END = """
import time
from pathlib import Path
from docparse_runner import hookimpl

class Watcher:
    @hookimpl
    def docparse_after_stage(self, outcome, context):
        Path("ending").touch()
        time.sleep(1)
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_a_signal_when_all_is_done_changes_nothing(docs, spawn, install_module, history, watch, workers):
    install_module("slow_end", SLOW_END, plugins={"slow": "slow_end:Watcher"})
    docs(a="text")
    process = spawn("run", "upper", "docs", "--workers", workers, "--json")
    watch.until(Path("ending").exists, "the end of the stage")

    os.killpg(process.pid, signal.SIGINT)

    out, err = process.communicate(timeout=60)
    assert (process.returncode, err.count("Traceback")) == (0, 0)
    assert (json.loads(out)["succeeded"], len(history("upper"))) == (1, 1)


def check_exit_code(ended, number, moment):
    """Check that the exit code says what became of the run.

    0 is honest only if nothing remained to be done. A plain death by the signal is right where no run is going: before
    it has begun, or when it is over and only its summary was left to print; after a first signal it may have been over
    early. (Python itself turns a Ctrl-C into exit code 1 while it imports its own ``site``.)
    """
    code, outcome, done = ended.code, ended.outcome, sorted(ended.done)
    if code == 0:
        assert (outcome["exit_code"], outcome["stop_reason"], done) == (0, "", sorted(ITEMS))
    elif code == CODES[number]:
        interrupted = outcome and outcome["stop_reason"] == "interrupted"
        assert not interrupted or (outcome["exit_code"], outcome["failed"]) == (code, 0)
        assert not interrupted or moment.gap_s is not None or staged() == []
    elif code == 1:
        assert ("init_import_site" in ended.err, done) == (True, [])
    else:
        assert code == -number
        assert done in ([], sorted(ITEMS)) or moment.gap_s is not None
    if outcome:
        assert outcome["succeeded"] == len(done)
        assert outcome["planned"] == outcome["succeeded"] + outcome["cancelled"]


def check_what_is_recorded(ended, history):
    """Check that rows, attempts and outputs tell the same.

    Outputs equal rows exactly, because no worker outlives the run: what a killed one was putting into place is removed.
    """
    for path in Path("docparse-data").glob("manifests/upper.*.jsonl"):
        assert path.read_bytes().endswith(b"\n"), "no torn line"
    assert len(set(ended.done)) == len(ended.done) == len(history("upper"))
    answered = [line["item_id"] for line in history("upper", name="attempts") if line["event"] == "success"]
    assert sorted(answered) == sorted(ended.done), "what was done is recorded"
    assert outputs() == {item: ITEMS[item] for item in ended.done}


def check_the_next_run(ended, docparse, history):
    """Check that the next run does the rest, all of it, and nothing else."""
    before = {line["run_id"] for line in history("upper", name="attempts")}

    again = docparse("run", "upper", "docs", "--workers", 0, "--json")

    outcome = json.loads(again.out)
    started = [line["item_id"] for line in history("upper", name="attempts") if line["run_id"] not in before]
    assert (again.code, outcome["up_to_date"], outcome["succeeded"]) == (0, len(ended.done), 24 - len(ended.done))
    assert set(started) == set(ITEMS) - set(ended.done)
    assert sorted(row["item_id"] for row in history("upper")) == sorted(ITEMS)
    assert outputs() == ITEMS
    assert staged() == []
