"""The real stages, one after the other, as a user runs them."""

import json
import shutil
import signal
import subprocess
import time

import pytest

STAGES = ("doctags", "chunk", "embed", "index")
BASE_FIELDS = {
    "schema_version", "run_id", "stage", "stage_version", "item_id", "doc_id", "status", "reason", "category",
    "attempts", "started_at", "duration_s", "worker", "input_path", "output_path", "inputs", "cfg_hash", "outputs",
    "metrics", "error", "last_good",
}  # fmt: skip


def test_every_good_document_reaches_the_index_and_the_bad_one_costs_itself(finished):
    good = {"docs/papers/2101.00001.pdf", "docs/notes/2024.01 release notes.md", "docs/note 0.md", "docs/note 1.md"}

    assert finished.first["doctags"]["failed"] == 1
    assert finished.first["doctags"]["errors"][0]["item_id"] == "docs/bad/truncated.pdf"
    assert finished.first["doctags"]["errors"][0]["category"] == "input"
    for stage in STAGES:
        done = {row["item_id"] for row in finished.rows(stage) if row["status"] == "success"}
        assert done == good


def test_rows_have_the_same_base_fields_on_every_stage(finished):
    for stage in STAGES:
        for row in finished.rows(stage):
            assert set(row) == BASE_FIELDS


def test_a_second_run_does_nothing(finished):
    before = {stage: finished.rows(stage) for stage in STAGES}

    outcomes = finished.outcomes("run", "all", expected=1)

    assert all(outcome["scheduled"] == 0 for outcome in outcomes.values())
    assert before == {stage: finished.rows(stage) for stage in STAGES}


def test_search_answers_with_file_page_heading_and_text(finished):
    hits = finished.outcomes("search", "in which order are the columns of a page read?")["hits"]

    assert hits[0]["doc_id"] == "docs/papers/2101.00001.pdf"
    assert hits[0]["pages"]
    assert hits[0]["boxes"]
    assert hits[0]["text"]
    note = finished.outcomes("search", "subject number 0", "--mode", "lexical")["hits"][0]
    assert note["headings"] == ["Note 0"]


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_each_mode_finds_the_note(finished, mode):
    hits = finished.outcomes("search", "subject number 1", "--mode", mode, "--k", "2")["hits"]

    assert "docs/note 1.md" in [hit["doc_id"] for hit in hits]


def test_a_stage_runs_alone_on_files_made_elsewhere(finished, pipeline):
    for kind, stage, suffix in (("docling", "chunk", ".chunks.jsonl"), ("chunks", "embed", ".vectors.parquet")):
        folder = pipeline.folder / kind / "mine"
        shutil.copytree(finished.root / kind / "docs", folder)

        outcome = pipeline.outcomes("run", stage, str(folder), "--data-root", str(pipeline.folder / stage))

        assert outcome["succeeded"] == 4
        assert (pipeline.folder / stage).rglob(f"mine/papers/2101.00001.pdf{suffix}")


def test_an_edit_redoes_one_document_at_every_stage_and_a_deletion_leaves_the_index(pipeline):
    pipeline.write(4)
    pipeline.run("run", "all", "docs")
    (pipeline.docs / "note 2.md").write_text("# Note 2\n\nNow it speaks of walruses.\n")
    (pipeline.docs / "note 3.md").unlink()

    plan = json.loads(pipeline.run("plan", "all", "--json").stdout)["stages"]
    outcomes = pipeline.outcomes("run", "all")

    planned = [row for row in plan["doctags"]["items"] if row["action"] == "run"]
    assert [(row["item_id"], row["reason"]) for row in planned] == [("docs/note 2.md", "input changed")]
    for stage in STAGES:
        assert outcomes[stage]["gone"] == plan[stage]["counts"]["gone"] + (stage == "index")
        assert outcomes[stage]["succeeded"] == plan[stage]["counts"]["run"]
        assert outcomes[stage]["succeeded"] == 1 + (stage == "index")  # the index also undoes what is gone
        assert outcomes[stage]["gone"] == 1
        assert outcomes[stage]["up_to_date"] == 2
    hits = pipeline.outcomes("search", "walruses", "--mode", "lexical")["hits"]
    assert [hit["doc_id"] for hit in hits] == ["docs/note 2.md"]
    assert not pipeline.outcomes("search", '"number 3"', "--mode", "lexical", "--path", "docs/note 3.md")["hits"]


def test_kill_9_in_the_middle_loses_nothing_and_does_nothing_twice(pipeline):
    pipeline.write(12)
    command = pipeline.command("run", "all", "docs", "-q")
    killed = subprocess.Popen(command, cwd=pipeline.folder, env=pipeline.environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not pipeline.rows("chunk") and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = {stage: pipeline.rows(stage) for stage in STAGES}
    assert done["chunk"]
    assert len(done["index"]) < 12

    pipeline.run("run", "all")

    for stage in STAGES:
        rows = pipeline.rows(stage)
        assert rows[: len(done[stage])] == done[stage]
        assert len({row["item_id"] for row in rows}) == len(rows) == 12
    assert not list((pipeline.root / ".staging").rglob("*.*"))
    assert not list(pipeline.root.rglob("*.tmp"))
    undisturbed = type(pipeline)(pipeline.folder / "again")
    shutil.copytree(pipeline.docs, undisturbed.docs)
    undisturbed.run("run", "all", "docs")
    assert undisturbed.files() == pipeline.files()
