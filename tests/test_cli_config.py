"""``docparse config`` says what a run would use and where it comes from; shells complete what there is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docparse_runner import StageOptions, __version__
from docparse_runner._options import specs_of
from docparse_runner._plugins import load_stage
from docparse_runner._profiles import BUILT_IN
from docparse_runner._versions import versions_of

TOML = """
default_profile = "night"
[pipeline]
stages = ["upper", "count"]
[runner]
retries = 2
[stage.upper]
suffix = "!"
[stage.count.runner]
timeout_s = 5
[profile.night.runner]
error_budget = "5%"
[profile.night.stage.upper]
delay_s = 0.5
"""


@pytest.fixture
def configured(docs):
    """Return the folder with a configuration file, documents and no results."""
    Path("docparse.toml").write_text(TOML)
    docs(a="text a")
    return Path.cwd()


@pytest.fixture
def shown(docparse):
    """Return a function that returns what a command says in JSON."""

    def call(*words):
        ended = docparse("config", *words, "--json")
        assert (ended.code, ended.err) == (0, "")
        return json.loads(ended.out)

    return call


# --- show


def test_show_says_each_value_and_where_it_comes_from(configured, docparse, monkeypatch):
    monkeypatch.setenv("DOCPARSE_SHARED__LANGUAGE", "fr")

    ended = docparse("config", "show", "upper", "--sources", "--workers", 1, "--set", "upper.engine=fast")
    lines = {tuple(line.split(None, 2)) for line in ended.out.splitlines()}

    assert (ended.code, ended.err) == (0, "")
    assert {
        ("profile:", "night", "(docparse.toml: default_profile)"),
        ("workers", "1", "flag"),
        ("retries", "2", "docparse.toml [runner]"),
        ("error_budget", '"5%"', "docparse.toml [profile.night.runner]"),
        ("suffix", '"!"', "docparse.toml [stage.upper]"),
        ("delay_s", "0.5", "docparse.toml [profile.night.stage.upper]"),
        ("engine", '"fast"', "flag"),
        ("language", '"fr"', "DOCPARSE_SHARED__LANGUAGE"),
        ("key", "-", "default"),
        ("runner.policy", '"cpu"', "the stage"),
        ("resolved", "engine", '"fast"'),
    } <= lines


def test_show_without_a_stage_shows_the_pipeline_and_the_runner_once(configured, docparse):
    ended = docparse("config", "show")
    all_of_it = docparse("config", "show", "all")

    titles = [line for line in ended.out.splitlines() if not line.startswith(" ")]
    assert titles == ["profile: night", "runner:", "upper:", "count:"]
    assert ended.out.count("retries ") == 1
    assert "  runner.timeout_s  5.0\n" in ended.out
    assert "docparse.toml" not in ended.out, "the sources are shown when they are asked for"
    assert all_of_it == ended


def test_show_in_json_is_one_object(configured, shown):
    told = shown("show", "count")

    assert set(told) == {"schema_version", "file", "data_root", "profile", "runner", "stages", "broken"}
    assert (told["schema_version"], told["file"], told["broken"]) == (1, "docparse.toml", {})
    assert told["data_root"] == str(configured / "docparse-data")
    assert told["profile"] == {"name": "night", "source": "docparse.toml: default_profile"}
    assert set(told["runner"]) == {spec.name for spec in specs_of(StageOptions)}
    assert told["runner"]["timeout_s"] == {"value": None, "source": "default"}
    assert set(told["stages"]) == {"count"}
    count = told["stages"]["count"]
    assert set(count) == {"options", "runner", "resolved"}
    assert count["runner"]["timeout_s"] == {"value": 5.0, "source": "docparse.toml [stage.count.runner]"}
    assert count["runner"]["policy"] == {"value": "cpu", "source": "the stage"}


def test_show_shows_what_a_run_then_uses(configured, docparse, shown):
    told = shown("show", "upper")["stages"]["upper"]
    docparse("run", "upper", "docs")
    config = json.loads(next(Path("docparse-data/runs").glob("*/config.json")).read_text())["upper"]

    assert {name: each["value"] for name, each in told["options"].items()} == config["options"]
    used = {name: each["value"] for name, each in told["runner"].items() if each["source"] != "the stage"}
    del used["workers"]
    assert used == {name: value for name, value in config["runner"].items() if name in used}
    assert told["resolved"] == config["resolved"]


def test_a_broken_stage_of_the_pipeline_is_named_and_the_others_are_shown(docparse, shown, install_module):
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper", "cracked", "missing"]\n')
    install_module("cracked_stage", "import no_such_library", stages={"cracked": "cracked_stage"})

    ended = docparse("config", "show")
    told = shown("show")

    assert ended.code == 0
    assert "cracked: BROKEN: cracked: cannot be loaded: ModuleNotFoundError" in ended.out
    assert "missing: BROKEN: no stage 'missing'; installed: " in ended.out
    assert "missing: BROKEN: " in docparse("config", "diff").out
    assert (set(told["stages"]), set(told["broken"])) == ({"upper"}, {"cracked", "missing"})


def test_a_broken_or_unknown_stage_that_is_named_is_an_error(docparse, install_module):
    install_module("cracked_stage", "import no_such_library", stages={"cracked": "cracked_stage"})

    broken, unknown = docparse("config", "show", "cracked"), docparse("config", "diff", "uper")

    assert (broken.code, unknown.code) == (2, 2)
    assert "cannot be loaded" in broken.err
    assert "Did you mean 'upper'?" in unknown.err


def test_without_a_pipeline_the_options_of_the_runner_are_shown(docparse, monkeypatch):
    monkeypatch.setattr("docparse_runner.cli._pipeline.DEFAULT", ())

    ended = docparse("config", "show")

    assert ended.code == 0
    assert ended.out.startswith("runner:\n  include ")


def test_a_pipeline_that_skips_everything_is_an_error_as_it_is_for_a_run(docparse):
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper"]\nskip = ["upper"]\n')

    assert docparse("config", "show").code == 2


def test_what_a_stage_cannot_make_of_its_options_is_said(docparse, shown, install_module):
    install_module(
        "picky_stage",
        "from docparse_runner import Output, Stage, UsageError, hookimpl\n"
        "@hookimpl\ndef docparse_stage():\n"
        "    return Stage(name='picky', version=1, consumes=['source'], produces={'p': Output('.p')}, max_workers=1)\n"
        "@hookimpl\ndef docparse_resolve(context):\n"
        "    assert context.runner.dry_run\n"
        "    raise UsageError('the model is missing')\n",
        stages={"picky": "picky_stage"},
    )

    ended = docparse("config", "show", "picky", "--sources", "--workers", 3)
    inline = shown("show", "picky", "--workers", "0")["stages"]["picky"]

    assert ended.code == 0
    assert "  what they mean here cannot be said: the model is missing\n" in ended.out
    assert ["runner.workers", "1", "the", "stage"] in [line.split() for line in ended.out.splitlines()]
    assert inline["unresolved"] == "the model is missing"
    assert inline["runner"]["workers"] == {"value": 0, "source": "flag"}


def test_a_bad_value_is_the_error_that_a_run_would_stop_with(docparse, monkeypatch):
    monkeypatch.setenv("DOCPARSE_UPPER__DELAY_S", "long")

    ended = docparse("config", "show", "upper")

    assert (ended.code, ended.err) == (2, "docparse: DOCPARSE_UPPER__DELAY_S must be a number, not 'long'\n")


def test_looking_at_the_configuration_makes_no_data_root(configured, docparse):
    docparse("config", "show")
    docparse("config", "diff")

    assert sorted(path.name for path in configured.iterdir()) == ["docparse.toml", "docs"]


# --- diff


def test_diff_shows_what_differs_from_the_defaults(configured, docparse):
    ended = docparse("config", "diff")

    assert ended.out.splitlines() == [
        "runner:",
        "  retries: 0 → 2  (docparse.toml [runner])",
        '  error_budget: - → "5%"  (docparse.toml [profile.night.runner])',
        "upper:",
        '  suffix: "" → "!"  (docparse.toml [stage.upper])',
        "  delay_s: 0.0 → 0.5  (docparse.toml [profile.night.stage.upper])",
        "count:",
        "  runner.timeout_s: 600.0 → 5.0  (docparse.toml [stage.count.runner])",
    ]


def test_diff_with_a_profile_shows_what_the_profile_changes(configured, docparse, shown):
    ended = docparse("config", "diff", "--profile", "airgapped")
    told = shown("diff", "--profile", "airgapped")

    assert ended.out.splitlines() == [
        "runner:",
        "  network: true → false  (profile airgapped)",
        '  error_budget: "5%" → -  (default)',
        "upper:",
        "  delay_s: 0.5 → 0.0  (default)",
    ]
    assert told == {
        "schema_version": 1,
        "compared": "profile airgapped",
        "runner": {
            "network": {"before": True, "after": False, "source": "profile airgapped"},
            "error_budget": {"before": "5%", "after": None, "source": "default"},
        },
        "stages": {"upper": {"delay_s": {"before": 0.5, "after": 0.0, "source": "default"}}, "count": {}},
        "broken": {},
    }


def test_diff_says_when_there_is_nothing(docparse, shown):
    assert docparse("config", "diff", "upper").out == "no differences\n"
    assert shown("diff", "upper") == {
        "schema_version": 1,
        "compared": "defaults",
        "runner": {},
        "stages": {"upper": {}},
        "broken": {},
    }


# --- profiles


def test_a_profile_is_chosen_for_a_run_and_for_a_plan(configured, docparse, last_rows):
    Path("docparse.toml").write_text('[profile.loud.stage.upper]\nsuffix = "!"\n')

    plan = docparse("plan", "upper", "docs", "--profile", "loud")
    run = docparse("run", "upper", "docs", "--profile", "loud", "--workers", 0)
    wrong = docparse("run", "upper", "docs", "--profile", "loudd")

    assert (plan.code, run.code, wrong.code) == (0, 0, 2)
    assert Path("docparse-data/upper/docs/a.txt.upper.txt").read_text() == "TEXT A!"
    assert "no profile 'loudd'; there are: airgapped, cpu, gpu, loud. Did you mean 'loud'?" in wrong.err


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_profiles_that_come_with_docparse_set_options_that_exist(name):
    tables = BUILT_IN[name]
    stages = tables.get("stage", {})

    assert set(tables) <= {"runner", "shared", "stage"}
    assert StageOptions(**tables.get("runner", {})) != StageOptions()
    for stage, values in stages.items():
        pytest.importorskip(f"docparse_{stage}")
        options = load_stage(stage).stage.options
        assert options(**values) != options()


NETWORK = """
import os
from docparse_runner import ItemOutcome, Output, Stage, hookimpl

def seen():
    return os.environ.get("HF_HUB_OFFLINE", "-") + os.environ.get("TRANSFORMERS_OFFLINE", "-")

@hookimpl
def docparse_stage():
    return Stage(name="net", version=1, consumes=["source"], patterns=["*.txt"], produces={"net": Output(".net")})

@hookimpl
def docparse_resolve(context):
    return {"seen": seen()}

@hookimpl
def docparse_worker(context):
    return lambda item: ItemOutcome.success(seen=seen(), wrote=item.outputs["net"].write_text("x"))
"""


@pytest.fixture
def seen(docs, docparse, install_module, monkeypatch, last_rows):
    """Return a function that runs a stage and returns what it sees of the variables, once resolved and in a worker."""
    install_module("net_stage", NETWORK, stages={"net": "net_stage"})
    docs(a="text")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)

    def run(*words):
        docparse("run", "net", "docs", *words)
        config = json.loads(next(Path("docparse-data/runs").glob("*/config.json")).read_text())["net"]
        return config["resolved"]["seen"], last_rows("net")["docs/a.txt"]["metrics"]["seen"]

    return run


@pytest.mark.parametrize("workers", [1, 0])
@pytest.mark.parametrize("words", [["--profile", "airgapped"], ["--no-network"]])
def test_without_network_hubs_are_told_so_before_a_stage_is_asked_and_in_its_workers(seen, words, workers):
    found = seen("--workers", workers, *words)

    assert found == ("11", "11")
    assert (os.environ["HF_HUB_OFFLINE"], os.environ.get("TRANSFORMERS_OFFLINE")) == ("0", None)


def test_with_network_the_users_own_variables_are_left_alone(seen):
    assert seen("--workers", 1) == ("0-", "0-")


# --- versions


def test_the_versions_are_those_of_the_runner_the_stage_and_what_they_require(install_module):
    install_module("net_stage", NETWORK, stages={"net": "net_stage"})
    metadata = next(Path("site").glob("*.dist-info")) / "METADATA"
    metadata.write_text(
        f"{metadata.read_text()}Requires-Dist: Hypothesis>=6\nRequires-Dist: no-such-thing ; extra == 'x'\n"
    )

    versions = versions_of("net")

    assert versions["docparse-runner"] == __version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["net-stage"] == "1.0"
    assert {"attrs", "click", "hypothesis"} <= set(versions)
    assert not {"no-such-thing", "docparse-embed"} & set(versions)


def test_of_a_stage_that_is_not_installed_the_versions_of_the_runner_are_known():
    assert set(versions_of("nope")) >= {"python", "docparse-runner", "attrs"}
    assert "torch" not in versions_of("nope")


def test_runs_diff_shows_the_versions_that_changed_between_runs_that_recorded_them(docs, docparse):
    docs(a="text")
    for _ in range(2):
        docparse("run", "upper", "docs", "--workers", 0)
    paths = sorted(Path("docparse-data/runs").glob("*/config.json"), key=lambda path: path.stat().st_mtime_ns)
    for path, version in zip(paths, ("1.0", "1.1"), strict=True):
        config = json.loads(path.read_text())
        config["upper"]["versions"] = {"torch": version, "numpy": "2.0"}
        path.write_text(json.dumps(config))

    names = [path.parent.name for path in paths]
    ended = docparse("runs", "diff", *names)
    told = json.loads(docparse("runs", "diff", *names, "--json").out)
    shown = json.loads(docparse("runs", "show", names[0], "--json").out)

    assert '  version: torch: "1.0" → "1.1"\n' in ended.out
    assert "numpy" not in ended.out
    assert told["stages"]["upper"]["versions"] == {"torch": {"first": "1.0", "second": "1.1"}}
    assert shown["stages"]["upper"]["versions"] == {"torch": "1.0", "numpy": "2.0"}


# --- shells


def complete(*words, shell="bash"):
    """Return what a shell is offered for the last word."""
    environment = {
        "COMP_WORDS": " ".join(("docparse", *words)),
        "COMP_CWORD": str(len(words)),
        "_DOCPARSE_COMPLETE": f"{shell}_complete",
    }
    program = "import sys; from docparse_runner.cli import main; sys.argv[0] = 'docparse'; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.fixture
def cracked(install_module):
    """Install a stage and a command that cannot be loaded."""
    install_module(
        "cracked_stage",
        "import no_such_library",
        stages={"cracked": "cracked_stage"},
        commands={"cracked-command": "cracked_stage:command"},
    )


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ru"], ["run", "runs"]),
        (["cra"], ["cracked-command"]),
        (["run", "u"], ["upper"]),
        (["plan", "cr"], ["cracked"]),
        (["run", "upper", "--su"], ["--suffix"]),
        (["run", "upper", "--max-q"], ["--max-queue"]),
        (["run", "upper", "--schedule", "l"], ["lpt"]),
        (["run", "all", "--profile", "a"], ["airgapped"]),
        (["run", "all", "--lang"], ["--language"]),
        (["run", "upper", "doc"], ["doc"]),
        (["config", "s"], ["show"]),
        (["config", "show", "cr"], ["cracked"]),
        (["config", "diff", "--no-net"], ["--no-network"]),
        (["run", "cracked", "--wor"], []),
        (["cracked-command", "--wor"], []),
        (["run", "no-such-stage", "--wor"], []),
    ],
)
def test_shells_complete_what_there_is_although_a_stage_is_broken(stages, cracked, words, offered):
    assert complete(*words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_turned_on_by_what_docparse_prints(stages, shell):
    done = subprocess.run(
        [sys.executable, "-c", "from docparse_runner.cli import main; main()"],
        env={**os.environ, "_DOCPARSE_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"_DOCPARSE_COMPLETE={shell}_complete" in done.stdout
    assert done.stderr == ""


def test_the_version_is_said(docparse):
    assert docparse("--version") == (0, f"docparse, version {__version__}\n", "")
