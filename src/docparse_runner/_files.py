"""Files of a worker: digest them, put outputs into place atomically, empty its folders."""

import hashlib
import os
import shutil
from pathlib import Path

from docparse_runner._row import FileState
from docparse_runner.errors import Category, StageError


def digest_state(path: str | Path, recorded: str) -> FileState:
    """Return the state of a file with its digest, read in constant memory.

    Raises:
        OSError: it cannot be read.
        StageError: it changed meanwhile.
    """
    with open(path, "rb") as file:
        before = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(file.fileno())
    state = FileState.of(recorded, before, f"sha256:{digest}")
    if not state.same_stat(after):
        msg = f"{path} changed while it was read"
        raise StageError(msg, category=Category.IO)
    return state


def put(staged: Path, final: str, recorded: str) -> FileState:
    """Move an output into place, or leave what is there when it is byte for byte the same; return its state.

    Args:
        staged: the new file, on the same file system.
        final: where it belongs.
        recorded: the same path as a row records it.
    """
    digest = digest_state(staged, recorded).digest
    try:
        present = os.stat(final)
        if present.st_size == staged.stat().st_size and (same := digest_state(final, recorded)).digest == digest:
            return same
    except FileNotFoundError:
        os.makedirs(os.path.dirname(final), exist_ok=True)
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    staged.replace(final)
    return FileState.of(recorded, os.stat(final), digest)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def empty(folder: Path) -> None:
    """Remove what lies in a folder, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
