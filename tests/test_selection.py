"""``--include``, ``--exclude`` and ``--shard``: which documents a run takes, and what becomes of the others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner import StageOptions, UsageError, Workspace
from docparse_runner._manifest import manifest_paths, read_manifest
from docparse_runner._selection import Selection, shard_of

IDS = ("docs/a.pdf", "docs/b.html", "docs/2024/c.pdf", "docs/2024/d.txt", "notes/a.pdf")
FLAGS = ("--workers", 0)


@pytest.fixture
def workspace_here(stages):
    return Workspace(stages / "docparse-data")


def wanted(**options):
    wants = Selection.of(StageOptions(**options)).wants
    return [item_id for item_id in IDS if wants(item_id)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, IDS),
        ({"include": ("*.pdf",)}, ("docs/a.pdf", "docs/2024/c.pdf", "notes/a.pdf")),
        ({"include": ("docs/*",)}, ("docs/a.pdf", "docs/b.html", "docs/2024/c.pdf", "docs/2024/d.txt")),
        ({"include": ("a.*", "*/2024/*")}, ("docs/a.pdf", "docs/2024/c.pdf", "docs/2024/d.txt", "notes/a.pdf")),
        ({"include": ("docs/?.pdf",)}, ("docs/a.pdf",)),
        ({"exclude": ("*.pdf",)}, ("docs/b.html", "docs/2024/d.txt")),
        ({"include": ("docs/*",), "exclude": ("*.pdf", "b.*")}, ("docs/2024/d.txt",)),
        ({"include": ("2024",)}, ()),
        ({"shard": "1/1"}, IDS),
    ],
)
def test_globs_are_compared_with_ids_and_those_without_a_slash_with_names(options, expected):
    assert wanted(**options) == list(expected)


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 9))
def test_every_document_is_in_exactly_one_shard(ids, count):
    shards = [Selection.of(StageOptions(shard=f"{place}/{count}")).wants for place in range(1, count + 1)]

    assert all(sum(wants(item_id) for wants in shards) == 1 for item_id in ids)


def test_shards_are_the_same_on_every_machine_and_about_equally_large():
    assert [shard_of(item_id, 4) for item_id in IDS] == [4, 2, 3, 3, 1]
    sizes = [sum(shard_of(f"docs/{number}", 4) == place for number in range(4000)) for place in (1, 2, 3, 4)]
    assert min(sizes) > 900


@pytest.mark.parametrize("shard", ["0/4", "5/4", "4", "1/", "/4", "a/b", "-1/4", "1/0", "1/4/2", "²/4"])
def test_what_is_no_shard_is_refused(shard):
    with pytest.raises(ValueError, match="shard must be I/N"):
        StageOptions(shard=shard)


def test_what_is_left_out_is_not_planned_and_not_gone(docs, docparse, history):
    docs(a="text", b="text", c="text")
    docparse("run", "upper", "docs", *FLAGS)

    ended = docparse("run", "upper", "--include", "a.txt", "--include", "b.*", "--exclude", "*b*", *FLAGS, "--json")

    outcome = json.loads(ended.out)
    assert (outcome["planned"], outcome["up_to_date"], outcome["gone"]) == (1, 1, 0)
    assert len(history("upper")) == 3


def test_a_selection_that_leaves_nothing_is_an_error_that_shows_what_ids_look_like(docs, docparse):
    docs(a="text", b="text")

    ended = docparse("run", "upper", "docs", "--include", "papers/*", *FLAGS)

    assert ended.code == 2
    assert ended.err == (
        "docparse: --include and --exclude leave none of 2 documents for upper; their ids are like docs/a.txt\n"
    )


def test_shards_do_everything_together_and_nothing_twice(docs, docparse, workspace_here):
    workspace = workspace_here
    docs(**{f"d{number}": "text" for number in range(12)})

    counts = []
    for place in (1, 2, 3):
        ended = docparse("run", "upper", "docs", "--shard", f"{place}/3", *FLAGS, "--json")
        counts.append(json.loads(ended.out)["succeeded"])

    assert all(counts)
    assert sum(counts) == len(read_manifest(workspace, "upper")[0]) == 12
    assert [len(path.read_text().splitlines()) for path in manifest_paths(workspace, "upper")] == counts


def test_a_shard_tells_only_of_its_own_documents_that_they_are_gone(docs, docparse, workspace_here):
    folder = docs(**{f"d{number}": "text" for number in range(8)})
    docparse("run", "upper", "docs", *FLAGS)
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()

    docparse("run", "upper", "docs", "--shard", "1/2", *FLAGS)

    rows, _bad = read_manifest(workspace_here, "upper")
    gone = {item_id for item_id, row in rows.items() if row.status == "gone"}
    assert gone
    assert {shard_of(item_id, 2) for item_id in gone} == {1}


def test_the_plan_shows_what_the_same_options_would_run(docs, docparse):
    docs(a="text", b="text", c="text")

    ended = docparse("plan", "upper", "docs", "--exclude", "b.txt", "--json")

    items = json.loads(ended.out)["stages"]["upper"]["items"]
    assert [item["item_id"] for item in items] == ["docs/a.txt", "docs/c.txt"]


def test_a_library_call_selects_too(bench):
    bench.write(a="ok", b="ok")

    assert bench.run(include=("docs/a",), workers=0).planned == 1


def test_run_stage_refuses_a_dry_run(bench):
    bench.write(a="ok")

    with pytest.raises(UsageError, match="leave out dry_run"):
        bench.run(dry_run=True)

    assert bench.calls() == []
