"""Which converted documents a command is to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from docparse_runner import UsageError

SUFFIX = ".docling.json"
_KIND = "docling"


def documents(paths: Sequence[Path], root: Path) -> list[tuple[str, Path]]:
    """Return name and file of each document: those at `paths`, or those of the data root.

    Args:
        paths: files and folders of ``.docling.json``; none means those of the data root.
        root: the data root.

    Raises:
        UsageError: there is none.
    """
    folders = paths or [root / _KIND]
    found = [pair for folder in folders for pair in _below(folder)]
    if not found:
        looked = ", ".join(map(str, folders))
        msg = f"no {SUFFIX} in {looked}: run `docparse run doctags FOLDER` first, or name files or folders"
        raise UsageError(msg)
    return found


def _below(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name.removesuffix(SUFFIX), path
        return
    for file in sorted(path.rglob(f"*{SUFFIX}")):
        yield file.relative_to(path).as_posix().removesuffix(SUFFIX), file
