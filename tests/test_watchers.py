"""Watchers: the log, the progress line, the bar; and what those that misbehave may not do."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docparse_runner import Progress, Running, Stage, StageContext, Workspace
from docparse_runner.watchers.progress import ProgressWatcher

LOUD = """
from docparse_runner import hookimpl

class Watcher:
    heard = []

    def __init__(self):
        self.heard.clear()

    @hookimpl
    def docparse_after_item(self, item, outcome, context):
        self.heard.append(item.item_id)
        raise ValueError("the watcher is broken")
"""

HOOKED = """
import os
from docparse_runner import ItemOutcome, Output, Stage, hookimpl

def hear(who, hook):
    with open("heard.txt", "a") as file:
        file.write(f"{who} {hook}\\n")
    if os.environ.get("RAISES") == f"{who} {hook}":
        raise ValueError(f"{hook} of {who} is broken")

@hookimpl
def docparse_stage():
    return Stage(name="hooked", summary="It listens.", version=1, consumes=["source"], patterns=["*.txt"],
                 produces={"hooked": Output(".hooked")})

@hookimpl
def docparse_before_stage(context):
    hear("stage", "before_stage")

@hookimpl
def docparse_before_item(item, context):
    hear("stage", "before_item")

@hookimpl
def docparse_after_item(item, outcome, context):
    hear("stage", "after_item")

@hookimpl
def docparse_after_stage(outcome, context):
    hear("stage", "after_stage")
    return {"letters": 7}

@hookimpl
def docparse_worker(context):
    def work(item):
        item.outputs["hooked"].write_text("text")
        return ItemOutcome.success()
    return work

class Watcher:
    @hookimpl
    def docparse_before_stage(self, context):
        hear("watcher", "before_stage")

    @hookimpl
    def docparse_before_item(self, item, context):
        hear("watcher", "before_item")

    @hookimpl
    def docparse_after_item(self, item, outcome, context):
        hear("watcher", "after_item")

    @hookimpl
    def docparse_after_stage(self, outcome, context):
        hear("watcher", "after_stage")
"""


MISSPELT = """
from docparse_runner import hookimpl

class Watcher:
    @hookimpl
    def docparse_after_items(self):
        pass
"""


def log_of(stages):
    (path,) = (stages / "docparse-data" / "runs").glob("*/log.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- the log


def test_the_log_has_a_line_for_each_stage_and_each_item_that_was_run(docs, docparse, stages):
    docs(a="text a", b="bad text", c="extra text", d="skip it")

    docparse("run", "upper", "docs", "--workers", 1)

    first, *items, last = log_of(stages)
    assert (first["event"], first["stage"], first["total"]) == ("stage started", "upper", 4)
    assert {(line["item_id"], line["status"], line["reason"], line.get("category")) for line in items} == {
        ("docs/a.txt", "success", "new", None),
        ("docs/b.txt", "failure", "the document is bad", "input"),
        ("docs/c.txt", "partial", "something was given up", None),
        ("docs/d.txt", "skip", "nothing in it", None),
    }
    assert all(line["seconds"] > 0 for line in items)
    counts = {name: last[name] for name in ("planned", "succeeded", "partial", "skipped", "failed", "exit_code")}
    assert last["event"] == "stage ended"
    assert counts == {"planned": 4, "succeeded": 1, "partial": 1, "skipped": 1, "failed": 1, "exit_code": 1}
    assert len({line["run_id"] for line in (first, *items, last)}) == 1
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"]) for line in (first, *items, last))


def test_the_log_names_documents_that_failed_before_they_ran_and_leaves_out_what_was_up_to_date(docs, docparse, stages):
    docs(a="text a")
    docparse("run", "upper", "docs", "--workers", 0)
    (stages / "docparse-data" / "runs").rename(stages / "earlier")
    docs(**{"x" * 245: "text"})

    docparse("run", "upper", "docs", "--workers", 0)

    _first, *items, _last = log_of(stages)
    assert [(line["item_id"][:8], line["status"], line["category"]) for line in items] == [
        ("docs/xxx", "failure", "input")
    ]


def test_all_stages_of_a_run_share_one_log(docs, docparse, stages):
    docs(a="text a")
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper", "count"]\n')

    docparse("run", "all", "docs", "--workers", 0)

    assert [(line["stage"], line["event"]) for line in log_of(stages)] == [
        ("upper", "stage started"),
        ("upper", "item"),
        ("upper", "stage ended"),
        ("count", "stage started"),
        ("count", "item"),
        ("count", "stage ended"),
    ]


# --- progress


def progress(**fields):
    counts = dict.fromkeys(("succeeded", "partial", "skipped", "failed", "cancelled"), 0)
    return Progress(**{"planned": 8, "total": 8, "elapsed_s": 2.0, **counts, **fields})


@pytest.fixture
def context(tmp_path):
    stage = Stage(name="upper", version=1, consumes=["source"], produces={})
    return StageContext(stage=stage, workspace=Workspace(tmp_path))


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"total": 8, "succeeded": 3, "failed": 1}, "upper: 4/8, 2.0/s, 1 failed, 0:00:02 left\n"),
        ({"total": 8}, "upper: 0/8, 0.0/s\n"),
        ({"total": None, "skipped": 3, "planned": 5}, "upper: 3 of ≥ 5, 1.5/s\n"),
        ({"total": 20_000, "partial": 2}, "upper: 2/20000, 1.0/s, 5:33:18 left\n"),
    ],
)
def test_where_there_is_no_terminal_a_line_says_how_far_the_run_is(context, capsys, fields, line):
    watcher = ProgressWatcher()
    watcher.docparse_before_stage(context)

    watcher.docparse_heartbeat(progress(**fields), context)

    assert capsys.readouterr() == ("", line)


MORE = {
    "exec_p50_ms": 12.0,
    "exec_p95_ms": 340.0,
    "exec_p99_ms": 900.0,
    "children_cpu_s": 7.25,
    "peak_rss": 300 * 2**20,
    "error_counts": {"input": 1, "crash": 2},
    "reasons": {"up to date": 1, "new": 6},
    "slowest": tuple((f"docs/d{n}.pdf", 9.0 - n) for n in range(5)),
}
TOLD = [
    "why: 6 new, 1 up to date",
    "time per item p50 / p95 / p99: 12 / 340 / 900 ms",
    "CPU of workers 7.2 s; largest worker 300 MiB",
    "failed: 2 crash, 1 input",
    "slow: 9.00 s docs/d0.pdf",
    "slow: 8.00 s docs/d1.pdf",
    "slow: 7.00 s docs/d2.pdf",
]


def test_v_shows_times_memory_failures_and_the_slowest_meanwhile(context, capsys):
    context.verbosity = 1
    watcher = ProgressWatcher()
    watcher.docparse_before_stage(context)

    watcher.docparse_heartbeat(progress(succeeded=4, failed=3, **MORE), context)

    first, *more = capsys.readouterr().err.splitlines()
    assert first == "upper: 7/8, 3.5/s, 3 failed, 0:00:00 left"
    assert more == [f"  {line}" for line in TOLD]


def test_v_shows_the_same_below_the_bar(context, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    context.verbosity = 1
    watcher = ProgressWatcher()
    watcher.docparse_before_stage(context)

    watcher.docparse_heartbeat(progress(succeeded=4, failed=3, **MORE), context)
    watcher.docparse_after_stage(None, context)

    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert [line for line in TOLD if line not in shown] == []


def test_what_v_shows_of_a_real_run_is_measured(docs, docparse):
    docs(a="text a", b="bad text", c="text c")

    ended = docparse("run", "upper", "docs", "--workers", 1, "--delay-s", 0.4, "--diagnostics-interval-s", 0.3, "-v")

    blocks = re.findall(r"  CPU of workers (\S+) s; largest worker (\d+) MiB", ended.err)
    assert len(blocks) >= 3, "several times meanwhile, and at the end"
    assert float(blocks[-1][0]) > 0
    assert int(blocks[-1][1]) > 5
    assert "  failed: 1 input\n" in ended.err


def test_lines_come_once_an_interval(docs, docparse):
    docs(a="text a", b="text b", c="bad")
    start = time.monotonic()

    ended = docparse("run", "upper", "docs", "--workers", 1, "--delay-s", 0.7, "--diagnostics-interval-s", 0.3)

    lines = [line for line in ended.err.splitlines() if re.match(r"upper: \d/3, ", line)]
    assert ended.out == ""
    assert lines[0] == "upper: 0/3, 0.0/s"
    assert 4 <= len(lines) <= (time.monotonic() - start) / 0.3 + 1


@pytest.mark.parametrize("flags", [("-q",), ("-p", "no:progress")])
def test_progress_can_be_left_out(docs, docparse, flags):
    docs(a="text a")

    ended = docparse(
        "run", "upper", "docs", "--workers", 1, "--delay-s", 0.6, "--diagnostics-interval-s", 0.1, *flags
    )  # fmt: skip

    assert "0/1" not in ended.err
    assert ended.err.startswith("upper: 1 done in ")


def on_terminal(*arguments):
    """Run docparse on a terminal of its own and return everything that it showed there."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "200", "TERM": "xterm-256color"}
    words = [sys.executable, "-m", "docparse_runner", *map(str, arguments)]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not block:
                break
            shown += block
    os.close(ours)
    return process.returncode, shown.decode()


def test_on_a_terminal_a_bar_appears_and_is_removed(docs):
    docs(**{"a": "text a", "b [x]": "text b"})

    code, shown = on_terminal("run", "upper", "docs", "--workers", 1, "--delay-s", 1.2)

    before, _bar, after = shown.rpartition("━")
    assert code == 0
    assert "0/2 0.0/s" in before
    assert "1/2" in before
    assert re.search(r"a\.txt \ds", before)
    assert re.search(r"b \[x\]\.txt \ds", before), "a name is no markup"
    erased, _, summary = after.rpartition("\x1b[2K")
    assert erased
    assert summary.startswith("upper: 2 done in ")
    assert "dropped" not in shown


def test_on_a_terminal_a_quick_run_shows_no_bar(docs):
    docs(a="text a")

    code, shown = on_terminal("run", "upper", "docs", "--workers", 0)

    assert code == 0
    assert shown.startswith("upper: 1 done in ")


def test_a_bar_that_never_appeared_needs_no_removal(context, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    watcher = ProgressWatcher()
    watcher.docparse_before_stage(context)

    watcher.docparse_after_stage(None, context)

    assert capsys.readouterr() == ("", "")


def test_a_bar_shows_what_each_worker_is_on(context, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    watcher = ProgressWatcher()
    watcher.docparse_before_stage(context)
    running = tuple(Running(worker=f"p{n}", item_id=f"docs/sub/d{n}.txt", seconds=n) for n in range(5))

    watcher.docparse_heartbeat(progress(succeeded=3, failed=1, running=running), context)
    watcher.docparse_after_stage(None, context)

    out, err = capsys.readouterr()
    assert out == ""
    shown = re.sub(r"\x1b\[[0-9;]*m", "", err)
    assert "4/8 2.0/s, 0:00:02 left, 1 failed\n  d0.txt 0s  d1.txt 1s  d2.txt 2s\n" in shown


# --- those that misbehave


def test_a_watcher_that_raises_is_reported_once_dropped_and_named_and_changes_nothing(
    docs, docparse, install_module, history
):
    docs(a="text a", b="text b", c="bad text")
    install_module("loud_watcher", LOUD, plugins={"loud": "loud_watcher:Watcher"})

    ended = docparse("run", "upper", "docs", "--workers", 0, "--json")

    heard = sys.modules["loud_watcher"].Watcher.heard
    outcome = json.loads(ended.out)
    assert len(heard) == 1
    assert ended.err.count("Traceback (most recent call last)") == 1
    assert "docparse: watcher loud is dropped for the rest of the run:\nTraceback" in ended.err
    assert "ValueError: the watcher is broken" in ended.err
    assert "  watcher loud failed and was dropped\n" in ended.err
    assert outcome["notes"] == ["watcher loud failed and was dropped"]
    assert (ended.code, outcome["succeeded"], outcome["failed"]) == (1, 2, 1)
    assert len(history("upper")) == 3


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_watcher_can_be_blocked(docs, docparse, install_module, monkeypatch, how):
    docs(a="text a")
    install_module("loud_watcher", LOUD, plugins={"loud": "loud_watcher:Watcher"})
    if how == "variable":
        monkeypatch.setenv("DOCPARSE_DISABLE_PLUGINS", "other,loud")

    ended = docparse("run", "upper", "docs", "--workers", 0, *(("-p", "no:loud") if how == "flag" else ()))

    assert ended.code == 0
    assert "loud" not in ended.err
    assert "loud_watcher" not in sys.modules


def test_p_takes_only_no_and_a_name(docs, docparse):
    docs(a="text a")

    ended = docparse("run", "upper", "docs", "-p", "progress")

    assert ended.code == 2
    assert "'progress': write no:NAME to leave the watcher NAME out" in ended.err


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import a_library_that_is_missing", "ModuleNotFoundError: No module named 'a_library_that_is_missing'"),
        ("class Watcher:\n    def __init__(self):\n        raise ValueError('no screen')", "ValueError: no screen"),
        (
            "class Watcher:\n    def docparse_plan(self, context):\n        return []",
            "a watcher may not implement the stage hook docparse_plan",
        ),
        (
            "class Watcher:\n    def docparse_after_item(self, item):\n        pass",
            "docparse_after_item lacks the @hookimpl decorator",
        ),
        (
            MISSPELT,
            "Did you mean 'docparse_after_item'?",
        ),
    ],
    ids=["import", "init", "stage hook", "unmarked", "misspelt"],
)
def test_a_broken_watcher_is_named_and_left_out(docs, docparse, install_module, module, reason):
    docs(a="text a")
    install_module("broken_watcher", module, plugins={"broken": "broken_watcher:Watcher"})

    ended = docparse("run", "upper", "docs", "--workers", 0)

    assert ended.code == 0
    assert "docparse: watcher left out: broken: " in ended.err
    assert reason in ended.err
    assert "upper: 1 done in " in ended.err


def heard(stages):
    return (stages / "heard.txt").read_text().splitlines()


@pytest.fixture
def hooked(install_module, docs, docparse):
    install_module("hooked", HOOKED, stages={"hooked": "hooked"}, plugins={"listener": "hooked:Watcher"})
    docs(a="text", b="text")
    return lambda: docparse("run", "hooked", "docs", "--workers", 0, "--json")


def test_the_stages_own_hooks_run_before_the_watchers(hooked, stages):
    ended = hooked()

    who = [f"{name} {hook}" for hook in ("before_stage", "before_item", "after_item", "after_stage") for name in
           ("stage", "watcher")]  # fmt: skip
    assert sorted(set(heard(stages)), key=who.index) == who
    assert heard(stages)[:4] == [
        "stage before_stage",
        "watcher before_stage",
        "stage before_item",
        "watcher before_item",
    ]
    assert heard(stages)[-2:] == ["stage after_stage", "watcher after_stage"]
    assert json.loads(ended.out)["summary"] == {"letters": 7}


def test_what_a_stage_says_of_a_run_is_shown_with_v(hooked, docparse):
    hooked()

    ended = docparse("run", "hooked", "--workers", 0, "-v")

    assert ended.err.endswith("\n  letters: 7\n")


def test_who_listens_to_items_hears_of_those_that_are_up_to_date(hooked, stages):
    hooked()
    (stages / "heard.txt").unlink()

    ended = hooked()

    assert json.loads(ended.out)["up_to_date"] == 2
    items = [line for line in heard(stages) if line.endswith("_item")]
    assert sorted(items) == ["stage after_item"] * 2 + ["watcher after_item"] * 2


@pytest.mark.parametrize("hook", ["before_stage", "before_item", "after_item", "after_stage"])
def test_an_exception_in_a_stages_own_hook_fails_the_run(hooked, monkeypatch, hook):
    monkeypatch.setenv("RAISES", f"stage {hook}")

    ended = hooked()

    assert ended.code == 2
    assert f"docparse: hooked: its hook raised ValueError: {hook} of stage is broken\n" in ended.err


def test_a_watcher_can_forbid_the_run_before_it_starts(hooked, monkeypatch, history):
    monkeypatch.setenv("RAISES", "watcher before_stage")

    ended = hooked()

    assert ended.code == 2
    assert "docparse: listener: its hook raised ValueError: before_stage of watcher is broken\n" in ended.err
    assert history("hooked") == []


@pytest.mark.parametrize("hook", ["before_item", "after_item", "after_stage"])
def test_a_watcher_that_raises_later_does_not_fail_the_run(hooked, monkeypatch, hook, stages):
    monkeypatch.setenv("RAISES", f"watcher {hook}")

    ended = hooked()

    assert ended.code == 0
    assert json.loads(ended.out)["notes"] == ["watcher listener failed and was dropped"]
    assert heard(stages).count(f"watcher {hook}") == 1
    assert ("watcher after_stage" in heard(stages)) == (hook == "after_stage"), "once dropped, it hears no more"
