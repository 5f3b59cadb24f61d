"""Draw docs/run.svg: what a terminal shows in the middle of ``docparse run all samples/``, in a folder of its own.

Run by hand, beside an installed docparse, when what a run shows has changed: ``pip install pyte``, then
``python tools/picture.py``. The picture is of a real run; colours and all come from the terminal's own screen.
"""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import termios
from pathlib import Path

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, LINES = 100, 24
COMMAND = ("docparse", "run", "all", "samples/")
MIDDLE = re.compile(r"^embed .* (\d+)/24 ", re.MULTILINE)
"""What the screen has to show when the picture is taken; the number has to be at least `ENOUGH`."""

ENOUGH = 10


def frame() -> pyte.Screen:
    """Run the command on a terminal until its middle, and return the screen; the run is then stopped."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    with tempfile.TemporaryDirectory() as folder:
        samples = shutil.ignore_patterns("_source", "*.py", "*.toml")
        shutil.copytree(ROOT / "samples", Path(folder, "samples"), ignore=samples)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "DOCPARSE_EMBED__CACHE": "false"}
        running = subprocess.Popen(COMMAND, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        try:
            while not ((found := MIDDLE.search("\n".join(screen.display))) and int(found[1]) >= ENOUGH):
                stream.feed(os.read(ours, 65536))  # OSError when the run ends before: there was no middle
        finally:
            running.kill()
            running.wait()
            os.close(ours)
    return screen


def text(screen: pyte.Screen) -> Text:
    """Return what is on the screen, its colours and weights kept."""
    shown = Text(f"$ {' '.join(COMMAND)}\n")
    for number in range(LINES):
        line = Text()
        for column in range(COLUMNS):
            cell = screen.buffer[number][column]
            color = "" if cell.fg == "default" else re.sub(r"^([0-9a-f]{6})$", r"#\1", cell.fg)
            weight = "bold " if cell.bold else ""
            line.append(cell.data, style=weight + color.replace("brightblack", "bright_black"))
        line.rstrip()
        if line:
            shown.append_text(line).append("\n")
    return shown


def main() -> None:
    """Write the picture; it names no font of another host."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - ends here
    console.print(text(frame()), end="")
    layout = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="docparse", code_format=layout, unique_id="run")
    (ROOT / "docs" / "run.svg").write_text(svg.replace("Fira Code, ", ""), encoding="utf-8")


if __name__ == "__main__":
    main()
