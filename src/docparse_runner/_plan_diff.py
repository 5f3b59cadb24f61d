"""What changed between a plan that was saved and the plan of now."""

from collections.abc import Mapping
from typing import Any

import msgspec

from docparse_runner._plan_file import ActionWord, Plan, PlannedItem, PlannedStage

SCHEMA_VERSION = 1
"""Of what changed; it rises when a field changes its meaning."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What would become of a document.

    Attributes:
        action: see the plan.
        reason: see the plan.
    """

    action: ActionWord
    reason: str

    @classmethod
    def of(cls, item: PlannedItem) -> "Verdict":
        """Return the verdict on an item."""
        return cls(item.action, item.reason)


class Pair(msgspec.Struct, frozen=True):
    """Two values that differ.

    Attributes:
        then: in the saved plan; null when it was not there.
        now: in the plan of now; null when it is not there any more.
    """

    then: Any
    now: Any


class ChangedItem(msgspec.Struct, frozen=True, gc=False):
    """A document whose verdict is another.

    Attributes:
        item_id: the document.
        then: the verdict of the saved plan; null for a document that it did not have.
        now: the verdict of now; null for a document that is not planned any more.
    """

    item_id: str
    then: Verdict | None
    now: Verdict | None


class StageChanges(msgspec.Struct, kw_only=True):
    """How the plan of a stage changed.

    Attributes:
        missing: ``then`` or ``now``: the plan that does not have the stage; empty when both do.
        settings: name → values, of ``stage_version`` and ``cfg_hash``, where they differ.
        options: the stage's options → values, where they differ.
        resolved: the same for what the stage found on this machine.
        counts: action → numbers of documents, where they differ.
        items: the documents that are new, no longer planned, or have another action or reason.
    """

    missing: str = ""
    settings: dict[str, Pair] = {}
    options: dict[str, Pair] = {}
    resolved: dict[str, Pair] = {}
    counts: dict[str, Pair] = {}
    items: list[ChangedItem] = []

    def __bool__(self) -> bool:
        """Whether there is a change."""
        return self != StageChanges()


class PlanChanges(msgspec.Struct, kw_only=True):
    """What changed between two plans.

    Attributes:
        schema_version: ``SCHEMA_VERSION``.
        differs: whether anything changed.
        data_root: of both plans; that they lie in different places is no change.
        stages: stage → how its plan changed.
    """

    schema_version: int = SCHEMA_VERSION
    differs: bool
    data_root: Pair
    stages: dict[str, StageChanges]


def changes(then: Plan, now: Plan) -> PlanChanges:
    """Return what changed from one plan to a later one."""
    names = dict.fromkeys([*then.stages, *now.stages])
    stages = {name: _stage_changes(then.stages.get(name), now.stages.get(name)) for name in names}
    return PlanChanges(differs=any(stages.values()), data_root=Pair(then.data_root, now.data_root), stages=stages)


def _stage_changes(then: PlannedStage | None, now: PlannedStage | None) -> StageChanges:
    if then is None or now is None:
        return StageChanges(missing="now" if now is None else "then")
    found = StageChanges(
        counts=_pairs(then.counts, now.counts),
        items=_changed_items(then, now),
    )
    if then.cfg_hash and now.cfg_hash:  # a stage whose input did not exist yet was not asked for its settings
        found.settings = _pairs(_settings(then), _settings(now))
        found.options = _pairs(then.options, now.options)
        found.resolved = _pairs(then.resolved, now.resolved)
    return found


def _settings(stage: PlannedStage) -> dict[str, Any]:
    return {"stage_version": stage.stage_version, "cfg_hash": stage.cfg_hash}


def _pairs(then: Mapping[Any, Any], now: Mapping[Any, Any]) -> dict[str, Pair]:
    pairs = {name: Pair(then.get(name), now.get(name)) for name in {**then, **now}}
    return {name: pair for name, pair in pairs.items() if pair.then != pair.now}


def _changed_items(then: PlannedStage, now: PlannedStage) -> list[ChangedItem]:
    rest = {item.item_id: item for item in then.items}
    found = []
    for item in now.items:
        old = rest.pop(item.item_id, None)
        before, after = (Verdict.of(old) if old else None), Verdict.of(item)
        if before != after:
            found.append(ChangedItem(item.item_id, before, after))
    found += (ChangedItem(item.item_id, Verdict.of(item), None) for item in rest.values())
    return found
