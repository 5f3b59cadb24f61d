"""``docparse plan``: a plan as data, saved, and compared with the plan of later; what it counts is what a run does."""

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
PIPELINE = '[pipeline]\nstages = ["upper", "count", "join"]\n[runner]\nworkers = 0\n'
DATA = Path("docparse-data")


@pytest.fixture
def planned(docparse):
    """Return a function that returns the plan of a stage, or of all."""

    def plan(*words):
        ended = docparse("plan", *words, "--json")
        assert (ended.code, ended.err) == (0, "")
        return json.loads(ended.out)["stages"]

    return plan


@pytest.fixture
def ran(docs, docparse):
    """Run upper over documents of which one is bad and one has nothing in it."""
    docs(a="text a", b="text b", bad="bad text", none="skip it")
    docparse("run", "upper", "docs", "--workers", 0)


def valid(text, name):
    """Return JSON data that is as its schema says."""
    data = json.loads(text)
    schema = json.loads((REFERENCE / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(data)
    return data


def verdicts(stage):
    return {item["item_id"].removeprefix("docs/"): (item["action"], item["reason"]) for item in stage["items"]}


def tree(folder):
    """Return path → (size, times, bytes) of all that lies in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, data)
    return found


# --- as data


@pytest.mark.usefixtures("ran")
def test_a_plan_is_what_its_schema_says(docs, docparse, stages):
    Path("docparse.toml").write_text(PIPELINE)
    docparse("run", "all")
    docs(b="another", c="new", **{"x" * 245: "text"})
    (stages / "docs" / "a.txt").unlink()

    shown = docparse("plan", "all", "--json")

    plan = valid(shown.out, "plan")
    assert (shown.code, shown.err, plan["data_root"]) == (0, "", str(stages / DATA))
    assert list(plan["stages"]) == ["upper", "count", "join"]
    upper = plan["stages"]["upper"]
    assert {action for action, count in upper["counts"].items() if count} == {"run", "skip", "fail", "gone"}
    assert upper["options"] == {"suffix": "", "language": "en"}
    assert upper["resolved"] == {"engine": "plain"}
    assert upper["items"][0] == {
        "item_id": "docs/b.txt",
        "action": "run",
        "reason": "input changed",
        "inputs": {"source": str(stages / "docs" / "b.txt")},
    }


def test_what_is_no_plan_is_refused_by_the_schema(docs, docparse):
    docs(a="text a")
    plan = json.loads(docparse("plan", "upper", "docs", "--json").out)
    plan["stages"]["upper"]["items"][0]["action"] = "perhaps"

    with pytest.raises(jsonschema.ValidationError, match="'perhaps' is not one of"):
        valid(json.dumps(plan), "plan")


@pytest.mark.usefixtures("ran")
def test_a_plan_counts_by_action_and_reason(docs, planned):
    docs(c="new", d="new too")

    plan = planned("upper")["upper"]

    assert plan["counts"] == {"run": 2, "skip": 4, "fail": 0, "gone": 0}
    assert plan["reasons"] == {
        "run": {"new": 2},
        "skip": {"up to date": 3, "quarantined": 1},
        "fail": {},
        "gone": {},
    }


def test_the_inputs_of_a_document_are_named_as_a_row_names_them(docs, docparse, planned, last_rows):
    Path("docparse.toml").write_text(PIPELINE)
    docs(a="text a")
    docparse("run", "all", "docs")

    item = planned("join")["join"]["items"][0]

    row = last_rows("join")["docs/a.txt"]
    assert item["inputs"] == {kind: state["path"] for kind, state in row["inputs"].items()}


def test_a_secret_is_not_in_a_plan(docs, docparse, monkeypatch):
    monkeypatch.setenv("DOCPARSE_UPPER__KEY", "hush-hush")
    docs(a="text a")

    shown = docparse("plan", "upper", "docs", "--json", "--save", "plan.json")

    assert "hush-hush" not in shown.out + Path("plan.json").read_text()


# --- what it counts is what a run does


RUNS = {
    "first": "",
    "limit": "--limit 2",
    "limit 0": "--limit 0",
    "forced": "--force",
    "selected": "--include *.txt --exclude b.txt",
    "sharded": "--shard 1/2",
    "retried": "--retry-quarantined",
    "digested": "--verify-hash",
    "another option": "--suffix !",
}


@pytest.mark.parametrize("words", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("begun", [False, True], ids=["at first", "later"])
def test_a_dry_run_counts_what_the_run_then_does(docs, docparse, stages, words, begun):
    docs(a="text a", b="text b", bad="bad text", none="skip it", gone="text", **{"x" * 245: "text"})
    if begun:
        docparse("run", "upper", "docs", "--workers", 0)
        docs(b="another", c="new")
        (stages / "docs" / "a.txt").touch()
        (stages / "docs" / "gone.txt").unlink()
    command = ("run", "upper", "docs", "--workers", 0, *words.split(), "--json")

    dry = json.loads(docparse(*command, "--dry-run").out)["stages"]["upper"]
    done = json.loads(docparse(*command).out)

    counts = dry["counts"]
    of_stage = done["skipped"] - done["up_to_date"] - done["quarantined"]
    assert counts["run"] + counts["fail"] == done["succeeded"] + done["partial"] + done["failed"] + of_stage
    assert counts["run"] + counts["skip"] + counts["fail"] == done["planned"]
    assert counts["gone"] == done["gone"]
    assert dry["reasons"]["skip"].get("up to date", 0) == done["up_to_date"]
    assert dry["reasons"]["skip"].get("quarantined", 0) == done["quarantined"]


def test_a_plan_says_that_it_stopped_at_its_limit(docs, docparse):
    docs(a="text a", b="text b")

    shown = docparse("plan", "upper", "docs", "--limit", 1)

    assert shown.out.splitlines() == [
        "upper: 1 of 1 would run",
        "       1  run: new",
        "  stopped at --limit 1",
        "    run  docs/a.txt  (new)",
    ]


@pytest.mark.usefixtures("ran")
def test_a_plan_names_what_is_gone(docparse, stages):
    (stages / "docs" / "a.txt").unlink()

    shown = docparse("plan", "upper")

    assert "       1  gone: the document is gone\n" in shown.out
    assert "    gone  docs/a.txt  (the document is gone)\n" in shown.out


def test_what_is_gone_is_gone_from_later_stages_too(docs, docparse, planned, stages):
    Path("docparse.toml").write_text(PIPELINE)
    docs(a="text a", b="text b")
    docparse("run", "all", "docs")
    (stages / "docs" / "a.txt").unlink()

    plan = planned("all")

    done = json.loads(docparse("run", "all", "--json").out)
    assert {name: stage["gone"] for name, stage in done.items()} == {"upper": 1, "count": 1, "join": 1}
    assert [plan[name]["counts"]["gone"] for name in ("upper", "count")] == [1, 1]
    assert verdicts(plan["join"]) == {"b.txt": ("skip", "up to date"), "a.txt": ("run", "gone")}


REMOVING = """
from docparse_runner import ItemOutcome, Output, Stage, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name="keep", version=1, consumes=["source"], patterns=["*.txt"], removes=True,
                 produces={"keep": Output(".keep")})

@hookimpl
def docparse_worker(context):
    def work(item):
        if not item.removed:
            item.outputs["keep"].write_text("kept")
        return ItemOutcome.success()
    return work
"""


def test_a_stage_that_removes_runs_for_what_is_gone(install_module, docs, docparse, planned, stages):
    install_module("keeping", REMOVING, stages={"keep": "keeping"})
    docs(a="text a", b="text b")
    docparse("run", "keep", "docs", "--workers", 0)
    (stages / "docs" / "a.txt").unlink()

    plan = planned("keep")["keep"]

    done = json.loads(docparse("run", "keep", "--workers", 0, "--json").out)
    assert verdicts(plan) == {"b.txt": ("skip", "up to date"), "a.txt": ("run", "gone")}
    assert (plan["counts"]["run"], len(plan["items"])) == (done["scheduled"], done["planned"])


AFTERWARDS = REMOVING.replace('"keep"', '"after"').replace('["source"]', '["keep"]').replace(", removes=True", "")


def test_what_a_stage_removes_is_gone_from_the_stage_after_it(install_module, docs, docparse, planned, stages):
    install_module("keeping", REMOVING, stages={"keep": "keeping"})
    install_module("after", AFTERWARDS, stages={"after": "after"})
    Path("docparse.toml").write_text('[pipeline]\nstages = ["keep", "after"]\n[runner]\nworkers = 0\n')
    docs(a="text a", b="text b")
    docparse("run", "all", "docs")
    (stages / "docs" / "a.txt").unlink()

    plan = planned("all")

    assert verdicts(plan["after"]) == {"b.txt": ("skip", "up to date"), "a.txt": ("gone", "the document is gone")}


PLANNING = """
from docparse_runner import ItemOutcome, Output, Stage, WorkItem, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name="own", version=1, consumes=["source"], produces={"own": Output(".own")})

@hookimpl
def docparse_plan(context):
    for name in ("a", "b", "a"):
        yield WorkItem(item_id=f"own/{name}", outputs={"own": context.workspace.artifact("own", f"own/{name}", ".own")})
    PLANNED

@hookimpl
def docparse_worker(context):
    def work(item):
        item.outputs["own"].write_text(item.item_id)
        return ItemOutcome.success()
    return work
"""


def test_an_id_that_a_planner_repeats_fails_in_the_plan_as_in_the_run(install_module, docparse, planned):
    install_module("planning", PLANNING.replace("PLANNED", ""), stages={"own": "planning"})

    plan = planned("own")["own"]

    done = json.loads(docparse("run", "own", "--workers", 0, "--json").out)
    assert plan["reasons"]["fail"] == {"the plan has this id twice": 1}
    assert (plan["counts"]["run"], plan["counts"]["fail"]) == (done["succeeded"], done["failed"]) == (2, 1)


def test_a_planner_that_raises_is_named(install_module, docparse):
    install_module("planning", PLANNING.replace("PLANNED", "raise RuntimeError('lost')"), stages={"own": "planning"})

    ended = docparse("plan", "own")

    assert (ended.code, ended.err) == (2, "docparse: own: its plan raised RuntimeError: lost\n")


# --- touches nothing


@pytest.mark.parametrize("words", ["upper docs", "all docs", "count"])
@pytest.mark.parametrize("more", ["", "--json", "--save plan.json"])
def test_a_plan_does_not_make_the_data_root(docs, docparse, stages, words, more):
    Path("docparse.toml").write_text(PIPELINE)
    docs(a="text a")

    docparse("plan", *words.split(), *more.split())

    assert not (stages / DATA).exists()


@pytest.mark.usefixtures("ran")
def test_a_plan_touches_nothing_in_the_data_root(docs, docparse, stages):
    docs(b="another", c="new")
    (stages / "docs" / "a.txt").touch()
    docparse("plan", "upper", "--save", "plan.json")
    before = tree(stages / DATA)

    codes = [docparse("plan", "upper", *words).code for words in ((), ("-v",), ("--against", "plan.json"), ("--json",))]

    assert codes == [0, 0, 0, 0]
    assert tree(stages / DATA) == before


@pytest.mark.usefixtures("ran")
def test_a_plan_is_made_while_the_data_root_may_not_be_written(docs, docparse, stages):
    docs(c="new")
    folders = [path for path in [stages / DATA, *(stages / DATA).rglob("*")] if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)

    ended = docparse("plan", "upper")

    for folder in folders:
        folder.chmod(0o755)
    assert ended.out.startswith("upper: 1 of 5 would run\n")


# --- saved


@pytest.mark.usefixtures("ran")
def test_a_saved_plan_is_what_json_prints(docparse):
    shown = docparse("plan", "upper", "--json", "--save", "plan.json")

    assert Path("plan.json").read_text() == shown.out
    assert [path.name for path in Path().iterdir() if "plan" in path.name] == ["plan.json"]


@pytest.mark.usefixtures("ran")
def test_a_plan_is_saved_beside_its_words(docparse):
    shown = docparse("plan", "upper", "--save", "plan.json")

    assert shown.out.startswith("upper: 0 of 4 would run\n")
    assert valid(Path("plan.json").read_text(), "plan")["stages"]["upper"]["counts"]["skip"] == 4


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("target", "message"),
    {
        "docparse-data/plan.json": "lies in the data root",
        "no/such/plan.json": "cannot be saved in no/such/plan.json: no such folder",
        "locked/plan.json": "cannot be saved in locked/plan.json: Permission denied",
    }.items(),
)
def test_a_plan_that_cannot_be_saved_says_why(docparse, target, message):
    Path("locked").mkdir()
    Path("locked").chmod(0o555)
    if target.startswith("locked") and os.access("locked", os.W_OK):
        pytest.skip("root may write everywhere")

    ended = docparse("plan", "upper", "--save", target)

    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not Path(target).exists()


# --- compared


@pytest.mark.usefixtures("ran")
def test_a_plan_that_still_holds_ends_with_0(docparse):
    docparse("plan", "upper", "--save", "plan.json")

    said, shown = (docparse("plan", "upper", "--against", "plan.json", *words) for words in ((), ("--json",)))

    found = valid(shown.out, "plan-changes")
    assert (said.code, said.out, shown.code) == (0, "as planned in plan.json\n", 0)
    assert (found["differs"], found["stages"]["upper"]["items"]) == (False, [])


@pytest.mark.usefixtures("ran")
def test_what_is_not_as_planned_is_said_in_words(docs, docparse, stages):
    docparse("plan", "upper", "--save", "plan.json")
    docs(b="another", c="new")
    (stages / "docs" / "a.txt").unlink()
    docparse("run", "upper", "--workers", 0, "--exclude", "c.txt", "--exclude", "b.txt")
    docparse("run", "upper", "--workers", 0, "--limit", 0)

    ended = docparse("plan", "upper", "--against", "plan.json", "--suffix", "!")

    first, cfg_hash, *rest = ended.out.splitlines()
    assert (ended.code, first) == (1, "upper: 5 documents not as planned in plan.json")
    assert re.fullmatch(r'  cfg_hash: "\w{16}-(\w{16})" → "\w{16}-\1"', cfg_hash)
    assert rest == [
        '  option suffix: "" → "!"',
        "       2  skip: up to date → run: options changed",
        "       1  skip: quarantined → run: options changed",
        "       1  new: run: new",
        "       1  skip: up to date → gone: the document is gone",
        "    docs/b.txt  (skip: up to date → run: options changed)",
        "    docs/bad.txt  (skip: quarantined → run: options changed)",
        "    docs/c.txt  (new: run: new)",
        "    docs/none.txt  (skip: up to date → run: options changed)",
        "    docs/a.txt  (skip: up to date → gone: the document is gone)",
    ]


@pytest.mark.usefixtures("ran")
def test_what_is_not_as_planned_is_said_as_data(docs, docparse, stages):
    docparse("plan", "upper", "--save", "plan.json")
    docs(c="new")
    (stages / "docs" / "b.txt").unlink()
    docparse("run", "upper", "--workers", 0)

    ended = docparse("plan", "upper", "--against", "plan.json", "--json", "--engine", "steam")

    upper = valid(ended.out, "plan-changes")["stages"]["upper"]
    assert ended.code == 1
    assert upper["resolved"] == {"engine": {"then": "plain", "now": "steam"}}
    assert upper["options"] == {}
    assert list(upper["settings"]) == ["cfg_hash"]
    assert upper["counts"] == {"run": {"then": 0, "now": 4}, "skip": {"then": 4, "now": 0}}
    items = {item["item_id"]: (item["then"], item["now"]) for item in upper["items"]}
    assert items["docs/b.txt"] == ({"action": "skip", "reason": "up to date"}, None)
    assert items["docs/c.txt"] == (None, {"action": "run", "reason": "engine changed"})


def test_a_stage_that_only_one_of_two_plans_has_is_named(docs, docparse):
    Path("docparse.toml").write_text(PIPELINE)
    docs(a="text a")
    docparse("plan", "all", "docs", "--save", "all.json")
    docparse("plan", "upper", "docs", "--save", "upper.json")

    fewer = docparse("plan", "upper", "docs", "--against", "all.json")
    more = docparse("plan", "all", "docs", "--against", "upper.json")

    assert (fewer.code, fewer.out) == (1, "count: only in all.json\njoin: only in all.json\n")
    assert (more.code, more.out) == (1, "count: not in upper.json\njoin: not in upper.json\n")


def test_plans_of_two_data_roots_are_compared(docs, docparse, stages):
    docs(a="text a")
    docparse("plan", "upper", "docs", "--save", "plan.json")

    ended = docparse("plan", "upper", "docs", "--data-root", "other", "--against", "plan.json")

    told = f"plan.json is a plan of {stages / DATA}; this one is of {stages / 'other'}"
    assert (ended.code, ended.out.splitlines()) == (0, [told, "as planned in plan.json"])


def test_many_changes_are_shown_when_asked(docs, docparse):
    docs(a="text a")
    docparse("plan", "upper", "docs", "--save", "plan.json")
    docs(**{f"d{number:02}": "text" for number in range(30)})

    short, long = (docparse("plan", "upper", "docs", "--against", "plan.json", *words) for words in ((), ("-v",)))

    assert short.out.count("(new: run: new)") == 20
    assert short.out.endswith("    … (-v shows every item)\n")
    assert long.out.count("(new: run: new)") == 30


def test_a_plan_is_compared_and_then_replaced(docs, docparse):
    docs(a="text a")
    docparse("plan", "upper", "docs", "--save", "plan.json")
    docs(b="text b")

    codes = [docparse("plan", "upper", "docs", "--against", "plan.json", "--save", "plan.json").code for _ in range(2)]

    assert codes == [1, 0]


WRONG = {
    "damaged": (lambda text: text[:-20], "plan.json is not a whole plan (Input data was truncated)"),
    "empty": (lambda text: "", "plan.json is not a whole plan (Input data was truncated)"),
    "foreign": (lambda text: '{"schema_version": 1, "stages": {"upper": {"done": 1}}}', "is not a whole plan"),
    "no object": (lambda text: "[1]", "is not a whole plan"),
    "nested": (lambda text: "[" * 100_000, "is not a whole plan"),
    "newer": (
        lambda text: text.replace('"schema_version":1', '"schema_version":2', 1),
        "plan.json has schema_version 2, and this docparse reads 1: upgrade docparse-runner",
    ),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_plan_is_refused(docs, docparse, change, message):
    docs(a="text a")
    docparse("plan", "upper", "docs", "--save", "plan.json")
    Path("plan.json").write_text(change(Path("plan.json").read_text()))

    ended = docparse("plan", "upper", "docs", "--against", "plan.json")

    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_plan_that_is_not_there_is_refused(docs, docparse):
    docs(a="text a")

    ended = docparse("plan", "upper", "docs", "--against", "none.json")

    assert (ended.code, ended.err) == (2, "docparse: none.json cannot be read: No such file or directory\n")
