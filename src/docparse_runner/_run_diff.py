"""What two runs were told, and did, differently."""

from collections.abc import Mapping
from typing import Any

import attrs

from docparse_runner._runs import ItemLine, RunRecord, StageConfig, StageSummary, item_lines

_GOOD = frozenset({"success", "partial"})


@attrs.frozen(kw_only=True)
class ItemChange:
    """A document that one run did and the other failed.

    Attributes:
        item_id: the document.
        first: what became of it in the first run: ``success``, ``partial``, or the category of its failure.
        second: the same of the second run.
    """

    item_id: str
    first: str
    second: str


@attrs.frozen(kw_only=True)
class StageDiff:
    """How a stage differs between two runs; of each pair, the first run's value comes first.

    Attributes:
        missing: ``first`` or ``second``: the run that did not have the stage; empty when both had.
        stage_version: the versions, None when they are equal.
        options: option of the stage → its values, where they differ.
        runner: the same for the runner's options.
        resolved: the same for what the stage found.
        versions: the same for the packages that were installed; empty unless both runs recorded them.
        counts: word → numbers of documents, where they differ.
        items: documents that one run did and the other failed.
    """

    missing: str = ""
    stage_version: tuple[int, int] | None = None
    options: Mapping[str, tuple[Any, Any]] = attrs.field(factory=dict)
    runner: Mapping[str, tuple[Any, Any]] = attrs.field(factory=dict)
    resolved: Mapping[str, tuple[Any, Any]] = attrs.field(factory=dict)
    versions: Mapping[str, tuple[Any, Any]] = attrs.field(factory=dict)
    counts: Mapping[str, tuple[int, int]] = attrs.field(factory=dict)
    items: tuple[ItemChange, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return self != StageDiff()


def differences(first: RunRecord, second: RunRecord) -> dict[str, StageDiff]:
    """Return stage → how it differs, for each stage that either run had."""
    ends = [_ends(record) for record in (first, second)]
    return {
        stage: _stage_diff(stage, first, second, [each.get(stage, {}) for each in ends])
        for stage in dict.fromkeys([*first.stages, *second.stages])
    }


def _stage_diff(stage: str, first: RunRecord, second: RunRecord, ends: list[dict[str, ItemLine]]) -> StageDiff:
    if stage not in first.stages or stage not in second.stages:
        return StageDiff(missing="second" if stage in first.stages else "first")
    before, after = (record.config.get(stage, StageConfig()) for record in (first, second))
    counts = [record.summary.get(stage, StageSummary()).counts for record in (first, second)]
    versions = (before.stage_version, after.stage_version)
    return StageDiff(
        stage_version=versions if versions[0] != versions[1] else None,
        options=_changed(before.options, after.options),
        runner=_changed(before.runner, after.runner),
        resolved=_changed(before.resolved, after.resolved),
        versions=_changed(before.versions, after.versions) if before.versions and after.versions else {},
        counts=_changed(counts[0], counts[1], absent=0),
        items=tuple(_items(*ends)),
    )


def _changed(first: Mapping[str, Any], second: Mapping[str, Any], absent: Any = None) -> dict[str, tuple[Any, Any]]:
    """Return name → (first value, second value) where they differ."""
    pairs = {name: (first.get(name, absent), second.get(name, absent)) for name in {**first, **second}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _ends(record: RunRecord) -> dict[str, dict[str, ItemLine]]:
    """Return stage → item id → the last line on it."""
    found: dict[str, dict[str, ItemLine]] = {}
    for line in item_lines(record):
        found.setdefault(line.stage, {})[line.item_id] = line
    return found


def _items(first: Mapping[str, ItemLine], second: Mapping[str, ItemLine]) -> list[ItemChange]:
    both = [(first[item_id], second[item_id]) for item_id in sorted(first.keys() & second.keys())]
    return [
        ItemChange(item_id=before.item_id, first=_word(before), second=_word(after))
        for before, after in both
        if {before.status, after.status} & _GOOD and "failure" in {before.status, after.status}
    ]


def _word(line: ItemLine) -> str:
    return line.category or line.status
