"""The reference is complete and up to date: read from the code, not from the pages' generator."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import docparse_runner
from docparse_runner import Category, StageOptions, hookspecs
from docparse_runner._entry_points import STAGES, listed
from docparse_runner._options import specs_of
from docparse_runner._plan_diff import ChangedItem, PlanChanges, StageChanges
from docparse_runner._plan_file import Plan, PlannedItem, PlannedStage
from docparse_runner._plugins import load_stage
from docparse_runner._row import ErrorRecord, FileState, LastGood, Row
from docparse_runner.cli import docparse, main

DOCS = Path(__file__).resolve().parents[2] / "docs"


def reference(name):
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def test_the_generated_parts_are_up_to_date():
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_every_option_of_the_runner_is_documented():
    page = reference("options.md")

    assert [spec.flag for spec in specs_of(StageOptions) if f"`{spec.flag}`" not in page] == []


REASONS = reference("options.md").partition("### Why one would change it\n")[2].partition("\n## ")[0]
EXAMPLES = re.findall(r"^\| (.*?) \| `(--.*?)` \| \S.*\|$", REASONS, re.MULTILINE)


def test_every_option_of_the_runner_has_an_example_and_a_reason_to_change_it():
    flags = [flag for shown, _ in EXAMPLES for flag in re.findall("--[a-z-]+", shown)]

    assert flags == [spec.flag for spec in specs_of(StageOptions)]


@pytest.mark.parametrize("example", [example for _, example in EXAMPLES])
def test_the_examples_of_options_are_accepted(example, tmp_path):
    command = docparse.get_command(None, "run")

    command.get_command(command.make_context("run", ["chunk"], resilient_parsing=True), "chunk").make_context(
        "chunk", ["--data-root", str(tmp_path), *shlex.split(example)]
    )


@pytest.mark.parametrize("name", ["doctags", "chunk", "embed", "index"])
def test_every_option_of_our_stages_is_documented(name):
    page = reference("options.md").partition(f"### {name}\n")[2].partition("\n### ")[0]

    assert [spec.flag for spec in specs_of(load_stage(name).stage.options) if f"`{spec.flag}`" not in page] == []


def test_every_command_is_documented():
    page = reference("cli.md")

    assert [name for name in docparse.list_commands(None) if f"### docparse {name}" not in page] == []


def test_every_hook_is_documented():
    hooks = [name for name in vars(hookspecs) if name.startswith("docparse_")]

    assert len(hooks) == 11
    assert [name for name in hooks if f"## {name}(" not in reference("hooks.md")] == []


@pytest.mark.parametrize("described", [Row, FileState, ErrorRecord, LastGood])
def test_every_field_of_the_manifest_is_documented(described):
    assert [name for name in described.__struct_fields__ if f"| `{name}` |" not in reference("manifest.md")] == []


@pytest.mark.parametrize("described", [Plan, PlannedStage, PlannedItem, PlanChanges, StageChanges, ChangedItem])
def test_every_field_of_a_plan_is_documented(described):
    assert [name for name in described.__struct_fields__ if f"| `{name}` |" not in reference("plan.md")] == []


def test_every_error_category_is_documented():
    assert [each for each in Category if f"| `{each}` |" not in reference("errors.md")] == []


def test_every_exit_code_is_documented():
    codes = re.findall(r"\d+(?=:| and )", main.__doc__)
    page = reference("cli.md").partition("## Exit codes")[2].partition("\n## ")[0]

    assert codes == ["0", "1", "2", "3", "130", "143"]
    assert [code for code in codes if not re.search(rf"\b{code}\b", page)] == []


def test_every_public_name_is_documented():
    page = reference("python-api.md")

    assert [name for name in docparse_runner.__all__ if f"\n## {name}\n" not in page] == []


def test_our_four_stages_are_installed_here():
    assert {"doctags", "chunk", "embed", "index"} <= {stage.name for stage in listed(STAGES)}
