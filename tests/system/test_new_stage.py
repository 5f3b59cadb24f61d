"""What ``docparse new-stage`` writes, in an environment of its own, as an author meets it; takes minutes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {
    "source": ("a.txt", "One two three.\n"),
    "chunks": ("a.chunks.jsonl", '{"text": "One two"}\n{"text": "three."}\n'),
    "docling": ("a.docling.json", '{"texts": [{"text": "One two"}, {"text": "three."}]}'),
    "embeddings": ("a.vectors.parquet", "One two three.\n"),
}

pytestmark = pytest.mark.long


class Author:
    """Somebody with a new environment in which docparse-runner is installed from its wheel, and an empty folder."""

    def __init__(self, folder):
        self.folder = folder / "work"
        self.folder.mkdir()
        self.bin = folder / "venv" / "bin"
        self("venv", str(self.bin.parent), python=sys.executable)
        self("pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT), python=sys.executable)
        self.pip(str(next(folder.glob("docparse_runner-*.whl"))), "pytest", "mypy", "ruff")

    def __call__(self, *words, cwd=None, python=None):
        names = ("DOCPARSE_", "PYTHON")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        command = [str(python or self.bin / "python"), "-m", *words]
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pip(self, *words):
        self("pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), *words)


@pytest.fixture(scope="module")
def author(tmp_path_factory):
    return Author(tmp_path_factory.mktemp("author"))


def written(author, name, consumes, *words):
    """Write and install the package of a stage, and return its folder."""
    author("docparse_runner", "new-stage", name, "--consumes", consumes, *words)
    author.pip("-e", f"docparse-{name}")
    return author.folder / f"docparse-{name}"


def counted(author, name, consumes):
    """Run the stage on a document of three words, and return how many it counted."""
    documents = author.folder / f"{name}-documents"
    documents.mkdir()
    file, text = DOCUMENTS[consumes]
    (documents / file).write_text(text)
    author("docparse_runner", "run", name, str(documents))
    made = author.folder / "docparse-data" / name / documents.name
    return json.loads(next(made.iterdir()).read_text())["words"]


@pytest.mark.parametrize("consumes", DOCUMENTS)
def test_a_package_is_complete_as_written(author, consumes):
    folder = written(author, f"on-{consumes}", consumes)

    author("pytest", "-q", cwd=folder)
    author("mypy", "--strict", cwd=folder)
    author("ruff", "check", cwd=folder)
    author("ruff", "format", "--check", cwd=folder)

    assert counted(author, f"on-{consumes}", consumes) == 3


@pytest.mark.parametrize("consumes", DOCUMENTS)
def test_a_minimal_stage_works_as_written(author, consumes):
    folder = written(author, f"small-{consumes}", consumes, "--minimal")

    author("mypy", "--strict", "--config-file=", ".", cwd=folder)  # it has none, and no other folder's counts
    author("ruff", "check", cwd=folder)
    author("ruff", "format", "--check", cwd=folder)

    assert counted(author, f"small-{consumes}", consumes) == 3


def test_the_three_commands_lead_from_nothing_to_a_run(author):
    said = json.loads(author("docparse_runner", "new-stage", "first", "--json"))
    install, test, run = said["next"]

    author.pip(*install.split()[2:])
    author(*test.split())
    author("docparse_runner", *run.split()[1:])

    assert (author.folder / "docparse-data" / "first" / "docparse-first" / "README.md.first.jsonl").exists()


def test_its_wheel_holds_the_stage_and_its_licence(author):
    author("docparse_runner", "new-stage", "boxed")

    author("pip", "wheel", "-q", "--no-deps", "-w", "wheels", "./docparse-boxed")

    listing = author("zipfile", "-l", next((author.folder / "wheels").iterdir()).as_posix())
    assert [
        name
        for name in ("docparse_boxed/__init__.py", "docparse_boxed/_worker.py", "docparse_boxed/py.typed", "LICENSE")
        if name not in listing
    ] == []
