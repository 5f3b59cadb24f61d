"""The model of some vectors, opened for queries by what runs it fastest here."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from docparse_embed.providers import FoundModel, Provider, Settings, load_provider
from docparse_runner import Category, StageError

_THREADS = 1
"""One query is too little to share: 10 ms with one thread, and up to 500 ms with two when another process is busy."""
_KEY = "DOCPARSE_EMBED__API_KEY"
_SHOWN = len("sha256:") + 12


@attrs.frozen(kw_only=True)
class Wanted:
    """What is known of the vectors that queries are compared with; see ``docparse_embed.open_query_encoder``."""

    provider: str
    model: str
    digest: str
    dimension: int
    query_prompt: str
    cache: Path


@attrs.frozen(kw_only=True)
class QueryEncoder:
    """An open model that reads queries.

    Attributes:
        dimension: the length of its vectors.
    """

    encoder: Any
    dimension: int

    def encode_query(self, text: str) -> NDArray[np.float32]:
        """Return a float32 array (dimension,), of length 1 where the model normalises."""
        whole: NDArray[np.float32] = self.encoder.encode_query(text)
        kept = whole[: self.dimension]
        length = float(np.linalg.norm(kept))
        return kept / np.float32(length) if self.encoder.normalized and length else kept


@contextmanager
def open_encoder(wanted: Wanted) -> Iterator[QueryEncoder]:
    """Open the model; see ``docparse_embed.open_query_encoder``."""
    provider, found = _found(wanted)
    with provider.open_encoder(found, device="cpu", threads=_THREADS) as encoder:
        yield QueryEncoder(encoder=encoder, dimension=wanted.dimension)


def _found(wanted: Wanted) -> tuple[Provider, FoundModel]:
    """Return a provider with the model: ``auto``, which knows what is equivalent and here, unless a server made it."""
    settings = Settings(query_prompt=wanted.query_prompt, api_key=api_key(os.environ))
    provider = load_provider(wanted.provider, settings)
    remote = getattr(provider, "REMOTE", False)
    if hasattr(provider, "RANK"):
        provider = load_provider("auto", settings)
    found = provider.find(wanted.model, offline=not remote, cache=wanted.cache)
    if found.digest != wanted.digest:
        msg = (
            f"the vectors were made with {wanted.model} ({wanted.digest[:_SHOWN]}) and {found.name} is another model "
            f"({found.digest[:_SHOWN]})"
        )
        raise StageError(msg, category=Category.CONFIG)
    return provider, attrs.evolve(found, cache=wanted.cache, settings=settings)


def api_key(environment: Mapping[str, str]) -> str | None:
    """Return the key for the model server, from the variable or the file that the stage itself reads."""
    if file := environment.get(f"{_KEY}_FILE"):
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    return environment.get(_KEY)
