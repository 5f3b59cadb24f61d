"""Which releases a run was made with: recorded, not hashed, so that an upgrade redoes nothing by itself."""

import platform
import re
from importlib import metadata

from docparse_runner._entry_points import STAGES, listed

_CORE = "docparse-runner"


def versions_of(stage: str) -> dict[str, str]:
    """Return distribution → version of the runner, of the stage's package and of what each requires as installed here.

    Package metadata is read; nothing is imported. Python itself stands there as ``python``.

    Args:
        stage: name of the stage; of one that is not installed nothing is known.
    """
    names = [_CORE, *_requirements(_CORE, extras=False)]  # its extras are the stages, each with a record of its own
    for each in listed(STAGES):
        if each.name == stage:
            names += [each.distribution, *_requirements(each.distribution, extras=True)]
    found = {_normal(name): version for name in names if (version := _version(name))}
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


def _requirements(distribution: str, *, extras: bool) -> list[str]:
    """Return the names of what a distribution requires, whether or not it is installed."""
    try:
        lines = metadata.distribution(distribution).requires or []
    except metadata.PackageNotFoundError:
        return []
    return [match[0] for line in lines if (extras or "extra ==" not in line) and (match := re.match(r"[\w.-]+", line))]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
