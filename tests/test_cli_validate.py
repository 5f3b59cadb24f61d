"""``docparse validate STAGE``: what it asks of each result, in which process, and that it leaves all as it was."""

import json
import os
from pathlib import Path

import pytest

HOOK = """
import os


@hookimpl
def docparse_validate(item, context):
    text = item.outputs["checked"].read_text()
    if text.startswith("RAISE"):
        raise ValueError("cannot be judged")
    if text.startswith("CRASH"):
        os._exit(9)
    if text.startswith("HANG"):
        time.sleep(60)
    if text.startswith("STRING"):
        return "one sentence"
    if text.startswith("TELL"):
        return [f"{item.inputs['source'].name} in {context.workspace.root.name}, suffix {context.options.suffix!r}",
                f"not by process {os.getpid()}"]
"""


@pytest.fixture
def checked(install_module):
    """Install a stage like ``upper`` that validates its results."""
    text = (Path(__file__).parent / "stages" / "stage_upper.py").read_text()
    text = text.replace('"upper"', '"checked"').replace('".upper.txt"', '".checked"')
    install_module("checked_stage", text + HOOK, stages={"checked": "checked_stage"})


def tree(folder):
    return {
        path: (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if "site" not in path.parts and "__pycache__" not in path.parts
    }


@pytest.fixture
def validate(docparse):
    """Return a function that returns (exit code, what ``docparse validate --json`` says)."""

    def call(*arguments):
        ended = docparse("validate", *arguments, "--workers", 1, "--json")
        return ended.code, json.loads(ended.out)

    return call


def test_results_as_they_should_be_have_no_problems_and_nothing_is_written(docs, docparse, validate, stages):
    docparse("run", "upper", docs(a="text a", b="extra b", c="skip c", d="bad d"), "--workers", 0)
    before = tree(stages)

    code, said = validate("upper")
    shown = docparse("validate", "upper", "--workers", 0)

    assert (code, said) == (
        0,
        {
            "schema_version": 1,
            "data_root": str(stages / "docparse-data"),
            "stage": "upper",
            "results": 2,
            "problems": {},
            "stop_reason": "",
        },
    )
    assert (shown.code, shown.out) == (0, "upper: 2 results, nothing wrong\n")
    assert tree(stages) == before


def test_missing_and_changed_outputs_of_a_stage_without_the_hook_are_found(docs, docparse, validate, stages):
    docparse("run", "upper", docs(a="text a", b="text b", c="text c"), "--workers", 0)
    made = stages / "docparse-data" / "upper" / "docs"
    (made / "a.txt.upper.txt").unlink()
    (made / "b.txt.upper.txt").write_text("longer than it was")

    code, said = validate("upper")
    shown = docparse("validate", "upper", "--workers", 0)

    assert code == 1
    assert said["problems"] == {
        "docs/a.txt": ["the output 'upper' is missing: upper/docs/a.txt.upper.txt"],
        "docs/b.txt": ["the output 'upper' is changed: upper/docs/b.txt.upper.txt (18 bytes instead of 6)"],
    }
    assert shown.code == 1
    assert shown.out.splitlines()[:2] == [
        "upper: 3 results, 2 with problems",
        "  docs/a.txt: the output 'upper' is missing: upper/docs/a.txt.upper.txt",
    ]


def test_a_required_output_that_is_not_recorded_is_found(docs, docparse, validate, stages):
    docparse("run", "upper", docs(a="extra a"), "--workers", 0)
    manifest = stages / "docparse-data" / "manifests" / "upper.manifest.jsonl"
    row = json.loads(manifest.read_text())
    del row["outputs"]["upper"]
    manifest.write_text(json.dumps(row) + "\n")

    code, said = validate("upper")

    assert (code, said["problems"]) == (1, {"docs/a.txt": ["the required output 'upper' is not recorded"]})


@pytest.mark.usefixtures("checked")
def test_the_stages_own_validation_sees_the_real_files_and_its_options_in_a_child(docs, docparse, validate):
    docparse("run", "checked", docs(a="tell", b="text b"), "--workers", 0)

    code, said = validate("checked")

    ((item_id, sentences),) = said["problems"].items()
    assert (code, item_id) == (1, "docs/a.txt")
    assert sentences[0] == "a.txt in docparse-data, suffix ''"
    assert sentences[1] != f"not by process {os.getpid()}"


@pytest.mark.usefixtures("checked")
def test_a_validation_that_breaks_is_a_problem_of_its_document_alone(docs, docparse, validate):
    docparse("run", "checked", docs(a="raise", b="crash", c="string", d="tell"), "--workers", 0)

    code, said = validate("checked")

    problems = said["problems"]
    assert code == 1
    assert list(problems) == ["docs/a.txt", "docs/b.txt", "docs/c.txt", "docs/d.txt"]
    assert problems["docs/a.txt"] == ["docparse_validate() raised ValueError: cannot be judged"]
    assert problems["docs/b.txt"][0].startswith("crash: ")
    assert "docparse_validate() must return sentences, not 'one sentence'" in problems["docs/c.txt"][0]


@pytest.mark.usefixtures("checked")
def test_a_validation_that_hangs_is_a_problem_of_its_document_alone(docs, docparse, validate):
    docparse("run", "checked", docs(a="hang", b="text b"), "--workers", 0)

    code, said = validate("checked", "--timeout-s", 1)

    ((item_id, (sentence,)),) = said["problems"].items()
    assert (code, item_id) == (1, "docs/a.txt")
    assert sentence.startswith("timeout: ")


@pytest.mark.usefixtures("checked")
def test_options_that_cut_or_stop_runs_have_no_say(docs, docparse, validate):
    docparse("run", "checked", docs(a="tell", b="tell"), "--workers", 0)
    Path("docparse.toml").write_text('[runner]\nlimit = 1\nerror_budget = "0"\nexclude = ["*b.txt"]\n')

    _code, said = validate("checked")

    assert said["results"] == len(said["problems"]) == 2


@pytest.mark.usefixtures("checked")
def test_a_secret_is_not_told(docs, docparse, validate, monkeypatch):
    monkeypatch.setenv("DOCPARSE_CHECKED__KEY", "a.txt in docparse")
    docparse("run", "checked", docs(a="tell"), "--workers", 0)

    _code, said = validate("checked")

    assert "a.txt in docparse" not in json.dumps(said["problems"])


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [("uper", "no stage 'uper'; installed: "), ("count", "no stage 'count' is recorded in ")],
)
def test_a_stage_that_is_not_there_or_not_recorded_is_a_usage_error(docs, docparse, stage, sentence):
    docparse("run", "upper", docs(a="text a"), "--workers", 0)

    ended = docparse("validate", stage)

    assert ended.code == 2
    assert ended.err.startswith(f"docparse: {sentence}")
