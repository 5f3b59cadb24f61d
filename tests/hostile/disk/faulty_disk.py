"""A disk whose n-th write fails: installed in a process, it makes one call, or each one from then on, raise an error.

What counts as a write: opening a file below a folder for writing, making a folder, writing and syncing bytes, renaming.
"""

import builtins
import io
import os
import sys
import types


class FaultyDisk:
    """Counts the writes below a folder, and lets one of them fail.

    Attributes:
        calls: names of the calls so far.
    """

    def __init__(self, root, nth, error, *, stays=False):
        """Keep the folder, which call is to fail (0: none), with which ``errno``, and whether all later ones fail."""
        self.calls = []
        self._root = os.fspath(root)
        self._nth = nth
        self._errno = error
        self._stays = stays
        self._open = io.open
        self._real = {name: getattr(os, name) for name in ("open", "write", "fsync", "replace", "rename", "mkdir")}
        self._real["fdatasync"] = getattr(os, "fdatasync", os.fsync)

    @property
    def failed(self):
        """Whether a call was made to fail."""
        return 0 < self._nth <= len(self.calls)

    def patches(self):
        """Return (owner, name, replacement) of what has to be replaced for the disk to be in use."""
        yield from ((os, name, getattr(self, name)) for name in self._real if hasattr(os, name))
        mine = {function: getattr(self, name) for name, function in self._real.items()}
        for module in [module for name, module in sys.modules.items() if name.startswith("docparse_runner.")]:
            for name, found in list(vars(module).items()):
                if isinstance(found, types.BuiltinFunctionType) and found in mine:
                    yield module, name, mine[found]
        yield from ((owner, "open", self.open_file) for owner in (io, builtins))

    def install(self):
        """Use the disk from now on, in the whole process."""
        for owner, name, replacement in list(self.patches()):
            setattr(owner, name, replacement)

    def tick(self, name, path=None):
        """Count a call, or let it fail; one that concerns another folder does not count."""
        if path is not None and not self._is_mine(path):
            return
        self.calls.append(name)
        if len(self.calls) == self._nth or (self._stays and self.failed):
            raise OSError(self._errno, os.strerror(self._errno), *([os.fspath(path)] if path is not None else []))

    def _is_mine(self, path):
        return not isinstance(path, int) and os.path.abspath(os.fsdecode(path)).startswith(self._root)

    def open(self, path, flags, *args, **kwargs):
        """``os.open``."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            self.tick("open", path)
        return self._real["open"](path, flags, *args, **kwargs)

    def write(self, descriptor, data):
        """``os.write``."""
        self.tick("write")
        return self._real["write"](descriptor, data)

    def fsync(self, descriptor):
        """``os.fsync``."""
        self.tick("fsync")
        return self._real["fsync"](descriptor)

    def fdatasync(self, descriptor):
        """``os.fdatasync``."""
        self.tick("fsync")
        return self._real["fdatasync"](descriptor)

    def replace(self, source, target, **kwargs):
        """``os.replace``."""
        self.tick("replace", target)
        return self._real["replace"](source, target, **kwargs)

    def rename(self, source, target, **kwargs):
        """``os.rename``."""
        self.tick("rename", target)
        return self._real["rename"](source, target, **kwargs)

    def mkdir(self, path, *args, **kwargs):
        """``os.mkdir``; a folder that is there already costs the disk nothing."""
        if not os.path.isdir(path):
            self.tick("mkdir", path)
        return self._real["mkdir"](path, *args, **kwargs)

    def open_file(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **kwargs):
        """``open``: what is written into the file goes through ``tick`` too."""
        if not set(mode) & set("wax+") or not self._is_mine(file):
            return self._open(file, mode, buffering, encoding, errors, newline, **kwargs)
        self.tick("open", file)
        raw = _Raw(self, file, mode.replace("b", "").replace("t", ""), **kwargs)
        buffered = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)


class _Raw(io.FileIO):
    def __init__(self, disk, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._disk = disk

    def write(self, data):
        if len(data):
            self._disk.tick("write")
        return super().write(data)


def install_from_environment():
    """Use a faulty disk in this process if the environment says so, and it is the kind of process that is meant."""
    root, nth, number = os.environ["FAULTY_DISK"].rsplit(":", 2)
    with open("/proc/self/cmdline", "rb") as words:
        if b"docparse_runner.executors._child" in words.read().split(b"\0"):
            FaultyDisk(root, int(nth), int(number)).install()
