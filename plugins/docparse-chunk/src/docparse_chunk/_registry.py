"""Chunkers by name, from the entry point group ``docparse_chunk.chunkers``."""

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import TypeAlias

from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import Chunk, Document, Limits
from docparse_runner import Category, StageError

GROUP = "docparse_chunk.chunkers"

Chunker: TypeAlias = Callable[[Document, TokenCounter, Limits], Iterable[Chunk]]
"""What an entry point names: it returns the document's chunks in order, each with at least one unit.

A chunk over the limit is cut afterwards, whoever made it."""


def find_chunker(name: str) -> Chunker:
    """Return the chunker with this name.

    Raises:
        StageError: of category ``config``: there is none, or its package cannot be imported.
    """
    found = entry_points(group=GROUP)
    if name not in found.names:
        msg = f"no chunker {name!r}; installed: {', '.join(sorted(found.names))}"
        raise StageError(msg, category=Category.CONFIG)
    try:
        chunker: Chunker = found[name].load()
    except (ImportError, AttributeError) as error:
        msg = f"the chunker {name!r} ({found[name].value}) cannot be loaded: {type(error).__name__}: {error}"
        raise StageError(msg, category=Category.CONFIG) from error
    return chunker
