"""Misbehave as the document says."""

import ctypes
import os
import signal
import sys
import time

import attrs

from docparse_runner import ItemOutcome, Output, Stage, StageError, hookimpl, option


@attrs.frozen(kw_only=True)
class Options:
    setup: str = option("", help="How opening the worker misbehaves.")
    pause_s: float = option(0.0, help="Sleep in every good item.", unit="seconds")


@hookimpl
def docparse_stage():
    return Stage(
        name="poison",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=["*.txt"],
        produces={"poison": Output(".out")},
        options=Options,
        timeout_s=60,
        setup_timeout_s=10,
        fallbacks=(),
    )


def _raises(_item):
    msg = "no"
    raise ValueError(msg)


class _UnpicklableError(Exception):
    def __init__(self, one, two):
        super().__init__(one)
        self.file = sys.stdout
        self.two = two


def _raises_unpicklable(_item):
    msg = "one"
    raise _UnpicklableError(msg, "two")


def _segfaults(_item):
    ctypes.string_at(0)


def _exits(_item):
    os._exit(0)


def _exits_three(_item):
    os._exit(3)


def _sys_exit(_item):
    sys.exit(3)


def _hangs(_item):
    time.sleep(3600)


def _hangs_in_c(_item):
    # sleep() through PyDLL holds the interpreter's lock
    ctypes.PyDLL(None).sleep(3600)


def _ignores_sigterm(_item):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)


def _grandchild(item):
    pid = os.fork()
    if pid == 0:
        time.sleep(3600)
        os._exit(0)
    item.inputs["source"].with_suffix(".pid").write_text(str(pid))


def _forks(item):
    _grandchild(item)
    os._exit(1)


def _hangs_after_fork(item):
    _grandchild(item)
    _ignores_sigterm(item)


def _leaves_a_process(item):
    _grandchild(item)


def _lingers(item):
    """Go on for a while after the deadline, then finish as if nothing had been."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(item.timeout_s + 1)
    item.outputs["poison"].write_text("too late")
    return ItemOutcome.success()


def _stops_itself(_item):
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(3600)


def _kills_its_group(_item):
    os.killpg(0, signal.SIGKILL)


def _interrupts(_item):
    raise KeyboardInterrupt


class _SpeechlessError(Exception):
    def __str__(self):
        msg = "not even this"
        raise ValueError(msg)


def _raises_speechless(_item):
    raise _SpeechlessError


def _closes_stdout(_item):
    sys.stdout.close()


def _changes_folder(_item):
    os.chdir("/")


def _closes_descriptors(_item):
    os.closerange(0, 256)
    time.sleep(0.2)


def _prints(_item):
    sys.stdout.write("x" * 10_000_000)
    msg = "printed"
    raise ValueError(msg)


def _recurses(item):
    _recurses(item)


def _deletes_output(item):
    item.outputs["poison"].write_text("there")
    item.outputs["poison"].unlink()
    return ItemOutcome.success()


def _wrong_type(_item):
    return "done"


def _bad_metrics(item):
    item.outputs["poison"].write_text("there")
    return ItemOutcome.success(what=object())


def _large_result(item):
    item.outputs["poison"].write_text("there")
    return ItemOutcome.success(text="x" * 300_000_000)


def _io_error(_item):
    msg = "the server is away"
    raise StageError(msg, category="provider")


def _config(_item):
    msg = "the key is missing"
    raise StageError(msg, category="config")


def _memory(_item):
    raise MemoryError


def _eats(_item):
    """Take more and more memory, 4 GiB at most."""
    kept = []
    while len(kept) < 64:
        kept.append(b"x" * 2**26)
        time.sleep(0.05)
    time.sleep(3600)


def _writes_elsewhere(item):
    """Write the result where it belongs in the end, and something beside the document, but nothing where it should."""
    source = item.inputs["source"]
    final = source.parents[1] / "docparse-data" / "poison" / f"{item.item_id}.out"
    for path in (final, source.with_suffix(".stray")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not in the staging folder")
    return ItemOutcome.success()


KINDS = {
    name.removeprefix("_"): value
    for name, value in globals().items()
    if name.startswith("_") and callable(value) and not isinstance(value, type) and name != "_grandchild"
}


@hookimpl
def docparse_worker(context):
    if context.options.setup == "raises":
        msg = "the model is broken"
        raise RuntimeError(msg)
    if context.options.setup == "config":
        msg = "the model is missing"
        raise StageError(msg, category="config")
    if context.options.setup == "dies":
        os._exit(7)
    if context.options.setup == "hangs":
        time.sleep(3600)

    def work(item):
        kind = item.inputs["source"].read_text().strip()
        if kind in KINDS:
            outcome = KINDS[kind](item)
            if outcome is not None:
                return outcome
        time.sleep(context.options.pause_s)
        item.outputs["poison"].write_text(kind)
        return ItemOutcome.success()

    return work
