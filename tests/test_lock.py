"""The run lock: one run of a stage at a time, told who the other is, free at once when its holder dies."""

import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from docparse_runner import UsageError, Workspace
from docparse_runner._lock import run_lock

HOLD = """
import sys, time
from docparse_runner import Workspace
from docparse_runner._lock import run_lock

with run_lock(Workspace(sys.argv[1]), "chunk"):
    print("held", flush=True)
    sys.stdin.read()
"""
"""A program that holds the lock until its standard input is closed."""


@pytest.fixture
def holder(workspace):
    """Return a process that holds the lock of ``chunk``."""
    words = [sys.executable, "-c", HOLD, str(workspace.root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@contextlib.contextmanager
def another_thread(target):
    """Run a function beside the block, and join it."""
    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive()


def refusal(workspace, stage="chunk"):
    """Return what somebody who asks for the lock is told, empty when it is free."""
    try:
        with run_lock(workspace, stage):
            return ""
    except UsageError as error:
        return str(error)


def refusal_of_another_thread(workspace):
    """Return what another thread of this process is told."""
    told = []
    with another_thread(lambda: told.append(refusal(workspace))):
        pass
    return told[0]


def test_the_second_to_ask_is_told_who_holds_the_lock_and_what_to_do(workspace, holder):
    since = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
    expected = (
        f"chunk is already running on {re.escape(str(workspace.root))}: "
        f"process {holder.pid} on {re.escape(platform.node())} since {since}; wait for it, or use --wait"
    )

    assert re.fullmatch(expected, refusal(workspace))


def test_a_lock_is_free_at_once_when_its_holder_is_killed(workspace, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    assert refusal(workspace) == ""


def test_a_lock_is_free_when_its_holder_has_ended(workspace, holder):
    holder.communicate()

    assert refusal(workspace) == ""


def test_after_a_killed_holder_the_next_one_is_named(workspace, holder):
    holder.kill()
    holder.wait()

    with run_lock(workspace, "chunk"):
        assert f"process {os.getpid()} on" in refusal_of_another_thread(workspace)


def test_another_thread_of_the_holder_is_refused(workspace):
    with run_lock(workspace, "chunk"):
        assert "chunk is already running" in refusal_of_another_thread(workspace)


def test_a_thread_may_take_its_lock_again_and_holds_it_until_it_has_given_back_both(workspace):
    with run_lock(workspace, "chunk"):
        with run_lock(workspace, "chunk"):
            pass
        assert "chunk is already running" in refusal_of_another_thread(workspace)

    assert refusal_of_another_thread(workspace) == ""


def test_the_lock_is_given_back_when_the_run_raises(workspace):
    with pytest.raises(KeyError), run_lock(workspace, "chunk"):
        raise KeyError

    assert refusal_of_another_thread(workspace) == ""


def test_other_stages_and_other_data_roots_are_not_locked(workspace, holder, tmp_path):
    other = Workspace(tmp_path / "other")
    other.create()

    with run_lock(workspace, "embed"), run_lock(other, "chunk"):
        assert "chunk is already running" in refusal(workspace)


def test_the_lock_file_is_never_unlinked(workspace):
    file = workspace.locks / "chunk.lock"
    with run_lock(workspace, "chunk"):
        inode = file.stat().st_ino
    assert file.stat().st_ino == inode

    with run_lock(workspace, "chunk"):
        pass

    assert file.stat().st_ino == inode


def test_the_lock_file_survives_a_killed_holder(workspace, holder):
    inode = (workspace.locks / "chunk.lock").stat().st_ino
    holder.kill()
    holder.wait()

    with run_lock(workspace, "chunk"):
        assert (workspace.locks / "chunk.lock").stat().st_ino == inode


def test_whoever_waits_gets_the_lock_when_the_holder_ends_and_not_before(workspace, holder):
    taken = []

    def wait():
        with run_lock(workspace, "chunk", wait=True):
            taken.append(holder.poll())

    with another_thread(wait):
        time.sleep(0.3)
        assert not taken
        holder.kill()
        holder.wait()

    assert taken == [-signal.SIGKILL]


def test_waiting_for_a_free_lock_takes_it_at_once(workspace):
    with run_lock(workspace, "chunk", wait=True):
        assert (workspace.locks / "chunk.holder.json").exists()


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[1]", b'{"pid": 1', None], ids=["empty", "bare", "list", "torn", "gone"]
)
def test_a_damaged_note_of_the_holder_only_makes_the_message_vaguer(workspace, holder, damage):
    note = workspace.locks / "chunk.holder.json"
    note.unlink() if damage is None else note.write_bytes(damage)

    assert f"chunk is already running on {workspace.root}: another process; wait for it" in refusal(workspace)
