"""One item of 40 misbehaves, 4 workers: who finishes, what becomes of the other 39, is the culprit named?

Target: docparse finishes always, loses no innocent, names every culprit with its category and leaves no process; the
others do the same items with the settings that serve them best (``pools.py``). Needs pebble, joblib and ray[data].

Each run is a program of its own. One that has not ended after the cap is killed and called stuck. Every process that a
run starts carries a mark in its environment, so that what it leaves behind is found, counted and killed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import attrs
import psutil
from poisons import INNOCENT, KINDS, TRUE_CAUSES
from pools import ITEM_DEADLINE_S, MEMORY_LIMIT_MIB, SYSTEMS, WAIT_S, WORKERS

ITEMS = 40
PLACE = 13
"""Where the poison lies among the items when there is one."""

SETTLE_S = 4.0
"""Processes that are still there so long after the program ended were left behind."""

PACKAGES = {"pebble": "pebble", "joblib": "joblib", "Ray Data": "ray"}
MARK = "DOCPARSE_BENCH_RUN"
EVERYTHING = "all at once"


@attrs.frozen(kw_only=True)
class Verdict:
    """How a system fared.

    Attributes:
        how: ``ends``, ``stuck`` or ``dies``.
        survivors: innocent items whose result the caller got.
        innocents: how many there were.
        culprits: item that should be named → what it did.
        blamed: item → what the system called its failure.
        left: processes that were left behind.
        seconds: how long it took.
    """

    how: str
    survivors: int
    innocents: int
    culprits: dict[int, str]
    blamed: dict[int, str]
    left: int
    seconds: float

    @property
    def named(self) -> int:
        """How many culprits were named, 0 if others were blamed alike."""
        return 0 if self.others else len(self.blamed)

    @property
    def others(self) -> set[int]:
        """Items that were blamed for nothing."""
        return self.blamed.keys() - self.culprits.keys()

    @property
    def understood(self) -> int:
        """How many culprits were named with their true cause."""
        true = [
            number for number, why in self.blamed.items() if why in TRUE_CAUSES.get(self.culprits.get(number, ""), ())
        ]
        return 0 if self.others else len(true)

    @property
    def naming(self) -> str:
        """Who was named, in words."""
        if self.others:
            return f"{len(self.others)} others blamed"
        if not self.culprits:
            return "none to name"
        if len(self.culprits) > 1:
            return f"{self.named} of {len(self.culprits)} named"
        return f"named: {next(iter(self.blamed.values()))}" if self.blamed else "nobody named"

    def __str__(self) -> str:
        left = f"; {self.left} left" if self.left else ""
        return f"{self.how} {self.survivors}/{self.innocents}; {self.naming}{left}"


def items_with(kind: str) -> list[str]:
    """Return what the 40 items do."""
    kinds = [INNOCENT] * ITEMS
    if kind == EVERYTHING:
        for number, each in enumerate(KINDS):
            kinds[3 * number + 1] = each
    else:
        kinds[PLACE] = kind
    return kinds


def try_system(system: str, kinds: Sequence[str], cap_s: float) -> Verdict:
    """Let a system do the items."""
    mark = uuid.uuid4().hex
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report"
        command = [sys.executable, str(Path(__file__).with_name("pools.py")), system, str(report), *kinds]
        with (Path(name) / "console").open("wb") as console:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={**os.environ, MARK: mark, "RAY_USAGE_STATS_ENABLED": "0"},
                start_new_session=True,
            )
        stuck = is_stuck(process, cap_s)
        seconds = time.monotonic() - start
        left = count_left(mark)
        lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    ended = any("ended" in line for line in lines) and process.returncode == 0
    return verdict_of(kinds, lines, "stuck" if stuck else "ends" if ended else "dies", left, seconds)


def is_stuck(process: "subprocess.Popen[bytes]", cap_s: float) -> bool:
    """Wait for a program, and kill it alone when it takes too long."""
    try:
        process.wait(cap_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def verdict_of(
    kinds: Sequence[str], lines: Sequence[dict[str, object]], how: str, left: int, seconds: float
) -> Verdict:
    """Judge by what the system reported."""
    innocent = {number for number, kind in enumerate(kinds) if kind == INNOCENT}
    delivered = {line["delivered"] for line in lines if "delivered" in line}
    return Verdict(
        how=how,
        survivors=len(innocent & delivered),
        innocents=len(innocent),
        culprits={number: kind for number, kind in enumerate(kinds) if kind in TRUE_CAUSES},
        blamed={int(str(line["failed"])): str(line["why"]) for line in lines if "failed" in line},
        left=left,
        seconds=seconds,
    )


def marked(mark: str) -> Iterator[psutil.Process]:
    """Yield the processes of a run."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue


def count_left(mark: str) -> int:
    """Return how many processes a program that is gone has left, and kill them."""
    end = time.monotonic() + SETTLE_S
    while (left := list(marked(mark))) and time.monotonic() < end:
        time.sleep(0.2)
    for _ in range(20):
        for process in marked(mark):
            process.kill()
    return len(left)


def print_summary(verdicts: dict[tuple[str, str], Verdict], systems: Sequence[str], kinds: Sequence[str]) -> None:
    """Print one line per system."""
    single = [kind for kind in kinds if kind != EVERYTHING]
    print("One poison in 40 items, each kind in a run of its own\n")
    print("| system | finishes | innocents that survive | culprit named | with the true cause | processes left |")
    print("|" + " --- |" * 6)
    for system in systems:
        mine = [verdicts[system, kind] for kind in single]
        ends = sum(verdict.how == "ends" for verdict in mine)
        survivors, innocents = sum(each.survivors for each in mine), sum(each.innocents for each in mine)
        named, understood = sum(each.named for each in mine), sum(each.understood for each in mine)
        culprits, left = sum(len(each.culprits) for each in mine), sum(each.left for each in mine)
        print(
            f"| {system} | {ends} of {len(mine)} | {survivors} of {innocents} | {named} of {culprits} "
            f"| {understood} of {culprits} | {left} |"
        )
    print()


def print_details(verdicts: dict[tuple[str, str], Verdict], systems: Sequence[str], kinds: Sequence[str]) -> None:
    """Print one line per kind."""
    print("| poison | " + " | ".join(systems) + " |\n|" + " --- |" * (len(systems) + 1))
    for kind in kinds:
        cells = [str(verdicts[system, kind]) for system in systems]
        print(f"| {kind.replace('_', ' ')} | " + " | ".join(cells) + " |")


def print_settings(cap_s: float) -> None:
    """Print what the table cannot show."""
    versions = ", ".join(f"{name} {metadata.version(package)}" for name, package in PACKAGES.items())
    print(
        f"Python {platform.python_version()}, {versions}; {ITEMS} items, {WORKERS} workers.\n"
        f"Settings: docparse timeout_s={ITEM_DEADLINE_S:g}, memory_limit_mb={MEMORY_LIMIT_MIB}; pebble "
        f"timeout={ITEM_DEADLINE_S:g} per task; ProcessPoolExecutor and multiprocessing.Pool one future per item and "
        f"{WAIT_S:g} s of waiting for all of them; joblib return_as=generator_unordered, timeout={WAIT_S:g}; Ray Data "
        f"one block per item, max_errored_blocks=-1, max_retries=2; each starts processes in "
        f"its default way.\nA cell reads: ends, stuck (killed after "
        f"{cap_s:g} s) or dies (with an error); innocents delivered to the caller; who was named as failed, and "
        "as what; processes left. joblib raises the first error without its item; Ray Data logs the error, and its "
        "rows are missing from what it delivers: whose fault it was has to be found by comparing.\n"
    )


def main() -> None:
    """Try every kind on every system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--kinds", nargs="+", choices=[EVERYTHING, *KINDS], default=[EVERYTHING, *KINDS])
    parser.add_argument("--cap-s", type=float, default=40.0, help="a system that takes longer is stuck")
    given = parser.parse_args()
    verdicts = {}
    for system in given.systems:
        for kind in given.kinds:
            verdict = try_system(system, items_with(kind), given.cap_s)
            verdicts[system, kind] = verdict
            print(f"{system}, {kind}: {verdict} ({verdict.seconds:.1f} s)", file=sys.stderr, flush=True)
    print_settings(given.cap_s)
    print_summary(verdicts, given.systems, given.kinds)
    print_details(verdicts, given.systems, given.kinds)


if __name__ == "__main__":
    main()
