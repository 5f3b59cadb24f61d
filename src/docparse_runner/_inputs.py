"""The user's folders: which ones a data root remembers, what an argument names, and the files in them."""

import errno
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

from docparse_runner.errors import UsageError


@attrs.frozen(kw_only=True)
class InputRoot:
    """A folder of the user's.

    Attributes:
        name: first part of the ids of what lies in it.
        path: the folder, absolute.
        kind: what lies in it: ``source``, or a kind of artifact made elsewhere.
        files: only these, relative to `path`; empty means the whole folder.
        forgotten: whether its documents count as gone, wherever they are.
    """

    name: str
    path: Path
    kind: str = "source"
    files: tuple[str, ...] = ()
    forgotten: bool = False


def read_inputs(file: Path) -> list[InputRoot]:
    """Return the input folders that a data root's file lists.

    Raises:
        UsageError: the file is damaged.
    """
    try:
        return [
            InputRoot(
                name=each["name"],
                path=Path(each["path"]),
                kind=each["kind"],
                files=tuple(each["files"]),
                forgotten=each.get("forgotten", False),
            )
            for each in json.loads(file.read_bytes())
        ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{file} is damaged ({error}); delete it and name the inputs again"
        raise UsageError(msg) from error


def dump_inputs(roots: Iterable[InputRoot]) -> bytes:
    """Return the file that ``read_inputs`` reads."""
    data = [attrs.asdict(root) | {"path": str(root.path)} for root in roots]
    return json.dumps(data, indent=1).encode()


def merged(known: Iterable[InputRoot], added: Iterable[InputRoot]) -> list[InputRoot]:
    """Return what is remembered when folders and single files are added to what was."""
    found = {root.name: root for root in known}
    for root in added:
        old = found.get(root.name)
        found[root.name] = root if old is None or old.forgotten else _widened(old, root)
    return list(found.values())


def _widened(old: InputRoot, new: InputRoot) -> InputRoot:
    if not old.files:
        return old  # the whole folder contains the single files
    return attrs.evolve(new, files=tuple(sorted({*old.files, *new.files}))) if new.files else new


def split_argument(argument: str) -> tuple[str, Path]:
    """Return (name or empty, path) of ``PATH`` or ``NAME=PATH``; a path that exists as written is a path."""
    name, equals, rest = argument.partition("=")
    if (
        not equals
        or os.path.lexists(argument)
        or not re.fullmatch(r"[^/\\%\x00-\x1f\x7f]+", name)
        or name in {".", ".."}
    ):
        return "", Path(argument).expanduser()
    return name, Path(rest).expanduser()


def walk(top: Path, marker: str, keep: Callable[[str], bool], failed: Callable[[OSError], None]) -> Iterator[str]:
    """Yield the relative POSIX paths of a folder's files in a stable order; see ``Workspace.walk``.

    A folder that holds a file named `marker` is not entered.
    """
    folders = [""]
    while folders:
        prefix = folders.pop()
        try:
            with os.scandir(top / prefix) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            failed(error)
            continue
        if any(entry.name == marker for entry in entries):
            continue
        inner = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        folders.extend(f"{prefix}{entry.name}/" for entry in reversed(inner))
        yield from (prefix + entry.name for entry in entries if keep(entry.name) and _is_file(entry, failed))


def _is_file(entry: os.DirEntry[str], failed: Callable[[OSError], None]) -> bool:
    try:
        return entry.is_file()
    except OSError as error:
        if error.errno != errno.ELOOP:  # a link that leads to itself is as good as one that leads nowhere
            failed(error)
        return False
