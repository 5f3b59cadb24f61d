"""What a run costs that finds nothing to do, against five systems that resume: all of them in one run.

    python bench/up_to_date.py [--items 20000] [--rounds 3] [--only docparse,ninja]

Every system copies a tree of small files in its usual way, and then runs again with nothing to do. Those further runs
are measured: CPU is user and system time of the process and its children, nothing subtracted, median of the rounds. The
cost of an item leaves out what the same system needs for a tree of one file. A system whose first run takes more than
linear time gets fewer items.

What each of them looks at differs, so it is tried: afterwards one output and then one input is edited. An edited input
must cause exactly one copy, or none with luigi; whether an edited output is made again is only told.

- docparse: size, times and inode of every input and every output, as recorded.
- ninja: times of inputs and outputs, and the recorded command. An output newer than its input passes.
- doit: the recorded time, else size and MD5, of inputs; outputs only have to exist.
- snakemake: times of inputs and outputs, recorded code, parameters and lists of inputs. As with ninja, newer passes.
- luigi: outputs have to exist. Inputs are not looked at.
- dvc: MD5 of inputs and outputs, cached by size, time and inode, and the recorded command.

Targets: at most 2 x ninja's CPU on the same tree, start-up included; doit, snakemake, luigi and dvc at least 5 x ours.
Systems that are not installed are left out: ``pip install ninja doit snakemake luigi dvc``.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import attrs

LONG_AGO = 1_700_000_000
BESIDE = str(Path(sys.executable).parent)

# Starts the command from a small process: what a child inherits of its parent's peak memory is this one's.
MEASURE = """
import json, os, sys, time
start = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
found = [time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status)]
with open(sys.argv[1], "w") as file:
    json.dump(found, file)
"""

COPY_STAGE = '''
"""Copy every text."""
import shutil
from docparse_runner import ItemOutcome, Output, Stage, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name="copy", summary=__doc__, version=1, consumes=["source"], patterns=["*.txt"],
                 produces={"out": Output(".copy")})

@hookimpl
def docparse_worker(context):
    def copy(item):
        shutil.copyfile(item.inputs["source"], item.outputs["out"])
        return ItemOutcome.success()
    return copy
'''

DODO = """
import shutil

def task_copy():
    for name in open("names.txt").read().split():
        source, target = f"in/{name}", f"out/{name}"
        actions = [(shutil.copyfile, [source, target])]
        yield {"name": name, "file_dep": [source], "targets": [target], "actions": actions}
"""

SNAKEFILE = """
NAMES = open("names.txt").read().split()

rule all:
    input: expand("out/{name}", name=NAMES)

rule copy:
    input: "in/{name}"
    output: "out/{name}"
    shell: "cp {input} {output}"
"""

LUIGI_TASKS = """
import shutil
import luigi

class Source(luigi.ExternalTask):
    name = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"in/{self.name}")

class Copy(luigi.Task):
    name = luigi.Parameter()

    def requires(self):
        return Source(self.name)

    def output(self):
        return luigi.LocalTarget(f"out/{self.name}")

    def run(self):
        with self.input().open() as source, self.output().open("w") as target:
            shutil.copyfileobj(source, target)

class All(luigi.WrapperTask):
    def requires(self):
        return [Copy(name) for name in open("names.txt").read().split()]
"""

DVC_DO = """\
    do:
      cmd: cp in/${item} out/${item}
      deps: ["in/${item}"]
      outs: ["out/${item}"]
"""

DOCPARSE_FILES = {
    "copies.py": COPY_STAGE,
    "copies-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: copies\nVersion: 1.0\nSummary: Copies.\n",
    "copies-1.0.dist-info/entry_points.txt": "[docparse.stages]\ncopy = copies\n",
}


def ninja_files(names: list[str]) -> dict[str, str]:
    """Return a build file with one edge a file."""
    edges = [f"build out/{name}: copy in/{name}\n" for name in names]
    return {"build.ninja": "rule copy\n  command = cp $in $out\n" + "".join(edges)}


def dvc_files(names: list[str]) -> dict[str, str]:
    """Return what ``dvc init --no-scm`` makes, without questions to its servers, and a stage for each file."""
    stages = [f"      s{number}: {name}\n" for number, name in enumerate(names)]
    config = "[core]\n    no_scm = True\n    analytics = false\n    check_update = false\n"
    return {"dvc.yaml": "".join(["stages:\n  copy:\n    foreach:\n", *stages, DVC_DO]), ".dvc/config": config}


@attrs.frozen(kw_only=True)
class System:
    """A system that resumes.

    Attributes:
        package: the distribution that has its version.
        command: what makes the copies, and finds that all are made.
        files: path → text of what it is told the work with, given the names of the files to copy.
        is_idle: whether the output of a run over so many items says that there was nothing to do.
        out: where the copy of a file is, given its name.
        at_most: so many items.
        sees_inputs: whether an edited input is to be noticed.
    """

    package: str
    command: str
    files: Callable[[list[str]], dict[str, str]]
    is_idle: Callable[[str, int], bool]
    out: str = "out/{}"
    at_most: int = sys.maxsize
    sees_inputs: bool = True


SYSTEMS = {
    "docparse": System(
        package="docparse-runner",
        command="docparse run copy in --workers 0",
        files=lambda _: DOCPARSE_FILES,
        is_idle=lambda said, count: said.replace(",", "").startswith(f"copy: {count} up to date in"),
        out="docparse-data/out/in/{}.copy",
    ),
    "ninja": System(
        package="ninja", command="ninja", files=ninja_files, is_idle=lambda said, _: said == "ninja: no work to do.\n"
    ),
    "doit": System(
        package="doit",
        command="doit run",
        files=lambda _: {"dodo.py": DODO},
        is_idle=lambda said, count: said.count("-- copy:") == count and ".  copy:" not in said,
    ),
    "snakemake": System(
        package="snakemake",
        command="snakemake --cores 2",
        files=lambda _: {"Snakefile": SNAKEFILE},
        is_idle=lambda said, _: "Nothing to be done" in said,
        at_most=2_000,
    ),
    "luigi": System(
        package="luigi",
        command="luigi --module copies All --local-scheduler",
        files=lambda _: {"copies.py": LUIGI_TASKS},
        is_idle=lambda said, _: "Did not run any tasks" in said,
        at_most=2_000,
        sees_inputs=False,
    ),
    "dvc": System(
        package="dvc",
        command="dvc repro",
        files=dvc_files,
        is_idle=lambda said, count: said.count("didn't change, skipping") == count,
        at_most=200,
    ),
}


def environment(folder: Path) -> dict[str, str]:
    """Return variables with which nothing is kept outside a folder and nobody is called."""
    return os.environ | {
        "PATH": os.pathsep.join([BESIDE, os.environ.get("PATH", "")]),
        "PYTHONPATH": str(folder),
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "DVC_SITE_CACHE_DIR": str(folder / ".cache"),
        "DVC_NO_ANALYTICS": "1",
    }


@attrs.frozen(kw_only=True)
class Run:
    """What a run said, and what it took in seconds and MiB."""

    said: str
    wall: float
    cpu: float
    peak: float


@attrs.frozen(kw_only=True)
class Tree:
    """A tree of so many small files, and a system that copies it."""

    system: System
    folder: Path
    count: int

    @property
    def names(self) -> list[str]:
        """Return the names of the files."""
        return [f"{number // 1000:03}/{number:06}.txt" for number in range(self.count)]

    def make(self) -> None:
        """Write the files as if long ago, and copy them for the first time."""
        for place in range(0, self.count, 1000):
            (self.folder / "out" / f"{place // 1000:03}").mkdir(parents=True)
        sources = {f"in/{name}": f"The text of {name}.\n" * 8 for name in self.names}
        told = {"names.txt": "\n".join(self.names), **self.system.files(self.names)}
        for name, text in {**sources, **told}.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.utime(path, (LONG_AGO, LONG_AGO))
        self.run()
        assert all(self.is_copied(name) for name in self.names)

    def run(self) -> Run:
        """Run the system."""
        result = self.folder / ".measured.json"
        words = [sys.executable, "-S", "-c", MEASURE, str(result), *self.system.command.split()]
        called = subprocess.run(
            words, cwd=self.folder, env=environment(self.folder), capture_output=True, text=True, check=True
        )
        wall, cpu, peak, code = json.loads(result.read_text())
        said = called.stdout + called.stderr
        assert code == 0, said[-2000:]
        return Run(said=said, wall=wall, cpu=cpu, peak=peak / 1024)

    def run_again(self) -> Run:
        """Run the system when there is nothing to do, and see that it did nothing."""
        before = self.copies()
        run = self.run()
        assert self.system.is_idle(run.said, self.count), run.said[-2000:]
        assert before == self.copies()
        return run

    def copies(self) -> dict[str, tuple[int, int]]:
        """Return what tells a copy from an earlier one, per name."""
        found = {name: os.stat(self.copy(name)) for name in self.names}
        return {name: (stat.st_mtime_ns, stat.st_ino) for name, stat in found.items()}

    def copy(self, name: str) -> Path:
        """Return where the copy of a file is."""
        return self.folder / self.system.out.format(name)

    def is_copied(self, name: str) -> bool:
        """Return whether a copy is equal to its file."""
        return self.copy(name).read_bytes() == (self.folder / "in" / name).read_bytes()

    def sees_edited_output(self) -> bool:
        """Edit the first output and return whether it is made again."""
        name = self.names[0]
        append(self.copy(name))
        self.run()
        return self.is_copied(name)

    def sees_edited_input(self) -> bool:
        """Edit the last input and return whether it was copied again; see that nothing else was."""
        name = self.names[-1]
        append(self.folder / "in" / name)
        before = self.copies()
        self.run()
        after = self.copies()
        copied = [each for each in self.names if before[each] != after[each]]
        assert copied == [name] * self.system.sees_inputs, copied[:10]
        return self.is_copied(name)


def append(path: Path) -> None:
    """Edit a file."""
    with path.open("a") as file:
        file.write("One more line.\n")


@attrs.frozen(kw_only=True)
class Result:
    """The medians of a system."""

    name: str
    tree: Tree
    many: Run
    one: Run

    @property
    def each_us(self) -> float:
        """Return the CPU that an item takes, in microseconds and without start-up."""
        return (self.many.cpu - self.one.cpu) / self.tree.count * 1e6


def median(runs: list[Run]) -> Run:
    """Return the median of every figure."""
    wall, cpu, peak = (statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "peak"))
    return Run(said="", wall=wall, cpu=cpu, peak=peak)


def measure(folder: Path, names: list[str], items: int, rounds: int) -> list[Result]:
    """Copy with every system, then run them all again, in turns."""
    trees = {}
    for name in names:
        system = SYSTEMS[name]
        for size, count in (("one", 1), ("many", min(items, system.at_most))):
            trees[name, size] = Tree(system=system, folder=folder / name / size, count=count)
            trees[name, size].make()
    runs: dict[tuple[str, str], list[Run]] = {key: [] for key in trees}
    for _ in range(rounds):
        for key, tree in trees.items():
            runs[key].append(tree.run_again())
    found = {key: median(several) for key, several in runs.items()}
    return [
        Result(name=name, tree=trees[name, "many"], many=found[name, "many"], one=found[name, "one"]) for name in names
    ]


def show(results: list[Result]) -> None:
    """Print the table; a system with fewer items is compared by the cost of an item."""
    known = {result.name: result for result in results}
    print(
        "| system | items | CPU s | of 1 item | wall s | peak MiB | us of CPU an item, without start-up | x ninja "
        "| x docparse | sees an edited input | output |"
    )
    print("| --- |" + " ---: |" * 8 + " --- | --- |")
    for result in results:
        ratios = [
            f"{result.each_us / known[peer].each_us:.2f}" if peer in known else "" for peer in ("ninja", "docparse")
        ]
        seen = ["yes" if seen else "no" for seen in (result.tree.sees_edited_output(), result.tree.sees_edited_input())]
        print(
            f"| {result.name} {metadata.version(result.tree.system.package)} | {result.tree.count:,} "
            f"| {result.many.cpu:.2f} | {result.one.cpu:.2f} | {result.many.wall:.2f} | {result.many.peak:.0f} "
            f"| {result.each_us:.1f} | {ratios[0]} | {ratios[1]} | {seen[1]} | {seen[0]} |"
        )


def judge(results: list[Result]) -> None:
    """Print how ours compares with the targets."""
    known = {result.name: result for result in results}
    ours = known.pop("docparse", None)
    if ours is None:
        return
    for name, peer in known.items():
        if name == "ninja":
            print(f"docparse takes {ours.many.cpu / peer.many.cpu:.2f} x ninja's CPU, start-up included (target: 2)")
            continue
        whole = f"{peer.many.cpu / ours.many.cpu:.1f} x the CPU of docparse, start-up included, "
        same = whole if peer.tree.count == ours.tree.count else ""
        print(f"{name} takes {same}{peer.each_us / ours.each_us:.1f} x an item, without start-up (target: 5)")


def is_installed(system: System) -> bool:
    """Return whether a system is installed beside this Python, and say so when it is not."""
    found = shutil.which(system.command.split()[0], path=BESIDE)
    if not found:
        print(f"missing: pip install {system.package}")
    return bool(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SYSTEMS), help="names of systems, with commas")
    chosen = parser.parse_args()
    names = chosen.only.split(",")
    if unknown := [name for name in names if name not in SYSTEMS]:
        parser.error(f"no system {unknown[0]!r}; there are {', '.join(SYSTEMS)}")
    names = [name for name in names if is_installed(SYSTEMS[name])]
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), names, chosen.items, chosen.rounds)
        show(results)
        judge(results)


if __name__ == "__main__":
    main()
