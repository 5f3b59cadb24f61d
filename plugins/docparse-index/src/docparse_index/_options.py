"""Options of the stage index; they become flags, variables, TOML keys and part of the config hash."""

from typing import Any

import attrs

from docparse_runner import option

_LONGEST_NAME = 40


def _is_name(_instance: Any, _attribute: Any, value: str) -> None:
    good = value.isascii() and value.isidentifier() and value == value.lower() and len(value) <= _LONGEST_NAME
    if not good:
        msg = f"collection must be lower-case letters, digits and _, {_LONGEST_NAME} at most, not {value!r}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Options:
    """How the stage ``index`` works."""

    sink: str = option("sqlite", help="Where the index is kept: sqlite, lancedb, postgres, or another installed sink.")
    collection: str = option(
        "docparse",
        help="Name of the index, where a sink keeps several in one place; each data root needs its own.",
        validator=_is_name,
    )
    url: str | None = option(None, secret=True, help="Connection string of the sink's server.")
