"""The query's encoder: the model that made the vectors, and no other."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from docparse_index._document import Model
from docparse_runner import StageError, UsageError

_GROUP = "docparse_embed.providers"
_ELSE = "or search with --mode lexical"


@contextmanager
def open_query_encoder(model: Model, name: str | None, cache: Path) -> Iterator[Any]:
    """Open the model and yield what has ``encode_query(text)``; the package that embeds knows the quickest way.

    Args:
        model: what made the vectors of the index.
        name: where the model is now; None means where it was.
        cache: where its digest may be remembered.

    Raises:
        UsageError: the provider is not installed, the model is not on this machine, or it is another one.
    """
    if model.provider not in entry_points(group=_GROUP).names:
        msg = (
            f"the index was made by the embedding provider {model.provider!r}, which is not installed: "
            f"pip install docparse-embed, {_ELSE}"
        )
        raise UsageError(msg)
    with ExitStack() as stack:
        try:
            encoder = stack.enter_context(_opening(model, name, cache))
        except (StageError, ImportError) as error:
            msg = f"the model of the index cannot be opened: {error}; say where it is with --model, {_ELSE}"
            raise UsageError(msg) from error
        yield encoder


def _opening(model: Model, name: str | None, cache: Path) -> Any:
    from docparse_embed import open_query_encoder as opening  # noqa: PLC0415 - not a dependency: words need no model

    return opening(
        provider=model.provider,
        model=name or model.name,
        digest=model.digest,
        dimension=model.dimension,
        query_prompt=model.query_prompt,
        cache=cache,
    )
