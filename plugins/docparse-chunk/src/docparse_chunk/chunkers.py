"""What the author of a chunker needs.

A chunker is a callable ``(document, counter, limits) -> iterable of chunks``, named by an entry point in the group
``docparse_chunk.chunkers``. The document's text is in units; a chunk is some of them, in order, with the headings they
stand under. Tokens, provenance and rows are the stage's business, and a chunk over the limit is cut afterwards.
"""

from docparse_chunk._registry import Chunker
from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import Box, Chunk, Document, Header, Limits, Row, Section, Source, Unit

__all__ = [
    "Box",
    "Chunk",
    "Chunker",
    "Document",
    "Header",
    "Limits",
    "Row",
    "Section",
    "Source",
    "TokenCounter",
    "Unit",
]
