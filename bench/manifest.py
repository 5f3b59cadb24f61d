"""What it costs to record a result durably, to read the record, and to digest a file.

    python bench/manifest.py [--rows 1000000]

- Rows appended in batches of 256, synced, against bare writes and fdatasyncs of the same bytes. Target: at least half
  the rate, and under 10 us of CPU a row on the loop.
- A manifest of a million rows read, against iterating its lines in plain Python. Targets: at most 6 x, at most 600 MB.
- Digests of a large file, against ``hashlib`` over the same bytes. Target: at least 90 %.
"""

import argparse
import hashlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from docparse_runner import Workspace
from docparse_runner._files import digest_state
from docparse_runner._manifest import JsonlSink, manifest_path
from docparse_runner._row import FileState
from docparse_runner._row_index import RowIndex

BATCH = 256
ROUNDS = 3
DIGEST = "sha256:" + "0" * 64
EXTRAS = {
    "stage_version": 1,
    "cfg_hash": "0123456789abcdef-0123456789abcdef",
    "attempts": 1,
    "started_at": "2026-11-23T14:28:01.220Z",
    "worker": "p1",
    "inputs": {"source": FileState("/home/you/papers/2024/2101.00001.pdf", 91022, 1, 2, 3, DIGEST)},
    "metrics": {"chunks": 37, "tokens": 8120},
    "status": "success",
    "reason": "new",
}


def seconds(call: Callable[[], object]) -> float:
    """Return the median wall time of a call, in seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def results(count: int) -> list[tuple[str, dict[str, FileState]]]:
    """Return (item id, its outputs) of so many items."""
    ids = [f"papers/2024/{number:08}.pdf" for number in range(count)]
    return [(each, {"chunks": FileState(f"chunks/{each}.chunks.jsonl", 12345, 1, 2, 3, DIGEST)}) for each in ids]


def write(sink: JsonlSink, items: list[tuple[str, dict[str, FileState]]]) -> None:
    """Append rows, as a run does."""
    for number, (item_id, outputs) in enumerate(items, 1):
        sink.log_success("bench", item_id, "/home/you/papers", outputs, 0.041, EXTRAS)
        if number % BATCH == 0:
            sink.flush()
    sink.flush()


def append(folder: Path, rows: int) -> None:
    """Compare appending with bare writes of the same bytes."""
    workspace = Workspace(folder / "data")
    workspace.create()
    path, items = manifest_path(workspace, "bench"), results(rows)
    cpu = time.process_time()
    took = seconds(lambda: (path.unlink(missing_ok=True), write(JsonlSink(workspace, "bench", "r1"), items)))
    cpu = (time.process_time() - cpu) / ROUNDS / rows * 1e6
    lines = path.read_bytes().splitlines(keepends=True)
    batches = [b"".join(lines[start : start + BATCH]) for start in range(0, rows, BATCH)]

    def bare() -> None:
        descriptor = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        for batch in batches:
            os.write(descriptor, batch)
            os.fdatasync(descriptor)
        os.close(descriptor)

    peer = seconds(bare)
    print(
        f"append: {rows / took:,.0f} rows/s, {peer / took:.0%} of bare write and fdatasync; {cpu:.1f} us of CPU a row"
    )


def load(folder: Path, rows: int) -> None:
    """Compare reading with iterating the lines; in a process of its own, so that its memory is its own."""
    workspace = Workspace(folder / "large")
    workspace.create()
    path = manifest_path(workspace, "bench")
    write(JsonlSink(workspace, "bench", "r1"), results(min(rows, 10_000)))
    text = path.read_bytes()
    with path.open("wb") as file:
        for start in range(0, rows, 10_000):
            file.write(text.replace(b"papers/2024/", b"papers/%04d/" % (start // 10_000)))
    subprocess.run([sys.executable, __file__, "--load", str(path)], check=True)


def peak_mib() -> float:
    """Return the peak of this process alone; ``ru_maxrss`` of a child begins with its parent's."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def load_one(path: Path) -> None:
    """Read a manifest and print what that took."""

    def lines() -> None:
        with path.open("rb") as file:
            for _ in file:
                pass

    plain = seconds(lines)
    start = time.perf_counter()
    rows = RowIndex([path])
    took = time.perf_counter() - start
    assert not rows.unreadable
    memory = peak_mib()
    size = path.stat().st_size / len(rows)
    print(
        f"load: {len(rows):,} rows of {size:.0f} bytes in {took:.2f} s, {took / plain:.1f} x iterating the lines "
        f"({plain:.2f} s); {memory:.0f} MiB"
    )


def digest(folder: Path) -> None:
    """Compare digests."""
    path = folder / "large"
    path.write_bytes(os.urandom(2**20) * 512)

    def bare() -> None:
        found = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(2**18):
                found.update(block)

    peer, ours = seconds(bare), seconds(lambda: digest_state(path, "large"))
    print(f"digest: {512 / ours:,.0f} MiB/s, {peer / ours:.0%} of hashlib over the same bytes")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.load:
        load_one(given.load)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        append(folder, 50_000)
        digest(folder)
        (folder / "large").unlink()
        load(folder, given.rows)


if __name__ == "__main__":
    main()
