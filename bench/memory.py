"""What a run holds in memory: the parent over 1,000,000 planned items, parent and children over a long run.

Target: for 1,000,000 no-op items the parent's peak is less than 40 MB above its start with the default planner and an
empty manifest, and less than 120 MB with a custom planner; parent and children are stable at 1, 4 and 16 workers.

The default planner lists a folder of so many empty files, which are made first, on disk, outside the figures. The
custom one is a generator of items without files that does not guarantee unique ids, so that the runner has to remember
them; in the long runs it does guarantee them, as the default planner does. Each variant is a program of its own; its
start is what it holds when everything is imported and ``run_stage`` is about to be called, its peak what the kernel saw
(``VmHWM``).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import psutil
import stand_ins

from docparse_runner import (
    ItemOutcome,
    Stage,
    StageContext,
    StageHooks,
    StageOptions,
    StagePlan,
    WorkItem,
    Workspace,
    run_stage,
)
from docparse_runner._planning import default_plan, listed_items
from docparse_runner._selection import Selection

MB = 1e6
TARGETS_MB = {"default": 40, "custom": 120}
PER_FOLDER = 1000
WORKERS = {"processes": {"workers": 2}, "threads": {"workers": 2, "policy": "io"}}
MARKS = (0.2, 0.6, 1.0)
STABLE = 0.05
"""Growth from the first mark to the last that still counts as stable."""

EVERYTHING = Selection.of(StageOptions())
STAGE = Stage(name="memory", version=1, consumes=["source"], patterns=["*.txt"], produces={})


def status_mb(field: str) -> float:
    """Return a field of this process' status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / MB


def make_files(folder: Path, items: int) -> None:
    """Make so many empty files, 1000 to a folder."""
    for start in range(0, items, PER_FOLDER):
        inner = folder / f"{start:08}"
        inner.mkdir(parents=True)
        for number in range(start, min(items, start + PER_FOLDER)):
            (inner / f"{number:08}.txt").touch()


def listed_plan(workspace: Workspace, folder: str) -> StagePlan:
    """Return what the command line makes of a folder."""
    listing, total = listed_items(STAGE, workspace, workspace.input_roots([folder]), {}, EVERYTHING)
    return default_plan(STAGE, listing, total, options=None, cfg_hash="")


def custom_plan(items: int, *, unique_ids: bool = False) -> StagePlan:
    """Return a planner's own items; unless it guarantees unique ids, the runner remembers them."""
    return StagePlan(stage_name=STAGE.name, items=generated(items), unique_ids=unique_ids)


def generated(items: int) -> Iterator[WorkItem]:
    """Yield items without files."""
    for number in range(items):
        yield WorkItem(item_id=f"custom/{number // PER_FOLDER:08}/{number:08}.txt")


def run_one(planner: str, items: int, executor: str, folder: str) -> None:
    """Run the items and print what that took, as JSON."""
    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as root:
        workspace = Workspace(Path(root) / "data")
        start, began = status_mb("VmRSS"), time.monotonic()
        plan = listed_plan(workspace, folder) if planner == "default" else custom_plan(items)
        outcome = run_stage(plan, stand_ins.nothing, StageOptions(**WORKERS[executor]), workspace=workspace)
        assert outcome.succeeded == items, outcome
        figures = {"start": start, "peak": status_mb("VmHWM"), "seconds": time.monotonic() - began}
    print(json.dumps(figures))


def print_parent(items: int, executor: str) -> None:
    """Print the parent's peak for both planners."""
    print(f"Parent, {items:,} no-op items, 2 {executor}\n")
    print("| planner | start | peak | above start | target for 1,000,000 | took |\n| --- |" + " ---: |" * 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "documents"
        start = time.monotonic()
        make_files(folder, items)
        made_s = time.monotonic() - start
        for planner, target in TARGETS_MB.items():
            command = [sys.executable, __file__, "--items", str(items), "--executor", executor, "--one", planner]
            done = subprocess.run([*command, "--folder", str(folder)], capture_output=True, check=True, text=True)
            found = json.loads(done.stdout)
            above = found["peak"] - found["start"]
            print(
                f"| {planner} | {found['start']:.1f} MB | {found['peak']:.1f} MB | {above:.1f} MB | < {target} MB "
                f"| {found['seconds']:.0f} s |",
                flush=True,
            )
    print(f"\nMaking the files took {made_s:.0f} s.\n")


@attrs.define
class Sampler:
    """Weighs parent and children when a share of the items is done.

    Attributes:
        items: how many there are.
        done: how many are done.
        samples: (parent, median child, largest child) in MB, at each mark.
    """

    items: int
    done: int = 0
    samples: list[tuple[float, float, float]] = attrs.field(factory=list)

    def after_item(self, _item: WorkItem, _outcome: ItemOutcome, _context: StageContext) -> None:
        """Count an item, and weigh at the marks."""
        self.done += 1
        if self.done >= MARKS[min(len(self.samples), len(MARKS) - 1)] * self.items:
            parent = psutil.Process()
            children = [child.memory_info().rss / MB for child in parent.children() if "_child" in child.cmdline()[2]]
            self.samples.append((parent.memory_info().rss / MB, statistics.median(children), max(children)))


def print_long_run(workers: int, items: int) -> None:
    """Print one line: what parent and children hold as the run goes on."""
    sampler = Sampler(items)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        run_stage(
            custom_plan(items, unique_ids=True),
            stand_ins.churn,
            StageOptions(workers=workers),
            StageHooks(after_item=sampler.after_item),
            workspace=Workspace(Path(folder)),
        )
        seconds = time.monotonic() - began
    for name, pick in PICKS.items():
        numbers = [pick(sample) for sample in sampler.samples]
        growth = numbers[-1] / numbers[0] - 1
        cells = " | ".join(f"{number:.1f} MB" for number in numbers)
        word = "yes" if growth < STABLE else "no"
        print(f"| {workers} | {name} | {cells} | {growth:+.1%} | {word} | {seconds:.0f} s |", flush=True)


PICKS: dict[str, Callable[[tuple[float, float, float]], float]] = {
    "parent": lambda sample: sample[0],
    "children, median": lambda sample: sample[1],
    "children, largest": lambda sample: sample[2],
}


def main() -> None:
    """Measure the parent with both planners, then the long runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000, help="0 leaves the first table out")
    parser.add_argument("--executor", choices=WORKERS, default="processes")
    parser.add_argument("--long-items", type=int, default=20_000)
    parser.add_argument("--one", choices=TARGETS_MB, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given.one, given.items, given.executor, given.folder)
        return
    if given.items:
        print_parent(given.items, given.executor)
    print(f"Resident set over {given.long_items:,} items that each make and drop a megabyte of objects\n")
    heads = " | ".join(f"at {mark:.0%}" for mark in MARKS)
    print(
        f"| workers | who | {heads} | growth | stable | took |\n| ---: | --- |" + " ---: |" * 3 + " ---: | --- | ---: |"
    )
    for workers in (1, 4, 16):
        print_long_run(workers, given.long_items)


if __name__ == "__main__":
    main()
