"""One bad document costs one document, whatever it does to the worker that has it."""

import importlib
import json

import psutil
import pytest

EXPECTED = {
    "raises": ("runtime", "ValueError: no"),
    "raises_unpicklable": ("runtime", "_UnpicklableError: one"),
    "raises_speechless": ("runtime", "_SpeechlessError: (its text cannot be shown)"),
    "interrupts": ("runtime", "KeyboardInterrupt"),
    "sys_exit": ("runtime", "SystemExit: 3"),
    "prints": ("runtime", "ValueError: printed"),
    "recurses": ("runtime", "RecursionError: maximum recursion depth exceeded"),
    "memory": ("oom", "MemoryError"),
    "io_error": ("provider", "the server is away"),
    "writes_elsewhere": ("contract", "the stage did not write its required output 'poison'"),
    "deletes_output": ("contract", "the stage did not write its required output 'poison'"),
    "wrong_type": ("contract", "the worker must return an ItemOutcome (success, partial or skip), not str"),
    "bad_metrics": ("contract", "metrics must be JSON data: Encoding objects of type object is unsupported"),
    "segfaults": ("crash", "the worker process died: signal 11 (SIGSEGV)"),
    "exits": ("crash", "the worker process died: exit code 0"),
    "exits_three": ("crash", "the worker process died: exit code 3"),
    "forks": ("crash", "the worker process died: exit code 1"),
    "kills_its_group": ("crash", "the worker process died: signal 9 (SIGKILL)"),
    "closes_descriptors": ("crash", "the worker process died: "),
    "eats": ("oom", "used more than {memory_mb} MiB of memory; its process was killed"),
    "hangs": ("timeout", "took longer than {timeout_s} s"),
    "hangs_in_c": ("timeout", "took longer than {timeout_s} s"),
    "hangs_after_fork": ("timeout", "took longer than {timeout_s} s"),
    "ignores_sigterm": ("timeout", "took longer than {timeout_s} s"),
    "lingers": ("timeout", "took longer than {timeout_s} s"),
    "stops_itself": ("timeout", "took longer than {timeout_s} s"),
}
HARMLESS = ("leaves_a_process", "closes_stdout", "changes_folder")
SLOW = ("large_result",)  # 300 MB are no misdeed, but take their time and their memory
ELSEWHERE = ("config",)  # stops the run


def test_every_kind_of_poison_is_tried(stages):
    kinds = importlib.import_module("stage_poison").KINDS

    assert set(kinds) == {*EXPECTED, *HARMLESS, *SLOW, *ELSEWHERE}


@pytest.mark.parametrize(
    ("harmless", "limits"),
    [
        pytest.param(HARMLESS, {"timeout_s": 5, "memory_mb": 300}, id="quick"),
        pytest.param((*HARMLESS, *SLOW), {"timeout_s": 15, "memory_mb": 2500}, id="all", marks=pytest.mark.long),
    ],
)
def test_each_bad_document_costs_itself_and_is_named(docs, docparse, history, left_running, harmless, limits):
    poison = {f"x_{kind}": kind for kind in (*EXPECTED, *harmless)}
    good = {f"d{number:02}": f"text {number}" for number in range(40 - len(poison))}
    folder = docs(**poison, **good)
    flags = ("--timeout-s", limits["timeout_s"], "--memory-limit-mb", limits["memory_mb"])

    ended = docparse("run", "poison", "docs", "--workers", 4, *flags, "--json")

    outcome = json.loads(ended.out)
    rows = {row["item_id"]: row for row in history("poison")}
    failed = {name: row["error"] for name, row in rows.items() if row["status"] == "failure"}
    assert ended.code == 1
    assert len(rows) == len(history("poison")) == 40, "one row for each document"
    assert {name.removeprefix("docs/x_").removesuffix(".txt") for name in failed} == set(EXPECTED)
    for kind, (category, message) in EXPECTED.items():
        error = failed[f"docs/x_{kind}.txt"]
        assert error["category"] == category, kind
        assert error["message"].startswith(message.format(**limits)), kind
    assert {row["status"] for name, row in rows.items() if name not in failed} == {"success"}
    assert (outcome["planned"], outcome["failed"], outcome["succeeded"]) == (40, len(EXPECTED), 40 - len(EXPECTED))
    assert sorted(path.name for path in (folder.parent / "docparse-data/poison/docs").iterdir()) == sorted(
        f"{name.removeprefix('docs/')}.out" for name in rows if name not in failed or "writes_elsewhere" in name
    )
    for name, text in (poison | good).items():
        out = folder.parent / f"docparse-data/poison/docs/{name}.txt.out"
        assert f"docs/{name}.txt" in failed or out.read_text() in {text, "there"}
    assert len(list(folder.glob("*.pid"))) == 3, "three have started processes"
    assert psutil.Process().children(recursive=True) == left_running() == [], "which are killed with them"


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("raises", "poison: RuntimeError: the model is broken"),
        ("config", "poison: the model is missing"),
        ("dies", "poison: the worker died while opening the stage (exit code 7): "),
    ],
)
def test_a_worker_that_cannot_be_opened_stops_the_run_and_no_document_is_blamed(docs, docparse, history, how, sentence):
    docs(**{f"d{number:02}": "text" for number in range(40)})

    ended = docparse("run", "poison", "docs", "--workers", 4, "--setup", how, "--json")

    assert ended.code == 2
    assert f"docparse: {sentence}\n" in ended.err
    outcome = json.loads(ended.out)
    assert (outcome["exit_code"], outcome["failed"], outcome["cancelled"]) == (2, 0, outcome["planned"])
    assert history("poison") == []
    assert psutil.Process().children(recursive=True) == []


def test_config_raised_by_one_document_stops_the_run_and_nobody_is_blamed(docs, docparse, history):
    docs(a="text", b="config", **{f"d{number:02}": "text" for number in range(38)})

    ended = docparse("run", "poison", "docs", "--workers", 4, "--pause-s", 0.1)

    assert ended.code == 2
    assert ended.err.endswith("docparse: poison: the key is missing\n")
    assert {row["status"] for row in history("poison")} <= {"success"}
    assert "docs/b.txt" not in {row["item_id"] for row in history("poison")}


def test_a_run_with_poison_ends_and_the_next_one_remembers(docs, docparse):
    docs(a="segfaults", b="memory", c="text", d="raises")
    docparse("run", "poison", "docs", "--workers", 2)

    again = docparse("run", "poison", "--workers", 2)

    assert again.code == 1
    assert "1 up to date, 2 quarantined" in again.err
    assert "1 failed" in again.err
