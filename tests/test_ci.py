"""What runs elsewhere (GitHub, another Python, the lowest dependencies) is what runs here, by the same commands."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
PACKAGE = ROOT / "src" / "docparse_runner" / "templates" / "package"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENVIRONMENTS = PROJECT["tool"]["tox"]["env"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def workflow(name):
    return yaml.safe_load((WORKFLOWS / name).read_text())


def commands_of(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def matrix():
    return workflow("ci.yml")["jobs"]["matrix"]["strategy"]["matrix"]["include"]


def test_ci_runs_the_two_commands_of_the_readme_on_linux_and_macos():
    script = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]
    readme = re.search(r"```bash\n(make .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]

    job = workflow("ci.yml")["jobs"]["commands"]

    assert script == commands_of(job)
    assert sorted(script) == sorted(line.partition("#")[0].strip() for line in readme.splitlines())
    assert job["strategy"]["matrix"]["system"] == ["ubuntu-latest", "macos-latest"]


def test_ci_runs_every_environment_of_tox_that_these_commands_leave_out():
    run = {"lint", "core", "plugins"}  # make test
    elsewhere = {"long", "system", "wheels"}  # make test-long runs the wheels

    assert {entry["environment"] for entry in matrix()} == set(ENVIRONMENTS) - run - elsewhere
    assert set(PROJECT["tool"]["tox"]["env_list"]) == run
    assert commands_of(workflow("ci.yml")["jobs"]["long"]) == ["make test-long", ".venv-test/bin/tox run -e system"]


def test_every_python_has_an_environment_that_runs_what_the_core_runs():
    pythons = {entry["environment"]: entry["python"] for entry in matrix()}

    assert [pythons[f"py{python.replace('.', '')}"] for python in PYTHONS] == PYTHONS
    for python in PYTHONS:
        environment = ENVIRONMENTS[f"py{python.replace('.', '')}"]
        assert environment["commands"]["of"] == ["tool", "tox", "env", "core", "commands"], python


def test_lowest_installs_the_lower_bound_of_each_dependency_and_nothing_is_without_one():
    bounds = [
        re.fullmatch(r"([\w-]+)>=([\d.]+)", dependency).groups() for dependency in PROJECT["project"]["dependencies"]
    ]
    padded = [f"{name}=={version + '.0' * (2 - version.count('.'))}" for name, version in bounds]

    *_, installs = ENVIRONMENTS["lowest"]["commands_pre"]

    assert [word for word in installs if "==" in word] == padded


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_may_only_read_and_uses_nobody_elses_actions(path):
    whole = workflow(path.name)

    used = {step["uses"] for job in whole["jobs"].values() for step in job["steps"] if "uses" in step}

    assert whole["permissions"] == {"contents": "read"}
    assert used == {"actions/checkout@v4", "actions/setup-python@v5"}


def test_the_workflow_for_stages_runs_what_the_tox_of_a_new_stage_runs():
    jobs = workflow("stage.yml")["jobs"]
    package = (PACKAGE / "pyproject.toml.tmpl").read_text().replace("$quoted_author", '"somebody"')
    tox = tomllib.loads(re.sub(r"\$\w+", "name", package))["tool"]["tox"]

    tests, lint = ([line for line in commands_of(jobs[job]) if "pip" not in line] for job in ("tests", "lint"))

    assert tests == [tox["env_run_base"]["commands"][0][0]]
    assert lint == [" ".join(command) for command in tox["env"]["lint"]["commands"]]
    called = workflow("stage.yml")[True]["workflow_call"]["inputs"]["pythons"]["default"]  # YAML reads `on` as a truth
    assert yaml.safe_load(called) == [name for name in tox["env_list"] if name != "lint"] == PYTHONS


def test_a_new_stage_calls_the_workflow_that_is_here():
    written = PACKAGE / ".github" / "workflows" / "ci.yml.tmpl"

    (job,) = yaml.safe_load(written.read_text())["jobs"].values()

    assert job["uses"].partition("@")[0] == "docparse/docparse-runner/.github/workflows/stage.yml"
    assert (WORKFLOWS / "stage.yml").is_file()
