"""The provider ``sentence-transformers``: the reference that faster ones are verified against."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from docparse_embed._digest import model_digest
from docparse_embed._models import limit_in, locate
from docparse_embed.providers import FoundModel

if TYPE_CHECKING:
    from docparse_embed._torch import SentenceTransformersEncoder

RANK = 0
"""The last that ``auto`` chooses: it works for every model."""


def ready(_found: FoundModel, _device: str) -> bool:
    """Return whether ``auto`` may take it: always."""
    return True


def find(model: str | None, *, offline: bool, cache: Path | None) -> FoundModel:
    """Return the model with the digest of its files; see ``Provider.find``."""
    place = locate(model, offline=offline)
    return FoundModel(
        name=place.name,
        label=place.label,
        location=place.folder,
        digest=model_digest(place.folder, cache),
        revision=place.revision,
        max_tokens=limit_in(place.folder),
        cache=cache,
    )


@contextmanager
def open_encoder(found: FoundModel, *, device: str, threads: int) -> Iterator["SentenceTransformersEncoder"]:
    """Load the model for one worker; see ``Provider.open_encoder``."""
    # The files are all here, so nothing may wait for a network; read by huggingface_hub when it is first imported.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from docparse_embed._torch import SentenceTransformersEncoder, load_model  # noqa: PLC0415 - imports torch

    model = load_model(found.location, device=device, threads=threads)
    with closing(SentenceTransformersEncoder(model, found.settings, batches=threads)) as encoder:
        yield encoder
