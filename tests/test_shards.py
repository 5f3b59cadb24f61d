"""Shards of a stage: each has its own manifest and lock, and one data root is divided in one way at a time."""

import json
import multiprocessing
from pathlib import Path

import pytest

from docparse_runner import Workspace
from docparse_runner._manifest import JsonlSink, manifest_paths, read_manifest
from docparse_runner._row import ErrorRecord

SLOW = ("--delay-s", 30)


@pytest.fixture
def root(stages):
    return Workspace(stages / "docparse-data")


def names(root):
    return [path.name for path in manifest_paths(root, "upper")]


@pytest.fixture
def going(docs, spawn, watch):
    """Return a function that starts a run that goes on for long, and waits until it works."""

    def start(*options, staging):
        process = spawn("run", "upper", "docs", *SLOW, "--workers", 1, *options)
        watch.until(lambda: list(Path("docparse-data").glob(f".staging/{staging}/*/p1/out/*/upper")), "the run to work")
        return process

    return start


def test_shards_of_one_count_run_side_by_side(docs, docparse, going, root):
    docs(**{f"d{number}": "text" for number in range(8)})
    going("--shard", "1/2", staging="upper.1of2")

    ended = docparse("run", "upper", "docs", "--shard", "2/2", "--workers", 0, "--json")

    assert ended.code == 0
    assert json.loads(ended.out)["succeeded"] == len(read_manifest(root, "upper")[0]) > 0
    assert list(Path("docparse-data").glob(".staging/upper.1of2/*/p1")), "the other's staging folder is its own"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (("--shard", "1/2"), ("--shard", "1/2"), "shard 1/2 of upper"),
        (("--shard", "1/2"), (), "shard 1/2 of upper"),
        (("--shard", "1/2"), ("--shard", "1/3"), "shard 1/2 of upper"),
        ((), ("--shard", "1/2"), "upper"),
    ],
)
def test_one_data_root_is_divided_in_one_way_at_a_time(docs, docparse, going, first, second, told):
    docs(**{f"d{number}": "text" for number in range(8)})
    process = going(*first, staging="upper.1of2" if first else "upper")

    ended = docparse("run", "upper", "docs", "--workers", 0, *second)

    assert ended.code == 2
    assert ended.err.startswith(f"docparse: {told} is already running on ")
    assert f"process {process.pid} on " in ended.err


def test_wait_waits_for_a_shard_too(docs, docparse, spawn, watch, root):
    docs(**{f"d{number}": "text" for number in range(4)})
    process = spawn("run", "upper", "docs", "--shard", "1/2", "--delay-s", 0.5, "--workers", 1)
    watch.until(lambda: list(Path("docparse-data").glob(".staging/upper.1of2/*/p1/out/*/upper")), "the run to work")

    ended = docparse("run", "upper", "docs", "--workers", 0, "--wait")

    assert process.wait(60) == 0
    assert ended.code == 0
    assert len(read_manifest(root, "upper")[0]) == 4


@pytest.mark.parametrize("then", [(), ("--shard", "1/3")])
def test_another_division_first_brings_the_rows_of_the_shards_together(docs, docparse, root, then):
    docs(**{f"d{number}": "text" for number in range(8)})
    for place in (1, 2):
        docparse("run", "upper", "docs", "--shard", f"{place}/2", "--workers", 0)
    before = read_manifest(root, "upper")
    assert names(root) == ["upper.1of2.manifest.jsonl", "upper.2of2.manifest.jsonl"]

    ended = docparse("run", "upper", "docs", "--workers", 0, *then, "--json")

    outcome = json.loads(ended.out)
    assert outcome["planned"] == outcome["up_to_date"] > 0
    assert names(root) == ["upper.manifest.jsonl"]
    assert read_manifest(root, "upper") == before


@pytest.mark.parametrize(("cut", "kept"), [(1, 2), (40, 1)], ids=["its end of line", "its text"])
def test_a_shard_that_was_torn_is_brought_in_without_what_is_nobodys_row(docs, docparse, root, cut, kept):
    docs(**{f"d{number}": "text" for number in range(8)})
    docparse("run", "upper", "docs", "--shard", "1/2", "--workers", 0, "--limit", 2)
    path = root.manifests / "upper.1of2.manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])

    docparse("run", "upper", "--workers", 0, "--limit", 0)

    rows, bad = read_manifest(root, "upper")
    assert (names(root), len(rows), bad) == (["upper.manifest.jsonl"], kept, 0)


def test_rows_of_a_shard_count_for_the_next_stage_and_for_status(docs, docparse):
    docs(**{f"d{number}": "text" for number in range(6)})
    for place in (1, 2):
        docparse("run", "upper", "docs", "--shard", f"{place}/2", "--workers", 0)

    counted = json.loads(docparse("run", "count", "--workers", 0, "--json").out)
    status = json.loads(docparse("status", "--json").out)

    assert counted["succeeded"] == 6
    assert status["stages"]["upper"]["done"] == status["stages"]["count"]["done"] == 6


def test_what_was_done_before_the_shards_is_not_done_again_by_them(docs, docparse):
    docs(**{f"d{number}": "text" for number in range(6)})
    docparse("run", "upper", "docs", "--workers", 0)

    outcomes = [
        json.loads(docparse("run", "upper", "docs", "--shard", f"{place}/2", "--workers", 0, "--json").out)
        for place in (1, 2)
    ]

    assert sum(outcome["up_to_date"] for outcome in outcomes) == 6
    assert sum(outcome["scheduled"] for outcome in outcomes) == 0


def append(root, shard, writer, count):
    """Write so many rows, as a run of a shard does, and a few of them at a time."""
    sink = JsonlSink(Workspace(root), "upper", f"run-{writer}", shard)
    extras = {
        "stage_version": 1, "cfg_hash": "x", "attempts": 1, "started_at": "2026-11-23T14:28:01.220Z", "duration_s": 0.1,
        "worker": "p1", "inputs": {}, "metrics": {}, "reason": "new",
    }  # fmt: skip
    for number in range(count):
        sink.log_failure("upper", f"docs/{writer}/{number}", "", ErrorRecord("io", "no"), extras)
        if number % 100 == 99:
            sink.flush()
    sink.flush()


@pytest.mark.parametrize("shards", [("1/4", "2/4", "3/4", "4/4"), ("", "", "", "")], ids=["own files", "one file"])
def test_four_writers_lose_no_row(root, shards):
    root.create()
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=append, args=(root.root, shard, place, 10_000)) for place, shard in enumerate(shards, 1)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)

    rows, bad = read_manifest(root, "upper")

    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert (len(rows), bad) == (40_000, 0)
