"""What the command line, the environment and ``docparse.toml`` say, read as the runner's own commands read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click

from docparse_runner._plugins import load_stage
from docparse_runner.cli import _params


@attrs.frozen(kw_only=True)
class Settings:
    """What a command of this package needs to know.

    Attributes:
        root: the data root.
        model: the shared option ``model`` of the file or its profile, or None.
        options: those of the stage ``index``.
    """

    root: Path
    model: str | None
    options: Any = attrs.field(repr=False)


def location_options() -> list[click.Parameter]:
    """Return ``--data-root`` and ``--config``."""
    return _params.location_options()


def read_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings; `values` are those of ``location_options``.

    Raises:
        UsageError: the file or a variable is wrong; the message says what.
    """
    settings, workspace = _params.located(values)
    layers = (settings.profile.layer, settings.file)
    models = [layer.table("shared")["model"] for layer in layers if layer and "model" in layer.table("shared")]
    return Settings(
        root=workspace.root,
        model=str(models[0]) if models else None,
        options=settings.resolve(load_stage("index"), {}).options,
    )
