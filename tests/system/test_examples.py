"""The packages of ``examples/``, each in an environment of its own, as their authors test them; takes minutes."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))

pytestmark = pytest.mark.long


class Installed:
    """A copy of an example, and an environment with it, its groups of requirements and docparse-runner's wheel."""

    def __init__(self, example, folder):
        self.folder = folder / "work"
        self.copy = folder / example.name
        self.bin = folder / "venv" / "bin"
        self.folder.mkdir()
        shutil.copytree(example, self.copy, ignore=shutil.ignore_patterns(".*_cache", "__pycache__"))
        self("venv", str(self.bin.parent), python=sys.executable)
        self("pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT), python=sys.executable)
        groups = tomllib.loads((self.copy / "pyproject.toml").read_text())["dependency-groups"]
        wheel = str(next(folder.glob("docparse_runner-*.whl")))
        words = ("-c", str(ROOT / "constraints.txt"), wheel, str(self.copy), *groups["test"], *groups["lint"])
        self("pip", "install", "-q", *words)

    def __call__(self, *words, cwd=None, python=None):
        names = ("DOCPARSE_", "PYTHON")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        command = [str(python or self.bin / "python"), "-m", *words]
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda path: path.name)
def installed(request, tmp_path_factory):
    return Installed(request.param, tmp_path_factory.mktemp(request.param.name))


def test_its_tests_pass(installed):
    installed("pytest", "-q", cwd=installed.copy)


def test_ruff_and_mypy_have_nothing_to_say(installed):
    installed("ruff", "check", cwd=installed.copy)
    installed("ruff", "format", "--check", cwd=installed.copy)
    installed("mypy", cwd=installed.copy)


def test_the_core_finds_it(installed):
    stages = json.loads(installed("docparse_runner", "stages", "--json"))

    assert [(stage["status"], stage["distribution"]) for stage in stages] == [("ok", installed.copy.name)]
