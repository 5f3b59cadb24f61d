"""Frames on a socket between the runner and a worker: four bytes of length, then that many bytes."""

import struct

HEADER = struct.Struct("<I")
MAX_FRAME = 2**32 - 1


def frame(data: bytes) -> bytes:
    """Return `data` with its length in front.

    Raises:
        ValueError: it is 4 GiB or larger.
    """
    if len(data) > MAX_FRAME:
        msg = f"{len(data)} bytes do not fit into a frame"
        raise ValueError(msg)
    return HEADER.pack(len(data)) + data


class Inbox:
    """Bytes as they arrive, frames as they are complete."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes that arrived."""
        self._bytes += data

    def take(self) -> bytes | None:
        """Return the next complete frame, or None."""
        if len(self._bytes) < HEADER.size:
            return None
        end = HEADER.size + HEADER.unpack_from(self._bytes)[0]
        if len(self._bytes) < end:
            return None
        data = bytes(self._bytes[HEADER.size : end])
        del self._bytes[:end]
        return data
