"""Ways to die, for tests: each function does to its process what bad documents and bad libraries do.

Call one in a worker that runs in a process of its own (``workers=1`` or more), never in the test itself.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

_BLOCK = 2**26
_BLOCKS = 64


def segfault() -> None:
    """Read address 0: the process dies of SIGSEGV."""
    ctypes.string_at(0)


def exit_silently() -> NoReturn:
    """End the process as if all were well, without a result."""
    os._exit(0)


def hang() -> None:
    """Sleep for an hour; a signal ends it."""
    time.sleep(3600)


def dawdle() -> None:
    """Sleep for half a second and go on."""
    time.sleep(0.5)


def hang_in_c() -> None:
    """Sleep for an hour with the interpreter locked, as an extension does that never comes back."""
    ctypes.PyDLL(None).sleep(3600)


def ignore_sigterm() -> None:
    """Sleep for an hour; only SIGKILL ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)


def eat_memory() -> None:
    """Take 64 MiB twenty times a second, 4 GiB at most, and keep them."""
    kept: list[bytes] = []
    while len(kept) < _BLOCKS:
        kept.append(b"x" * _BLOCK)
        time.sleep(0.05)


def fail() -> NoReturn:
    """Raise what a bug raises."""
    msg = "poisoned by the test"
    raise RuntimeError(msg)


KINDS: Mapping[str, Callable[[], object]] = {
    each.__name__: each for each in (segfault, exit_silently, dawdle, hang, hang_in_c, ignore_sigterm, eat_memory, fail)
}
"""Name → poison."""
