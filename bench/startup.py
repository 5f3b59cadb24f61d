"""Start-up: `docparse --help` and `docparse run --help` against `python -c "import click"`, and the stages' imports.

Target: at most 3 times the wall time of importing click, and 0.3 s for each stage module.
"""

import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

ROUNDS = 15
DOCPARSE = str(Path(sys.executable).with_name("docparse"))


def seconds(command: list[str]) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Interleave the runs, so that what slows the machine slows them all, and compare the medians."""
    commands = {
        'python -c "import click"': [sys.executable, "-c", "import click"],
        "docparse --help": [DOCPARSE, "--help"],
        "docparse run --help": [DOCPARSE, "run", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(seconds(command))
    base = statistics.median(times['python -c "import click"'])
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name:<28} {median * 1000:6.0f} ms  {median / base:4.2f} x")
    for stage in sorted(metadata.entry_points(group="docparse.stages"), key=lambda entry: entry.name):
        code = f"import time; t = time.perf_counter(); import {stage.module}; print(time.perf_counter() - t)"
        found = [
            float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
            for _ in range(5)
        ]
        print(f"import {stage.module:<21} {statistics.median(found) * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
