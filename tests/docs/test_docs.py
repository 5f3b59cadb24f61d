"""Every code block of the README and of docs/ is executed, in order, one shell a page.

- ``bash`` is run. ``python`` is run, or only written when its first line is ``# file: NAME``. ``toml`` and ``json``
  are parsed, and written when their first line is ``# file: NAME``.
- Of ``console`` the lines after ``$ `` are run, and the others compared with what they print: decimal fractions may
  differ, a line that is only ``…`` stands for any lines, a line that ends in ``…`` for one that begins so.
- ``diff`` changes the file that its first line ``# file: NAME`` names.
- ``text`` is only shown.
- ``<!-- exits: N -->`` before a block says that its only command ends with N; ``<!-- not run: REASON -->`` that the
  block cannot be run here, and why.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"bash", "console", "diff", "json", "python", "text", "toml"}
NOT_RUN = re.compile(r"<!-- not run: ?(.*) -->")
EXITS = re.compile(r"<!-- exits: (\d+) -->")
FILE = re.compile(r"# file: (\S+)\n")
APPLY = Path(__file__).with_name("apply_diff.py")
HOME = "/home/you"
"""What the pages show instead of the folder that their blocks run in."""


class Block(NamedTuple):
    """A block of code: its language, text and first line, and what the comment before it says."""

    language: str
    text: str
    line: int
    reason: str | None
    exits: int


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks_of(page):
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    for place, token in enumerate(tokens):
        if token.type in {"fence", "code_block"}:
            before = tokens[place - 1].content if place and tokens[place - 1].type == "html_block" else ""
            reason, exits = NOT_RUN.search(before), EXITS.search(before)
            code = int(exits[1]) if exits else 0
            yield Block(token.info.strip(), token.content, token.map[0] + 1, reason and reason[1], code)


ALL_BLOCKS = [(page, block) for page in PAGES for block in blocks_of(page)]


def test_every_block_says_its_language():
    assert [(name_of(page), block.line) for page, block in ALL_BLOCKS if block.language not in LANGUAGES] == []


def test_every_block_that_is_not_run_says_why():
    left_out = [(name_of(page), block) for page, block in ALL_BLOCKS if block.reason is not None]
    for name, block in left_out:
        print(f"not run: {name}, line {block.line}: {block.reason}")

    assert [(name, block.line) for name, block in left_out if not block.reason] == []


def test_only_a_single_command_may_be_expected_to_fail():
    failing = [(name_of(page), block) for page, block in ALL_BLOCKS if block.exits]

    commands = [
        (name, block.line, len(re.findall(r"^(?:\$ |(?![…#]))\S", block.text, re.MULTILINE)))
        for name, block in failing
        if block.language == "bash"
    ]

    assert [(name, line) for name, line, count in commands if count != 1] == []


def insisting(command, code):
    """Return shell text that runs a command and insists on how it ends."""
    return f"{command}\n" if code == 0 else f"code=0\n{command.rstrip()} || code=$?\n[ $code -eq {code} ]\n"


class Script:
    """The shell script of a page, the files that its blocks name, and what its commands have to print."""

    def __init__(self, folder, blocks):
        self._folder = folder
        self._lines = []
        self.expected = []
        for block in blocks:
            if block.reason is None and block.language != "text":
                self._lines.append(f"block={block.line}")
                getattr(self, block.language)(block)

    def bash(self, block):
        self._lines.append(insisting(block.text, block.exits))

    def console(self, block):
        for line in block.text.splitlines():
            if line.startswith("$ "):
                out = self._folder / f"{len(self.expected)}.out"
                self._lines.append(insisting(f"{{ {line[2:]}; }} > {out} 2>&1", block.exits))
                self.expected.append((block.line, out, []))
            else:
                self.expected[-1][2].append(line)

    def python(self, block):
        if not self._written(block):
            self._lines.append(insisting(f"python {self._kept(block.text)}", block.exits))

    def toml(self, block):
        tomllib.loads(block.text)
        self._written(block)

    def json(self, block):
        json.loads(FILE.sub("", block.text, count=1))
        self._written(block)

    def diff(self, block):
        file = FILE.match(block.text)
        change = f"python {APPLY} {self._kept(block.text[file.end() :])} {shlex.quote(file[1])}"
        self._lines.append(insisting(change, block.exits))

    def _written(self, block):
        """Write the block if it names a file, and say whether it does."""
        file = FILE.match(block.text)
        if file:
            kept, target = self._kept(block.text[file.end() :]), shlex.quote(file[1])
            self._lines.append(f"mkdir -p $(dirname {target}) && cp {kept} {target}")
        return file is not None

    def _kept(self, text):
        path = self._folder / f"{len(self._lines)}.block"
        path.write_text(text, encoding="utf-8")
        return path

    def write(self):
        path = self._folder / "page.sh"
        trap = "trap 'echo \"failed: the block in line $block\" >&2' ERR"
        path.write_text("\n".join(["set -eo pipefail", trap, *self._lines]), encoding="utf-8")
        return path


def shell_script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def environment_in(folder):
    """Return the variables of a user who has what we have installed, may install more, and has no network.

    One worker with one thread: pages run beside other tests, and each worker would load a model of its own.
    """
    venv.create(folder / "venv", symlinks=True)
    programs, packages = folder / "venv" / "bin", next((folder / "venv").glob("lib/*/site-packages"))
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_paths()['purelib']!r})\n")
    shell_script(programs / "docparse", f'exec {programs}/python -m docparse_runner "$@"')
    offline = "--no-deps --no-index --no-build-isolation"
    prepend = f'[ "$1" = install ] && shift && set -- install {offline} "$@"'
    shell_script(programs / "pip", f'{prepend}\nexec {programs}/python -m pip --disable-pip-version-check "$@"')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCPARSE_", "PYTHON", "PIP_"))}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), kept["PATH"]])
    own = {"PATH": path, "HOME": str(folder), "HF_HUB_OFFLINE": "1", "DOCPARSE_RUNNER__WORKERS": "1"}
    own |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **nowhere, **own}


def run(page, folder):
    """Run the blocks of a page in a folder of its own; return how that ended, and (line, printed, expected) of each."""
    control, scratch = folder / "control", folder / "scratch"
    control.mkdir()
    shutil.copytree(ROOT / "samples", scratch / "samples", ignore=shutil.ignore_patterns("_source", "*.py", "*.toml"))
    script = Script(control, blocks_of(page))
    done = subprocess.run(
        ["bash", script.write()],
        cwd=scratch,
        env=environment_in(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    printed = [
        (line, out.read_text(encoding="utf-8").replace(str(scratch), HOME) if out.exists() else "", expected)
        for line, out, expected in script.expected
    ]
    return done, printed


def normal(line):
    """Return a line of output without what differs from run to run: seconds and scores, and the width of columns."""
    return re.sub(r"\d+\.\d+", "0.0", " ".join(line.split()))


def fits(line, printed):
    return printed.startswith(line.removesuffix("…")) if line.endswith("…") else printed == line


PROGRESS = re.compile(r"[\w-]+: [\d≥ ]+(/\d+)?, \S+/s")
"""What a run says every 30 seconds, which only a busy machine needs."""


def first_difference(expected, printed):
    """Return the first line that is not as expected, or an empty string."""
    rest = [line for line in map(normal, printed) if line and not PROGRESS.match(line)]
    anywhere = False
    for line in filter(None, map(normal, expected)):
        if line == "…":
            anywhere = True
            continue
        place = next((at for at, each in enumerate(rest) if fits(line, each)), None)
        if place is None or (place and not anywhere):
            return line
        rest, anywhere = rest[place + 1 :], False
    return rest[0] if rest and not anywhere else ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_the_page_works(page, tmp_path):
    done, blocks = run(page, tmp_path)

    assert done.returncode == 0, f"{name_of(page)}: {done.stdout}\n{done.stderr}"
    for line, printed, expected in blocks:
        difference = first_difference(expected, printed.splitlines())
        assert difference == "", f"{name_of(page)}, block in line {line}, at {difference!r}; printed:\n{printed}"


def test_a_reader_of_the_tutorial_types_under_30_lines():
    page = ROOT / "docs" / "tutorials" / "first-stage.md"
    typed = {"bash": r"^\S.*", "console": r"^\$ .*", "diff": r"^\+.*\S.*"}

    lines = [
        line
        for block in blocks_of(page)
        for line in re.findall(typed.get(block.language, "$^"), block.text, re.MULTILINE)
    ]

    assert {block.language for block in blocks_of(page)} <= {*typed, "text"}
    assert 10 < len(lines) < 30
