"""Frames on a socket between the runner and a worker: four bytes of length, then that many bytes."""

import socket
import struct

HEADER = struct.Struct("<I")
MAX_FRAME = 2**32 - 1
_BLOCK = 1 << 18


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


class Channel:
    """The runner's end of a socket to a worker; nothing it does ever blocks.

    Attributes:
        socket: the socket.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.socket = end
        self._inbox = Inbox()
        self._outbox = bytearray()

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes wait for the socket to take them."""
        return bool(self._outbox)

    def write(self, data: bytes) -> None:
        """Send a frame, now as far as the socket takes it and else when ``flush`` is called."""
        self._outbox += frame(data)
        self.flush()

    def flush(self) -> None:
        """Write what the socket takes now."""
        try:
            while self._outbox:
                del self._outbox[: self.socket.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError:
            self._outbox.clear()  # the worker died; its death watch tells

    def receive(self) -> tuple[list[bytes], bool]:
        """Return (frames that are complete, whether the worker's end is still open)."""
        is_open = True
        try:
            while block := self.socket.recv(_BLOCK):
                self._inbox.feed(block)
            is_open = False
        except BlockingIOError:
            pass
        except OSError:
            is_open = False
        frames = []
        while (data := self._inbox.take()) is not None:
            frames.append(data)
        return frames, is_open
