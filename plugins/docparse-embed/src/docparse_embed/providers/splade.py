"""The provider ``splade`` of the family sparse: a SparseEncoder of sentence-transformers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from docparse_embed.providers import FoundModel
from docparse_embed.providers.sentence_transformers import find

if TYPE_CHECKING:
    from docparse_embed._splade import SpladeEncoder

FAMILY = "sparse"

__all__ = ["FAMILY", "find", "open_encoder"]


@contextmanager
def open_encoder(found: FoundModel, *, device: str, threads: int) -> Iterator["SpladeEncoder"]:
    """Load the model for one worker; see ``Provider.open_encoder``."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # as sentence_transformers.open_encoder
    from docparse_embed._splade import open_model  # noqa: PLC0415 - imports torch

    yield open_model(found.location, device=device, threads=threads)
