"""The options of the stage ``embed``."""

from typing import Any

import attrs

from docparse_runner import option

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
"""The model meant when none is named; the package in the extra ``bundled`` carries it."""

FAMILIES = ("dense", "sparse", "lexical")
"""Kinds of vectors, in the order of their columns."""


def _at_least_one(_options: Any, field: Any, value: tuple[str, ...]) -> None:
    if not value:
        msg = f"{field.name} must name at least one of {', '.join(FAMILIES)}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Options:
    """What a user may choose; the models' digests enter the config hash through ``docparse_resolve``.

    Attributes:
        families: which kinds of vectors are made, of ``FAMILIES``.
        model: a model's folder, its name at the hub, or what a server calls it; None means ``DEFAULT_MODEL``.
        provider: the encoder's name in the entry point group ``docparse_embed.providers``.
        sparse_model: the model of the family sparse, a folder or a name at the hub.
        sparse_provider: what runs it, in the same group.
        endpoint: the address of a model server, for providers that ask one.
        api_key: what the server wants to see.
        concurrency: requests to a model server at a time, for each worker.
        offline: never ask a hub, nor a server on another machine.
        document_prompt: put before each text; None means what the model's own files say.
        query_prompt: put before each query; None means what the model's own files say.
        dimensions: keep so many dimensions, for models trained for that; None keeps all.
        dtype: how dense vectors are written.
        on_overflow: what to do with chunks longer than the model reads.
        cache: keep vectors by content under the data root, and take them from there.
        cache_limit_mb: what the cache may take; those unused for longest go first.
        batch_tokens: bound of one batch, in tokens after padding; None means what suits provider and device.
    """

    families: tuple[str, ...] = option(
        ("dense",), help="Kinds of vectors to make.", choices=FAMILIES, validator=_at_least_one
    )
    model: str | None = option(
        None,
        help="Embedding model: a folder, or a name at the model hub.",
        default_text="the model at hand, " + DEFAULT_MODEL,
        shared=True,
        affects_output=False,
    )
    provider: str = option(
        "auto", help="What runs the model; auto: the fastest that is installed and verified.", affects_output=False
    )
    sparse_model: str | None = option(
        None, help="Model of the family sparse: a folder, or a name at the model hub.", affects_output=False
    )
    sparse_provider: str = option("splade", help="What runs the model of the family sparse.", affects_output=False)
    endpoint: str | None = option(
        None, help="Address of the model server, for the providers tei and openai.", affects_output=False
    )
    api_key: str | None = option(None, help="Key for the model server.", secret=True)
    concurrency: int = option(
        4, help="Requests to the model server at a time, for each worker.", ge=1, affects_output=False
    )
    offline: bool = option(False, help="Never ask a model hub, or a server on another machine.", affects_output=False)
    document_prompt: str | None = option(
        None, help="Text to put before each chunk.", default_text="what the model's files say"
    )
    query_prompt: str | None = option(
        None, help="Text that searches put before each query.", default_text="what the model's files say"
    )
    dimensions: int | None = option(
        None,
        help="Keep only the first dimensions of dense vectors, for models trained for it (Matryoshka).",
        ge=1,
        default_text="all",
    )
    dtype: str = option("float32", help="Type of dense vectors in the file.", choices=("float32", "float16"))
    on_overflow: str = option(
        "truncate",
        help="A chunk longer than the model reads: cut it, embed its parts and take their mean, or fail its document.",
        choices=("truncate", "split", "refuse"),
    )
    cache: bool = option(True, help="Take the vectors of unchanged chunks from the cache.", affects_output=False)
    cache_limit_mb: int = option(
        4096, help="Size of the cache; vectors unused for longest go first.", unit="MB", ge=1, affects_output=False
    )
    batch_tokens: int | None = option(
        None,
        help="Largest batch, padding included; a longer chunk goes alone.",
        unit="tokens",
        ge=1,
        default_text="what suits the provider and the device",
        affects_output=False,
    )
