"""What an encoder is, and how one is found by name.

A provider is a module (or any object) with the two functions of ``Provider``, named by an entry point in the group
``docparse_embed.providers``. Importing it must be cheap: heavy libraries belong inside ``open_encoder``.

    [project.entry-points."docparse_embed.providers"]
    my-server = "my_package.my_server"
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import attrs

from docparse_embed._options import Options
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROUP = "docparse_embed.providers"

__all__ = ["GROUP", "Encoder", "FoundModel", "Provider", "find_model", "load_provider"]


@attrs.frozen(kw_only=True)
class FoundModel:
    """A model that is on this machine (or, for a remote provider, at its service).

    Attributes:
        name: what to ask for to find it again: a name at the hub, or the absolute path of a folder.
        label: the same without any path of this machine.
        location: the folder of its files.
        digest: ``sha256:…`` over everything that decides its vectors: weights, configuration, tokenizer.
        revision: the hub's revision when it is known, else empty.
    """

    name: str
    label: str
    location: Path
    digest: str
    revision: str = ""


class Encoder(Protocol):
    """An open model; used by one thread.

    Attributes:
        dimension: length of its vectors.
        max_tokens: what it reads of a text, special tokens included; None for no limit.
        normalized: whether its vectors have Euclidean length 1.
        document_prompt: text that it puts before a document.
        query_prompt: text that it puts before a query.
        pooling: how token vectors become one, or empty when not known.
    """

    dimension: int
    max_tokens: int | None
    normalized: bool
    document_prompt: str
    query_prompt: str
    pooling: str

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens, prompt and special tokens included, before any truncation."""

    def encode_documents(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return a float32 array (len(texts), dimension); what is over ``max_tokens`` is cut off."""

    def encode_query(self, text: str) -> "NDArray[np.float32]":
        """Return a float32 array (dimension,)."""


class Provider(Protocol):
    """Finds a model and opens it."""

    def find(self, model: str | None, *, offline: bool, cache: Path | None) -> FoundModel:
        """Return the model, without importing anything heavy.

        Args:
            model: a folder or a name; None means the provider's default.
            offline: never use the network.
            cache: a folder in which digests may be remembered; None forbids writing.

        Raises:
            StageError: of category ``config``: the model is not to be had; the message says what to do.
        """

    def open_encoder(self, found: FoundModel, *, device: str, threads: int) -> AbstractContextManager[Encoder]:
        """Return a context manager that opens the model and closes it after.

        Args:
            found: what ``find`` returned.
            device: ``cpu``, or the name of the accelerator, which is then the only one that this process sees.
            threads: how many threads numeric libraries may use.
        """


def load_provider(name: str) -> Provider:
    """Return the installed provider of that name.

    Raises:
        StageError: of category ``config``: there is none, or it cannot be imported.
    """
    found = entry_points(group=GROUP)
    if name not in found.names:
        installed = ", ".join(sorted(found.names)) or "none"
        msg = f"no embedding provider {name!r}; installed: {installed}"
        raise StageError(msg, category=Category.CONFIG)
    return cast("Provider", _loaded(found[name]))


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        msg = f"the embedding provider {point.name!r} cannot be loaded: {error}"
        raise StageError(msg, category=Category.CONFIG) from error


def find_model(options: Options, *, offline: bool, cache: Path | None) -> FoundModel:
    """Return the model that the options mean, found by their provider; see ``Provider.find``."""
    return load_provider(options.provider).find(options.model, offline=offline, cache=cache)
