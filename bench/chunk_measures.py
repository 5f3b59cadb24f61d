"""What chunks are like, whoever made them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import attrs
from chunk_systems import Made

from docparse_chunk._docling import Docling, load
from docparse_chunk._row import ChunkRow
from docparse_chunk._tokens import TokenCounter

SMALL = 64
TINY = 16
_ENDS = re.compile(r"[.!?:;…。|)\]}\"'”`]\s*$")


@attrs.frozen(kw_only=True)
class Quality:
    """Attributes:
    chunks: how many.
    tokens: of what is embedded.
    covered: share of the document's texts and table cells that are in the chunks whole.
    over: chunks over the limit.
    small: share of chunks below 64 tokens; ``needlessly_small`` of those that a neighbour has room for.
    tiny: the same below 16 tokens.
    clean: share of chunks that end where a sentence, a row, an item or a paragraph ends.
    """

    chunks: int
    tokens: int
    covered: float
    over: int
    small: float
    needlessly_small: float
    tiny: float
    needlessly_tiny: float
    clean: float


def quality(paths: Sequence[Path], documents: Sequence[list[Made]], counter: TokenCounter, limit: int) -> Quality:
    """Return what the chunks of documents are like."""
    counts = [counter.count([chunk.embedded for chunk in chunks]) for chunks in documents]
    flat = [count for numbers in counts for count in numbers]
    held, texts = 0, 0
    clean = 0
    for path, chunks in zip(paths, documents, strict=True):
        found, all_ = coverage(load(path), chunks)
        held, texts = held + found, texts + all_
        clean += sum(ends(load(path), chunks))
    needless = [n for chunks, numbers in zip(documents, counts, strict=True) for n in mergeable(chunks, numbers, limit)]
    total = max(1, len(flat))
    return Quality(
        chunks=len(flat),
        tokens=sum(flat),
        covered=held / max(1, texts),
        over=sum(count > limit for count in flat),
        small=sum(count < SMALL for count in flat) / total,
        needlessly_small=sum(count < SMALL for count in needless) / total,
        tiny=sum(count < TINY for count in flat) / total,
        needlessly_tiny=sum(count < TINY for count in needless) / total,
        clean=clean / total,
    )


def squeezed(text: str) -> str:
    """Return a text's letters and digits alone, which all markup leaves alike."""
    return "".join(filter(str.isalnum, text))


def texts_of(document: Docling) -> Iterator[str]:
    """Yield the texts and table cells of the body."""
    left_out = {"page_header", "page_footer"}
    for item in document.texts:
        if item.content_layer == "body" and item.label not in left_out:
            yield item.text
    for table in document.tables:
        if table.content_layer == "body" and table.data is not None:
            yield from (cell.text for cell in table.data.table_cells)


def coverage(document: Docling, chunks: Sequence[Made]) -> tuple[int, int]:
    """Return how many of the texts are in the chunks, and how many there are."""
    told = squeezed("".join(chunk.text for chunk in chunks)) + "\0" + squeezed("".join(c.embedded for c in chunks))
    texts = [text for text in map(squeezed, texts_of(document)) if text]
    return sum(text in told for text in texts), len(texts)


def mergeable(chunks: Sequence[Made], counts: Sequence[int], limit: int) -> Iterator[int]:
    """Yield the tokens of chunks that would fit into one with a neighbour under the same heading."""
    for place, chunk in enumerate(chunks):
        beside = [near for near in (place - 1, place + 1) if 0 <= near < len(chunks)]
        if any(
            chunks[near].headings[:1] == chunk.headings[:1]
            and _siblings(chunks[near].headings, chunk.headings)
            and counts[near] + counts[place] <= limit
            for near in beside
        ):
            yield counts[place]


def _siblings(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two chunks stand under the same heading, or under two that are below the same one."""
    return one[:-1] == other[:-1] or one == other[:-1] or other == one[:-1]


def ends(document: Docling, chunks: Sequence[Made]) -> Iterator[bool]:
    """Yield whether each chunk ends where something ends."""
    last_words = {text[-24:] for text in map(squeezed, texts_of(document)) if text}
    for chunk in chunks:
        tail = squeezed(chunk.text)
        yield bool(_ENDS.search(chunk.text)) or any(tail[-size:] in last_words for size in range(1, 25))


def survivors(before: Sequence[ChunkRow], after: Sequence[ChunkRow]) -> float:
    """Return the share of chunks that are still there."""
    kept = Counter(row.chunk_id for row in before) & Counter(row.chunk_id for row in after)
    return kept.total() / len(before)


def in_order(rows: Sequence[ChunkRow]) -> bool:
    """Return whether the chunks follow each other in the body text."""
    return all(one.char_span[1] <= other.char_span[0] for one, other in pairwise(rows))
