"""``docparse status``: results that are stale, outdated or orphaned, and why."""

import json

import pytest


@pytest.fixture
def stood(docparse):
    """Return a function that returns stage → the counts that are not 0."""

    def read():
        stages = json.loads(docparse("status", "--json").out)["stages"]
        return {stage: {word: count for word, count in counts.items() if count} for stage, counts in stages.items()}

    return read


@pytest.fixture
def reasons(docparse):
    """Return a function that returns what ``status -v`` says after the table."""
    return lambda: [line for line in docparse("status", "-v").out.splitlines() if ": " in line]


def run(docparse, *stages):
    for stage in stages:
        docparse("run", stage, *(["docs"] if stage == "upper" else []), "--workers", 0)


def test_a_result_made_from_an_older_input_is_outdated_until_its_stage_has_run(docs, docparse, stood, reasons):
    docs(a="text a", b="text b")
    run(docparse, "upper", "count")
    docs(b="another")
    run(docparse, "upper")

    assert stood() == {"upper": {"done": 2}, "count": {"done": 2, "outdated": 1}}
    assert reasons() == ["count: docs/b.txt: outdated: made from an older upper"]

    run(docparse, "count")
    assert stood() == {"upper": {"done": 2}, "count": {"done": 2}}


def test_an_input_that_was_made_again_and_is_the_same_outdates_nothing(docs, docparse, stood):
    docs(a="text a")
    run(docparse, "upper", "count")
    docparse("run", "upper", "--force", "--workers", 0)

    assert stood() == {"upper": {"done": 1}, "count": {"done": 1}}


def test_a_failure_that_left_its_older_result_is_stale_and_says_of_which_run(docs, docparse, stood, reasons, last_rows):
    docs(a="text a")
    run(docparse, "upper", "count")
    docs(a="bad now")
    run(docparse, "upper")

    first = last_rows("upper")["docs/a.txt"]["last_good"]["run_id"]
    assert stood() == {"upper": {"failed": 1, "quarantined": 1, "stale": 1}, "count": {"done": 1}}
    assert reasons() == [
        "upper: docs/a.txt: input: the document is bad",
        f"upper: docs/a.txt: stale: still the result of run {first}; then it failed: input: the document is bad",
    ]


def test_a_result_of_what_its_maker_no_longer_has_is_outdated(docs, docparse, stood, reasons, stages):
    docs(a="text a", b="text b", c="text c")
    run(docparse, "upper", "count")
    docs(a="skip it")
    (stages / "docs" / "b.txt").unlink()
    run(docparse, "upper")

    assert stood()["count"] == {"done": 3, "outdated": 2}
    assert reasons()[:2] == [
        "count: docs/a.txt: outdated: upper has no upper of it any more",
        "count: docs/b.txt: outdated: upper says that the document is gone",
    ]


def test_files_of_documents_that_are_gone_are_orphaned_until_they_are_pruned(docs, docparse, stood, reasons, stages):
    docs(a="text a", b="text b")
    run(docparse, "upper")
    (stages / "docs" / "b.txt").unlink()
    run(docparse, "upper")

    assert stood() == {"upper": {"done": 1, "gone": 1, "orphaned": 1}}
    assert reasons() == ["upper: docs/b.txt: orphaned: docparse prune removes it"]

    docparse("prune", "--yes")
    assert stood() == {"upper": {"done": 1, "gone": 1}}
