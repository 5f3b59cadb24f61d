"""What a search takes and gives: plain data, shared by the command and the Python API."""

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import validators


@attrs.frozen(kw_only=True)
class Filters:
    """What a chunk must be to be considered at all; filters apply before scoring.

    Attributes:
        paths: glob patterns on the document's id, or on its last parts (``*.pdf``); one of them must fit.
        page: a page that the chunk must touch, counted from 1.
        heading: text that one of the chunk's headings must contain, upper and lower case alike.
    """

    paths: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    page: int | None = attrs.field(default=None, validator=validators.optional(validators.instance_of(int)))
    heading: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.paths) or self.page is not None or self.heading is not None


@attrs.frozen(kw_only=True)
class Hit:
    """One chunk that answers a query, with everything needed to cite it.

    Attributes:
        score: higher is better; comparable within one search only.
        doc_id: the document: input name and relative path.
        chunk_id: the chunk.
        seq: number of the chunk in its document, from 0.
        text: the chunk.
        headings: the headings above it, outermost first.
        captions: captions of its tables and pictures.
        pages: pages that it touches, counted from 1; empty for formats without pages.
        boxes: where it lies on its pages, as the chunk stage wrote them.
        matches: (start, end) character offsets in `text` of words that the query names.
        metadata: everything else that the chunk stage wrote.
    """

    score: float
    doc_id: str
    chunk_id: str
    seq: int
    text: str
    headings: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    boxes: tuple[Any, ...] = ()
    matches: tuple[tuple[int, int], ...] = ()
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
