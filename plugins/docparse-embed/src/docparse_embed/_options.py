"""The options of the stage ``embed``."""

import attrs

from docparse_runner import option

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
"""The model meant when none is named; the package in the extra ``bundled`` carries it."""


@attrs.frozen(kw_only=True)
class Options:
    """What a user may choose; the model's digest enters the config hash through ``docparse_resolve``.

    Attributes:
        model: a model's folder or its name at the hub; None means ``DEFAULT_MODEL``.
        provider: the encoder's name in the entry point group ``docparse_embed.providers``.
        offline: never ask a hub.
        on_overflow: what to do with chunks longer than the model reads.
        cache: keep vectors by content under the data root, and take them from there.
        batch_tokens: bound of one batch, in tokens after padding.
    """

    model: str | None = option(
        None,
        help="Embedding model: a folder, or a name at the model hub.",
        default_text="the model at hand, " + DEFAULT_MODEL,
        shared=True,
        affects_output=False,
    )
    provider: str = option("sentence-transformers", help="What runs the model.", affects_output=False)
    offline: bool = option(False, help="Never ask a model hub.", affects_output=False)
    on_overflow: str = option(
        "truncate",
        help="What to do with a chunk longer than the model reads: cut it and count it, or fail its document.",
        choices=("truncate", "refuse"),
    )
    cache: bool = option(True, help="Take the vectors of unchanged chunks from the cache.", affects_output=False)
    batch_tokens: int = option(
        1024,
        help="Largest batch, padding included; a longer chunk goes alone.",
        unit="tokens",
        ge=1,
        affects_output=False,
    )
