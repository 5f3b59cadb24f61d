"""What a search takes and gives: plain data, shared by the command, the Python API and the sinks."""

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import validators

_WORDS = validators.deep_mapping(validators.instance_of(str), validators.instance_of(str))


@attrs.frozen(kw_only=True)
class Filters:
    """What a chunk must be to be considered at all; filters apply before scoring, and all of them must fit.

    Attributes:
        paths: glob patterns on the document's id, or on its last parts (``*.pdf``); one of them must fit.
        documents: ids of documents; it must be in one of them.
        page: a page that the chunk must touch, counted from 1.
        heading: text that one of the chunk's headings must contain, upper and lower case alike.
        kinds: of ``text``, ``table``, ``code`` and the other kinds that the chunk stage writes; it must have one of
            them.
        metadata: column → value of what else the chunk stage wrote, as text (``true``, ``null`` and numbers as JSON
            writes them); of a list, one entry must be the value; columns inside columns are joined by a dot.
    """

    paths: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    documents: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    page: int | None = attrs.field(default=None, validator=validators.optional(validators.instance_of(int)))
    heading: str | None = None
    kinds: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    metadata: Mapping[str, str] = attrs.field(factory=dict, converter=dict, validator=_WORDS)

    def __bool__(self) -> bool:
        """Whether anything is filtered."""
        return any(value not in (None, (), {}) for value in attrs.asdict(self, recurse=False).values())


@attrs.frozen(kw_only=True)
class Neighbour:
    """A chunk beside a hit.

    Attributes:
        chunk_id: the chunk.
        seq: number of the chunk in its document, from 0.
        text: the chunk.
        pages: pages that it touches.
    """

    chunk_id: str
    seq: int
    text: str
    pages: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class Hit:
    """One chunk that answers a query, with everything needed to cite it and to draw it on its page.

    Attributes:
        score: higher is better; comparable within one search only.
        doc_id: the document: input name and relative path.
        doc_digest: ``sha256:…`` of the document's file when its chunks were indexed; empty when no stage of this data
            root read the file.
        chunk_id: the chunk.
        seq: number of the chunk in its document, from 0.
        text: the chunk.
        headings: the headings above it, outermost first.
        captions: captions of its tables and pictures.
        kinds: what it consists of, as the chunk stage says.
        pages: pages that it touches, counted from 1; empty for formats without pages.
        boxes: where it lies on its pages, as the chunk stage wrote them.
        matches: (start, end) character offsets in `text` of words that the query names.
        metadata: everything else that the chunk stage wrote.
        before: the chunks before it, when they were asked for.
        after: the chunks after it, when they were asked for.
    """

    score: float
    doc_id: str
    doc_digest: str = ""
    chunk_id: str
    seq: int
    text: str
    headings: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    boxes: tuple[Any, ...] = ()
    matches: tuple[tuple[int, int], ...] = ()
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    before: tuple[Neighbour, ...] = ()
    after: tuple[Neighbour, ...] = ()
