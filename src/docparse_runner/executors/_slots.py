"""One small shared record per worker process: what it is on, since when, and what its supervisor wants.

Each field has one writer. Who is in time is settled as in Dekker's algorithm: the child announces its commit and then
looks for its expiry, the parent announces the expiry and then looks for a commit, so at least one sees the other.
"""

import mmap
import os
import struct
from pathlib import Path

from docparse_runner._gate import Phase, share_done

SIZE = 64
_NOW = struct.Struct("<QdBI")  # first item + 1, monotonic start of the phase, phase, how many; written by the child
_EXPIRED = struct.Struct("<Q")  # number + 1 of the (first) item that was given up; written by the parent
_STOP = struct.Struct("<B")  # start nothing more; written by the parent
_DONE = struct.Struct("<dd")  # progress of the item; written by the child
_ALLOWED = struct.Struct("<d")  # seconds that the item asked for; written by the child
_EXPIRED_AT, _STOP_AT, _DONE_AT, _ALLOWED_AT = 24, 32, 40, 56
_STOPPING, _HELD = 1, 2


class Slots:
    """The records of all workers of a run, in one mapped file."""

    def __init__(self, path: str, count: int = 0) -> None:
        """Map the file; with `count`, make it first."""
        if count:
            # Written, not only made so long: a hole that a full disk cannot fill kills whoever writes to the map.
            Path(path).write_bytes(bytes(SIZE * count))
        descriptor = os.open(path, os.O_RDWR)
        try:
            self._map = mmap.mmap(descriptor, 0)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()

    def clear(self, slot: int) -> None:
        """Make the record that of a worker that has not started."""
        self._map[slot * SIZE : (slot + 1) * SIZE] = bytes(SIZE)

    def write(self, slot: int, number: int, since: float, phase: Phase, count: int = 1) -> None:
        """Say what the worker is on: an item, -1 for nothing, and how many run together with it, itself included."""
        _NOW.pack_into(self._map, slot * SIZE, number + 1, since, phase, count)

    def read(self, slot: int) -> tuple[int, float, Phase, int]:
        """Return (number of the item or -1, monotonic start of the phase, phase, how many run together)."""
        # A write sets everything to zero and then each field, the count last: a count of 0 is a write that is not done.
        now, again = None, _NOW.unpack_from(self._map, slot * SIZE)
        while now != again:
            now, again = again, _NOW.unpack_from(self._map, slot * SIZE)
        number, since, phase, count = again
        return (number - 1 if count else -1), since, Phase(phase), count

    def expire(self, slot: int, number: int) -> None:
        """Give up an item, or a batch by its first item."""
        _EXPIRED.pack_into(self._map, slot * SIZE + _EXPIRED_AT, number + 1)

    def expired(self, slot: int) -> int:
        """Return the number of the item that was given up, or -1."""
        found: int = _EXPIRED.unpack_from(self._map, slot * SIZE + _EXPIRED_AT)[0]
        return found - 1

    def stop(self, slot: int) -> None:
        """Tell the worker to start nothing more, and its item that the run is stopping."""
        _STOP.pack_into(self._map, slot * SIZE + _STOP_AT, _STOPPING)

    def hold(self, slot: int) -> None:
        """Tell the worker to start nothing more; its item goes on as if nothing were."""
        if not self.stopping(slot):
            _STOP.pack_into(self._map, slot * SIZE + _STOP_AT, _HELD)

    def release(self, slot: int) -> None:
        """Take ``hold`` back."""
        if not self.stopping(slot):
            _STOP.pack_into(self._map, slot * SIZE + _STOP_AT, 0)

    def stopping(self, slot: int) -> bool:
        """Whether the run is stopping."""
        return bool(_STOP.unpack_from(self._map, slot * SIZE + _STOP_AT)[0] == _STOPPING)

    def may_start(self, slot: int) -> bool:
        """Whether the worker may start its next item."""
        return not _STOP.unpack_from(self._map, slot * SIZE + _STOP_AT)[0]

    def progress(self, slot: int, done: float, total: float) -> None:
        """Say how far the item is; a total of 0 means unknown."""
        _DONE.pack_into(self._map, slot * SIZE + _DONE_AT, done, total)

    def share_done(self, slot: int) -> float:
        """Return how much of the item is done, from 0 to 1; 0 as long as it does not say."""
        return share_done(*_DONE.unpack_from(self._map, slot * SIZE + _DONE_AT))

    def allow(self, slot: int, seconds: float) -> None:
        """Say how long the item may take; 0 for as long as its deadline says."""
        _ALLOWED.pack_into(self._map, slot * SIZE + _ALLOWED_AT, seconds)

    def allowed(self, slot: int) -> float:
        """Return the seconds that the item asked for, 0 when it did not."""
        found: float = _ALLOWED.unpack_from(self._map, slot * SIZE + _ALLOWED_AT)[0]
        return found
