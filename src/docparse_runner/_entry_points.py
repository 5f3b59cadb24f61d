"""Entry points: listed from package metadata without importing anything, loaded one at a time by name.

This module is part of ``docparse --help``: it imports the standard library alone.
"""

import difflib
import functools
import os
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any, NamedTuple

from docparse_runner.errors import PluginError, UsageError

STAGES = "docparse.stages"
WATCHERS = "docparse.plugins"
EXECUTORS = "docparse.executors"
COMMANDS = "docparse.commands"


class Listed(NamedTuple):
    """One entry point, as package metadata tells of it: nothing was imported.

    Attributes:
        name: the entry point's name.
        distribution: name of the package it came with.
        version: version of that package.
        summary: summary of that package.
        rivals: other packages that claim the same name; a name with rivals cannot be loaded.
    """

    name: str
    distribution: str
    version: str
    summary: str
    rivals: tuple[str, ...] = ()


def _found(group: str) -> dict[str, list[metadata.EntryPoint]]:
    # A distribution that is installed twice, say editable and as a wheel, is listed once: that is no rivalry.
    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry in sorted(_installed(_places()).select(group=group), key=lambda entry: (entry.name, entry.value)):
        found.setdefault(entry.name, []).append(entry)
    return found


@functools.lru_cache(maxsize=1)
def _installed(_places: tuple[tuple[str, int], ...]) -> Any:  # in Python 3.11 of another type than later
    """Return all entry points. A run asks eight times, and a look reads a file of every installed package."""
    return metadata.entry_points()


def _places() -> tuple[tuple[str, int], ...]:
    """Return where packages are looked for, and when each place last changed: to install one changes its folder."""
    return tuple((path, _changed_ns(path)) for path in sys.path)


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:  # there is none
        return 0


def _distribution(entry: metadata.EntryPoint) -> str:
    return _said(entry, "Name") or "?"


def _said(entry: metadata.EntryPoint, field: str) -> str:
    """Return what the package of an entry point says of itself; a damaged installation says nothing."""
    info: Mapping[str, Any] = entry.dist.metadata if entry.dist else {}  # type: ignore[assignment]  # a Message
    return str(info.get(field) or "")  # not info[field], nor dist.name: from 3.12 on these warn when it is missing


def listed(group: str) -> list[Listed]:
    """Return the entry points of a group, sorted by name, importing none."""
    result = []
    for name, (entry, *rivals) in _found(group).items():
        result.append(
            Listed(
                name=name,
                distribution=_distribution(entry),
                version=_said(entry, "Version"),
                summary=_said(entry, "Summary"),
                rivals=tuple(_distribution(rival) for rival in rivals),
            )
        )
    return result


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for a misspelt name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def load_entry(group: str, name: str, what: str) -> Any:
    """Import and return the object that an entry point names.

    Args:
        group: the entry point group.
        name: the entry point.
        what: the word for it in messages (``stage``).

    Raises:
        UsageError: there is none of that name.
        PluginError: two packages claim it, or it cannot be imported.
    """
    found = _found(group)
    if name not in found:
        installed = ", ".join(found) or "none"
        msg = f"no {what} {name!r}; installed: {installed}.{nearest(name, found)}"
        raise UsageError(msg)
    entry, *rivals = found[name]
    if rivals:
        owners = ", ".join(_distribution(each) for each in (entry, *rivals))
        raise PluginError(name, f"is claimed by several packages: {owners}", "uninstall all but one")
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # importing a plugin runs its code: anything can come out
        problem = f"cannot be loaded: {type(error).__name__}: {error}"
        raise PluginError(name, problem, _reinstalled(entry, error)) from error


def _reinstalled(entry: metadata.EntryPoint, error: BaseException) -> str:
    """Return the command that brings what an import lacks: of the core's names, a newer core."""
    lacks_core = isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "docparse_runner"
    return f"pip install {'--upgrade docparse-runner ' if lacks_core else ''}{_distribution(entry)}"
