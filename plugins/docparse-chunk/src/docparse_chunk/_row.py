"""The rows of ``.chunks.jsonl``."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from docparse_chunk._units import Box, Chunk, Source, unique
from docparse_runner import write_rows

SCHEMA_VERSION = 1


class BoxRow(msgspec.Struct, frozen=True):
    """A rectangle on a page, as docling gives it.

    Attributes:
        page: page number, from 1.
        l: left, in points.
        t: top, in points.
        r: right, in points.
        b: bottom, in points.
        coord_origin: which corner of the page is (0, 0): ``TOPLEFT`` or ``BOTTOMLEFT``.
    """

    page: int
    l: float  # noqa: E741 - docling's name
    t: float
    r: float
    b: float
    coord_origin: str


class ChunkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk; one line of the file.

    Attributes:
        chunk_id: 32 hexadecimal digits over `doc_id`, `text` and how many chunks before it in the document have the
            same text: the same after edits elsewhere in the document, different in every document.
        doc_id: the document.
        seq: place in the document, from 0.
        text: the chunk as a person reads it.
        contextualized_text: `headings`, one a line, and `text`: what is embedded.
        headings: the headings that the chunk stands under, outermost first.
        captions: of the tables and figures in the chunk.
        kinds: what it consists of: ``text``, ``list_item``, ``table``, ``code``, ``formula``, ``caption``,
            ``footnote``, ``picture``, ``key_value``, ``heading``.
        pages: the pages it stands on, ascending; empty for formats without pages.
        boxes: the places of all items in the chunk.
        char_span: start and end (exclusive) in the document's body text, in code points. The body text is all text
            in reading order, headings included, as it would be written in one single chunk. Where no header of a
            table is repeated and no row was cut into cells, `text` is just this part of it.
        doc_items: docling's references of the items in the chunk.
        n_tokens: tokens of `contextualized_text`, special tokens included.
        tokenizer: what counted them.
        content_digest: ``sha256:`` and 64 hexadecimal digits over `contextualized_text` in UTF-8.
        schema_version: of these rows.
    """

    chunk_id: str
    doc_id: str
    seq: int
    text: str
    contextualized_text: str
    headings: list[str]
    captions: list[str]
    kinds: list[str]
    pages: list[int]
    boxes: list[BoxRow]
    char_span: tuple[int, int]
    doc_items: list[str]
    n_tokens: int
    tokenizer: str
    content_digest: str
    schema_version: int = SCHEMA_VERSION


def rows(doc_id: str, chunks: Iterable[tuple[Chunk, int]], tokenizer: str) -> Iterator[ChunkRow]:
    """Yield the rows of a document.

    Args:
        doc_id: the item's id.
        chunks: the chunks in order, each with its tokens, special tokens included.
        tokenizer: the name of what counted.
    """
    seen: Counter[str] = Counter()
    for seq, (chunk, tokens) in enumerate(chunks):
        yield _row(doc_id, seq, chunk, tokens, tokenizer=tokenizer, ordinal=seen[chunk.text])
        seen[chunk.text] += 1


def _row(doc_id: str, seq: int, chunk: Chunk, tokens: int, *, tokenizer: str, ordinal: int) -> ChunkRow:
    sources: list[Source] = unique(source for unit in chunk.units for _, source in unit.sources)
    boxes = [box for source in sources for box in source.boxes]
    identity = "\0".join((doc_id, chunk.text, str(ordinal)))
    return ChunkRow(
        chunk_id=_sha256(identity)[:32],
        doc_id=doc_id,
        seq=seq,
        text=chunk.text,
        contextualized_text=chunk.contextualized_text,
        headings=list(chunk.headings),
        captions=unique(unit.caption for unit in chunk.units if unit.caption),
        kinds=unique(unit.kind for unit in chunk.units),
        pages=sorted({box.page for box in boxes}),
        boxes=[_box_row(box) for box in boxes],
        char_span=(chunk.units[0].start, chunk.units[-1].end),
        doc_items=[source.ref for source in sources],
        n_tokens=tokens,
        tokenizer=tokenizer,
        content_digest=f"sha256:{_sha256(chunk.contextualized_text)}",
    )


def _box_row(box: Box) -> BoxRow:
    return BoxRow(box.page, box.l, box.t, box.r, box.b, box.coord_origin)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path, chunk_rows: Iterable[ChunkRow]) -> None:
    """Write the rows as JSON Lines; a document without text gives an empty file, which is a valid one."""
    write_rows(path, (msgspec.structs.asdict(row) for row in chunk_rows))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a row."""
    return msgspec.json.schema(ChunkRow)
