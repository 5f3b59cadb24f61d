"""Input folders: what a run says of those that it cannot see, and ``docparse inputs``."""

import json
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path("docparse-data")


@pytest.fixture
def two(stages, docparse):
    """Make two input folders, run a stage over both, and return its runner."""
    for name in ("one", "two"):
        (stages / name).mkdir()
        (stages / name / "a.txt").write_text(f"text {name}")
    docparse("run", "upper", "one", "two", "--workers", 0)
    return lambda *words: docparse(*words, "--workers", 0)


def test_an_input_folder_that_is_not_there_is_said_and_is_no_success(two):
    Path("two").rename("moved")

    ended = two("run", "upper")

    assert ended.code == 1
    assert "two cannot be listed: No such file or directory; what lies there is left as it is" in ended.err
    assert (ROOT / "upper" / "two" / "a.txt.upper.txt").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_said_and_is_no_success(two):
    Path("two/closed").mkdir()
    Path("two/closed").chmod(0)

    ended = two("run", "upper")

    Path("two/closed").chmod(0o755)
    assert ended.code == 1
    assert "two/closed cannot be listed: Permission denied; what lies there is left as it is" in ended.err


def test_a_plan_says_what_cannot_be_listed(two, docparse):
    Path("two").rename("moved")

    ended = docparse("plan", "upper", "--json")

    note = json.loads(ended.out)["stages"]["upper"]["note"]
    assert note.endswith("two cannot be listed: No such file or directory")


def test_the_inputs_are_listed(two, docparse):
    del two
    Path("two").rename("moved")

    ended = docparse("inputs", "list")
    plain = json.loads(docparse("inputs", "list", "--json").out)

    assert [line.rpartition("/")[2] for line in ended.out.splitlines()] == ["one", "two, which is not there"]
    assert [(each["name"], each["kind"], each["files"], each["there"]) for each in plain["inputs"]] == [
        ("one", "source", [], True),
        ("two", "source", [], False),
    ]


def test_without_any_input_the_list_says_so(docparse, stages):
    del stages

    ended = docparse("inputs", "list")

    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith("remembers no input; name folders or files when you run a stage\n")


@pytest.mark.parametrize("is_there", [True, False])
def test_what_lay_in_a_forgotten_folder_is_gone_at_every_stage(two, docparse, is_there):
    two("run", "count")
    if not is_there:
        shutil.rmtree("two")

    ended = docparse("inputs", "forget", "two")
    upper, count = two("run", "upper"), two("run", "count")

    assert ended.code == 0
    assert ended.out.startswith("forgot two, which was ")
    assert (upper.code, count.code) == (0, 0)
    assert "1 up to date, 1 gone" in upper.err
    assert "1 up to date, 1 gone" in count.err
    removed = json.loads(docparse("prune", "--yes", "--json").out)
    assert [each["item_id"] for each in removed["orphans"]] == ["two/a.txt", "two/a.txt"]
    assert not (ROOT / "upper" / "two").exists()


def test_the_only_input_can_be_forgotten(docparse, docs):
    docparse("run", "upper", docs(a="text"), "--workers", 0)

    docparse("inputs", "forget", "docs")
    first, second = docparse("run", "upper", "--workers", 0), docparse("run", "upper", "--workers", 0)

    assert (first.code, second.code) == (0, 0)
    assert "1 gone" in first.err
    assert "gone" not in second.err


def test_a_forgotten_folder_can_be_taken_in_again_and_from_elsewhere(two, docparse):
    docparse("inputs", "forget", "two")
    two("run", "upper")
    Path("elsewhere").mkdir()
    Path("two").rename("elsewhere/two")

    ended = two("run", "upper", "elsewhere/two")

    assert ended.code == 0
    assert "1 done" in ended.err
    assert docparse("inputs", "list").out.splitlines()[1].endswith("elsewhere/two")


def test_a_run_that_names_its_inputs_lets_forgotten_ones_be(two, docparse):
    docparse("inputs", "forget", "two")

    ended = two("run", "upper", "one")

    assert "gone" not in ended.err


def test_a_name_that_is_not_remembered_is_refused_with_those_that_are(two, docparse):
    del two
    docparse("inputs", "forget", "two")

    ended = docparse("inputs", "forget", "two")

    assert ended.code == 2
    assert "remembers no input 'two'; there are: one" in ended.err
