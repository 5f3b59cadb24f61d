"""Folders of templates: rendered in memory, written in one step."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from docparse_runner.errors import UsageError

TEMPLATES = Path(__file__).with_name("templates")
"""Each file ends in ``.tmpl``, so that no tool takes it for what it will be."""

_MODULE = "docparse_NAME"
"""What stands for the module in the names of templates."""


def render(layers: Iterable[str], values: Mapping[str, str]) -> dict[str, str]:
    """Return relative path → text of the templates in these folders; a later folder replaces files of an earlier one.

    Raises:
        KeyError: a template names a value that is not given.
    """
    texts = {}
    for layer in layers:
        top = TEMPLATES / layer
        for path in sorted(top.rglob("*.tmpl")):
            name = path.relative_to(top).as_posix().removesuffix(".tmpl").replace(_MODULE, values["module"])
            texts[name] = Template(path.read_text(encoding="utf-8")).substitute(values)
    return dict(sorted(texts.items()))


def write_folder(texts: Mapping[str, str], folder: Path) -> None:
    """Write files into a new folder: all of them, or nothing.

    Raises:
        UsageError: the folder holds something, or it cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()) or (folder.is_dir() and any(folder.iterdir())):
        msg = f"{folder} exists already; remove it, or name another place with --directory"
        raise UsageError(msg)
    try:
        with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            made = Path(scratch) / folder.name  # not the scratch folder itself, which is for its owner alone
            for name, text in texts.items():
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            if folder.is_dir():
                folder.rmdir()  # Windows does not rename over an empty folder
            os.rename(made, folder)  # not shutil.move: onto a folder that was made meanwhile it must fail
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror}; name another place with --directory"
        raise UsageError(msg) from error
