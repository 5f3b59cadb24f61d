"""What the configuration says, and what stages make of it here: models, engines; nothing is fetched or made."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from docparse_runner._checkup import Finding, Level
from docparse_runner._config import Settings
from docparse_runner._installed import Installed
from docparse_runner._workspace import Workspace
from docparse_runner.cli._config_values import collect
from docparse_runner.errors import DocparseError

_SHOW = "change what it names; docparse config show --sources says where each value comes from"


def refused(error: DocparseError) -> Finding:
    """Return that the configuration cannot be used."""
    return Finding(topic="configuration", text=str(error), level=Level.FIX, remedy=_SHOW)


def configuration(settings: Settings, workspace: Workspace, stages: Iterable[Installed]) -> Iterator[Finding]:
    """Yield the file and the profile in use, and what each stage of the pipeline makes of its options here."""
    file, profile = settings.path, settings.profile
    text = str(file) if file else "no docparse.toml here; options have their defaults"
    if profile.name:
        text += f"; profile {profile.name} ({profile.source})"
    yield Finding(
        topic="configuration",
        text=text,
        data={"file": str(file) if file else None, "profile": profile.name or None},
    )
    try:
        found = collect(settings, {"stage": None, "set_": ()}, workspace)
    except DocparseError as error:
        yield refused(error)
        return
    for name, stage in found.stages.items():
        if stage.unresolved:
            yield Finding(topic="models", text=stage.unresolved, level=Level.FIX, remedy=_look_into(name))
        elif stage.resolved:
            told = ", ".join(f"{key} {json.dumps(value)}" for key, value in stage.resolved.items())
            yield Finding(topic="models", text=f"{name}: {told}", data={"stage": name, **stage.resolved})
    installed = {each.name for each in stages}
    for name in found.broken.keys() - installed:
        yield refused(DocparseError(f"[pipeline]: {found.broken[name]}"))


def _look_into(name: str) -> str:
    return f"do what it says; docparse config show {name} --sources shows its options"


def hub_cache() -> Finding:
    """Return which models the cache of the Hugging Face hub holds; the folders are listed, nothing is fetched."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    folder = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or home) / "hub").expanduser()
    found = sorted(path.name.removeprefix("models--").replace("--", "/") for path in folder.glob("models--*"))
    text = f"{folder}: {', '.join(found)}" if found else f"{folder} holds no models"
    return Finding(topic="hub cache", text=text, data={"path": str(folder), "models": found})
