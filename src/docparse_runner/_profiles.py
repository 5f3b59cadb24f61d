"""Profiles: options that belong together under one name, from docparse itself or from the user's file."""

from collections.abc import Mapping
from typing import Any

import attrs

from docparse_runner._entry_points import nearest
from docparse_runner._layers import Layer, norm
from docparse_runner.errors import UsageError

BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "airgapped": {"runner": {"network": False}, "stage": {"embed": {"offline": True}}},
    "cpu": {"runner": {"policy": "cpu"}},
    "gpu": {"runner": {"policy": "gpu"}},
}
"""Profile → its tables. One in the file takes the place of one of the same name."""

VARIABLE = "DOCPARSE_PROFILE"
KEY = "default_profile"
"""Of the file: a key ``profile`` cannot stand beside the tables ``[profile.NAME]``."""


@attrs.frozen(kw_only=True)
class Chosen:
    """Which profile is in use.

    Attributes:
        name: the profile, or an empty string for none.
        source: what named it: ``--profile``, a variable, a file with its key.
        layer: what it says, None for no profile.
    """

    name: str = ""
    source: str = ""
    layer: Layer | None = None


def own_profiles(file: Layer) -> dict[str, Layer]:
    """Return the profiles that a file defines.

    Raises:
        UsageError: something else is in the place of their tables.
    """
    if isinstance(name := file.tables.get("profile"), str):
        msg = f"{file.where}: profile holds the tables [profile.NAME]; to choose one, write {KEY} = {name!r}"
        raise UsageError(msg)
    return {name: file.below("profile", name) for name in file.table("profile")}


def choose(flag: str | None, environment: Mapping[str, str], file: Layer) -> Chosen:
    """Return the profile that the flag names, else the variable, else the file; an empty name means none.

    Raises:
        UsageError: there is no such profile; the message names the nearest.
    """
    named = [("--profile", flag), (VARIABLE, environment.get(VARIABLE)), (f"{file.where}: {KEY}", file.tables.get(KEY))]
    source, given = next(((source, given) for source, given in named if given is not None), ("", ""))
    if not given:
        return Chosen()
    own = own_profiles(file)
    known = sorted({*BUILT_IN, *own})
    name = norm(str(given))
    if name not in known:
        msg = f"{source}: no profile {given!r}; there are: {', '.join(known)}.{nearest(name, known)}"
        raise UsageError(msg)
    layer = own.get(name) or Layer(where=f"profile {name}", tables=BUILT_IN[name])
    return Chosen(name=name, source=source, layer=layer)
