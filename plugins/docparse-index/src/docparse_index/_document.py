"""What is indexed: a document's chunks with their vectors, and what made those."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs
import msgspec

from docparse_index._folding import folded

SEPARATOR = "\x1f"
"""Between two headings or captions in one column; a space to the tokenizer."""

_JSON = msgspec.json.Encoder(enc_hook=str)

_COLUMNS = frozenset(
    {
        "boxes", "captions", "chunk_id", "contextualized_text", "doc_id", "headings", "kinds", "pages", "seq", "text",
    }
)  # fmt: skip
"""Columns of a row that have a place of their own, or none: the contextualised text is headings and text again."""


@attrs.frozen(kw_only=True)
class Model:
    """What made vectors. Two are the same space when digest, dimension and document prompt are the same.

    Attributes:
        digest: ``sha256:…`` over the model's files.
        dimension: length of its vectors.
        document_prompt: text put before each document.
        provider: what ran it, a name in the entry point group ``docparse_embed.providers``.
        name: what finds the model again: a name at a hub or a folder.
        normalized: whether its vectors have length 1.
        query_prompt: text to put before a query.
    """

    digest: str
    dimension: int
    document_prompt: str = ""
    provider: str
    name: str
    normalized: bool = attrs.field(default=False, converter=bool)
    query_prompt: str = ""

    @property
    def space(self) -> tuple[str, int, str]:
        """Return what vectors must share to be compared."""
        return self.digest, self.dimension, self.document_prompt


@attrs.frozen(kw_only=True)
class Chunk:
    """A row of the chunk stage with its vector.

    Attributes:
        row: as it was written, ``chunk_id`` and ``text`` being there.
        vector: little-endian float32, or None when the document has no vectors.
    """

    row: Mapping[str, Any]
    vector: bytes | None


@attrs.frozen(kw_only=True)
class Document:
    """What is indexed of one document.

    Attributes:
        doc_id: its id.
        digest: ``sha256:…`` of its file, or empty when that is not known.
        model: what made the vectors; None when it has none, as of a stage embed that made other families only.
        chunks: its chunks, in their order.
    """

    doc_id: str
    digest: str = ""
    model: Model | None
    chunks: Iterable[Chunk]


@attrs.frozen(kw_only=True)
class Record:
    """A chunk as every sink stores it.

    Attributes:
        chunk_id: the chunk.
        seq: its place in the document.
        text: as a person reads it.
        headings: joined by ``SEPARATOR``.
        captions: joined by ``SEPARATOR``.
        pages: that it touches.
        kinds: what it consists of.
        boxes: JSON.
        metadata: JSON: every other column.
        vector: little-endian float32, or None.
    """

    chunk_id: str
    seq: int
    text: str
    headings: str
    captions: str
    pages: list[int]
    kinds: list[str]
    boxes: str
    metadata: str
    vector: bytes | None


def records(chunks: Iterable[Chunk]) -> Iterator[Record]:
    """Yield chunks as they are stored."""
    for number, chunk in enumerate(chunks):
        row = chunk.row
        rest = {name: value for name, value in row.items() if name not in _COLUMNS}
        yield Record(
            chunk_id=row["chunk_id"],
            seq=row.get("seq", number),
            text=row["text"],
            headings=_joined(row.get("headings")),
            captions=_joined(row.get("captions")),
            pages=row.get("pages") or [],
            kinds=row.get("kinds") or [],
            boxes=as_json(row.get("boxes") or []),
            metadata=as_json(rest),
            vector=chunk.vector,
        )


def as_json(value: object) -> str:
    """Return JSON; what has no form there (a date out of a Parquet file) as text."""
    return _JSON.encode(value).decode()


def split(joined: str) -> tuple[str, ...]:
    """Return the texts that were joined by ``SEPARATOR``."""
    return tuple(joined.split(SEPARATOR)) if joined else ()


def facets(metadata: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield ``column=value`` for everything in the metadata that a filter may ask for."""
    for name, value in metadata.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping):
            yield from facets(value, f"{key}.")
        elif isinstance(value, list):
            for each in value:
                yield from facets({name: each}, above)
        else:
            yield f"{key}={value if isinstance(value, str) else as_json(value)}"


def folded_headings(joined: str) -> str:
    """Return headings as the filter compares them: each between two separators, upper and lower case alike."""
    return f"{SEPARATOR}{joined.casefold()}{SEPARATOR}"


def folded_or_none(text: str) -> str | None:
    """Return the text as the full-text table gets it, or None when that is the text itself."""
    other = folded(text)
    return None if other == text else other


def _joined(texts: Iterable[str] | None) -> str:
    return SEPARATOR.join(text.replace(SEPARATOR, " ") for text in texts or ())
