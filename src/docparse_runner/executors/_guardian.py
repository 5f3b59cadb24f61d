"""Kills worker processes whose runner was killed.

A process of its own, in its own session, so that neither kill -9 of the runner nor of its process group reaches it.
It reads ``+PGID`` and ``-PGID`` lines; when its input ends, the groups that are still listed are killed, with
whatever they started, even when they hang in native code. Started as a plain script: it imports nothing of docparse.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Read until the runner is gone, then kill what it left."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
