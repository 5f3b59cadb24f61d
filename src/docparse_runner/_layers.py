"""What configuration files say, place by place: each layer is one set of tables that lies over the next."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from docparse_runner.errors import UsageError

FILE = "docparse.toml"


def norm(key: str) -> str:
    """Return a key or a stage's name with underscores: dashes mean the same."""
    return key.replace("-", "_")


@attrs.frozen(kw_only=True)
class Layer:
    """One set of tables: ``runner``, ``shared`` and ``stage``, and whatever else its place allows.

    Attributes:
        where: the file, or ``profile NAME`` for one that comes with docparse.
        tables: table → key → value, keys with underscores.
        prefix: keys that lead to the tables in the file.
        folder: relative paths are meant relative to it; None where there are none.
    """

    where: str
    tables: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    prefix: tuple[str, ...] = ()
    folder: Path | None = None

    def table(self, *keys: str) -> Mapping[str, Any]:
        """Return a table, an empty one when there is none.

        Raises:
            UsageError: something else is in its place.
        """
        table: Any = self.tables
        for key in keys:
            table = table.get(key, {})
            if not isinstance(table, Mapping):
                msg = f"{self.where}: [{self.dotted(*keys)}] must be a table"
                raise UsageError(msg)
        found: Mapping[str, Any] = table
        return found

    def dotted(self, *keys: str) -> str:
        """Return the whole name of a table or a key in the file."""
        return ".".join((*self.prefix, *keys))

    def source(self, *keys: str) -> str:
        """Return where the values of a table come from, as a user reads it."""
        return f"{self.where} [{self.dotted(*keys)}]" if self.folder else self.where

    def below(self, *keys: str) -> "Layer":
        """Return the layer whose tables lie in a table of this one."""
        return attrs.evolve(self, tables=self.table(*keys), prefix=(*self.prefix, *keys))


def nearby() -> Path | None:
    """Return ``docparse.toml`` of this folder, or ``pyproject.toml`` if it speaks of docparse."""
    here = Path(FILE)
    if here.is_file():
        return here
    project = Path("pyproject.toml")
    if project.is_file() and re.search(rb"^\s*\[tool\.docparse[\].]", project.read_bytes(), re.MULTILINE):
        return project
    return None


def read(path: Path) -> dict[str, Any]:
    """Return the tables of a file; of ``pyproject.toml``, those below ``[tool.docparse]``.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise UsageError(msg) from None
    for key in ("tool", "docparse") if path.name == "pyproject.toml" else ():
        data = data.get(key, {})
        if not isinstance(data, dict):
            msg = f"{path}: [tool.docparse] must be a table"
            raise UsageError(msg)
    return _with_underscores(data)


def _with_underscores(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        norm(key): _with_underscores(value) if isinstance(value, Mapping) else value for key, value in table.items()
    }
