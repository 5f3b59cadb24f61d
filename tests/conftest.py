"""What the tests of the core share: the stages of ``tests/stages`` installed, the command line, processes that end."""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import attrs
import psutil
import pytest
from hypothesis import settings

from docparse_runner import (
    Output,
    Stage,
    StageContext,
    StageHooks,
    StageOptions,
    StagePlan,
    WorkItem,
    Workspace,
    run_stage,
)
from docparse_runner._row import Row
from docparse_runner.cli import main
from docparse_runner.errors import DocparseError

pytest_plugins = ["pytester"]

STAGES = Path(__file__).parent / "stages"

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


class Called(NamedTuple):
    """What a command ended with and printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def stages(monkeypatch, tmp_path):
    """Install the stages of ``tests/stages``, here and in children; the working folder is a new one."""
    for name in [name for name in os.environ if name.startswith("DOCPARSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", [str(STAGES), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(STAGES), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def docs(stages):
    """Return a function that writes documents into ``docs``, as if long ago, so that their times are trusted."""

    def write(**texts):
        for name, text in texts.items():
            path = stages / "docs" / f"{name}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            os.utime(path, (1_700_000_000, 1_700_000_000))
        return stages / "docs"

    return write


@pytest.fixture
def docparse(stages, capfd):
    """Return a function that calls the command line in this process."""

    def call(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(each) for each in arguments])
        return Called(end.value.code, *capfd.readouterr())

    return call


@pytest.fixture
def spawn(stages):
    """Return a function that starts ``docparse`` as a process; what it leaves running is killed."""
    started = []

    def start(*arguments, **options):
        words = [sys.executable, "-m", "docparse_runner", *map(str, arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        process = subprocess.Popen(words, start_new_session=True, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            for each in family(process.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


def family(pid):
    """Return a process and all that it started."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class Watch:
    """Looks at processes, and waits for things to happen."""

    family = staticmethod(family)

    def alive(self, processes):
        """Return those that still run; a zombie does not."""
        found = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def until(self, condition, what, seconds=60):
        """Wait for a condition and return its value."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            time.sleep(0.02)
        return found


@pytest.fixture
def watch():
    """Return what looks at processes and waits."""
    return Watch()


@pytest.fixture
def history(stages):
    """Return a function that returns the rows of a stage's manifest in the order in which they were written."""

    def read(stage, root="docparse-data", name="manifest"):
        path = stages / root / "manifests" / f"{stage}.{name}.jsonl"
        *lines, _torn = path.read_text().split("\n") if path.exists() else [""]
        return [json.loads(line) for line in lines]

    return read


@pytest.fixture
def last_rows(history):
    """Return a function that returns item id → its last row."""
    return lambda stage, root="docparse-data": {row["item_id"]: row for row in history(stage, root)}


@pytest.fixture
def workspace(tmp_path):
    """Return a data root."""
    workspace = Workspace(tmp_path / "data")
    workspace.create()
    return workspace


@pytest.fixture
def make_row():
    """Return a function that makes a manifest row: a success without files, unless told otherwise."""

    def make(item_id="papers/a.txt", **fields):
        row = {
            "run_id": "r1",
            "stage": "upper",
            "stage_version": 1,
            "item_id": item_id,
            "doc_id": item_id,
            "status": "success",
            "reason": "new",
            "attempts": 1,
            "started_at": "2026-11-23T14:28:01.220Z",
            "duration_s": 0.1,
            "worker": "p1",
            "input_path": "",
            "output_path": "",
            "inputs": {},
            "cfg_hash": "options-engine",
            "outputs": {},
            "metrics": {},
        }
        return Row(**row | fields)

    return make


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a distribution with these modules and entry points."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    installed = []

    def put(name, group, entries, **modules):
        folder = site / f"{name}-1.0.dist-info"
        folder.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: What {name} does.\n"
        (folder / "METADATA").write_text(metadata, encoding="utf-8")
        lines = "".join(f"{entry} = {target}\n" for entry, target in entries.items())
        (folder / "entry_points.txt").write_text(f"[{group}]\n{lines}", encoding="utf-8")
        for module, source in modules.items():
            (site / f"{module}.py").write_text(source, encoding="utf-8")
            installed.append(module)
        importlib.invalidate_caches()
        return folder

    yield put
    for module in installed:
        sys.modules.pop(module, None)
    importlib.invalidate_caches()


@pytest.fixture
def install_module(stages, monkeypatch):
    """Return a function that installs a package of one module, here and in children.

    Its entry points are given as group → name → object.
    """
    site = stages / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    modules = []

    def add(name, text, **groups):
        (site / f"{name}.py").write_text(text)
        modules.append(name)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: About {name}.\n")
        lines = []
        for group, entries in groups.items():
            lines += [f"[docparse.{group}]", *(f"{key} = {value}" for key, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))

    yield add
    for name in modules:
        sys.modules.pop(name, None)


COUNTS = ("succeeded", "partial", "skipped", "failed", "cancelled")


@attrs.define
class Bench:
    """Documents that say what becomes of them, and the stage that obeys."""

    folder: object
    verbs: object
    history: object
    stage: Stage = attrs.field(
        factory=lambda: Stage(
            name="verbs",
            version=1,
            consumes=["source"],
            produces={"out": Output(".out"), "extra": Output(".extra", required=False)},
        )
    )
    version: int = 1
    hooks: StageHooks = attrs.field(factory=StageHooks)
    context: StageContext | None = None

    @property
    def workspace(self):
        return Workspace(self.folder / "data")

    def write(self, **texts):
        """Write documents that look old, so that their times are trusted."""
        for name, text in texts.items():
            path = self.folder / "docs" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            os.utime(path, (1_700_000_000, 1_700_000_000))

    def item(self, name, **fields):
        item_id = f"docs/{name}"
        outputs = {
            kind: self.workspace.artifact(kind, item_id, output.suffix) for kind, output in self.stage.produces.items()
        }
        return WorkItem(item_id=item_id, inputs={"source": self.folder / "docs" / name}, outputs=outputs, **fields)

    def items(self):
        return [self.item(path.name) for path in sorted((self.folder / "docs").iterdir())]

    def run(self, worker=None, *, items=None, sink=None, **options):
        plan = StagePlan(stage_name="verbs", items=self.items() if items is None else items, stage_version=self.version)
        self.context = StageContext(stage=self.stage, workspace=self.workspace, run_id=f"run{time.monotonic_ns()}")
        outcome = run_stage(
            plan,
            worker or self.verbs.work,
            StageOptions(**options),
            self.hooks,
            workspace=self.workspace,
            sink=sink,
            context=self.context,
        )
        assert sum(getattr(outcome, name) for name in COUNTS) == outcome.planned
        return outcome

    def stopped(self, **options):
        """Run, expect the run to be stopped with exit code 2, and return (error, its outcome)."""
        with pytest.raises(DocparseError) as caught:
            self.run(**options)
        outcome = caught.value.outcome
        assert outcome.exit_code == 2
        assert sum(getattr(outcome, name) for name in COUNTS) == outcome.planned
        return caught.value, outcome

    def rows(self):
        return {row["item_id"].removeprefix("docs/"): row for row in self.history("verbs", "data")}

    def out(self, name, kind="out"):
        return self.folder / "data" / kind / "docs" / f"{name}.{kind}"

    def calls(self, name="calls.txt"):
        path = self.folder / name
        return [line.removeprefix("docs/") for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def bench(stages, history):
    """Return documents that say what becomes of them, and a program that calls ``run_stage``."""
    return Bench(stages, importlib.import_module("worker_verbs"), history)
