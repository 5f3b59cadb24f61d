import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CHOSEN = (
    "papers/2101.00001.pdf",
    "notes/2024.01 release notes.md",
    "bad/truncated.pdf",
)


class Pipeline:
    """A folder of documents, a data root, and the command line."""

    def __init__(self, folder):
        self.folder = folder
        self.docs = folder / "docs"
        self.root = folder / "docparse-data"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOCPARSE_")}
        # Loading the model is most of the work on documents this small: once a run is enough.
        self.environment = inherited | {"DOCPARSE_RUNNER__WORKERS": "1"}

    def write(self, count):
        for number in range(count):
            text = f"# Note {number}\n\nThis note is about subject number {number}, and about nothing else.\n"
            path = self.docs / f"note {number}.md"
            path.write_text(text)
            self.age(path)

    @staticmethod
    def age(path):
        """A file that was written in the last two seconds is digested again by the next run, and gets a new row."""
        os.utime(path, (time.time() - 60, time.time() - 60))

    def command(self, *words):
        return [sys.executable, "-m", "docparse_runner", *words]

    def run(self, *words, expected=0):
        done = subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done

    def outcomes(self, *words, expected=0):
        return json.loads(self.run(*words, "--json", expected=expected).stdout)

    def rows(self, stage):
        path = self.root / "manifests" / f"{stage}.manifest.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def files(self):
        """Path → bytes of every artifact."""
        kinds = ("docling", "doctags", "chunks", "embeddings")
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for kind in kinds
            for path in sorted((self.root / kind).rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def pipeline(tmp_path):
    made = Pipeline(tmp_path)
    made.docs.mkdir()
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Real documents, through every stage once."""
    made = Pipeline(tmp_path_factory.mktemp("finished"))
    for name in CHOSEN:
        target = made.docs / name
        target.parent.mkdir(parents=True, exist_ok=True)
        found = next(SAMPLES.rglob(Path(name).name))
        shutil.copy(found, target)
        made.age(target)
    made.write(2)
    made.first = made.outcomes("run", "all", "docs", expected=1)
    return made
