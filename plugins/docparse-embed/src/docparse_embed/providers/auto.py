"""The provider ``auto``: the fastest of the installed ones that is verified for the model and the device."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docparse_embed.providers import Encoder, FoundModel, installed
from docparse_embed.providers.sentence_transformers import find as find_here

_log = logging.getLogger("docparse.embed")


def find(model: str | None, *, offline: bool, cache: Path | None) -> FoundModel:
    """Return the model with the digest of its files, whoever will run it; see ``Provider.find``."""
    return find_here(model, offline=offline, cache=cache)


@contextmanager
def open_encoder(found: FoundModel, *, device: str, threads: int) -> Iterator[Encoder]:
    """Open the model with the fastest provider that is ready for it, and say which; see ``Provider.open_encoder``."""
    name, provider = chosen(found, device)
    _log.info("%s runs the model %s", name, found.label)
    with provider.open_encoder(found, device=device, threads=threads) as encoder:
        yield encoder


def chosen(found: FoundModel, device: str) -> tuple[str, Any]:
    """Return the provider with the highest ``RANK`` that is ready, with its name.

    A provider that cannot be imported is none: what it lacks is said when it is asked for by name.
    """
    ranked = []
    for name, point in installed().items():
        try:
            provider = point.load()
        except (ImportError, AttributeError):
            continue
        if hasattr(provider, "RANK"):
            ranked.append((provider.RANK, name, provider))
    ranked.sort(key=lambda each: each[:2], reverse=True)
    return next((name, provider) for _rank, name, provider in ranked if provider.ready(found, device))
