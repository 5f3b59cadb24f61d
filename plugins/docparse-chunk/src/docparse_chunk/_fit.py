"""The last word on length: what will be embedded is counted as it is, and cut again until nothing is over.

Counts of parts do not add up exactly for every tokenizer (byte-pair merges reach across the joints), so that a packed
chunk may be a few tokens over: 14 of 2,592 were.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

import attrs

from docparse_chunk._split import by_cells, exploded
from docparse_chunk._tokens import TokenCounter, cost_of
from docparse_chunk._units import Chunk, Unit
from docparse_runner import Category, StageError


def fitted(chunks: Iterable[Chunk], counter: TokenCounter, max_tokens: int) -> list[tuple[Chunk, int]]:
    """Return chunks of at most `max_tokens` tokens, with their counts, in order.

    Args:
        chunks: as a chunker made them; those over the limit are halved until they fit.
        counter: counts as the embedding model does.
        max_tokens: of the contextualised text, special tokens not counted.

    Raises:
        StageError: of category ``config``: one letter alone is over the limit.
    """
    chunks = list(chunks)
    counts = counter.count([chunk.contextualized_text for chunk in chunks])
    fair: list[tuple[Chunk, int]] = []
    for chunk, tokens in zip(chunks, counts, strict=True):
        if tokens <= max_tokens:
            fair.append((chunk, tokens))
        else:
            fair += fitted(_smaller(chunk, counter, max_tokens), counter, max_tokens)
    return fair


def _smaller(chunk: Chunk, counter: TokenCounter, max_tokens: int) -> list[Chunk]:
    """Return a chunk in two parts; or, when most of it is context, with less of that."""
    context = counter.count(["\n".join((*chunk.headings, chunk.header))])[0]
    units = chunk.units if len(chunk.units) > 1 else _pieces(chunk.units[0], counter)
    if len(units) > 1 and context <= max_tokens // 2:
        return _halves(attrs.evolve(chunk, units=units), counter)
    if chunk.header:
        return [attrs.evolve(chunk, header="")]
    if chunk.headings:
        return [attrs.evolve(chunk, headings=chunk.headings[1:])]
    msg = f"no chunk can have {max_tokens} tokens or fewer: {counter.name} counts more for {chunk.text!r} alone"
    raise StageError(msg, category=Category.CONFIG)


def _pieces(unit: Unit, counter: TokenCounter) -> tuple[Unit, ...]:
    cells = by_cells(unit, unit.row) if unit.row is not None else []
    if len(cells) > 1:
        return tuple(cells)

    def cost(units: Sequence[Unit]) -> list[int]:
        return cost_of(counter, units)

    return tuple(piece for piece, _ in exploded(unit, max(1, cost([unit])[0] // 2), cost))


def _halves(chunk: Chunk, counter: TokenCounter) -> list[Chunk]:
    """Return a chunk cut as near to its middle as can be without parting what introduces from what follows."""
    units = chunk.units
    sums = list(accumulate(cost_of(counter, units), initial=0))
    cut = min(range(1, len(units)), key=lambda place: (units[place - 1].leads, abs(2 * sums[place] - sums[-1])))
    header = units[cut].header
    rest = attrs.evolve(chunk, units=units[cut:], header=header.text if header is not None else "")
    return [attrs.evolve(chunk, units=units[:cut]), rest]
