"""The command line: what it says, what it prints where, what it leaves untouched, and its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PIPELINE = '[pipeline]\nstages = ["upper", "count", "join"]\n'


@pytest.fixture
def pipeline(docs):
    """Write documents and a configuration whose pipeline is upper, count, join."""
    Path("docparse.toml").write_text(PIPELINE + "[runner]\nworkers = 0\n")
    return docs(a="text a", b="text b")


def tree(folder):
    """Return path → (size, time of the last change) of all that lies in a folder."""
    return {
        path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*") if "site" not in path.parts
    }


# --- help


@pytest.mark.parametrize(
    "command",
    [
        *["", "run", "run upper", "run count", "run all", "plan", "plan upper", "plan all", "status", "stages"],
        *["doctor", "validate", "runs", "runs list", "runs show", "runs diff", "prune", "inputs", "inputs list"],
        "inputs forget",
    ],
)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(docparse, command, flag):
    ended = docparse(*command.split(), flag)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: docparse {command}".rstrip())
    assert "\b" not in ended.out


def test_the_help_of_docparse_lists_commands_and_examples_on_lines_of_their_own(docparse):
    shown = docparse("--help").out

    assert "\n      docparse run all ~/papers\n      docparse search " in shown
    assert [line.split()[0] for line in shown.partition("Commands:\n")[2].splitlines()][:8] == [
        "run",
        "plan",
        "status",
        "inputs",
        "runs",
        "prune",
        "manifest",
        "stages",
    ]


def test_the_help_of_run_lists_the_installed_stages(docparse):
    shown = docparse("run", "--help").out

    for name in ("all", "upper", "count", "join", "poison", "secret"):
        assert f"\n  {name} " in shown


def test_the_help_of_a_stage_groups_its_options_and_shows_units_and_defaults(docparse):
    shown = docparse("run", "upper", "--help").out

    headings = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Input:", "Execution:", "Failures:", "Resume:", "Output:", "This stage:"]
    assert "Upper-case every text." in shown
    assert "--delay-s SECONDS" in shown
    assert "[default: 0.0 seconds]" in " ".join(shown.split())
    assert "--key" not in shown, "a secret is no flag"


@pytest.mark.parametrize(("typed", "offered"), [("docparse pla", "plan"), ("docparse run upp", "upper")])
def test_commands_and_stages_can_be_completed(docparse, monkeypatch, typed, offered):
    monkeypatch.setenv("_DOCPARSE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))

    assert docparse() == (0, f"plain,{offered}\n", "")


PROBE = """
import sys
from docparse_runner.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(end.code, *sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "imported"),
    [("--help", set()), ("run --help", set()), ("plan --help", set()), ("run upper --help", {"stage_upper"})],
)
@pytest.mark.usefixtures("stages")
def test_help_imports_no_stage_but_the_one_it_is_about(words, imported):
    ended = subprocess.run([sys.executable, "-c", PROBE, *words.split()], capture_output=True, text=True, check=True)

    code, *modules = ended.stderr.split()
    assert code == "0"
    assert "docparse_runner.cli" in modules
    assert {name for name in modules if name.startswith("stage_")} == imported
    assert {name.partition(".")[0] for name in modules if name.startswith("docparse_")} == {"docparse_runner"}
    assert {"rich", "psutil", "numpy"}.isdisjoint(modules)


def test_the_module_is_the_command(spawn):
    process = spawn("--version")

    out, _err = process.communicate(timeout=60)

    assert (process.returncode, out.split()[0]) == (0, "docparse,")


# --- bad input: one sentence, exit code 2, nothing touched

BAD = {
    "no such command": (
        "bogus",
        "docparse: no command 'bogus'; there are: run, plan, status, inputs, runs, prune, manifest, stages",
    ),
    "misspelt command": ("stauts", "Did you mean 'status'?"),
    "no such stage": ("run nope docs", "docparse: no stage 'nope'; installed: "),
    "misspelt stage": ("run uper docs", "Did you mean 'upper'?"),
    "no such stage to plan": ("plan nope docs", "docparse: no stage 'nope'; installed: "),
    "unknown option": ("run upper docs --nope", "--nope"),
    "option of another stage": ("run count docs --suffix x", "--suffix"),
    "no number": ("run upper docs --timeout-s soon", "'soon' is not a valid float"),
    "out of bounds": ("run upper docs --workers -1", "docparse: runner: 'workers' must be >= 0: -1"),
    "no such schedule": ("run upper docs --schedule rand", "'rand' is not one of 'fifo', 'sjf', 'lpt'"),
    "bad budget": ("run upper docs --error-budget x", "error_budget must be a count such as 10 or a percentage"),
    "missing folder": ("run upper missing", "docparse: no such file or folder: missing"),
    "nothing matches": ("run upper empty", "docparse: no matching files in "),
    "no input": ("run upper", "docparse: no input: name the files or folders that upper should take"),
    "nothing made yet": ("run count", "docparse: no upper files (*.upper.txt) in "),
    "one name for two folders": ("run upper docs other/docs", "docparse: the input name 'docs' already means "),
    "a file as data root": ("run upper docs --data-root file", "Directory 'file' is a file"),
    "data root under a file": ("run upper docs --data-root file/x", "file/x cannot be written: Not a directory"),
    "data root in /proc": ("run upper docs --data-root /proc/x", "docparse: the data root /proc/x cannot be written: "),
    "all under a file": ("run all docs --with upper --from-stage upper --data-root file/x", "cannot be written"),
    "no such configuration": ("run upper docs --config gone.toml", "'gone.toml' does not exist"),
    "nothing was run": ("status", "docparse: nothing was run in "),
    "nothing to prune": ("prune", "docparse: nothing was run in "),
    "nothing to prune now": ("prune --yes", "docparse: nothing was run in "),
    "no runs": ("runs list", "docparse: no runs are recorded in "),
    "no last run": ("runs show", "docparse: no runs are recorded in "),
    "no runs to compare": ("runs diff a b", "docparse: no runs are recorded in "),
    "not in the pipeline": ("run all docs --from-stage poison", "docparse: 'poison' is not in the pipeline: "),
    "bad assignment": (
        "run all docs --with upper --set suffix=1",
        "docparse: --set suffix: write STAGE.OPTION=VALUE",
    ),
    "unknown assignment": ("run all docs --with upper --set upper.sufix=1", "known: "),
    "a folder inside the data root": ("run upper docs/inside --data-root docs", "lies in the data root"),
}


@pytest.mark.parametrize(("words", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_told_in_one_sentence_and_touches_nothing(docs, docparse, stages, words, sentence):
    docs(a="text")
    for folder in ("empty", "other/docs", "docs/inside"):
        (stages / folder).mkdir(parents=True)
    (stages / "file").touch()
    before = tree(stages)

    ended = docparse(*words.split())

    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert "Traceback" not in ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith(("docparse: ", "Error: "))]) == 1
    assert tree(stages) == before


FILES = {
    "unknown table": ("[runer]\n", "unknown key runer; known: data_root, default_profile, profile, runner, shared, "),
    "unknown runner key": ("[runner]\nworker = 1\n", "unknown key runner.worker; known: "),
    "nearest runner key": ("[runner]\nworker = 1\n", "Did you mean 'workers'?"),
    "unknown stage key": ("[stage.upper]\nsufix = 'x'\n", "unknown key stage.upper.sufix; known: "),
    "unknown key of a stage's runner": ("[stage.upper.runner]\nlimits = 1\n", "key stage.upper.runner.limits"),
    "misspelt stage": ("[stage.uper]\nsuffix = 'x'\n", "no such stage is installed. Did you mean 'upper'?"),
    "shared key in a stage": ("[stage.upper]\nlanguage = 'de'\n", "is shared between stages; set it in [shared]"),
    "misspelt shared key": ("[shared]\nlangage = 'de'\n", "Did you mean 'language'?"),
    "unknown pipeline key": ("[pipeline]\nstage = []\n", "unknown key pipeline.stage; known: stages, with, skip."),
    "wrong type": ("[stage.upper]\ndelay_s = 'long'\n", "stage.upper.delay_s must be a number"),
    "no table": ("runner = 3\n", "[runner] must be a table"),
    "no TOML": ("[runner\n", "docparse.toml cannot be read: "),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), FILES.values(), ids=FILES)
def test_a_bad_configuration_is_told_in_one_sentence_and_touches_nothing(docs, docparse, stages, text, sentence):
    docs(a="text")
    Path("docparse.toml").write_text(text)
    before = tree(stages)

    ended = docparse("run", "upper", "docs")

    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert tree(stages) == before


@pytest.mark.parametrize(
    "case",
    [
        ("DOCPARSE_UPPER__SUFIX", "x", "Did you mean 'DOCPARSE_UPPER__SUFFIX'?"),
        ("DOCPARSE_RUNNER__WORKER", "1", "unknown variable DOCPARSE_RUNNER__WORKER; known: "),
        ("DOCPARSE_RUNNER__WORKERS", "many", "DOCPARSE_RUNNER__WORKERS must be an integer, not 'many'"),
        ("DOCPARSE_SHARED__LANGAGE", "de", "Did you mean"),
    ],
)
def test_a_bad_variable_is_told_in_one_sentence(docs, docparse, stages, monkeypatch, case):
    variable, value, sentence = case
    docs(a="text")
    monkeypatch.setenv(variable, value)
    before = tree(stages)

    ended = docparse("run", "upper", "docs")

    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert tree(stages) == before


def test_the_kinds_of_a_data_root_have_one_maker(docs, docparse, install_module):
    docs(a="text")
    docparse("run", "upper", "docs", "--workers", 0)
    text = (Path(__file__).parent / "stages" / "stage_upper.py").read_text().replace('name="upper"', 'name="rival"')
    install_module("rival_stage", text, stages={"rival": "rival_stage"})

    ended = docparse("run", "rival", "docs", "--workers", 0)

    assert ended.code == 2
    assert "'upper' in " in ended.err
    assert "is made by stage 'upper'; run 'rival' on another data root" in ended.err


# --- json


def test_json_is_one_object_and_nothing_else_on_stdout(docs, docparse):
    docs(a="text a", b="bad", c="skip it")

    ended = docparse("run", "upper", "docs", "--workers", 0, "--json", "-v")

    outcome = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    assert (ended.code, outcome["exit_code"], outcome["stage_name"]) == (1, 1, "upper")
    assert {name: outcome[name] for name in ("planned", "succeeded", "skipped", "failed")} == {
        "planned": 3,
        "succeeded": 1,
        "skipped": 1,
        "failed": 1,
    }
    assert outcome["errors"] == [{"item_id": "docs/b.txt", "category": "input", "message": "the document is bad"}]
    assert ended.err.startswith("upper: 1 done, 1 skipped, 1 failed in ")


def test_json_of_all_is_one_object_with_an_outcome_for_each_stage(pipeline, docparse):
    ended = docparse("run", "all", "docs", "--json")

    outcomes = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    assert {name: outcome["succeeded"] for name, outcome in outcomes.items()} == {"upper": 2, "count": 2, "join": 2}
    assert len({outcome["run_id"] for outcome in outcomes.values()}) == 1


# --- plan


def test_plan_says_what_would_run_and_why_and_touches_nothing(docs, docparse, stages):
    docs(a="text a", b="text b", bad="bad text")
    before = tree(stages)
    new = docparse("plan", "upper", "docs")
    assert tree(stages) == before
    docparse("run", "upper", "docs", "--workers", 0)
    docs(b="another")
    docs(c="new")
    before = tree(stages)

    later = docparse("plan", "upper")
    verbose = docparse("plan", "upper", "-v")

    assert (new.code, new.err, later.code) == (0, "", 0)
    assert new.out.startswith("upper: 3 of 3 would run\n       3  run: new\n")
    assert later.out.splitlines() == [
        "upper: 2 of 4 would run",
        "       1  run: input changed",
        "       1  run: new",
        "       1  skip: up to date",
        "       1  skip: quarantined",
        "    run  docs/b.txt  (input changed)",
        "    run  docs/c.txt  (new)",
    ]
    assert "    skip  docs/a.txt  (up to date)" in verbose.out
    assert tree(stages) == before


def test_plan_digests_what_is_in_doubt_but_writes_nothing(docs, docparse, stages):
    docs(a="text a", b="text b")
    docparse("run", "upper", "docs", "--workers", 0)
    (stages / "docs" / "a.txt").touch()
    (stages / "docs" / "b.txt").write_text("text c")
    before = tree(stages)

    planned = json.loads(docparse("plan", "upper", "--json").out)["stages"]["upper"]["items"]

    assert {item["item_id"]: (item["action"], item["reason"]) for item in planned} == {
        "docs/a.txt": ("skip", "up to date"),
        "docs/b.txt": ("run", "input changed"),
    }
    assert tree(stages) == before


def test_plan_shows_what_cannot_run(docs, docparse):
    docs(**{"x" * 245: "text"})

    ended = docparse("plan", "upper", "docs")

    assert "fail: its output would need a name longer than 255 bytes" in ended.out


def test_plan_of_many_shows_some_and_all_when_asked(docs, docparse):
    docs(**{f"d{number:02}": "text" for number in range(30)})

    short, long = docparse("plan", "upper", "docs"), docparse("plan", "upper", "docs", "-v")

    assert short.out.count("    run  docs/") == 20
    assert "… (-v shows every item)" in short.out
    assert long.out.count("    run  docs/") == 30


def test_plan_all_follows_the_documents_through_the_stages(pipeline, docs, docparse, stages):
    before = tree(stages)
    first = docparse("plan", "all", "docs")
    assert tree(stages) == before
    docparse("run", "all", "docs")
    docs(b="another")
    docs(c="new")
    before = tree(stages)

    planned = json.loads(docparse("plan", "all", "--json").out)

    assert first.code == 0
    assert "upper: 2 of 2 would run\n" in first.out
    assert "count: 2 of 2 would run\n       2  run: after upper\n" in first.out
    assert planned["schema_version"] == 1
    items = planned["stages"]["count"]["items"]
    assert {row["item_id"]: (row["action"], row["reason"]) for row in items} == {
        "docs/a.txt": ("skip", "up to date"),
        "docs/b.txt": ("run", "if upper changes it"),
        "docs/c.txt": ("run", "after upper"),
    }
    assert tree(stages) == before


@pytest.mark.parametrize("stage", ["upper", "all"])
def test_a_dry_run_is_a_plan(pipeline, docparse, stages, stage):
    before = tree(stages)

    dry = docparse("run", stage, "docs", "--dry-run")

    assert dry.code == 0
    assert dry.out == docparse("plan", stage, "docs").out
    assert tree(stages) == before


# --- status


def test_status_counts_documents_stage_by_stage(docs, docparse, stages):
    docs(a="text a", b="text b", c="bad", d="skip it", e="extra", f="text f")
    docparse("run", "upper", "docs", "--workers", 0)
    docparse("run", "count", "--workers", 0)
    docs(b="bad now")
    (stages / "docs" / "f.txt").unlink()
    docparse("run", "upper", "--workers", 0)
    before = tree(stages)

    plain, said, verbose = (docparse("status", *flags) for flags in ((), ("--json",), ("-v",)))

    report = json.loads(said.out)
    assert report["data_root"] == str(stages / "docparse-data")
    assert report["inputs"] == {"docs": str(stages / "docs")}
    assert report["stages"]["upper"] == {
        "done": 1,
        "partial": 1,
        "skipped": 1,
        "failed": 2,
        "quarantined": 2,
        "stale": 1,
        "outdated": 0,
        "gone": 1,
        "orphaned": 1,
        "unreadable_lines": 0,
    }
    assert report["schema_version"] == 1
    assert report["stages"]["count"]["outdated"] == 1
    head, columns, *lines = plain.out.splitlines()
    assert head == f"data root {stages / 'docparse-data'}"
    words = "stage done partial skipped failed quarantined stale outdated gone orphaned"
    assert columns.split() == words.split()
    assert [line.split() for line in lines] == [
        ["count", "4", *"-----", "1", "-", "-"],
        ["upper", "1", "1", "1", "2", "2", "1", "-", "1", "1"],
    ]
    assert "upper: docs/b.txt: input: the document is bad" in verbose.out
    assert tree(stages) == before


def test_status_counts_unreadable_lines_and_a_run_warns_of_them(docs, docparse, caplog):
    docs(a="text a")
    docparse("run", "upper", "docs", "--workers", 0)
    with Path("docparse-data/manifests/upper.manifest.jsonl").open("a") as file:
        file.write('{"torn')

    ended = docparse("status")
    again = docparse("run", "upper", "--workers", 0)

    assert "1 lines of the manifest are unreadable and were left out" in ended.out
    assert again.code == 0
    assert "1 lines of the manifest of upper are unreadable" in caplog.text


def test_a_broken_stage_does_not_hurt_the_others(docs, docparse, install_module):
    docs(a="text a")
    install_module("broken_stage", "import a_library_that_is_missing", stages={"broken": "broken_stage"})

    good, bad = docparse("run", "upper", "docs", "--workers", 0), docparse("run", "broken", "docs")

    assert good.code == 0
    assert bad.code == 2
    assert bad.err.startswith("docparse: broken: cannot be loaded: ModuleNotFoundError: No module named 'a_library_")


# --- run all


def test_run_all_runs_the_pipeline_and_says_which_stage_of_how_many(pipeline, docparse, stages):
    ended = docparse("run", "all", "docs")

    assert ended.code == 0
    assert [line for line in ended.err.splitlines() if line.startswith("[")] == [
        "[1/3] upper",
        "[2/3] count",
        "[3/3] join",
    ]
    assert len(list((stages / "docparse-data" / "runs").iterdir())) == 1
    config = json.loads(next((stages / "docparse-data" / "runs").glob("*/config.json")).read_text())
    assert list(config) == ["upper", "count", "join"]


@pytest.mark.parametrize(
    ("flags", "ran"),
    [
        (["--to", "count"], ["upper", "count"]),
        (["--skip", "join"], ["upper", "count"]),
        (["--skip", "join", "--skip", "count"], ["upper"]),
        (["--with", "poison", "--to", "poison", "--skip", "join"], ["upper", "count", "poison"]),
        (["--with", "upper"], ["upper", "count", "join"]),
    ],
)
def test_run_all_can_be_cut_and_extended(pipeline, docparse, flags, ran):
    ended = docparse("run", "all", "docs", "--json", *flags)

    assert list(json.loads(ended.out)) == ran


def test_run_all_can_begin_in_the_middle(pipeline, docs, docparse):
    docparse("run", "all", "docs")
    docs(b="another")

    ended = docparse("run", "all", "--from-stage", "count", "--json")

    outcomes = json.loads(ended.out)
    assert {name: outcome["up_to_date"] for name, outcome in outcomes.items()} == {"count": 2, "join": 2}


def test_the_file_can_extend_and_cut_the_pipeline(docs, docparse):
    docs(a="text")
    Path("docparse.toml").write_text(
        '[pipeline]\nstages = ["upper", "join"]\nwith = ["count"]\nskip = ["join"]\n[runner]\nworkers = 0\n'
    )

    assert list(json.loads(docparse("run", "all", "docs", "--json").out)) == ["upper", "count"]


def test_set_gives_an_option_to_one_stage_and_runner_flags_go_to_each(pipeline, docparse, stages):
    ended = docparse("run", "all", "docs", "--set", "upper.suffix=!", "--limit", 1, "--json")

    assert {name: outcome["succeeded"] for name, outcome in json.loads(ended.out).items()} == {
        "upper": 1,
        "count": 1,
        "join": 1,
    }
    assert (stages / "docparse-data/upper/docs/a.txt.upper.txt").read_text() == "TEXT A!"


def test_a_bad_option_of_the_last_stage_shows_before_the_first_runs(pipeline, docparse, stages):
    Path("docparse.toml").write_text(PIPELINE + "[stage.count]\nspeed = 1\n")

    ended = docparse("run", "all", "docs")

    assert ended.code == 2
    assert "unknown key stage.count.speed" in ended.err
    assert not (stages / "docparse-data").exists()


def test_failed_documents_do_not_stop_later_stages_and_the_gravest_code_is_returned(pipeline, docs, docparse):
    docs(c="bad text")

    ended = docparse("run", "all", "docs", "--json")

    outcomes = json.loads(ended.out)
    assert ended.code == 1
    assert {name: (outcome["exit_code"], outcome["succeeded"]) for name, outcome in outcomes.items()} == {
        "upper": (1, 2),
        "count": (0, 2),
        "join": (0, 2),
    }


def test_a_spent_budget_stops_the_pipeline(pipeline, docs, docparse):
    docs(_first="bad text")

    ended = docparse("run", "all", "docs", "--error-budget", 0, "--json")

    assert ended.code == 3
    assert list(json.loads(ended.out)) == ["upper"]
    assert "  stopped: the error budget of 0 is spent: 1 failed\n" in ended.err
    assert (
        f"  to go on: docparse run all docs --error-budget 0 --data-root {Path('docparse-data').absolute()}"
        in ended.err
    )


def test_config_stops_the_pipeline_with_2(pipeline, docparse):
    Path("docparse.toml").write_text('[pipeline]\nstages = ["poison", "upper"]\n[runner]\nworkers = 0\n')

    ended = docparse("run", "all", "docs", "--set", "poison.setup=config")

    assert ended.code == 2
    assert ended.err.endswith("docparse: poison: the model is missing\n")
    assert "[2/2]" not in ended.err


def test_run_all_takes_the_locks_of_all_its_stages(pipeline, spawn, docparse, history, watch, stages):
    docparse("run", "upper", "docs")
    docparse("run", "count")
    process = spawn("run", "all", "docs", "--force", "--workers", 1, "--set", "upper.delay_s=1")
    watch.until((stages / "docparse-data/.locks/join.holder.json").exists, "the last lock")

    refused = docparse("run", "join")

    assert refused.code == 2
    assert f"join is already running on {stages / 'docparse-data'}: process {process.pid} on " in refused.err
    assert process.wait(60) == 0


# --- where options come from


def test_options_come_from_flag_environment_file_and_default_in_this_order(docs, docparse, monkeypatch, stages):
    docs(a="text")
    made = stages / "docparse-data/upper/docs/a.txt.upper.txt"

    def suffix(*flags):
        assert docparse("run", "upper", "docs", "--workers", 0, *flags).code == 0
        return made.read_text().removeprefix("TEXT")

    assert suffix() == ""
    Path("docparse.toml").write_text("[stage.upper]\nsuffix = 'file'\n")
    assert suffix() == "file"
    monkeypatch.setenv("DOCPARSE_UPPER__SUFFIX", "variable")
    assert suffix() == "variable"
    assert suffix("--suffix", "flag") == "flag"


def test_the_runners_options_come_from_variables_too(docs, docparse, monkeypatch, history):
    docs(a="text", b="text")
    monkeypatch.setenv("DOCPARSE_RUNNER__WORKERS", "0")
    monkeypatch.setenv("DOCPARSE_RUNNER__LIMIT", "1")
    monkeypatch.setenv("DOCPARSE_RUNNER__FORCE", "yes")

    docparse("run", "upper", "docs")

    assert [(row["worker"], row["reason"]) for row in history("upper")] == [("inline", "forced")]


def test_a_shared_option_is_set_once_for_all_stages(pipeline, docparse, monkeypatch, stages):
    monkeypatch.setenv("DOCPARSE_SHARED__LANGUAGE", "de")

    docparse("run", "all", "docs")

    config = json.loads(next((stages / "docparse-data" / "runs").glob("*/config.json")).read_text())
    assert {name: part["options"].get("language") for name, part in config.items()} == {
        "upper": "de",
        "count": "de",
        "join": None,
    }


def test_the_data_root_and_the_file_can_be_named_by_variables(docs, docparse, monkeypatch, stages):
    docs(a="text")
    (stages / "other.toml").write_text("[stage.upper]\nsuffix = '?'\n[runner]\nworkers = 0\n")
    monkeypatch.setenv("DOCPARSE_CONFIG", str(stages / "other.toml"))
    monkeypatch.setenv("DOCPARSE_DATA_ROOT", str(stages / "elsewhere"))

    docparse("run", "upper", "docs")

    assert (stages / "elsewhere/upper/docs/a.txt.upper.txt").read_text() == "TEXT?"
    assert not (stages / "docparse-data").exists()


def test_the_file_can_name_the_data_root_and_a_project_can_hold_the_file(docs, docparse, stages):
    docs(a="text")
    (stages / "pyproject.toml").write_text(
        "[tool.docparse]\ndata-root = 'in-project'\n[tool.docparse.runner]\nworkers = 0\n"
    )

    docparse("run", "upper", "docs")

    assert (stages / "in-project/upper/docs/a.txt.upper.txt").exists()


def test_a_secret_is_found_nowhere_in_the_data_root_nor_in_what_is_printed(docs, docparse, monkeypatch, stages):
    docs(a="text", b="bad")
    monkeypatch.setenv("DOCPARSE_UPPER__KEY", "hunter2-hunter2")

    ended = docparse("run", "upper", "docs", "--workers", 1, "--json", "-v")
    snapshot = json.loads(next((stages / "docparse-data" / "runs").glob("*/config.json")).read_text())

    written = b"".join(path.read_bytes() for path in (stages / "docparse-data").rglob("*") if path.is_file())
    assert snapshot["upper"]["options"]["key"] == "***"
    assert b"hunter2" not in written
    assert "hunter2" not in ended.out + ended.err


# --- what is said


def test_the_summary_names_failures_and_how_many_more(docs, docparse):
    docs(**{f"d{number:02}": "bad text" for number in range(13)})

    ended = docparse("run", "upper", "docs", "--workers", 0)

    assert ended.err.count(": input: the document is bad\n") == 10
    assert "  … and 3 more\n" in ended.err


def test_v_says_more_and_q_says_less(pipeline, docparse):
    more = docparse("run", "all", "docs", "-v")
    less = docparse("run", "all", "docs", "-q", "--force")

    assert "  time per item p50 / p95 / p99: " in more.err
    assert "  slow: " in more.err
    assert "CPU of workers" in more.err
    assert "[1/3]" not in less.err
    assert [line.partition(" in ")[0] for line in less.err.splitlines()] == [
        "upper: 2 done",
        "count: 2 done",
        "join: 2 done",
    ]


def test_remembered_failures_make_the_code_1_unless_allowed(docs, docparse):
    docs(a="text", b="bad")
    docparse("run", "upper", "docs", "--workers", 0)

    assert docparse("run", "upper", "--workers", 0).code == 1
    assert docparse("run", "upper", "--workers", 0, "--allow-quarantined").code == 0


@pytest.mark.parametrize(
    "words",
    ["stages", "stages --json", "--help", "run --help", "run upper --help", "status", "plan upper", "run upper --json"],
)
def test_a_broken_pipe_ends_quietly(docs, docparse, spawn, words):
    docs(a="text")
    docparse("run", "upper", "docs", "--workers", 0)
    reader, writer = os.pipe()
    os.close(reader)

    process = spawn(*words.split(), stdout=writer)

    os.close(writer)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "Broken" not in err


def test_ctrl_c_before_the_run_begins_is_130(docs, docparse, install_module):
    docs(a="text")
    text = (Path(__file__).parent / "stages" / "stage_upper.py").read_text()
    text = text.replace('name="upper"', 'name="early"').replace(
        'return {"engine"', "raise KeyboardInterrupt\n    return {1"
    )
    install_module("early_stage", text, stages={"early": "early_stage"})

    assert docparse("run", "early", "docs").code == 130


def test_a_run_that_stops_with_2_still_prints_its_outcome_as_json(docs, docparse):
    docs(a="text")

    code, out, _err = docparse("run", "poison", "docs", "--setup", "config", "--json")

    assert (code, json.loads(out)["cancelled"]) == (2, 1)
