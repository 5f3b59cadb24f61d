"""What an encoder is, and how one is found by name.

A provider is a module (or any object) with the two functions of ``Provider``, named by an entry point in the group
``docparse_embed.providers``. Importing it must be cheap: heavy libraries belong inside ``open_encoder``.

    [project.entry-points."docparse_embed.providers"]
    my-server = "my_package.my_server"

It may have more: ``configured(settings)`` returns the provider with the user's settings, for one that needs an address
or a key; ``RANK`` and ``ready(found, device)`` let ``auto`` choose it; ``FAMILY = "sparse"`` says that it makes sparse
vectors, and ``REMOTE = True`` that a server makes them.
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

__all__ = [
    "GROUP",
    "Encoder",
    "FoundModel",
    "Provider",
    "Settings",
    "SparseEncoder",
    "find_model",
    "find_sparse_model",
    "installed",
    "load_provider",
]


@attrs.frozen(kw_only=True)
class Settings:
    """What a user chose, beside the model.

    Attributes:
        endpoint: address of a model server.
        api_key: what the server wants to see; never shown.
        concurrency: requests at a time.
        document_prompt: text to put before a document; None means what the model says.
        query_prompt: text to put before a query; None means what the model says.
    """

    endpoint: str | None = None
    api_key: str | None = attrs.field(default=None, repr=False)
    concurrency: int = 4
    document_prompt: str | None = None
    query_prompt: str | None = None


@attrs.frozen(kw_only=True)
class FoundModel:
    """A model that is on this machine (or, for a remote provider, at its service).

    Attributes:
        name: what to ask for to find it again: a name at the hub, the absolute path of a folder, or an address.
        label: the same without any path of this machine.
        location: the folder of its files.
        digest: ``sha256:…`` over everything that decides its vectors: weights, configuration, tokenizer. Providers
            give the same digest when their vectors may stand for each other's (cosine at least .9995).
        revision: the hub's revision when it is known, else empty.
        max_tokens: what it reads of a text, where that is known without opening it.
        cache: a folder in which what was made of the model may be kept, or None.
        settings: what the user chose.
    """

    name: str
    label: str
    location: Path
    digest: str
    revision: str = ""
    max_tokens: int | None = None
    cache: Path | None = None
    settings: Settings = Settings()


class Encoder(Protocol):
    """An open model; used by one thread.

    It may also have ``provider``, the name to record when it is not the one that was asked for, and ``batch_tokens``,
    how much it wants at once. Out of memory, it raises ``MemoryError``: it is then asked for less.

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


class SparseEncoder(Protocol):
    """An open model of the family sparse; used by one thread. Attributes as those of ``Encoder``.

    Attributes:
        dimension: how many indices there are.
    """

    dimension: int
    max_tokens: int | None
    document_prompt: str
    query_prompt: str

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens; see ``Encoder.count_tokens``."""

    def encode_documents(self, texts: Sequence[str]) -> "list[NDArray[np.void]]":
        """Return for each text a structured array (n,) of ``index`` (int32, ascending) and ``value`` (float32)."""

    def encode_query(self, text: str) -> "NDArray[np.void]":
        """Return the same for a query."""


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

    def open_encoder(self, found: FoundModel, *, device: str, threads: int) -> AbstractContextManager[Any]:
        """Return a context manager that opens the model and closes it after.

        Args:
            found: what ``find`` returned.
            device: ``cpu``, or the name of the accelerator, which is then the only one that this process sees.
            threads: how many threads numeric libraries may use.
        """


def installed() -> dict[str, EntryPoint]:
    """Return the installed providers by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load_provider(name: str, settings: Settings | None = None, family: str = "dense") -> Provider:
    """Return the installed provider of that name, with the user's settings.

    Raises:
        StageError: of category ``config``: there is none, it cannot be imported, or it is of another family.
    """
    found = installed()
    if name not in found:
        msg = f"no embedding provider {name!r}; installed: {', '.join(sorted(found)) or 'none'}"
        raise StageError(msg, category=Category.CONFIG)
    loaded = _loaded(found[name])
    if (makes := getattr(loaded, "FAMILY", "dense")) != family:
        msg = f"the embedding provider {name!r} makes {makes} vectors, not {family} ones"
        raise StageError(msg, category=Category.CONFIG)
    if settings is not None and hasattr(loaded, "configured"):
        loaded = loaded.configured(settings)
    return cast("Provider", loaded)


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        msg = f"the embedding provider {point.name!r} cannot be loaded: {error}"
        raise StageError(msg, category=Category.CONFIG) from error


def settings_of(options: Options) -> Settings:
    """Return what the options say about the family dense."""
    return Settings(
        endpoint=options.endpoint,
        api_key=options.api_key,
        concurrency=options.concurrency,
        document_prompt=options.document_prompt,
        query_prompt=options.query_prompt,
    )


def find_model(options: Options, *, may_fetch: bool, cache: Path | None) -> FoundModel:
    """Return the model that the options mean, found by their provider.

    Args:
        options: the user's.
        may_fetch: whether files may be fetched from a hub, unless the options forbid it.
        cache: see ``Provider.find``.

    Raises:
        StageError: as ``Provider.find``.
    """
    settings = settings_of(options)
    provider = load_provider(options.provider, settings)
    offline = options.offline or not (may_fetch or getattr(provider, "REMOTE", False))
    found = provider.find(options.model, offline=offline, cache=cache)
    return attrs.evolve(found, cache=cache, settings=settings)


def find_sparse_model(options: Options, *, may_fetch: bool, cache: Path | None) -> FoundModel:
    """Return the model of the family sparse; see ``find_model``.

    Raises:
        StageError: of category ``config``: none was named, or it is not to be had.
    """
    if options.sparse_model is None:
        msg = "the family sparse needs a model: name a folder, or a name at the hub, with --sparse-model"
        raise StageError(msg, category=Category.CONFIG)
    provider = load_provider(options.sparse_provider, family="sparse")
    found = provider.find(options.sparse_model, offline=options.offline or not may_fetch, cache=cache)
    return attrs.evolve(found, cache=cache)
