"""For those who write commands (entry point group ``docparse.commands``): what docparse's own commands read.

A command of a plugin takes ``location_options()`` among its parameters and hands what it got to ``settings_of``, so
that flags, variables, profiles and ``docparse.toml`` mean the same to it as to ``docparse run``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click

__all__ = ["CommandSettings", "docparse", "location_options", "settings_of"]


@attrs.frozen(kw_only=True)
class CommandSettings:
    """What the command line, the environment and the file say.

    Attributes:
        root: the data root.
        options: an instance of the stage's options class, or None when it has none.
        shared: option → value of ``[shared]`` in the file, or in the profile, which counts more.
    """

    root: Path
    options: Any = attrs.field(repr=False)
    shared: Mapping[str, Any]


def location_options() -> list[click.Parameter]:
    """Return ``--data-root`` and ``--config``."""
    from docparse_runner.cli import _params  # noqa: PLC0415 - `docparse --help` lists commands without them

    return _params.location_options()


def settings_of(stage: str, values: Mapping[str, Any]) -> CommandSettings:
    """Return the settings of a stage, shared options included.

    Args:
        stage: whose options are wanted.
        values: what the command got for ``location_options``: ``data_root`` and ``config``.

    Raises:
        UsageError: the file or a variable is wrong; the message says what.
        PluginError: the stage cannot be loaded.
    """
    from docparse_runner._plugins import load_stage  # noqa: PLC0415 - as above
    from docparse_runner.cli import _params  # noqa: PLC0415 - as above

    settings, workspace = _params.located(values)
    layers = [layer for layer in (settings.file, settings.profile.layer) if layer]
    return CommandSettings(
        root=workspace.root,
        options=settings.resolve(load_stage(stage), {}).options,
        shared={name: value for layer in layers for name, value in layer.table("shared").items()},
    )


def docparse(*words: str) -> int:
    """Run a command of docparse as the command line does, for example ``docparse("run", "index")``.

    Returns:
        Its exit code.

    Raises:
        DocparseError: as the command itself; the command line that called you turns it into a sentence.
    """
    from docparse_runner.cli import docparse as group  # noqa: PLC0415 - as above

    return int(group.main(args=list(words), prog_name="docparse", standalone_mode=False) or 0)
