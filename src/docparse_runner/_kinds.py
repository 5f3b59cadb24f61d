"""The kinds of artifacts that are known: those of docparse's own stages, and those of the installed ones."""

from collections.abc import Mapping

import attrs

from docparse_runner._installed import installed_stages


@attrs.frozen
class Kind:
    """A kind of artifact.

    Attributes:
        suffix: how its files end.
        stage: who makes it.
    """

    suffix: str
    stage: str


STANDARD: Mapping[str, Kind] = {
    "docling": Kind(".docling.json", "doctags"),
    "doctags": Kind(".doctags", "doctags"),
    "chunks": Kind(".chunks.jsonl", "chunk"),
    "embeddings": Kind(".vectors.parquet", "embed"),
    "indexed": Kind(".indexed.json", "index"),
}
"""What the stages make that docparse comes with, installed here or not."""


def known_kinds() -> dict[str, Kind]:
    """Return name → kind; a stage that cannot be loaded is left out."""
    kinds = dict(STANDARD)
    for each in installed_stages():
        kinds |= {kind: Kind(output.suffix, each.name) for kind, output in each.produces.items()}
    return kinds
