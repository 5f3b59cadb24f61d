"""What ``docparse doctor`` finds: facts, remarks, and what has to be fixed. Nothing here imports a heavy library."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    FIX = "fix"


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: one word or two for what it is about.
        text: what was found.
        level: whether something has to be done about it.
        remedy: what to do; empty where there is nothing to do.
        data: the same for programs, as JSON data.
    """

    topic: str
    text: str
    level: Level = Level.OK
    remedy: str = ""
    data: Mapping[str, Any] = attrs.field(factory=dict)


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004 - the step from one unit to the next
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
