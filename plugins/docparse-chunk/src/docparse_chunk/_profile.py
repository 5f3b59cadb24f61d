"""How long documents, their sections and paragraphs are in the tokens of one or more tokenizers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from docparse_chunk._docling import load
from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import Document
from docparse_chunk._walk import Reading, read

_STEP = 16
"""Suggestions are multiples of this."""
_SMALLEST = 64
"""The shortest ``max_tokens`` that is suggested: below it most of a chunk is headings."""
_SHARE = 4
"""``min_tokens`` is suggested to be at most this part of ``max_tokens``: what is joined must still fit."""
_FULL = 0.95
"""This share of the sections should fit into a chunk."""

EDGES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
"""Upper bounds of the bars of a histogram, in tokens; one more bar holds what is longer."""


@attrs.frozen(kw_only=True)
class Profile:
    """Numbers of tokens, special tokens not counted.

    Attributes:
        tokenizer: what counted.
        limit: most tokens that it allows, special tokens included.
        special_tokens: that it adds to a text.
        documents: tokens of each document.
        sections: tokens of each section, from one heading to the next, the heading included.
        paragraphs: tokens of each paragraph, list item, caption and table, as far as packing cuts between them.
    """

    tokenizer: str
    limit: int
    special_tokens: int
    documents: dict[str, int]
    sections: list[int]
    paragraphs: list[int]

    @property
    def tokens(self) -> int:
        """Return the tokens of all documents."""
        return sum(self.documents.values())

    @property
    def max_tokens(self) -> int:
        """Return the suggested ``--max-tokens``: what 95 % of the sections fit in, if the model reads so much."""
        room = self.limit - self.special_tokens
        wanted = -(-quantile(self.sections, _FULL) // _STEP) * _STEP
        return min(room, max(_SMALLEST, wanted))

    @property
    def min_tokens(self) -> int:
        """Return the suggested ``--min-tokens``: the median section, at most a quarter of ``max_tokens``."""
        middle = quantile(self.sections, 0.5)
        return min(self.max_tokens // _SHARE, middle) // _STEP * _STEP


def quantile(values: Sequence[int], share: float) -> int:
    """Return the value that this share of the values does not exceed; 0 of none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0


def histogram(values: Iterable[int]) -> list[int]:
    """Return how many values are up to each of ``EDGES`` and beyond the one before, and how many are longer."""
    bars = [0] * (len(EDGES) + 1)
    for value in values:
        bars[next((place for place, edge in enumerate(EDGES) if value <= edge), len(EDGES))] += 1
    return bars


def profiled(documents: Iterable[tuple[str, Path]], counters: Sequence[TokenCounter]) -> list[Profile]:
    """Return a profile for each counter.

    Args:
        documents: name and file of each.
        counters: what counts.

    Raises:
        StageError: of category ``input``: a file is not a DoclingDocument.
    """
    profiles = [
        Profile(
            tokenizer=counter.name,
            limit=counter.limit,
            special_tokens=counter.specials,
            documents={},
            sections=[],
            paragraphs=[],
        )
        for counter in counters
    ]
    for name, path in documents:
        document = read(load(path), Reading(), path)
        for profile, counter in zip(profiles, counters, strict=True):
            _add(profile, counter, name, document)
    return profiles


def _add(profile: Profile, counter: TokenCounter, name: str, document: Document) -> None:
    counts = iter(counter.count([unit.before + unit.text for unit in document.units]))
    profile.documents[name] = 0
    for section in document.sections:
        heads = sum(next(counts) for _ in section.heads)
        body = 0
        for unit in section.units:
            tokens = next(counts)
            if unit.opens or not body:
                profile.paragraphs.append(tokens)
            else:
                profile.paragraphs[-1] += tokens
            body += tokens
        profile.sections.append(heads + body)
        profile.documents[name] += heads + body
