"""Whole runs over files whose names are no text, hold signs with a meaning of their own, or lead nowhere."""

import json
import os

import pytest


@pytest.fixture
def odd(stages):
    """Return a function that writes documents, their names given as bytes, into a folder and returns the folder."""

    def write(folder, **texts):
        path = stages / folder
        path.mkdir(exist_ok=True)
        for name, text in texts.items():
            (path / f"{name}.txt").write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def undecodable(odd):
    """Return a folder of two documents whose names are not UTF-8, one good and one bad."""
    folder = odd("docs")
    for name, text in ((b"\xff.txt", b"hello"), (b"\xfe.txt", b"bad")):
        try:
            with open(os.fsencode(folder) + b"/" + name, "wb") as file:
                file.write(text)
        except OSError:
            pytest.skip("this file system refuses names that are not UTF-8")
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_documents_whose_names_are_no_text_run_like_any_other(undecodable, docparse, last_rows, workers):
    run = docparse("run", "upper", undecodable, "--workers", workers)

    rows = last_rows("upper")
    assert run.code == 1
    assert {name: row["status"] for name, row in rows.items()} == {
        "docs/%FF.txt": "success",
        "docs/%FE.txt": "failure",
    }
    assert rows["docs/%FE.txt"]["category"] == "input"
    assert "docs/%FE.txt: input: the document is bad" in run.err


def test_documents_whose_names_are_no_text_are_not_done_again(undecodable, docparse, last_rows):
    docparse("run", "upper", undecodable, "--workers", 0)
    before = last_rows("upper")
    planned = docparse("plan", "upper", "--json")

    docparse("run", "upper", "--workers", 0)

    items = json.loads(planned.out)["stages"]["upper"]["items"]
    assert {each["reason"] for each in items} == {"up to date", "quarantined"}
    after = {name: row["inputs"]["source"]["digest"] for name, row in last_rows("upper").items()}
    assert after == {name: row["inputs"]["source"]["digest"] for name, row in before.items()}
    assert {row["status"] for row in last_rows("upper").values()} == {"success", "failure"}


def test_an_artifact_of_a_document_whose_name_is_no_text_is_taken_by_the_next_stage(undecodable, docparse, last_rows):
    docparse("run", "upper", undecodable, "--workers", 0)

    docparse("run", "count", "--workers", 0)

    assert [(name, row["status"]) for name, row in last_rows("count").items()] == [("docs/%FF.txt", "success")]


def test_a_folder_with_a_percent_sign_has_its_deletions_noticed(odd, docparse, last_rows):
    folder = odd("100%", a="one", b="two")
    docparse("run", "upper", folder, "--workers", 0)
    (folder / "a.txt").unlink()

    docparse("run", "upper", "--workers", 0)

    assert {name: row["status"] for name, row in last_rows("upper").items()} == {
        "100%25/a.txt": "gone",
        "100%25/b.txt": "success",
    }


def test_a_document_that_is_named_twice_runs_once(odd, docparse, history):
    folder = odd("docs", a="one")

    docparse("run", "upper", folder / "a.txt", folder / "a.txt", "--workers", 2)

    assert [row["item_id"] for row in history("upper")] == ["docs/a.txt"]


def test_a_link_to_itself_costs_nobody_anything(odd, docparse, last_rows):
    folder = odd("docs", a="one")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "inner").symlink_to(folder)

    run = docparse("run", "upper", folder, "--workers", 0)

    assert run.code == 0
    assert list(last_rows("upper")) == ["docs/a.txt"]
