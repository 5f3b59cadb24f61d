"""A disk that is full, broken or write-protected, a clock that is wrong: nothing is lost, nothing is done twice."""

import datetime as dt
import errno
import hashlib
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docparse_runner import Workspace
from docparse_runner._manifest import read_manifest

TEXTS = {f"d{place:02}": f"text {place} " * (40 * place + 1) for place in range(12)} | {"big": "a large text " * 2000}
ITEMS = {f"docs/{name}.txt": text.upper() for name, text in TEXTS.items()}
ROOT = Path("docparse-data")
MANIFEST = ROOT / "manifests" / "upper.manifest.jsonl"
WATCHER_LOST = "watcher log is dropped for the rest of the run:"


def in_place(root=ROOT, kind="upper"):
    """Return item id → text of every output of a kind."""
    folder, suffix = root / kind, ".upper.txt" if kind == "upper" else f".{kind}"
    return {path.relative_to(folder).as_posix().removesuffix(suffix): path.read_text() for path in folder.rglob("*.*")}


def successes(root=ROOT):
    """Return the ids that a manifest calls a success of the document as it is now; their outputs are as recorded."""
    rows, _bad = read_manifest(Workspace(root), "upper")
    found = {}
    for item_id, row in rows.items():
        document = Path(f"{item_id}")
        is_now = document.exists() and digest(document) == (row.inputs["source"].digest if row.inputs else "")
        if is_now and row.status in ("success", "partial"):
            found[item_id] = row.outputs
    for state in [state for outputs in found.values() for state in outputs.values()]:
        assert digest(root / state.path) == state.digest, f"{state.path} is as recorded"
    return set(found)


def digest(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def assert_whole(root=ROOT, expected=ITEMS):
    """See that no output in place is half-written."""
    for item_id, text in in_place(root).items():
        assert text == expected[item_id], f"{item_id} is half-written"


def assert_told(code, err):
    """See that a run that did not end well said so in a sentence that names a file and what to do."""
    assert code in (0, 1, 2), err
    assert "Traceback" not in err.split(WATCHER_LOST)[0], err
    if code == 2:
        last = err.splitlines()[-1]
        assert last.startswith("docparse: "), err
        assert f"{ROOT}" in last, last
        assert " cannot be written: " in last, last
        assert "run again" in last or "name another with --data-root" in last, last


def rows_after(lines):
    """Return the rows of the manifest that follow so many lines."""
    return [json.loads(line) for line in MANIFEST.read_bytes().splitlines()[lines:]]


def lines_so_far():
    return MANIFEST.read_bytes().count(b"\n") if MANIFEST.exists() else 0


def finish(docparse, done, *flags):
    """Run with a disk that is well again: all is done, and what was done before is not done again."""
    before = lines_so_far()

    ended = docparse("run", "upper", "docs", "--workers", 0, *flags)

    assert ended.code == 0, ended.err
    assert not done & {row["item_id"] for row in rows_after(before)}, "what was done is not done again"
    assert successes() == set(ITEMS)
    assert in_place() == ITEMS
    assert list(ROOT.glob(".staging/*/*")) == []


# --- a full disk

LIMITED = """
import resource, sys
from docparse_runner.cli import main
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), hard))
try:
    main(["run", "upper", "docs", "--workers", sys.argv[2]])
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
"""
LIMITS = (0, 60, 130, *range(200, 1000, 250), *range(1000, 28_000, 2100))
"""Bytes that a file may have: too little for the smallest one, for one row, for all rows, for the largest output."""


@pytest.mark.battery("case", tuple((limit, 2 * (place % 2)) for place, limit in enumerate(LIMITS)))
def test_a_run_whose_files_cannot_grow_stops_or_fails_documents_and_the_next_one_ends_it(docs, docparse, stages, case):
    limit, workers = case
    docs(**TEXTS)
    driver = stages / "limited.py"
    driver.write_text(LIMITED)

    done = subprocess.run(
        [sys.executable, driver, str(limit), str(workers)], capture_output=True, text=True, check=False, timeout=60
    )

    assert_told(done.returncode, done.stderr)
    assert_whole()
    rows, bad = read_manifest(Workspace(ROOT), "upper")
    failed = {item_id: row for item_id, row in rows.items() if row.status == "failure"}
    assert bad == 0
    assert {row.category for row in failed.values()} <= {"io"}
    assert done.returncode or not failed
    finish(docparse, successes())


def test_a_document_whose_output_is_too_large_for_the_disk_fails_alone(docs, docparse, stages, history):
    docs(a="text a", b="text b", big="a large text " * 20_000)
    driver = stages / "limited.py"
    driver.write_text(LIMITED)

    done = subprocess.run(
        [sys.executable, driver, "100000", "2"], capture_output=True, text=True, check=False, timeout=60
    )

    rows = {row["item_id"]: row for row in history("upper")}
    assert done.returncode == 1
    assert {item_id: row["status"] for item_id, row in rows.items()} == {
        "docs/a.txt": "success",
        "docs/b.txt": "success",
        "docs/big.txt": "failure",
    }
    assert rows["docs/big.txt"]["category"] == "io"
    assert os.strerror(errno.EFBIG) in rows["docs/big.txt"]["error"]["message"]
    assert sorted(in_place()) == ["docs/a.txt", "docs/b.txt"]
    again = docparse("run", "upper", "docs", "--workers", 0)
    assert (again.code, "1 done, 2 up to date" in again.err) == (0, True)


def namespace_problem():
    """Return why nothing can be mounted here, or an empty string."""
    if not shutil.which("unshare"):
        return "there is no unshare"
    tried = subprocess.run(
        [*UNSHARE, "sh", "-c", "mount -t tmpfs none /tmp"], capture_output=True, text=True, check=False
    )
    return "" if tried.returncode == 0 else f"nothing can be mounted here: {tried.stderr.strip()}"


UNSHARE = ("unshare", "--mount") if getattr(os, "geteuid", int)() == 0 else ("unshare", "--map-root-user", "--mount")


@pytest.fixture
def mounted(stages):
    """Return a function that runs a shell script in a mount namespace of its own."""
    if problem := namespace_problem():
        pytest.skip(problem)

    def run(script):
        return subprocess.run(
            [*UNSHARE, "sh", "-ec", script], capture_output=True, text=True, check=False, cwd=stages, timeout=100
        )

    return run


DOCPARSE = shlex.join([sys.executable, "-m", "docparse_runner"])
FULL = """
mkdir docparse-data
mount -t tmpfs -o size={size} none docparse-data
code=0
{docparse} run upper docs --workers {workers} 2> first.err || code=$?
echo $code > first.code
cp -r docparse-data first
mount -o remount,size=64m docparse-data
{docparse} run upper docs --workers {workers} 2> second.err
cp -r docparse-data second
"""


@pytest.mark.battery("case", tuple((pages, pages % 4) for pages in range(2, 52, 2)))
def test_a_full_disk_costs_nothing_that_was_done(docs, mounted, case):
    pages, workers = case
    docs(**TEXTS)

    done = mounted(FULL.format(docparse=DOCPARSE, size=pages * os.sysconf("SC_PAGESIZE"), workers=workers))

    first, second = Path("first"), Path("second")
    assert done.returncode == 0, done.stderr + Path("second.err").read_text()
    assert_told(int(Path("first.code").read_text()), Path("first.err").read_text())
    assert_whole(first)
    acknowledged = successes(first)
    runs = [row["item_id"] for row in map(json.loads, (second / MANIFEST.relative_to(ROOT)).read_bytes().splitlines())]
    assert {item_id: runs.count(item_id) for item_id in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert successes(second) == set(ITEMS)
    assert in_place(second) == ITEMS


SLOTS = """
import errno, sys
from docparse_runner.executors._slots import Slots
try:
    Slots("disk/slots", 4).clear(0)
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def test_a_full_disk_does_not_kill_the_runner_through_the_record_that_it_shares_with_workers(mounted):
    fill = "mkdir disk; mount -t tmpfs -o size=64k none disk; head -c 65536 /dev/zero > disk/other"

    done = mounted(f"{fill}; {shlex.join([sys.executable, '-c', SLOTS])}")

    assert (done.returncode, done.stdout) == (0, "ENOSPC\n"), done.stderr


# --- a disk that cannot be written


def tree(root):
    """Return path → (time of the last change, bytes) of everything below a folder."""
    return {
        path.relative_to(root): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    }


@pytest.fixture
def done_once(docs, docparse):
    """Return the data root of a run, whose documents have changed since."""
    docs(**TEXTS)
    assert docparse("run", "upper", "docs", "--workers", 0).code == 0
    docs(d03="a new text")
    return ROOT


def test_a_read_only_data_root_is_refused_and_nothing_is_changed(done_once, mounted):
    before = tree(done_once)

    done = mounted(
        f"mount --bind {ROOT} {ROOT}; mount -o remount,ro,bind {ROOT}; {DOCPARSE} run upper docs --workers 2"
    )

    assert done.returncode == 2
    reason = os.strerror(errno.EROFS)
    assert done.stderr.startswith(f"docparse: the data root {done_once.absolute()} cannot be written: "), done.stderr
    assert done.stderr.endswith("; name another with --data-root\n")
    assert reason in done.stderr or os.strerror(errno.EACCES) in done.stderr
    assert tree(done_once) == before


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="to root, no folder is write-protected")
def test_a_data_root_without_the_right_to_write_is_refused(done_once, docparse):
    before = tree(done_once)
    folders = [done_once, *(path for path in done_once.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)

    ended = docparse("run", "upper", "docs", "--workers", 0)

    for folder in folders:
        folder.chmod(0o755)
    assert ended.code == 2
    assert ended.err.endswith(f"cannot be written: {os.strerror(errno.EACCES)}; name another with --data-root\n")
    assert tree(done_once) == before


def test_a_read_only_manifest_stops_the_run_before_anything_is_done(done_once, mounted, docparse):
    before = MANIFEST.read_bytes()
    results = in_place()

    done = mounted(
        f"mount --bind {MANIFEST} {MANIFEST}; mount -o remount,ro,bind {MANIFEST};"
        f" {DOCPARSE} run upper docs --workers 2"
    )

    reason = os.strerror(errno.EROFS)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"docparse: {MANIFEST.absolute()} cannot be written: {reason}; what was recorded so far is safe, run again"
    )
    assert (MANIFEST.read_bytes(), in_place()) == (before, results)
    assert docparse("run", "upper", "docs", "--workers", 0).code == 0
    assert in_place() == ITEMS | {"docs/d03.txt": "A NEW TEXT"}


@pytest.mark.parametrize("name", ["manifest", "attempts"])
def test_a_folder_in_the_place_of_a_record_stops_the_run(docs, docparse, name):
    docs(**TEXTS)
    path = ROOT / "manifests" / f"upper.{name}.jsonl"
    path.mkdir(parents=True)

    ended = docparse("run", "upper", "docs", "--workers", 0)

    assert ended.code == 2
    assert ended.err.splitlines()[-1] == (
        f"docparse: {path.absolute()} cannot be written: {os.strerror(errno.EISDIR)};"
        " what was recorded so far is safe, run again"
    )
    assert_whole()
    assert path.is_dir()
    path.rmdir()
    finish(docparse, successes())


# --- the n-th write fails


@pytest.fixture
def faulty(stages, monkeypatch):
    """Return a function that makes the n-th write fail while a command runs, and returns (the disk, how it ended)."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent / "disk"), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "disk"), prepend=os.pathsep)
    from faulty_disk import FaultyDisk  # noqa: PLC0415 - found by the line above

    def run(call, nth, error=errno.ENOSPC, *, stays=False):
        disk = FaultyDisk(ROOT.absolute(), nth, error, stays=stays)
        with monkeypatch.context() as patched:
            for owner, name, replacement in list(disk.patches()):
                patched.setattr(owner, name, replacement)
            ended = call()
        return disk, ended

    return run


FEW = {"a": "text a", "b": "extra text b", "c": "text c " * 3000, "d": "text d"}
THEN = {"a": "new text a", "b": "text b", "c": "text c " * 3000, "e": "extra text e"}
"""Documents, and what has become of them: changed, without its optional output, the same, gone, new."""

FIRST, SECOND = 90, 60
"""So many writes has a run at most; a slow one records its rows in two parts, 87 writes in place of 81."""

CASES = (
    *itertools.product(("first",), range(1, FIRST), ("full", "flaky")),
    *itertools.product(("second",), range(1, SECOND), ("full", "flaky")),
)
"""(Which run, which of its writes fails, whether the disk is full from then on or only that one write fails)."""


def upper_of(texts):
    return {f"docs/{name}.txt": text.upper() for name, text in texts.items()}


def run_few(docparse):
    return docparse("run", "upper", "docs", "--workers", 0)


def change(docs):
    """Make of FEW what THEN says."""
    docs(**{name: text for name, text in THEN.items() if text != FEW.get(name)})
    Path("docs/d.txt").unlink()


def test_the_battery_reaches_every_write_of_a_run(docs, docparse, faulty):
    docs(**FEW)

    first, _ended = faulty(lambda: run_few(docparse), 0)
    change(docs)
    second, ended = faulty(lambda: run_few(docparse), 0)

    assert ended.code == 0, ended.err
    assert set(first.calls) == {"open", "write", "fsync", "replace", "mkdir"}
    assert FIRST - 10 < len(first.calls) < FIRST
    assert SECOND - 10 < len(second.calls) < SECOND


@pytest.mark.battery("case", CASES)
def test_a_write_that_fails_costs_nothing_that_was_done(docs, docparse, faulty, case):
    which, nth, how = case
    docs(**FEW)
    texts = FEW
    if which == "second":
        run_few(docparse)
        change(docs)
        texts = THEN
    kind = {"full": errno.ENOSPC, "flaky": errno.EIO}[how]

    disk, ended = faulty(lambda: run_few(docparse), nth, kind, stays=how == "full")

    assert_told(ended.code, ended.err)
    assert disk.failed or ended.code == 0
    for item_id, text in in_place().items():
        assert text in (upper_of(FEW).get(item_id), upper_of(THEN).get(item_id)), f"{item_id} is half-written"
    done, before = successes(), lines_so_far()
    again = run_few(docparse)
    assert again.code == 0, again.err
    assert not done & {row["item_id"] for row in rows_after(before)}, "what was done is not done again"
    assert successes() == set(upper_of(texts))
    assert in_place() == upper_of(FEW | texts), "what is gone stays until somebody prunes"
    extra = {f"docs/{name}.txt": "more" for name, text in texts.items() if text.startswith("extra")}
    assert in_place(kind="extra") == extra


SITE = "import faulty_disk; faulty_disk.install_from_environment()"


@pytest.mark.battery("nth", range(2, 20))  # the first one opens the record that it shares with the runner
def test_a_write_that_fails_in_a_worker_fails_that_document_alone(docs, docparse, faulty, stages, monkeypatch, nth):
    docs(**FEW)
    (stages / "site").mkdir()
    (stages / "site" / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(stages / "site"), prepend=os.pathsep)
    monkeypatch.setenv("FAULTY_DISK", f"{ROOT.absolute()}:{nth}:{errno.ENOSPC}")

    ended = docparse("run", "upper", "docs", "--workers", 1)

    rows, _bad = read_manifest(Workspace(ROOT), "upper")
    failed = {item_id: row.category for item_id, row in rows.items() if row.status == "failure"}
    monkeypatch.delenv("FAULTY_DISK")
    assert ended.code == 1
    assert list(failed.values()) == ["io"], "each document writes more than once: one of them fails"
    assert_whole(expected=upper_of(FEW))
    done, before = successes(), lines_so_far()
    assert done == set(upper_of(FEW)) - set(failed)
    again = docparse("run", "upper", "docs", "--workers", 1)
    assert again.code == 0
    assert {row["item_id"] for row in rows_after(before)} == set(failed)
    assert in_place() == upper_of(FEW)


# --- a clock that is wrong

DAY_S = 86_400.0
SHIFTS = (-DAY_S, 0.0, DAY_S)


@pytest.fixture
def clock(monkeypatch):
    """Return a function that sets the clock: seconds from the right time, and others after so many looks at it."""
    right, gmtime, strftime = time.time, time.gmtime, time.strftime
    now = dt.datetime.now

    def put(shift_s, then_s=None, looks=0):
        seen = itertools.count()

        def wrong():
            return right() + (shift_s if then_s is None or next(seen) < looks else then_s)

        class Wrong(dt.datetime):
            @classmethod
            def now(cls, tz=None):
                return now(tz) + dt.timedelta(seconds=shift_s)

        monkeypatch.setattr(time, "time", wrong)
        monkeypatch.setattr(time, "gmtime", lambda seconds=None: gmtime(wrong() if seconds is None else seconds))
        monkeypatch.setattr(time, "strftime", lambda form, at=None: strftime(form, time.gmtime() if at is None else at))
        monkeypatch.setattr(dt, "datetime", Wrong)

    return put


def edit(name, text):
    """Change a document behind the clock's back: as long as before, and its time of change is what it was."""
    path = Path(f"docs/{name}.txt")
    found = path.stat()
    assert len(text) == found.st_size
    path.write_text(text)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.battery("shifts", tuple(itertools.product(SHIFTS, SHIFTS, SHIFTS)))
def test_a_clock_that_was_set_is_never_a_reason_to_trust_an_old_output(docs, docparse, clock, history, shifts):
    first, during, second = shifts
    docs(a="text a", b="text b", c="text c")
    Path("docs/new.txt").write_text("written just now")  # its time of change is after that of a clock set back

    clock(first, during, looks=12)
    codes = [docparse("run", "upper", "docs", "--workers", 0).code]
    edit("a", "TEXT 1")
    edit("new", "written just 1ow")
    clock(second)
    codes += [docparse("run", "upper", "docs", "--workers", 0).code for _ in range(2)]
    told = [docparse("runs", "list"), docparse("status"), docparse("runs", "show", "--json")]

    assert codes == [0, 0, 0]
    assert [each.code for each in told] == [0, 0, 0]
    assert in_place() == {
        "docs/a.txt": "TEXT 1",
        "docs/b.txt": "TEXT B",
        "docs/c.txt": "TEXT C",
        "docs/new.txt": "WRITTEN JUST 1OW",
    }
    rows = history("upper")
    done = [row["item_id"] for row in rows if row["reason"] != "verified"]
    assert {item_id: done.count(item_id) for item_id in done} == {
        "docs/a.txt": 2,
        "docs/b.txt": 1,
        "docs/c.txt": 1,
        "docs/new.txt": 2,
    }
    assert all(row["duration_s"] >= 0 for row in rows)
    summaries = [json.loads(path.read_bytes())["upper"] for path in ROOT.glob("runs/*/summary.json")]
    assert len({summary["run_id"] for summary in summaries}) == 3, "each run has an id of its own"
    assert all(summary["wall_ms"] >= 0 for summary in summaries)


def test_a_clock_that_is_set_back_in_a_run_of_processes_harms_nothing(docs, docparse, clock, history):
    docs(**TEXTS)
    clock(DAY_S, -DAY_S, looks=20)

    codes = [docparse("run", "upper", "docs", "--workers", 2).code for _ in range(2)]

    rows = history("upper")
    assert codes == [0, 0]
    assert in_place() == ITEMS
    assert len(rows) == len(ITEMS)
    assert all(row["duration_s"] >= 0 for row in rows)
