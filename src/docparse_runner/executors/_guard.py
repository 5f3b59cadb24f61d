"""The runner's side of the guardian, the process that kills worker processes whose runner was killed."""

import contextlib
import os
import subprocess
import sys

from docparse_runner.executors import _guardian


class Guard:
    """A guardian process and the pipe to it; when this process dies, the pipe ends and the guardian acts."""

    def __init__(self) -> None:
        """Start the guardian in a session of its own."""
        reader, self._pipe = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", _guardian.__file__],
            stdin=reader,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reader)

    def watch(self, group: int) -> None:
        """Have a process group killed if this process dies."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Take a process group off the list: it has ended."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):  # without a guardian, only kill -9 of the runner leaves processes behind
            os.write(self._pipe, line.encode())

    def close(self) -> None:
        """End the guardian, which kills what is still on its list."""
        os.close(self._pipe)
        self._process.wait()
