"""The summary of a run: what was embedded, and where the vectors came from. Kept in the parent, by run."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from docparse_embed._spread import percentiles

_COUNTED = ("cached", "encoded", "truncated", "split", "halved", "words")
_SPREADS = ("tokens", "nonzero", "terms")
_OTHER = ("sparse", "lexical")


@attrs.define
class _Family:
    """What is counted of one family over all documents."""

    counts: Counter[str] = attrs.field(factory=Counter)
    spreads: dict[str, Counter[int]] = attrs.field(factory=dict)
    providers: Counter[str] = attrs.field(factory=Counter)
    norms: list[float] = attrs.field(factory=list)

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Count a document."""
        self.counts.update({name: metrics[name] for name in _COUNTED if name in metrics})
        for name in _SPREADS:
            if name in metrics:
                own = self.spreads.setdefault(name, Counter())
                own.update({int(number): count for number, count in metrics[name].items()})
        if "provider" in metrics:
            self.providers[metrics["provider"]] += 1
        seen = [*self.norms, *(metrics[name] for name in ("norm_min", "norm_max") if metrics.get(name) is not None)]
        self.norms = [min(seen), max(seen)] if seen else []

    def summary(self, chunks: int) -> dict[str, Any]:
        """Return what was counted."""
        found: dict[str, Any] = {name: self.counts[name] for name in _COUNTED if name in self.counts}
        found |= {name: percentiles(spread) for name, spread in self.spreads.items()}
        if "cached" in self.counts and chunks:
            found["hit_rate"] = round(self.counts["cached"] / chunks, 4)
        if self.norms:
            found["norms"] = {"min": self.norms[0], "max": self.norms[1]}
        if self.providers:
            found["providers"] = dict(self.providers)
        return found


@attrs.define
class _Corpus:
    """What is counted of one run."""

    documents: int = 0
    chunks: int = 0
    families: dict[str, _Family] = attrs.field(factory=dict)

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Count a document that was embedded."""
        self.documents += 1
        self.chunks += metrics["chunks"]
        parts = {"dense": metrics} if "dimension" in metrics else {}
        parts |= {name: metrics[name] for name in _OTHER if name in metrics}
        for name, part in parts.items():
            self.families.setdefault(name, _Family()).add(part)


_runs: dict[str, _Corpus] = {}
"""Run → what was counted; from ``begin`` to ``end``, because hooks share nothing but the run's id."""


def begin(run_id: str) -> None:
    """Start counting a run."""
    _runs[run_id] = _Corpus()


def add(run_id: str, metrics: Mapping[str, Any]) -> None:
    """Count a document that has a result."""
    if run_id in _runs and "chunks" in metrics:
        _runs[run_id].add(metrics)


def end(run_id: str) -> dict[str, Any]:
    """Return the summary of a run and forget it."""
    corpus = _runs.pop(run_id, None) or _Corpus()
    families = {name: family.summary(corpus.chunks) for name, family in corpus.families.items()}
    return {"documents": corpus.documents, "chunks": corpus.chunks, **families}
