"""``docparse prune``: what it removes, and what it must never remove."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from docparse_runner import Workspace
from docparse_runner._lock import run_lock

ROOT = Path("docparse-data")


def run(docparse, *stages, options=()):
    for stage in stages:
        docparse("run", stage, *(["docs"] if stage == "upper" else []), "--workers", 0, *options)


def pruned(docparse, *options):
    return json.loads(docparse("prune", "--json", *options).out)


def artifacts():
    """Return the paths of all artifacts and strays in the folders of kinds."""
    kinds = [ROOT / kind for kind in ("upper", "extra", "count", "joined") if (ROOT / kind).exists()]
    return sorted(str(path.relative_to(ROOT)) for kind in kinds for path in kind.rglob("*") if path.is_file())


@pytest.fixture
def gone(docs, docparse, stages):
    """Run three stages over four documents, delete two of them, one in a folder of its own, and run again."""
    docs(a="text a", b="extra b", c="text c")
    (stages / "docs" / "sub" / "deep").mkdir(parents=True)
    (stages / "docs" / "sub" / "deep" / "d.txt").write_text("text d")
    run(docparse, "upper", "count", "join")
    (stages / "docs" / "b.txt").unlink()
    shutil.rmtree(stages / "docs" / "sub")
    run(docparse, "upper", "count", "join")


@pytest.mark.usefixtures("gone")
def test_a_dry_run_says_what_would_go_and_touches_nothing(docparse):
    before = artifacts()

    ended = docparse("prune")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "would remove count/docs/b.txt.count.json (14 bytes)",
        "would remove count/docs/sub/deep/d.txt.count.json (14 bytes)",
        "would remove upper/docs/b.txt.upper.txt (7 bytes)",
        "would remove extra/docs/b.txt.extra (4 bytes)",
        "would remove upper/docs/sub/deep/d.txt.upper.txt (6 bytes)",
        "5 files, 45 bytes; --yes removes them",
    ]
    assert artifacts() == before


@pytest.mark.usefixtures("gone")
def test_yes_removes_the_files_and_the_folders_that_become_empty_and_the_others_stay(docparse):
    ended = docparse("prune", "--yes")

    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "removed 5 files, 45 bytes, and 5 empty folders"
    assert artifacts() == [
        "count/docs/a.txt.count.json",
        "count/docs/c.txt.count.json",
        "joined/docs/a.txt.joined",
        "joined/docs/c.txt.joined",
        "upper/docs/a.txt.upper.txt",
        "upper/docs/c.txt.upper.txt",
    ]
    assert not (ROOT / "upper/docs/sub").exists()
    assert (ROOT / "extra").is_dir(), "the folder of a kind stays"
    assert docparse("prune").out == "0 files, 0 bytes\n"
    assert docparse("run", "upper", "--workers", 0, "--json").code == 0


@pytest.mark.usefixtures("gone")
def test_json_says_the_same_before_and_after(docparse):
    dry, done = pruned(docparse), pruned(docparse, "--yes")

    assert (dry["schema_version"], dry["dry_run"], dry["bytes"], dry["removed"]) == (1, True, 45, None)
    assert dry["orphans"][0] == {
        "stage": "count",
        "item_id": "docs/b.txt",
        "files": {"count/docs/b.txt.count.json": 14},
    }
    assert (done["orphans"], done["dry_run"]) == (dry["orphans"], False)
    assert done["removed"] == {"files": 5, "bytes": 45, "folders": 5}
    assert pruned(docparse)["orphans"] == []


@pytest.mark.usefixtures("gone")
def test_a_document_that_is_back_is_kept(docs, docparse):
    docs(b="text b is back")

    found = pruned(docparse, "--yes")

    why = "the document is among the inputs"
    assert found["kept"] == [{"stage": stage, "item_id": "docs/b.txt", "why": why} for stage in ("count", "upper")]
    assert {each["item_id"] for each in found["orphans"]} == {"docs/sub/deep/d.txt"}
    assert "upper/docs/b.txt.upper.txt" in artifacts()


def test_files_stay_until_the_later_stages_have_heard_that_the_document_is_gone(docs, docparse, stages):
    docs(a="text a")
    docs(b="text b")
    run(docparse, "upper", "count", "join")
    (stages / "docs" / "b.txt").unlink()
    run(docparse, "upper")

    early = pruned(docparse, "--yes")
    run(docparse, "count", "join")
    late = pruned(docparse, "--yes")

    why = "count has not heard that it is gone; docparse run count"
    assert early["kept"] == [{"stage": "upper", "item_id": "docs/b.txt", "why": why}]
    assert early["removed"]["files"] == 0
    assert late["removed"]["files"] == 2
    assert not [path for path in artifacts() if "b.txt" in path]


@pytest.mark.parametrize("state", ["missing", "empty", "a file"])
@pytest.mark.usefixtures("gone")
def test_nothing_goes_while_the_input_folder_cannot_be_seen(docparse, stages, state):
    shutil.move(stages / "docs", stages / "elsewhere")
    if state == "empty":
        (stages / "docs").mkdir()
    if state == "a file":
        (stages / "docs").touch()
    before = artifacts()

    found = pruned(docparse, "--yes")

    assert found["removed"]["files"] == 0
    assert all(f"the input folder {stages / 'docs'} " in each["why"] for each in found["kept"])
    assert artifacts() == before


@pytest.mark.usefixtures("gone")
def test_nothing_of_a_stage_goes_after_a_run_that_was_stopped(docs, docparse):
    docs(**{f"x{number}": "bad" for number in range(3)})
    run(docparse, "upper", options=["--error-budget", 0])

    found = pruned(docparse, "--yes")

    whys = {each["stage"]: each["why"] for each in found["kept"]}
    assert list(whys) == ["upper"]
    assert whys["upper"].startswith("its last run, ")
    assert whys["upper"].endswith(", ended with 3; docparse run upper")
    assert {each["stage"] for each in found["orphans"]} == {"count"}


@pytest.mark.usefixtures("gone")
def test_nothing_of_a_stage_goes_after_a_run_that_was_killed(docparse):
    for path in (ROOT / "runs").glob("*/summary.json"):
        path.unlink()

    found = pruned(docparse, "--yes")

    assert found["orphans"] == []
    assert all("did not end" in each["why"] for each in found["kept"])


@pytest.mark.usefixtures("gone")
def test_nothing_goes_while_a_run_is_going(docparse, spawn, watch, stages):
    (stages / "docs" / "slow.txt").write_text("slow")
    before = artifacts()
    going = spawn("run", "upper", "--workers", 1, "--delay-s", 60)
    watch.until(lambda: (ROOT / ".locks/upper.holder.json").exists() and locked(), "the lock")

    ended = docparse("prune", "--yes")

    assert ended.code == 2
    assert f"upper is already running on {stages / 'docparse-data'}: process {going.pid} on " in ended.err
    assert artifacts() == before


def locked():
    try:
        with run_lock(Workspace(ROOT), "upper"):
            return False
    except Exception:  # noqa: BLE001 - whoever holds it
        return True


@pytest.mark.usefixtures("gone")
def test_what_no_manifest_knows_is_listed_and_left_alone(docparse, stages):
    (ROOT / "upper/docs/mine.upper.txt").write_text("mine")
    (ROOT / "notes.txt").write_text("in no folder of a kind")
    outside = stages / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    (ROOT / "count/link").symlink_to(outside)

    plain, found = docparse("prune"), pruned(docparse, "--yes")

    assert "unrecorded, left alone: upper/docs/mine.upper.txt" in plain.out
    assert found["unrecorded"] == ["count/link", "upper/docs/mine.upper.txt"]
    assert (ROOT / "upper/docs/mine.upper.txt").exists()
    assert (outside / "precious").exists()


@pytest.mark.usefixtures("gone")
def test_names_that_are_no_text_are_shown_all_the_same(docparse):
    try:
        (ROOT / os.fsdecode(b"upper/\xff")).touch()
    except OSError:
        pytest.skip("this file system refuses such a name")

    assert "unrecorded, left alone: upper/\\udcff" in docparse("prune").out
    assert pruned(docparse)["unrecorded"] == ["upper/\\udcff"]


@pytest.mark.usefixtures("gone")
def test_a_document_that_an_earlier_stage_has_again_is_kept(docparse):
    manifest = ROOT / "manifests/upper.manifest.jsonl"
    row = next(json.loads(line) for line in manifest.read_text().splitlines() if "docs/b.txt" in line)
    with manifest.open("a") as file:
        file.write(json.dumps(row) + "\n")

    kept = {each["stage"]: each["why"] for each in pruned(docparse, "--yes")["kept"]}

    assert kept["count"] == "upper does not say that it is gone"


@pytest.mark.parametrize("place", ["upper/docs/b.txt.upper.txt", "upper/docs", "upper"])
@pytest.mark.usefixtures("gone")
def test_links_are_never_followed(docparse, stages, place):
    shutil.move(ROOT / place, stages / "moved")
    (ROOT / place).symlink_to(stages / "moved")
    before = sorted(stages.joinpath("moved").rglob("*"))

    ended = docparse("prune", "--yes")

    assert ended.code == 0
    assert sorted(stages.joinpath("moved").rglob("*")) == before
    assert (ROOT / place).is_symlink()


@pytest.mark.parametrize(
    "path", ["../precious", "upper/../../precious", "/PRECIOUS", "runs/precious", "upper//x", "upper"]
)
@pytest.mark.usefixtures("gone")
def test_a_garbled_row_removes_nothing_outside_the_folders_of_its_kinds(docparse, stages, history, path):
    for place in (stages / "precious", ROOT / "runs" / "precious"):
        place.write_text("precious")
    row = next(row for row in history("upper") if row["item_id"] == "docs/b.txt" and row["outputs"])
    row["outputs"]["upper"]["path"] = path.replace("/PRECIOUS", str(stages / "precious"))
    manifest = ROOT / "manifests/upper.manifest.jsonl"
    manifest.write_text(json.dumps(row) + "\n" + manifest.read_text())

    found = pruned(docparse, "--yes")

    assert found["removed"]["files"] == 5
    assert (stages / "precious").exists()
    assert (ROOT / "runs" / "precious").exists()


@pytest.mark.usefixtures("gone")
def test_files_with_an_older_suffix_are_found_in_older_rows(docparse):
    kinds = ROOT / "manifests/kinds.json"
    kinds.write_text(kinds.read_text().replace(".count.json", ".count.parquet"))

    assert pruned(docparse, "--yes")["removed"]["files"] == 5


@pytest.mark.usefixtures("gone")
def test_a_file_that_cannot_be_removed_is_named_and_the_others_go(docparse, monkeypatch):
    unlink = os.unlink

    def refuse(path, **options):
        if str(path).endswith("b.txt.count.json"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)

    ended = docparse("prune", "--yes")

    assert ended.code == 1
    assert ended.out.splitlines() == [
        "count/docs/b.txt.count.json cannot be removed: Permission denied",
        "removed 4 files, 31 bytes, and 5 empty folders",
    ]
    assert "count/docs/b.txt.count.json" in artifacts()


@pytest.mark.usefixtures("gone")
def test_nothing_goes_of_a_document_that_cannot_be_looked_for(docparse, stages):
    shutil.move(stages / "docs", stages / "elsewhere")
    (stages / "docs").symlink_to("docs")

    found = pruned(docparse, "--yes")

    assert found["removed"]["files"] == 0
    assert all("cannot be looked at: Too many levels of symbolic links" in each["why"] for each in found["kept"])


def test_large_files_are_told_in_larger_units(docs, docparse, stages):
    docs(a="x" * 2500, b="x" * 1_250_000, kept="text")
    run(docparse, "upper")
    for name in ("a", "b"):
        (stages / "docs" / f"{name}.txt").unlink()
    run(docparse, "upper")

    assert docparse("prune").out.splitlines() == [
        "would remove upper/docs/a.txt.upper.txt (2.5 kB)",
        "would remove upper/docs/b.txt.upper.txt (1.2 MB)",
        "2 files, 1.3 MB; --yes removes them",
    ]


def test_many_files_are_shown_in_part_and_all_when_asked(docs, docparse, stages):
    docs(**{f"d{number:02}": "text" for number in range(30)}, kept="text")
    run(docparse, "upper")
    for path in (stages / "docs").glob("d*.txt"):
        path.unlink()
    run(docparse, "upper")

    short, long = docparse("prune"), docparse("prune", "-v")

    assert short.out.count("would remove ") == 20
    assert "… and 10 more (-v shows all)" in short.out
    assert long.out.count("would remove ") == 30
