"""Make the virtual environment of `make demo` or `make test`, and say in one sentence what stands in the way.

Runs on the bare interpreter: standard library only, and no syntax that an older Python could not read.
"""

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
PLUGINS = ("docparse-doctags", "docparse-chunk", "docparse-embed[bundled]", "docparse-index")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def refuse(sentence):
    # type: (str) -> None
    """Say what stands in the way and stop."""
    sys.exit("docparse: " + sentence)


def check(disk_gb):
    # type: (int) -> None
    """Refuse what cannot work before anything is downloaded."""
    if sys.version_info < OLDEST:
        found = "%d.%d" % sys.version_info[:2]
        refuse("this is Python %s and 3.11 or later is needed; try: make PYTHON=python3.12 ..." % found)
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        refuse("this Python cannot make virtual environments; install its venv package (Debian: python3-venv)")
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < disk_gb:
        refuse("%.1f GB are free here and about %d GB are needed; free some disk space" % (free, disk_gb))


def check_index(python):
    # type: (str) -> None
    """Refuse when pip can reach no package index."""
    command = [python, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--retries", "1", "attrs"]
    command += ["--ignore-installed", "--disable-pip-version-check"]
    answer = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if answer.returncode:
        reason = answer.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        refuse("pip reaches no package index (%s); check the network, or set PIP_INDEX_URL to a mirror" % reason[0])


def requirements(kind):
    # type: (str) -> list[str]
    """Return what pip installs: for the demo everything of ours by path, for the tests tox, which does the rest."""
    if kind == "test":
        return ["tox>=4.22"]
    return ["-c", "constraints.txt", "-e", "."] + [word for name in PLUGINS for word in ("-e", "./plugins/" + name)]


def stamp_of(words):
    # type: (list[str]) -> str
    """Return a digest of what was asked for and of the files that name dependencies."""
    digest = hashlib.sha256(repr((words, sys.version)).encode())
    for folder, _folders, files in sorted(os.walk(os.path.join(ROOT, "plugins"))):
        if "pyproject.toml" in files:
            with open(os.path.join(folder, "pyproject.toml"), "rb") as file:
                digest.update(file.read())
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def main():
    # type: () -> None
    """Make the environment unless it is there and current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("demo", "test"))
    parser.add_argument("--disk-gb", type=int, required=True, help="free disk space to ask for")
    arguments = parser.parse_args()
    words = requirements(arguments.kind)
    folder = os.path.join(ROOT, ".venv-" + arguments.kind)
    python = os.path.join(folder, "bin", "python")
    stamp = os.path.join(folder, "installed")
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == stamp_of(words):
                return
    check(arguments.disk_gb)
    print("== making " + os.path.relpath(folder, ROOT) + " and installing; the first time takes minutes")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    check_index(python)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"] + words
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        refuse("pip could not install what is needed; its message is above")
    with open(stamp, "w") as file:
        file.write(stamp_of(words))


if __name__ == "__main__":
    main()
