"""Files of a worker: digested as they are, put into place whole, emptied without touching what is not theirs."""

import hashlib
import os
import threading

import pytest

from docparse_runner._files import digest_state, empty, put
from docparse_runner.errors import Category, StageError

LONG_AGO = (1_600_000_000, 1_600_000_000)


def sha256(data):
    """Return a digest as a row holds it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def write(path, data, times=None):
    """Write a file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if times:
        os.utime(path, times)
    return path


# --- digests


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256)) * 5000], ids=["empty", "small", "large"])
def test_a_digest_is_the_sha256_of_the_bytes(tmp_path, data):
    path = write(tmp_path / "a", data)

    state = digest_state(path, "docs/a")

    assert (state.path, state.size, state.digest) == ("docs/a", len(data), sha256(data))
    assert state.same_stat(path.stat())


def test_a_link_is_digested_as_the_file_that_it_leads_to(tmp_path):
    (tmp_path / "link").symlink_to(write(tmp_path / "a", b"abc"))

    state = digest_state(str(tmp_path / "link"), "link")

    assert state.digest == sha256(b"abc")
    assert state.same_stat((tmp_path / "a").stat())


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        digest_state(tmp_path / "none", "none")


def test_a_file_that_changes_while_it_is_read_is_a_retryable_io_failure(tmp_path):
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(2**27)  # sparse: it takes long enough to read, and no space
    begun, done = threading.Event(), threading.Event()

    def change():
        moment = 0
        while not done.is_set():
            moment += 1
            os.utime(path, ns=(moment, moment))
            begun.set()

    writer = threading.Thread(target=change)
    writer.start()
    try:
        begun.wait(60)
        with pytest.raises(StageError, match=r"a changed while it was read$") as raised:
            digest_state(path, "a")
    finally:
        done.set()
        writer.join()

    assert raised.value.category is Category.IO
    assert raised.value.is_retryable


# --- putting outputs into place


def test_an_output_is_moved_into_a_folder_that_is_made_for_it(tmp_path):
    staged = write(tmp_path / "staging" / "a.upper", b"NEW")
    inode = staged.stat().st_ino
    final = tmp_path / "data" / "upper" / "papers" / "a.upper"

    state = put(staged, str(final), "upper/papers/a.upper")

    assert final.read_bytes() == b"NEW"
    assert not staged.exists()
    assert (state.path, state.digest, state.inode) == ("upper/papers/a.upper", sha256(b"NEW"), inode)
    assert state.same_stat(final.stat())


@pytest.mark.parametrize("old", [b"OLD", b"much older", b""], ids=["same size", "longer", "empty"])
def test_an_output_that_differs_replaces_the_older_one(tmp_path, old):
    final = write(tmp_path / "a", old, LONG_AGO)

    state = put(write(tmp_path / "staged", b"NEW"), str(final), "a")

    assert final.read_bytes() == b"NEW"
    assert state.digest == sha256(b"NEW")
    assert state.same_stat(final.stat())


def test_an_output_of_the_same_bytes_leaves_the_older_file_as_it_is(tmp_path):
    final = write(tmp_path / "a", b"SAME", LONG_AGO)
    before = final.stat()

    state = put(write(tmp_path / "staged", b"SAME"), str(final), "a")

    assert state.same_stat(before)
    assert state.same_stat(final.stat())
    assert state.digest == sha256(b"SAME")


def test_whoever_reads_the_older_output_meanwhile_reads_all_of_it(tmp_path):
    final = write(tmp_path / "a", b"old " * 1000)

    with final.open("rb") as reader:
        start = reader.read(4)
        put(write(tmp_path / "staged", b"new"), str(final), "a")
        rest = reader.read()

    assert start + rest == b"old " * 1000


def test_an_output_replaces_a_link_and_not_the_file_that_it_leads_to(tmp_path):
    theirs = write(tmp_path / "theirs", b"theirs")
    (tmp_path / "a").symlink_to(theirs)

    put(write(tmp_path / "staged", b"NEW"), str(tmp_path / "a"), "a")

    assert theirs.read_bytes() == b"theirs"
    assert (tmp_path / "a").read_bytes() == b"NEW"
    assert not (tmp_path / "a").is_symlink()


def test_a_dead_link_in_the_place_of_an_output_is_replaced(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "none")

    put(write(tmp_path / "staged", b"NEW"), str(tmp_path / "a"), "a")

    assert (tmp_path / "a").read_bytes() == b"NEW"
    assert not (tmp_path / "none").exists()


def test_an_output_that_was_never_written_leaves_the_older_one(tmp_path):
    final = write(tmp_path / "a", b"OLD")

    with pytest.raises(FileNotFoundError):
        put(tmp_path / "none", str(final), "a")

    assert final.read_bytes() == b"OLD"


# --- emptying folders


def names(folder):
    """Return what lies in a folder and below."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def scratch(tmp_path):
    """Return a folder with files, folders and folders in those."""
    folder = tmp_path / "scratch"
    for name in ("top", ".hidden", "upper/a", "upper/deep/b", "empty/x"):
        write(folder / name, b"left behind")
    (folder / "empty" / "x").unlink()
    return folder


def test_an_emptied_folder_is_empty_and_still_there(scratch):
    empty(scratch)

    assert names(scratch) == []


def test_a_missing_folder_is_made(tmp_path):
    empty(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("inside", ["", "upper", "upper/deep"])
def test_links_are_removed_and_never_followed(scratch, tmp_path, inside):
    theirs = write(tmp_path / "theirs" / "a", b"theirs")
    (scratch / inside / "folder").symlink_to(theirs.parent)
    (scratch / inside / "file").symlink_to(theirs)
    (scratch / inside / "dead").symlink_to(tmp_path / "none")

    empty(scratch)

    assert theirs.read_bytes() == b"theirs"
    assert names(scratch) == []


def test_files_that_may_not_be_written_are_removed_too(scratch):
    (scratch / "top").chmod(0o400)

    empty(scratch)

    assert names(scratch) == []
