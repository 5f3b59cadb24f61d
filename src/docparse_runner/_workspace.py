"""The data root: where artifacts, manifests, staging and locks live, and how an item id becomes a path and back."""

import functools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

import attrs

from docparse_runner._inputs import InputRoot, dump_inputs, merged, read_inputs, split_argument, walk
from docparse_runner.errors import UsageError

MARKER = ".docparse-root"
"""A file that marks a data root, so that no listing of sources ever descends into one."""

_UNSAFE = re.compile(rb"[%\x00-\x1f\x7f]|\xc2[\x80-\x9f]")


def quote_id(path: str) -> str:
    """Return a relative POSIX path as an item id: ``%``, control characters and undecodable bytes become %XX.

    The inverse is ``unquote_id``; no two paths have the same id.
    """
    if path.isascii() and path.isprintable() and "%" not in path:
        return path
    raw = _UNSAFE.sub(lambda match: b"".join(b"%%%02X" % byte for byte in match[0]), os.fsencode(path))
    text = raw.decode("utf-8", "surrogateescape")
    return "".join(f"%{ord(char) - 0xDC00:02X}" if "\udc80" <= char <= "\udcff" else char for char in text)


def unquote_id(item_id: str) -> str:
    """Return the path that ``quote_id`` made into this id."""
    return os.fsdecode(unquote_to_bytes(os.fsencode(item_id)))


@functools.lru_cache(maxsize=64)
def _folder(path: str) -> Path:
    return Path(path)


def path_of(text: str) -> Path:
    """Return the path of an absolute file name.

    Where many files lie in few folders this is quicker than ``Path(text)``, which before Python 3.12 parses each part.
    """
    folder, _, name = text.rpartition("/")
    return _folder(folder or "/") / name


def printable(text: str) -> str:
    """Return text that can be written as UTF-8: undecodable bytes of a file name become backslash escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path)))


@attrs.frozen
class Workspace:
    """A data root.

    Attributes:
        root: the folder; it need not exist yet.
    """

    root: Path = attrs.field(converter=_absolute)
    _prefix: str = attrs.field(init=False, repr=False, eq=False)

    @_prefix.default
    def _root_and_separator(self) -> str:
        return os.path.join(self.root, "")

    @property
    def manifests(self) -> Path:
        """The folder of the manifests."""
        return self.root / "manifests"

    @property
    def runs(self) -> Path:
        """The folder of the run records."""
        return self.root / "runs"

    @property
    def staging(self) -> Path:
        """The folder in which outputs are written before they are moved into place."""
        return self.root / ".staging"

    @property
    def locks(self) -> Path:
        """The folder of the lock files; they are never unlinked."""
        return self.root / ".locks"

    @property
    def cache(self) -> Path:
        """The folder for anything that can be made again."""
        return self.root / ".cache"

    def artifact(self, kind: str, item_id: str, suffix: str) -> Path:
        """Return where the artifact of this kind lies for this item."""
        return path_of(f"{self._prefix}{kind}/{item_id}{suffix}")

    def relative(self, path: str | Path) -> str:
        """Return a path as a row records it: relative to the data root where it lies inside."""
        text = os.fspath(path)
        prefix = self._prefix
        return printable(text[len(prefix) :].replace(os.sep, "/") if text.startswith(prefix) else text)

    def holds(self, path: str | Path) -> bool:
        """Whether an absolute path lies in the data root."""
        return os.fspath(path).startswith(self._prefix)

    def absolute(self, recorded: str) -> str:
        """Return the path that ``relative`` recorded."""
        return recorded if os.path.isabs(recorded) else self._prefix + recorded

    def create(self) -> None:
        """Make the data root.

        Raises:
            UsageError: it cannot be made or written.
        """
        try:
            for folder in (self.manifests, self.runs, self.staging, self.locks, self.cache):
                folder.mkdir(parents=True, exist_ok=True)
            marker = self.root / MARKER
            if not marker.exists():
                marker.write_bytes(b"This folder was made by docparse; it is never read as a folder of documents.\n")
            if not os.access(self.root, os.W_OK):
                raise PermissionError(13, "Permission denied", str(self.root))
        except OSError as error:
            msg = f"the data root {self.root} cannot be written: {error.strerror}; name another with --data-root"
            raise UsageError(msg) from error

    def _inputs_file(self) -> Path:
        return self.manifests / "inputs.json"

    def inputs(self) -> list[InputRoot]:
        """Return the input folders that the data root remembers, without those that it was told to forget.

        Raises:
            UsageError: the file that holds them is damaged.
        """
        return [root for root in self._known() if not root.forgotten]

    def _known(self) -> list[InputRoot]:
        return read_inputs(self._inputs_file())

    def remember(self, roots: Iterable[InputRoot]) -> None:
        """Add input folders to those that the data root remembers."""
        self._save(merged(self._known(), roots))

    def forget(self, name: str) -> InputRoot:
        """Forget an input folder: the next run that names no input finds its documents gone.

        Raises:
            UsageError: none of that name is remembered.
        """
        known = self._known()
        root = next((root for root in known if root.name == name and not root.forgotten), None)
        if root is None:
            names = ", ".join(root.name for root in known if not root.forgotten) or "none"
            msg = f"{self.root} remembers no input {name!r}; there are: {names}"
            raise UsageError(msg)
        self._save([attrs.evolve(each, forgotten=True) if each is root else each for each in known])
        return root

    def forgotten(self) -> frozenset[str]:
        """Return the names of the input folders that were forgotten."""
        return frozenset(root.name for root in self._known() if root.forgotten)

    def _save(self, roots: Iterable[InputRoot]) -> None:
        write_atomically(self._inputs_file(), dump_inputs(roots))

    def input_roots(self, arguments: Iterable[str], kind: str = "source") -> list[InputRoot]:
        """Return the input folders that the arguments of a command name, or else those that are remembered.

        Args:
            arguments: folders, files, or ``NAME=PATH``.
            kind: what lies in them.

        Raises:
            UsageError: one does not exist, two have one name, or a name means another folder here.
        """
        named = [self._input_root(argument, kind) for argument in arguments]
        if not named:
            return [root for root in self._known() if root.kind == kind]
        known = {root.name: root for root in self.inputs()}
        roots: dict[str, InputRoot] = {}
        for root in named:
            other = roots.get(root.name) or known.get(root.name)
            if other and (other.path, other.kind) != (root.path, kind):
                means = other.path if other.path != root.path else f"this folder as one of {other.kind}"
                msg = f"the input name {root.name!r} already means {means}; write NAME={root.path} for the other"
                raise UsageError(msg)
            mine = roots.get(root.name)
            files = () if mine and not (mine.files and root.files) else (*(mine.files if mine else ()), *root.files)
            roots[root.name] = attrs.evolve(root, files=tuple(dict.fromkeys(files)))
        return list(roots.values())

    def _input_root(self, argument: str, kind: str) -> InputRoot:
        name, path = split_argument(argument)
        if not os.path.exists(path):
            msg = f"no such file or folder: {path}"
            raise UsageError(msg)
        absolute = Path(os.path.abspath(path))
        inside = os.path.realpath(absolute) + os.sep
        if inside.startswith(os.path.realpath(self.root) + os.sep):
            msg = f"{path} lies in the data root {self.root}; leave out INPUT to use what the data root holds"
            raise UsageError(msg)
        folder, files = (absolute.parent, (absolute.name,)) if not absolute.is_dir() else (absolute, ())
        name = quote_id(name or folder.name) or "root"
        return InputRoot(name=name, path=folder, kind=kind, files=files)

    def _kinds_file(self) -> Path:
        return self.manifests / "kinds.json"

    def kinds(self) -> dict[str, dict[str, str]]:
        """Return kind → ``{"stage": …, "suffix": …}`` for each kind of artifact that was made in this data root.

        Raises:
            UsageError: the file that holds them is damaged.
        """
        try:
            data = json.loads(self._kinds_file().read_bytes())
            return {kind: {"stage": data[kind]["stage"], "suffix": data[kind]["suffix"]} for kind in data}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{self._kinds_file()} is damaged ({error}); delete it and run the stages again"
            raise UsageError(msg) from error

    def declare(self, stage: str, suffixes: Mapping[str, str]) -> None:
        """Record which stage makes which kinds of artifacts here, and with which suffix.

        Raises:
            UsageError: another stage makes one of them here.
        """
        known = self.kinds()
        added = {kind: {"stage": stage, "suffix": suffix} for kind, suffix in suffixes.items()}
        for kind in added:
            maker = known.get(kind, {}).get("stage", stage)
            if maker != stage:
                msg = f"{kind!r} in {self.root} is made by stage {maker!r}; run {stage!r} on another data root"
                raise UsageError(msg)
        if any(known.get(kind) != entry for kind, entry in added.items()):
            write_atomically(self._kinds_file(), json.dumps(known | added, indent=1).encode())

    def walk(self, root: InputRoot, keep: Callable[[str], bool], failed: Callable[[OSError], None]) -> Iterator[str]:
        """Yield the relative POSIX paths of an input folder's files in a stable order.

        Symlinks to folders are not followed, data roots are never entered.

        Args:
            root: the input folder.
            keep: whether a file of this name is wanted.
            failed: called with the error when a folder cannot be listed.
        """
        if root.files:
            yield from (name for name in sorted(root.files) if keep(name.rpartition("/")[2]))
            return
        yield from walk(root.path, MARKER, keep, failed)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never a mixture.

    Raises:
        OSError: it cannot be written; the error names it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        error.filename = os.fspath(path)  # a full disk says so of a descriptor
        raise
    finally:
        beside.unlink(missing_ok=True)
