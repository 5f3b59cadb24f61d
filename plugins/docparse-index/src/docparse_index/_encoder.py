"""The query's encoder: the model that made the vectors, and no other."""

from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from docparse_index._store import Model
from docparse_runner import StageError, UsageError

GROUP = "docparse_embed.providers"
"""Providers are found by name: this package does not know who brings them."""

_THREADS = 1
"""One query is too little to share: 10 ms with one thread, and up to 500 ms with two when another process is busy."""

_ELSE = "or search with --mode lexical"
_SHOWN = len("sha256:") + 12


def open_query_encoder(model: Model, name: str | None, cache: Path) -> AbstractContextManager[Any]:
    """Return a context manager that opens the model and yields what has ``encode_query(text)``.

    Args:
        model: what made the vectors of the index.
        name: where the model is now; None means where it was.
        cache: where its digest may be remembered.

    Raises:
        UsageError: the provider is not installed, the model is not on this machine, or it is another one.
    """
    points = entry_points(group=GROUP)
    if model.provider not in points.names:
        msg = (
            f"the index was made by the embedding provider {model.provider!r}, which is not installed: "
            f"pip install docparse-embed, {_ELSE}"
        )
        raise UsageError(msg)
    try:
        provider = points[model.provider].load()
        found = provider.find(name or model.name, offline=True, cache=cache)
    except (StageError, ImportError) as error:
        msg = f"the model of the index cannot be opened: {error}; say where it is with --model, {_ELSE}"
        raise UsageError(msg) from error
    if found.digest != model.digest:
        msg = (
            f"the index was made with {model.name} ({model.digest[:_SHOWN]}) and {found.name} is another model "
            f"({found.digest[:_SHOWN]}): name the right one with --model, run `docparse run all` again, {_ELSE}"
        )
        raise UsageError(msg)
    encoder: AbstractContextManager[Any] = provider.open_encoder(found, device="cpu", threads=_THREADS)
    return encoder
