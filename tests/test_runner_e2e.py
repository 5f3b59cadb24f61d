"""Whole runs of three stages, upper → count → join, through the command line."""

import os
import shlex
import signal
from collections import Counter
from pathlib import Path

import pytest

FIELDS = {
    "schema_version",
    "run_id",
    "stage",
    "stage_version",
    "item_id",
    "doc_id",
    "status",
    "reason",
    "category",
    "attempts",
    "started_at",
    "duration_s",
    "worker",
    "input_path",
    "output_path",
    "inputs",
    "cfg_hash",
    "outputs",
    "metrics",
    "error",
    "last_good",
}
STAGES = ("upper", "count", "join")


@pytest.fixture
def run(docparse):
    """Run the three stages inline and return what each printed on stderr."""

    def stages(*inputs):
        calls = [docparse("run", name, *(inputs if name == "upper" else ()), "--workers", 0) for name in STAGES]
        return dict(zip(STAGES, [call.err for call in calls], strict=True))

    return stages


@pytest.fixture
def new_rows(history):
    """Return a function that returns stage → (item id, status, reason) of the rows since its last call."""
    seen = Counter()

    def since():
        rows = {stage: history(stage)[seen[stage] :] for stage in STAGES}
        seen.update({stage: len(found) for stage, found in rows.items()})
        return {
            stage: [(row["item_id"], row["status"], row["reason"]) for row in found] for stage, found in rows.items()
        }

    return since


def everywhere(row):
    """Return stage → this row alone."""
    return {stage: [row] for stage in STAGES}


def read(path):
    return Path("docparse-data", path).read_text()


def entries(folder="store"):
    return sorted(path.name for path in Path("docparse-data", folder).iterdir())


def test_three_stages_make_their_artifacts_and_rows_of_one_shape(docs, docparse, history):
    docs(a="text a", b="text b", extra="extra text", skip="skip it", bad="bad text")
    (docs() / "sub").mkdir()
    (docs() / "sub" / "a.txt").write_text("text in sub")

    first = docparse("run", "upper", docs(), "--workers", 2)
    second, third = docparse("run", "count", "--workers", 2), docparse("run", "join")

    assert (first.code, second.code, third.code) == (1, 0, 0)
    assert first.err.startswith("upper: 3 done, 1 partial, 1 skipped, 1 failed in ")
    assert "  docs/bad.txt: input: the document is bad\n" in first.err
    assert second.err.startswith("count: 4 done in ")
    assert read("upper/docs/sub/a.txt.upper.txt") == "TEXT IN SUB"
    assert read("count/docs/a.txt.count.json") == '{"letters": 6}'
    assert entries() == ["docs_a.txt", "docs_b.txt", "docs_extra.txt", "docs_sub_a.txt"]
    rows = [row for stage in STAGES for row in history(stage)]
    assert {frozenset(row) for row in rows} == {frozenset(FIELDS)}
    assert all(row["item_id"] == row["doc_id"] for row in rows)
    assert {row["stage"] for row in rows} == set(STAGES)
    joined = next(row for row in history("join") if row["item_id"] == "docs/a.txt")
    assert joined["input_path"] == "upper/docs/a.txt.upper.txt"
    assert joined["output_path"] == "joined/docs/a.txt.joined"
    made = next(row for row in history("count") if row["item_id"] == "docs/a.txt")
    assert joined["inputs"]["count"]["digest"] == made["outputs"]["count"]["digest"]
    assert {row["worker"] for row in history("upper")} <= {"p1", "p2"}


def test_a_second_run_does_nothing(docs, run, new_rows):
    docs(a="text a", b="text b", skip="skip it", extra="extra text")
    run(docs())
    new_rows()

    said = run(docs())

    assert new_rows() == {"upper": [], "count": [], "join": []}
    assert said["upper"].startswith("upper: 4 up to date in ")
    assert said["join"].startswith("join: 3 up to date in ")


def test_inputs_are_remembered_and_a_new_document_alone_is_done(docs, run, new_rows):
    docs(a="text a", b="text b")
    run(docs())
    new_rows()
    docs(c="text c")

    run()

    assert new_rows() == everywhere(("docs/c.txt", "success", "new"))


def test_editing_one_document_redoes_it_alone_at_every_stage(docs, run, new_rows):
    docs(a="text a", b="text b", c="text c")
    run(docs())
    new_rows()
    docs(b="another text")

    run()

    assert new_rows() == everywhere(("docs/b.txt", "success", "input changed"))
    assert read("store/docs_b.txt") == 'ANOTHER TEXT{"letters": 12}'


def test_identical_bytes_from_upstream_stop_the_cascade(docs, run, new_rows):
    docs(a="text a", b="text b")
    run(docs())
    new_rows()
    docs(b="Text B")

    run()

    assert new_rows() == {"upper": [("docs/b.txt", "success", "input changed")], "count": [], "join": []}


def test_a_touched_document_is_verified_once_and_not_done_again(docs, run, new_rows):
    docs(a="text a", b="text b")
    run(docs())
    new_rows()
    os.utime(docs() / "a.txt", (1_700_000_100, 1_700_000_100))

    said = run()["upper"]

    assert said.startswith("upper: 2 up to date in ")
    assert new_rows() == {"upper": [("docs/a.txt", "success", "verified")], "count": [], "join": []}
    run()
    assert new_rows() == {"upper": [], "count": [], "join": []}


@pytest.mark.parametrize(("flag", "reason"), [("--suffix", "options changed"), ("--engine", "engine changed")])
def test_an_option_that_changes_the_output_redoes_everything(docs, run, docparse, new_rows, flag, reason):
    docs(a="text a", b="text b")
    run(docs())
    new_rows()

    docparse("run", "upper", flag, "x", "--workers", 0)
    docparse("run", "upper", flag, "x", "--workers", 0, "--delay-s", "0.001")

    assert {row[2] for row in new_rows()["upper"]} == {reason}


def test_a_deleted_document_is_gone_at_every_stage_and_the_last_one_is_told(docs, run, new_rows, docparse):
    docs(a="text a", b="text b")
    run(docs())
    new_rows()
    (docs() / "b.txt").unlink()

    said = run()

    assert new_rows() == everywhere(("docs/b.txt", "gone", "the document is gone"))
    assert entries() == ["docs_a.txt"], "join was told, and took the document out of its store"
    assert read("upper/docs/b.txt.upper.txt") == "TEXT B", "files stay until they are pruned"
    assert ", 1 gone in " in said["upper"]
    run()
    assert new_rows() == {"upper": [], "count": [], "join": []}
    docs(b="text b")
    run()
    assert new_rows() == everywhere(("docs/b.txt", "success", "new"))
    assert entries() == ["docs_a.txt", "docs_b.txt"]


def test_a_folder_that_is_empty_or_missing_deletes_nothing(docs, stages, docparse, new_rows):
    docs(a="text a")
    (stages / "other").mkdir()
    (stages / "other" / "b.txt").write_text("text b")
    docparse("run", "upper", "docs", "other", "--workers", 0)
    new_rows()
    (stages / "other" / "b.txt").unlink()

    emptied = docparse("run", "upper", "--workers", 0)
    (stages / "other").rmdir()
    missing = docparse("run", "upper", "--workers", 0)

    assert (emptied.code, missing.code) == (0, 1)
    assert "other cannot be listed" in missing.err
    assert new_rows()["upper"] == []


def test_a_part_of_the_plan_deletes_nothing(docs, docparse, new_rows):
    docs(a="text a", b="text b", c="text c")
    docparse("run", "upper", docs(), "--workers", 0)
    new_rows()
    (docs() / "c.txt").unlink()
    docs(a="changed")

    docparse("run", "upper", "--limit", 1, "--workers", 0)
    docparse("run", "upper", docs() / "b.txt", "--workers", 0)

    assert [row[1] for row in new_rows()["upper"]] == ["success"]


def test_a_join_before_anything_was_made_for_it_says_what_to_run(docs, docparse):
    docs(a="text a")
    docparse("run", "upper", docs(), "--workers", 0)

    early = docparse("run", "join", "--workers", 0)

    assert early.code == 2
    assert "there are no 'count' artifacts in" in early.err


def test_a_join_waits_for_the_stage_that_has_not_run(docs, docparse, run, new_rows):
    docs(a="text a")
    run(docs())
    new_rows()
    docs(a="another", b="text b")
    docparse("run", "upper", "--workers", 0)

    early = docparse("run", "join", "--workers", 0)

    assert early.code == 1
    assert early.err.startswith("join: 2 waiting in "), "of one there is no count, of the other an older one"
    assert "waiting for count" in docparse("plan", "join").out
    assert new_rows()["join"] == []
    assert read("store/docs_a.txt") == 'TEXT A{"letters": 6}'
    run()
    assert [row[0] for row in new_rows()["join"]] == ["docs/a.txt", "docs/b.txt"]


def test_a_document_that_fails_now_keeps_its_older_artifacts_downstream(docs, run, new_rows, docparse):
    docs(a="text a", b="text b")
    run(docs())
    new_rows()
    docs(a="bad now")

    said = run()

    assert new_rows() == {"upper": [("docs/a.txt", "failure", "input changed")], "count": [], "join": []}
    assert "1 failed documents keep their last good output (stale)" in said["upper"]
    assert read("upper/docs/a.txt.upper.txt") == "TEXT A"
    assert '"stale": 1' in docparse("status", "--json").out


# --- stages of other shapes

STAGE = """
import os
from pathlib import Path
from docparse_runner import ItemOutcome, Output, Stage, StageError, WorkItem, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name="shaped", summary="Of its own shape.", version=1, consumes=["source"], patterns=["*.txt"],
                 produces={"shaped": Output(".shaped")}, batch=int(os.environ.get("BATCH", "1")))

@hookimpl
def docparse_worker(context):
    if os.environ.get("MANAGED"):
        return managed()
    return many if context.stage.batch > 1 else one

def one(item):
    item.outputs["shaped"].write_text(item.inputs["source"].read_text())
    return ItemOutcome.success(**item.metadata)

def many(items):
    return [one(item) for item in items]

class managed:
    def __enter__(self):
        Path("opened").touch()
        return many

    def __exit__(self, *exc):
        Path("closed").touch()
"""
PLANNED = """
@hookimpl
def docparse_resolve(context):
    if os.environ.get("RESOLVE"):
        raise {"config": StageError("the key is missing", category="config"), "bug": ValueError("no")}[
            os.environ["RESOLVE"]]

@hookimpl
def docparse_plan(context):
    for name in Path("list").read_text().split():
        item_id = f"mine/{name}"
        yield WorkItem(item_id=item_id, inputs={"source": Path("docs", name).absolute()}, metadata={"name": name},
                       outputs={"shaped": context.workspace.artifact("shaped", item_id, ".shaped")})
"""


@pytest.mark.parametrize("variables", [{"BATCH": "4"}, {"BATCH": "4", "MANAGED": "1"}], ids=["function", "context"])
def test_a_stage_of_lists_runs(docs, docparse, install_module, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    install_module("shaped_stage", STAGE, stages={"shaped": "shaped_stage"})
    docs(a="text a", b="text b", c="text c")

    ended = docparse("run", "shaped", "docs", "--workers", 1)

    assert ended.err.startswith("shaped: 3 done in ")
    assert read("shaped/docs/c.txt.shaped") == "text c"
    assert Path("closed").exists() == Path("opened").exists() == ("MANAGED" in variables)


def test_a_stage_may_plan_for_itself(docs, docparse, install_module, history):
    install_module("shaped_stage", STAGE + PLANNED, stages={"shaped": "shaped_stage"})
    docs(a="text a", b="text b", c="text c")
    Path("list").write_text("a.txt b.txt")

    first = docparse("run", "shaped", "--workers", 0)
    again = docparse("run", "shaped", "--workers", 0)
    Path("list").write_text("b.txt")
    later = docparse("run", "shaped", "--workers", 0)

    assert first.err.startswith("shaped: 2 done in ")
    assert again.err.startswith("shaped: 2 up to date in ")
    assert later.err.startswith("shaped: 1 up to date, 1 gone in ")
    assert [row["metrics"] for row in history("shaped")[:2]] == [{"name": "a.txt"}, {"name": "b.txt"}]
    assert history("shaped")[-1]["item_id"] == "mine/a.txt"


def test_a_plan_that_breaks_stops_the_run_and_keeps_what_is_done(docs, docparse, install_module, history):
    install_module("shaped_stage", STAGE + PLANNED, stages={"shaped": "shaped_stage"})
    docs(a="text a")
    Path("list").write_text("a.txt ../b.txt")

    ended = docparse("run", "shaped", "--workers", 0)

    assert ended.code == 2
    assert "docparse: shaped: its plan raised ValueError: item_id must be a relative path" in ended.err
    assert [row["status"] for row in history("shaped")] in ([], ["success"])


@pytest.mark.parametrize(
    ("how", "sentence"),
    [("config", "shaped: the key is missing"), ("bug", "shaped: docparse_resolve() raised ValueError: no")],
)
def test_a_stage_that_cannot_resolve_stops_before_anything_is_touched(
    docs, docparse, install_module, monkeypatch, how, sentence
):
    monkeypatch.setenv("RESOLVE", how)
    install_module("shaped_stage", STAGE + PLANNED, stages={"shaped": "shaped_stage"})
    docs(a="text a")

    ended = docparse("run", "shaped", "docs")

    assert (ended.code, ended.err) == (2, f"docparse: {sentence}\n")
    assert not Path("docparse-data").exists()


# --- kills and signals


def succeeded(history, stage="upper"):
    return [row["item_id"] for row in history(stage) if row["status"] == "success"]


def staged():
    return [path for path in Path("docparse-data", ".staging").rglob("*") if path.is_file()]


def test_after_kill_9_a_second_run_finishes_and_does_nothing_twice(docs, spawn, docparse, history, watch):
    texts = {f"d{number:02}": f"text {number} " * 10_000 for number in range(30)}
    docs(**texts)
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper", "count", "join"]\n')
    process = spawn("run", "all", "docs", "--workers", 2, "--set", "upper.delay_s=0.1")
    watch.until(lambda: len(succeeded(history)) >= 6, "six rows")
    children = watch.family(process.pid)[1:]

    process.kill()

    process.wait()
    watch.until(lambda: not watch.alive(children), "the workers to end")
    before = succeeded(history)
    run_id = history("upper")[0]["run_id"]
    assert len(children) >= 3, "two workers and their guardian"
    assert 6 <= len(before) < 30
    for path in Path("docparse-data/upper/docs").iterdir():
        assert path.read_text() == texts[path.name.partition(".")[0]].upper(), "no half file"

    again = docparse("run", "all", "--workers", 2)

    assert again.code == 0
    assert f"upper: {30 - len(before)} done, {len(before)} up to date" in again.err
    assert Counter(succeeded(history)) == Counter([f"docs/{name}.txt" for name in texts])
    redone = {line["item_id"] for line in history("upper", name="attempts") if line["run_id"] != run_id}
    assert redone.isdisjoint(before)
    assert len(succeeded(history, "count")) == len(succeeded(history, "join")) == len(entries()) == 30
    assert staged() == []


def test_a_second_run_while_one_is_going_is_refused_and_names_it(docs, spawn, docparse, watch):
    docs(a="text")
    process = spawn("run", "upper", "docs", "--workers", 1, "--delay-s", 600)
    watch.until(lambda: list(Path("docparse-data").glob(".staging/upper/*/p1/out/*/upper")), "the run to be going")

    refused = docparse("run", "upper", "docs")
    other = docparse("run", "poison", "docs", "--workers", 0)

    assert refused.code == 2
    assert refused.err.startswith(f"docparse: upper is already running on {Path('docparse-data').absolute()}: ")
    assert f"process {process.pid} on " in refused.err
    assert refused.err.count("\n") == 1
    assert other.code == 0, "another stage may run"
    assert process.poll() is None


def test_wait_waits_for_the_run_that_is_going(docs, spawn, docparse, history, watch):
    docs(**{f"d{number}": "text" for number in range(3)})
    process = spawn("run", "upper", "docs", "--workers", 1, "--delay-s", 0.4)
    watch.until(lambda: succeeded(history), "a row")

    waited = docparse("run", "upper", "--wait", "--workers", 0)

    assert waited.err.startswith("upper: 3 up to date")
    assert process.wait(60) == 0


@pytest.mark.parametrize("case", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_one_signal_drains_and_prints_the_command_that_goes_on(docs, spawn, docparse, history, watch, case):
    number, code = case
    docs(**{f"d{place:02}": "text" for place in range(12)})
    process = spawn("run", "upper", "docs", "--workers", 2, "--delay-s", 0.4, "--suffix", "!")
    watch.until(lambda: succeeded(history), "a row")
    children = watch.family(process.pid)[1:]

    os.killpg(process.pid, number)

    _out, err = process.communicate(timeout=60)
    done = succeeded(history)
    assert process.returncode == code
    assert 2 <= len(done) < 12
    assert f"upper: {len(done)} done, {12 - len(done)} cancelled in " in err
    assert len(entries("upper/docs")) == len(done), "what ran is finished and recorded"
    assert "  stopped: interrupted\n" in err
    assert watch.alive(children) == []
    assert staged() == []
    command = err.partition("to go on: docparse ")[2].partition("\n")[0]
    assert docparse(*shlex.split(command), "--delay-s", 0).code == 0
    assert sorted(succeeded(history)) == [f"docs/d{place:02}.txt" for place in range(12)]


def test_a_second_signal_kills(docs, spawn, history, watch, stages):
    docs(**{f"d{number}": "text" for number in range(4)})
    with (stages / "err").open("w") as err:
        process = spawn("run", "upper", "docs", "--workers", 2, "--delay-s", 600, stderr=err)
    watch.until(lambda: len(list(Path("docparse-data").glob(".staging/upper/*/p*/out/*/upper"))) == 2, "both workers")
    children = watch.family(process.pid)[1:]
    os.killpg(process.pid, signal.SIGINT)
    watch.until(lambda: "once more to stop them at once" in (stages / "err").read_text(), "the first to be heard")

    os.killpg(process.pid, signal.SIGINT)

    assert process.wait(60) == 130
    assert "upper: 4 cancelled in " in (stages / "err").read_text()
    assert succeeded(history) == []
    assert watch.alive(children) == []
    assert staged() == []


def test_two_signals_at_once_kill_too(docs, spawn, watch):
    docs(**{f"d{number}": "text" for number in range(2)})
    process = spawn("run", "upper", "docs", "--workers", 2, "--delay-s", 600, "--diagnostics-interval-s", 600)
    watch.until(lambda: len(list(Path("docparse-data").glob(".staging/upper/*/p*/out/*/upper"))) == 2, "both workers")
    children = watch.family(process.pid)[1:]

    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGTERM)

    assert process.wait(60) in {130, 143}
    assert watch.alive(children) == []
