"""The packages of ``examples/`` as the core sees them, without their libraries: a stage that is not run needs none."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("docparse-annotate", "docparse-language")


def found(example, folder):
    """Return the environment of processes that find the package's stage, as an installation makes them find it."""
    project = tomllib.loads((ROOT / "examples" / example / "pyproject.toml").read_text())["project"]
    info = folder / f"{example.replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {example}\nVersion: {project['version']}\n")
    lines = [f"{name} = {module}" for name, module in project["entry-points"]["docparse.stages"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[docparse.stages]", *lines]))
    path = os.pathsep.join([str(folder), str(ROOT / "examples" / example / "src")])
    return os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def test_each_example_is_tested_here():
    assert tuple(sorted(path.parent.name for path in ROOT.glob("examples/*/pyproject.toml"))) == EXAMPLES


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ("docparse-annotate", ("ok", ["chunks"], ["annotations"])),
        ("docparse-language", ("ok", ["chunks"], ["languages"])),
    ],
)
def test_an_example_loads_and_says_what_it_reads_and_makes(tmp_path, example, expected):
    words = [sys.executable, "-m", "docparse_runner", "stages", "--json"]
    environment = found(example, tmp_path)
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    stage = next(stage for stage in json.loads(done.stdout) if stage["distribution"] == example)
    assert (stage["status"], stage["consumes"], stage["produces"]) == expected
