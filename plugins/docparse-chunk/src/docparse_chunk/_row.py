"""The rows of the chunks' files."""

import hashlib
import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from docparse_chunk._units import Box, Chunk, Picture, Source, unique

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


class LinkRow(msgspec.Struct, frozen=True):
    """A link.

    Attributes:
        text: what is linked.
        url: where it leads to.
    """

    text: str
    url: str


class EmphasisRow(msgspec.Struct, frozen=True):
    """An emphasised text.

    Attributes:
        text: what is emphasised.
        styles: of ``bold``, ``italic``, ``underline``, ``strikethrough``, ``sub``, ``super``.
    """

    text: str
    styles: list[str]


class PictureClassRow(msgspec.Struct, frozen=True):
    """What a model took a picture for.

    Attributes:
        name: docling's name of the class, ``bar_chart``.
        confidence: from 0 to 1; null when it is not known.
    """

    name: str
    confidence: float | None


class PictureRow(msgspec.Struct, frozen=True):
    """A picture whose caption or description is in the chunk.

    Attributes:
        doc_item: docling's reference.
        descriptions: what models wrote about it.
        classes: what it was taken for, the three likeliest, the likeliest first.
        molecule: the chemical structure that it shows, in SMILES notation; or empty.
    """

    doc_item: str
    descriptions: list[str]
    classes: list[PictureClassRow]
    molecule: str


class ChunkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk; one line of the file.

    Attributes:
        chunk_id: 32 hexadecimal digits over `doc_id`, `text` and how many chunks before it in the document have the
            same text: the same after edits elsewhere in the document, different in every document.
        doc_id: the document.
        seq: place in the document, from 0.
        text: the chunk as a person reads it; with ``--anchors`` below a line ``<<chunk:DOC_ID:CHUNK_ID>>``.
        contextualized_text: `headings`, one a line, the innermost first, and `text`: what is embedded.
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
        links: the links in the chunk; of a long text that is one link, in every chunk with a part of it.
        emphasis: the emphasised texts in the chunk, as `links`.
        pictures: what is known of the pictures in the chunk.
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
    links: list[LinkRow]
    emphasis: list[EmphasisRow]
    pictures: list[PictureRow]
    n_tokens: int
    tokenizer: str
    content_digest: str
    schema_version: int = SCHEMA_VERSION


def rows(
    doc_id: str, chunks: Iterable[tuple[Chunk, int]], tokenizer: str, *, anchors: bool = False
) -> Iterator[ChunkRow]:
    """Yield the rows of a document.

    Args:
        doc_id: the item's id.
        chunks: the chunks in order, each with its tokens, special tokens included.
        tokenizer: the name of what counted.
        anchors: whether each text is put below its anchor.
    """
    seen: Counter[str] = Counter()
    for seq, (chunk, tokens) in enumerate(chunks):
        row = _row(doc_id, seq, chunk, tokens, tokenizer=tokenizer, ordinal=seen[chunk.text])
        yield msgspec.structs.replace(row, text=anchor(row) + row.text) if anchors else row
        seen[chunk.text] += 1


def anchor(row: ChunkRow) -> str:
    """Return what stands above the text of a row with an anchor."""
    return f"<<chunk:{row.doc_id}:{row.chunk_id}>>\n"


def chunk_id(doc_id: str, text: str, ordinal: int) -> str:
    """Return the id of a chunk; `ordinal` is how many chunks before it in the document have the same text."""
    return _sha256("\0".join((doc_id, text, str(ordinal))))[:32]


def content_digest(contextualized_text: str) -> str:
    """Return the digest of what is embedded."""
    return f"sha256:{_sha256(contextualized_text)}"


def _row(doc_id: str, seq: int, chunk: Chunk, tokens: int, *, tokenizer: str, ordinal: int) -> ChunkRow:
    sources: list[Source] = unique(source for unit in chunk.units for _, source in unit.sources)
    boxes = [box for source in sources for box in source.boxes]
    return ChunkRow(
        chunk_id=chunk_id(doc_id, chunk.text, ordinal),
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
        links=[LinkRow(source.text, source.url) for source in sources if source.url],
        emphasis=[EmphasisRow(source.text, list(source.styles)) for source in sources if source.styles],
        pictures=[_picture_row(source.ref, source.picture) for source in sources if source.picture is not None],
        n_tokens=tokens,
        tokenizer=tokenizer,
        content_digest=content_digest(chunk.contextualized_text),
    )


def _box_row(box: Box) -> BoxRow:
    return BoxRow(box.page, box.l, box.t, box.r, box.b, box.coord_origin)


def _picture_row(ref: str, picture: Picture) -> PictureRow:
    classes = [PictureClassRow(name, confidence) for name, confidence in picture.classes]
    return PictureRow(ref, list(picture.descriptions), classes, picture.molecule)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a row, the same with every release of msgspec."""
    schema = msgspec.json.schema(ChunkRow)
    for definition in schema["$defs"].values():
        definition["description"] = inspect.cleandoc(definition["description"])  # indented before msgspec 0.23
    return schema
