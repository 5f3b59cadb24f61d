"""The built wheels in empty environments, as a user installs them; takes minutes, run by `make test-long`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ("docparse-doctags", "docparse-chunk", "docparse-embed", "docparse-index")

pytestmark = pytest.mark.long


def call(*command, cwd=None, expected=0):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCPARSE_")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


class Environment:
    """A virtual environment of its own."""

    def __init__(self, folder):
        call(sys.executable, "-m", "venv", str(folder))
        self.bin = folder / "bin"

    def pip(self, *words):
        call(str(self.bin / "python"), "-m", "pip", *words)

    def docparse(self, *words, cwd, expected=0):
        return call(str(self.bin / "docparse"), *words, cwd=cwd, expected=expected)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, *(ROOT / "plugins" / name for name in PLUGINS)):
        call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(project))
    return folder


def installed(folder, wheels, *names):
    environment = Environment(folder)
    environment.pip("install", "-q", "-c", str(ROOT / "constraints.txt"), "--find-links", str(wheels), *names)
    return environment


@pytest.fixture(scope="module")
def whole(tmp_path_factory, wheels):
    """Everything, from the meta extra."""
    folder = tmp_path_factory.mktemp("whole")
    return installed(folder / "venv", wheels, "docparse-runner[all]", "docparse-embed[bundled]")


@pytest.fixture(scope="module")
def docling_files(tmp_path_factory, wheels):
    """What doctags makes, alone in its environment, of a PDF and a docx."""
    folder = tmp_path_factory.mktemp("doctags")
    environment = installed(folder / "venv", wheels, "docparse-doctags")
    documents = folder / "docs"
    documents.mkdir()
    shutil.copy(next((ROOT / "samples").rglob("2101.00001.pdf")), documents)
    shutil.copy(next((ROOT / "samples" / "guides").rglob("*.docx")), documents)
    outcome = json.loads(environment.docparse("run", "doctags", "docs", "--json", cwd=folder))
    assert outcome["succeeded"] == 2
    call(str(environment.bin / "python"), "-c", "import torch", expected=1)  # the base install needs no torch
    return folder / "docparse-data" / "docling" / "docs"


def test_doctags_works_alone(docling_files):
    assert len(list(docling_files.glob("*.docling.json"))) == 2


def test_chunk_works_alone_on_a_folder_of_docling_json(tmp_path, wheels, docling_files):
    environment = installed(tmp_path / "venv", wheels, "docparse-chunk")

    outcome = json.loads(environment.docparse("run", "chunk", str(docling_files), "--json", cwd=tmp_path))

    assert outcome["succeeded"] == 2
    assert len(list((tmp_path / "docparse-data" / "chunks" / "docs").glob("*.chunks.jsonl"))) == 2


def test_embed_works_alone_on_a_folder_of_chunks(tmp_path, wheels, whole, docling_files):
    whole.docparse("run", "chunk", str(docling_files), cwd=tmp_path)
    environment = installed(tmp_path / "venv", wheels, "docparse-embed[bundled]")
    chunks = tmp_path / "docparse-data" / "chunks" / "docs"
    moved = shutil.copytree(chunks, tmp_path / "mine")

    words = ("run", "embed", str(moved), "--data-root", str(tmp_path / "root"), "--json")
    outcome = json.loads(environment.docparse(*words, cwd=tmp_path))

    assert outcome["succeeded"] == 2


def test_uninstalling_one_plugin_leaves_the_others_working(tmp_path, whole):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "note.md").write_text("# A note\n\nAbout walruses.\n")
    whole.docparse("run", "all", "docs", cwd=tmp_path)
    assert "walruses" in whole.docparse("search", "walruses", cwd=tmp_path)

    whole.pip("uninstall", "-q", "-y", "docparse-chunk")

    (tmp_path / "docs" / "second.md").write_text("# Another note\n\nAbout seals.\n")
    whole.docparse("run", "all", cwd=tmp_path)
    assert "walruses" in whole.docparse("search", "walruses", cwd=tmp_path)
    stages = json.loads(whole.docparse("stages", "--json", cwd=tmp_path))
    assert [stage["name"] for stage in stages if stage["status"] == "ok"] == ["doctags", "embed", "index"]
