"""Workers of programs that call ``run_stage``: each document says what becomes of it.

``after SECONDS VERB …`` sleeps first. Every call is noted in ``calls.txt`` beside the folder of documents.
"""

import contextlib
import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import attrs

from docparse_runner import ItemOutcome, SkipItem, StageError


def _note(item, name="calls.txt"):
    with (item.inputs["source"].parent.parent / name).open("a") as file:
        file.write(f"{item.item_id}\n")


def _ok(item, rest):
    item.outputs["out"].write_text(rest)
    return ItemOutcome.success(letters=len(rest))


def _extra(item, rest):
    item.outputs["extra"].write_text("more")
    return _ok(item, rest)


def _partial(item, rest):
    _ok(item, rest)
    return ItemOutcome.partial("a table was given up", tables=0)


def _skip(_item, rest):
    raise SkipItem(rest)


def _skipped(item, rest):
    item.outputs["out"].write_text("a skipped item has no outputs")
    return ItemOutcome.skip(rest)


def _fail(_item, rest):
    category, _, message = rest.partition(" ")
    raise StageError(message or "no", category=category)


def _stubborn(_item, rest):
    msg = "again, please"
    raise StageError(msg, category=rest, retryable=True)


def _answer(_item, rest):
    return ItemOutcome.failure(StageError("said so", category=rest))


def _raise(_item, rest):
    kinds = {"value": ValueError("no"), "memory": MemoryError(), "disk": OSError(errno.ENOSPC, "the disk is full")}
    raise kinds[rest]


def _nothing(_item, _rest):
    return ItemOutcome.success()


def _wrong(_item, _rest):
    return "done"


def _metrics(item, rest):
    _ok(item, rest)
    return ItemOutcome.success(what=object())


def _flaky(item, rest):
    """Fail so many times, then succeed."""
    times, category = rest.split()
    tries = item.inputs["source"].parent.parent / f"{item.item_id.replace('/', '-')}.tries"
    with tries.open("a") as file:
        file.write("x")
    if tries.stat().st_size > int(times):
        return _ok(item, rest)
    if category == "crash":
        os._exit(7)
    msg = "the server is away"
    raise StageError(msg, category=category)


def _die(_item, rest):
    os._exit(int(rest))


def _mute(item, rest):
    """Close or replace what it prints to; then open a file, which gets the descriptor if that is free."""
    if rest == "stream":
        sys.stdout.close()
    elif rest == "descriptor":
        os.close(1)
        sys.kept = (item.inputs["source"].parent.parent / "kept.txt").open("w+")
        sys.kept.write("kept")
        sys.kept.flush()
    else:
        sys.stdout = None
    return _ok(item, rest)


def _print(item, rest):
    """Print a word, then do the rest."""
    word, _, rest = rest.partition(" ")
    print(word)
    print(f"{word} on stderr", file=sys.stderr)
    sys.stdout.flush()
    return _do(item, rest)


def _environment(item, rest):
    _ok(item, rest)
    return ItemOutcome.success(**{name: os.environ.get(name) for name in rest.split()})


def _large(item, rest):
    _ok(item, rest)
    return ItemOutcome.success(text="x" * int(rest))


_KEPT = []


def _keeps(item, rest):
    """Keep so many MiB for ever, and tell which process does."""
    _KEPT.append(b"x" * (int(rest) * 2**20))
    time.sleep(0.5)
    _ok(item, rest)
    return ItemOutcome.success(pid=os.getpid())


def _eats(item, rest):
    """Keep so many MiB and go on for ever."""
    _KEPT.append(b"x" * (int(rest) * 2**20))
    return _waits(item, rest)


def _lingers(item, rest):
    """Finish after the deadline, deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(float(rest))
    return _ok(item, rest)


def _tears(item, _rest):
    """Die while the output is digested, which takes seconds because it is so large; it takes no space."""
    with item.outputs["out"].open("wb") as file:
        file.truncate(16 * 2**30)
    threading.Timer(0.5, os._exit, [7]).start()
    return ItemOutcome.success()


def _commits_in(item, rest):
    """Write both outputs; of the canonical one, the digesting takes so many seconds."""
    seconds, _, rest = rest.partition(" ")
    real = hashlib.file_digest

    def slow(file, algorithm):
        if str(file.name).endswith(".out"):
            hashlib.file_digest = real
            time.sleep(float(seconds))
        return real(file, algorithm)

    hashlib.file_digest = slow
    item.outputs["extra"].write_text(f"more {rest}")
    return _ok(item, rest)


def _sends_nothing(item, rest):
    """Succeed; the result gets stuck on its way to the runner."""
    socket.socket.sendall = lambda _socket, _data: time.sleep(60)
    return _ok(item, rest)


def _starves(_item, rest):
    """Die as if the kernel had killed the process for want of memory; this file says that it did."""
    Path(rest).write_text("oom 1\noom_kill 1\n")
    _is_killed(_item, rest)


def _is_killed(_item, _rest):
    os.kill(os.getpid(), signal.SIGKILL)


def _breeds(item, rest):
    """Start a process that keeps so many MiB."""
    program = f"import time; kept = b'x' * ({rest} * 2**20); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program]):
        return _waits(item, rest)


def _orphans(item, rest):
    """Note the time and die, leaving a process that holds everything open."""
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    _dies_now(item, rest)


def _dies_now(item, _rest):
    """Note the time and die."""
    (item.inputs["source"].parent.parent / "died_at").write_text(str(time.monotonic()))
    os._exit(7)


def _burns(item, rest):
    """Use so many seconds of CPU time, and keep 100 MiB."""
    _KEPT.append(b"x" * (100 * 2**20))
    end = time.process_time() + float(rest)
    while time.process_time() < end:
        pass
    return _ok(item, rest)


def _tells(item, rest):
    """Tell what a file holds for this process."""
    _ok(item, rest)
    return ItemOutcome.success(text=Path(rest).read_text())


def _waits(item, rest):
    """Wait until somebody makes the file ``go``."""
    end = time.monotonic() + 60
    while not (item.inputs["source"].parent.parent / "go").exists() and time.monotonic() < end:
        time.sleep(0.02)
    outcome = _ok(item, rest)
    _note(item, "woke.txt")
    return outcome


def _meets(item, rest):
    """Wait until the document of this name runs too."""
    folder = item.inputs["source"].parent.parent
    (folder / f"{item.inputs['source'].name}.here").touch()
    end = time.monotonic() + 60
    while not (folder / f"{rest}.here").exists():
        if time.monotonic() > end:
            raise TimeoutError(rest)
        time.sleep(0.02)
    return _ok(item, rest)


def _grows(item, rest):
    with item.inputs["source"].open("a") as file:
        file.write(" more")
    return _ok(item, rest)


def _vanishes(item, rest):
    item.inputs["source"].unlink()
    return _ok(item, rest)


def _after(item, rest):
    seconds, _, rest = rest.partition(" ")
    time.sleep(float(seconds))
    return _do(item, rest)


def _only(item, rest):
    """Fail unless the fallback of this name is tried."""
    if item.fallback == rest:
        return _ok(item, rest)
    raise RuntimeError(item.fallback or "the first way")


_VERBS = {
    name.removeprefix("_"): value for name, value in globals().items() if name.startswith("_") and callable(value)
}


def _do(item, text):
    verb, _, rest = text.partition(" ")
    return _VERBS[verb](item, rest)


def work(item):
    """Do what the document says."""
    _note(item)
    return _do(item, item.inputs["source"].read_text())


def work_together(items):
    """Do what the documents say, one after the other; the names of those that ran together are noted in a line."""
    folder = items[0].inputs["source"].parent.parent
    with (folder / "batches.txt").open("a") as file:
        file.write(" ".join(item.item_id.removeprefix("docs/") for item in items) + "\n")
    return [work(item) for item in items]


def work_short(items):
    """Forget the last item."""
    return [work(item) for item in items[:-1]]


@attrs.frozen
class Opener:
    """Opens a worker that is closed at the end, and notes both.

    Attributes:
        folder: where ``opened`` and ``closed`` are noted.
    """

    folder: str

    @contextlib.contextmanager
    def open(self, _context):
        """Yield the worker."""
        self._note("opened")
        yield work
        self._note("closed")

    def _note(self, word):
        with open(f"{self.folder}/{word}", "a") as file:
            file.write("x")


@attrs.frozen
class BrokenOpener:
    """Opens no worker.

    Attributes:
        how: ``raises``, ``hangs``, ``dies`` or ``wrong``.
    """

    how: str

    def open(self, _context):
        """Fail."""
        if self.how == "hangs":
            time.sleep(60)
        if self.how == "dies":
            print("the last words", flush=True)
            os._exit(7)
        if self.how == "wrong":
            return "no worker"
        msg = "the model is broken"
        raise RuntimeError(msg)


@attrs.frozen
class FickleOpener:
    """Opens a worker or does not, as it is said of each time.

    Attributes:
        folder: where ``openings`` are noted.
        times: a letter for each time: ``r`` raises, ``d`` dies, ``o`` opens; the last one is for all that follow.
    """

    folder: str
    times: str

    def open(self, _context):
        """Return the worker, or fail."""
        with open(f"{self.folder}/openings", "a") as file:
            file.write("x")
            count = file.tell()
        how = self.times[min(count, len(self.times)) - 1]
        if how == "d":
            os._exit(7)
        if how == "r":
            msg = "the model is broken"
            raise RuntimeError(msg)
        return work


@attrs.frozen
class Curious:
    """Opens a worker that tells what it finds around it, and leaves things behind."""

    def open(self, context):
        """Return the worker."""

        def look(item):
            scratch, staging = context.scratch, item.outputs["out"].parent
            found = sorted(os.listdir(scratch)) + sorted(os.listdir(staging))
            (scratch / "folder").mkdir()
            (scratch / "folder" / "file").touch()
            (staging / "forgotten").touch()
            context.progress(1, 2)
            item.outputs["out"].write_text("text")
            about = {name: getattr(context, name) for name in ("worker_id", "device", "threads", "run_id")}
            return ItemOutcome.success(found=found, **about)

        return look


@attrs.frozen
class Large:
    """Opens a worker whose items say how many seconds they may take, and then take as many.

    A document is ``ALLOWED SECONDS``.
    """

    def open(self, context):
        """Return the worker."""

        def take(item):
            allowed, seconds = map(float, item.inputs["source"].read_text().split())
            context.allow(allowed)
            time.sleep(seconds)
            item.outputs["out"].write_text("text")
            return ItemOutcome.success()

        return take


@attrs.frozen
class Patient:
    """Opens a worker whose items go on until the run is stopping."""

    def open(self, context):
        """Return the worker."""

        def wait(item):
            _note(item)
            end = time.monotonic() + 60
            while not context.cancelled() and time.monotonic() < end:
                time.sleep(0.02)
            item.outputs["out"].write_text("half")
            return ItemOutcome.partial("the run was stopping")

        return wait


@attrs.frozen
class SlowOpener:
    """Opens a worker after so many seconds.

    Attributes:
        seconds: how many.
    """

    seconds: float

    def open(self, _context):
        """Return the worker, later."""
        time.sleep(self.seconds)
        return work


@attrs.frozen
class Halfway:
    """Opens a worker that says it is half done, and then waits until somebody makes the file ``go``."""

    def open(self, context):
        """Return the worker."""

        def half(item):
            context.progress(1, 2)
            return _waits(item, "done")

        return half
