"""``docparse validate chunk``: are a document's rows what they say, within the limits, and all of its text?

The options are those in force now (environment and ``docparse.toml``), not those of the run that made the rows.
"""

import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

import msgspec

from docparse_chunk._choice import choose
from docparse_chunk._docling import load
from docparse_chunk._files import read as read_file
from docparse_chunk._options import Options
from docparse_chunk._row import SCHEMA_VERSION, BoxRow, ChunkRow, anchor, chunk_id, content_digest
from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import HEADING, Document, contextualized
from docparse_chunk._walk import read
from docparse_chunk._worker import limits_of, reading_of
from docparse_runner import StageContext, StageError, WorkItem

_NAMED = 10
"""So many problems of a document are named; the rest are counted."""

_TOLERANCE = 1.0
"""Points that a box may lie outside its page: converters round."""

_TABLE_MARKS = string.whitespace + "|-"
"""What draws a table; it is no text."""

_BY_ITEMS = "docling-hybrid"
"""The chunker that writes the text anew: its spans are those of the items that it names."""


def problems(item: WorkItem, context: StageContext) -> list[str]:
    """Return what is wrong with a document's chunks, the first ten problems and how many more there are.

    Args:
        item: with the paths of the document (``docling``) and of its chunks.
        context: the options and what ``docparse_resolve`` said.
    """
    found = _problems(item.item_id, item.inputs.get("docling"), item.outputs["chunks"], context.options)
    first = list(islice(found, _NAMED))
    more = sum(1 for _ in found)
    return [*first, f"and {more} more problems"] if more else first


def _problems(doc_id: str, source: Path | None, path: Path, options: Options) -> Iterator[str]:
    try:
        rows = list(read_file(path))
    except (StageError, msgspec.ValidationError) as error:
        yield f"{path.name} is not what the stage writes: {error}"
        return
    counter = choose(options.model, options.tokenizer).open()
    for row in rows:
        yield from _named(row, _of_a_row(row, doc_id))
    yield from _order(rows)
    yield from _sizes(rows, counter, options)
    if source is None or not source.is_file():
        yield "the document that the chunks were made from is gone; their text and pages cannot be checked"
        return
    document = read(load(source), reading_of(options), source)
    for row in rows:
        yield from _named(row, _places(row, document))
    yield from _coverage(rows, document, options)


def _named(row: ChunkRow, sentences: Iterable[str]) -> Iterator[str]:
    return (f"chunk {row.seq}: {sentence}" for sentence in sentences)


def _plain(row: ChunkRow) -> str:
    """Return a row's text without its anchor."""
    return row.text.removeprefix(anchor(row))


def _of_a_row(row: ChunkRow, doc_id: str) -> Iterator[str]:
    text = _plain(row)
    if row.schema_version != SCHEMA_VERSION:
        yield f"schema_version is {row.schema_version}, and {SCHEMA_VERSION} is known here"
    if row.doc_id != doc_id:
        yield f"doc_id is {row.doc_id!r}"
    if not text.strip():
        yield "it has no text"
    if row.contextualized_text != contextualized(row.headings, text):
        yield "contextualized_text is not its headings and its text"
    if row.content_digest != content_digest(row.contextualized_text):
        yield "content_digest is not that of contextualized_text"
    if row.pages != sorted({box.page for box in row.boxes}):
        yield "pages are not those of its boxes"
    if not 0 <= row.char_span[0] <= row.char_span[1]:
        yield f"char_span {list(row.char_span)} is none"


def _order(rows: Sequence[ChunkRow]) -> Iterator[str]:
    """Yield what is wrong with numbers and ids, which depend on the rows before."""
    seen: Counter[str] = Counter()
    ids: dict[str, int] = {}
    following = 0
    for place, row in enumerate(rows):
        text = _plain(row)
        if row.seq != following:
            yield f"row {place} has seq {row.seq}, and {following} comes next"
        following = row.seq + 1
        if row.chunk_id in ids:
            yield f"chunk {place} has the chunk_id of chunk {ids[row.chunk_id]}: {row.chunk_id}"
        elif row.chunk_id != chunk_id(row.doc_id, text, seen[text]):
            yield f"chunk {place}: chunk_id is not that of its document, text and place"
        ids.setdefault(row.chunk_id, place)
        seen[text] += 1


def _sizes(rows: Sequence[ChunkRow], counter: TokenCounter, options: Options) -> Iterator[str]:
    """Yield what is over the limit, and what was counted wrongly as far as the same tokenizer is here."""
    same = [row for row in rows if row.tokenizer == counter.name]
    counts = counter.count([row.contextualized_text for row in same])
    limit = limits_of(options, counter).max_tokens + counter.specials
    for row, tokens in zip(same, counts, strict=True):
        if row.n_tokens != tokens + counter.specials:
            yield f"chunk {row.seq}: n_tokens is {row.n_tokens}, and {counter.name} counts {tokens + counter.specials}"
        if tokens + counter.specials > limit:
            yield f"chunk {row.seq}: {tokens + counter.specials} tokens, and the limit is {limit}"


def _places(row: ChunkRow, document: Document) -> Iterator[str]:
    for box in row.boxes:
        if document.pages and box.page not in document.pages:
            yield f"it has a box on page {box.page}, and the document has no such page"
        elif box.page in document.pages and not _is_inside(box, *document.pages[box.page]):
            yield f"it has a box outside page {box.page}: {box.l:g}, {box.t:g}, {box.r:g}, {box.b:g}"


def _is_inside(box: BoxRow, width: float, height: float) -> bool:
    low, high = sorted((box.t, box.b))
    return min(box.l, low) >= -_TOLERANCE and box.r <= width + _TOLERANCE and high <= height + _TOLERANCE


def _coverage(rows: Sequence[ChunkRow], document: Document, options: Options) -> Iterator[str]:
    """Yield text of the document that no chunk has, text that two have, and text that is not the document's."""
    if options.chunker == _BY_ITEMS:
        return
    body = document.body_text
    for row in rows:
        if "table" not in row.kinds and _squeezed(_plain(row)) != _squeezed(body[slice(*row.char_span)]):
            yield f"chunk {row.seq}: its text is not what stands at its char_span"
    if not options.overlap_tokens:
        for one, other in pairwise(rows):
            if other.char_span[0] < one.char_span[1]:
                yield f"chunk {other.seq} repeats text of chunk {one.seq}"
    yield from _untold(rows, document)


def _untold(rows: Sequence[ChunkRow], document: Document) -> Iterator[str]:
    headings = {heading for row in rows for heading in row.headings}
    told = _told(rows, document.body_text)
    starts = [start for start, _ in told]
    for unit in document.units:
        if unit.kind == HEADING and unit.text in headings:
            continue
        marks = _TABLE_MARKS if unit.kind == "table" else string.whitespace
        first = unit.start + len(unit.text) - len(unit.text.lstrip(marks))
        last = unit.end - (len(unit.text) - len(unit.text.rstrip(marks)))
        place = bisect_right(starts, first) - 1
        if first < last and (place < 0 or told[place][1] < last):
            yield f"no chunk has the text at {first}: {unit.text[:60]!r}"


def _told(rows: Sequence[ChunkRow], body: str) -> list[tuple[int, int]]:
    """Return where chunks are, those together between which nothing stands that a reader would miss."""
    told: list[tuple[int, int]] = []
    for start, end in sorted(row.char_span for row in rows):
        if told and not body[told[-1][1] : start].strip(_TABLE_MARKS):
            told[-1] = (told[-1][0], max(told[-1][1], end))
        else:
            told.append((start, end))
    return told


def _squeezed(text: str) -> str:
    return "".join(text.split())
