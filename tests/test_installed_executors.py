"""Executors that others bring along: ``--executor NAME``, found through entry points."""

MODULE = """
from pathlib import Path
from docparse_runner.executors.inline import InlineExecutor

class Counting(InlineExecutor):
    def submit(self, task, *, alone):
        with Path("submitted").open("a") as file:
            file.write(f"{task.item_id}\\n")
        super().submit(task, alone=alone)

def broken(setup):
    raise ConnectionError(f"no cluster for {setup.workers} workers")
"""


def test_an_installed_executor_runs_the_items(docs, docparse, install_module, stages):
    install_module("counting", MODULE, executors={"counting": "counting:Counting"})
    docs(a="text", b="text")

    ended = docparse("run", "upper", "docs", "--executor", "counting")

    assert ended.code == 0
    assert (stages / "submitted").read_text().split() == ["docs/a.txt", "docs/b.txt"]


def test_an_executor_that_nobody_installed_is_named_with_the_nearest(docs, docparse, install_module, stages):
    install_module("counting", MODULE, executors={"counting": "counting:Counting"})
    docs(a="text")

    ended = docparse("run", "upper", "docs", "--executor", "countin")

    assert ended.code == 2
    assert ended.err == "docparse: no executor 'countin'; installed: counting. Did you mean 'counting'?\n"
    assert not (stages / "docparse-data" / "upper").exists()


def test_an_executor_that_cannot_start_stops_the_run_with_its_reason(docs, docparse, install_module, history):
    install_module("counting", MODULE, executors={"counting": "counting:broken"})
    docs(a="text")

    ended = docparse("run", "upper", "docs", "--executor", "counting", "--workers", 3)

    assert ended.code == 2
    assert ended.err.endswith("docparse: counting: cannot start: ConnectionError: no cluster for 3 workers\n")
    assert history("upper") == []


def test_inline_and_another_executor_cannot_both_be_asked_for(docs, docparse):
    docs(a="text")

    ended = docparse("run", "upper", "docs", "--executor", "ray", "--workers", 0)

    assert ended.code == 2
    assert "--workers 0 runs inline and --executor ray does not; leave out one of them" in ended.err
