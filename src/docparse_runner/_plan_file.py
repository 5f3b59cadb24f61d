"""A plan as data: what would become of each item, as JSON and in a file that a later plan is compared with."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from docparse_runner._row import UNREADABLE
from docparse_runner._workspace import write_atomically
from docparse_runner.errors import UsageError

SCHEMA_VERSION = 1
"""Of a plan; it rises when a field changes its meaning."""

ActionWord = Literal["run", "skip", "fail", "gone"]


class PlannedItem(msgspec.Struct, frozen=True, gc=False):
    """What would become of one document.

    Attributes:
        item_id: the document.
        action: ``run``; ``skip``; ``fail``: it cannot even be tried; ``gone``: it is recorded and no longer there.
        reason: why, in the words of the manifest; of ``fail`` what is wrong.
        inputs: kind → the file that would be read, relative to the data root where it lies inside, else absolute;
            empty when it is not there yet, or not any more.
    """

    item_id: str
    action: ActionWord
    reason: str
    inputs: dict[str, str]


class PlannedStage(msgspec.Struct, kw_only=True):
    """What a run of one stage would do.

    Attributes:
        stage_version: ``Stage.version``.
        cfg_hash: see ``config_hash``.
        options: the stage's options that change the output.
        resolved: what the stage found on this machine.
        note: why the plan is not whole, or empty.
        counts: action → number of documents.
        reasons: action → reason → number of documents.
        items: the documents, in the order of the plan; those that are gone come last.
    """

    stage_version: int
    cfg_hash: str
    options: dict[str, Any]
    resolved: dict[str, Any]
    note: str = ""
    counts: dict[ActionWord, int]
    reasons: dict[ActionWord, dict[str, int]]
    items: list[PlannedItem]

    @classmethod
    def of(
        cls, items: list[PlannedItem], *, options: Mapping[str, Any], resolved: Mapping[str, Any], **fields: Any
    ) -> "PlannedStage":
        """Return a stage with its items counted, and what it was told and found as plain JSON data."""
        counts: dict[ActionWord, int] = {"run": 0, "skip": 0, "fail": 0, "gone": 0}
        reasons: dict[ActionWord, dict[str, int]] = {action: {} for action in counts}
        for (action, reason), count in Counter((item.action, item.reason) for item in items).most_common():
            counts[action] += count
            reasons[action][reason] = count
        told, found = (msgspec.json.decode(encode(dict(each))) for each in (options, resolved))
        return cls(items=items, counts=counts, reasons=reasons, options=told, resolved=found, **fields)


class Plan(msgspec.Struct, kw_only=True):
    """What ``docparse plan`` found out, and what ``--save`` writes.

    Attributes:
        schema_version: ``SCHEMA_VERSION``.
        data_root: absolute path.
        stages: stage → what a run of it would do, in the order in which they run.
    """

    schema_version: int = SCHEMA_VERSION
    data_root: str
    stages: dict[str, PlannedStage]


class _Head(msgspec.Struct):
    schema_version: int


def encode(plan: object) -> bytes:
    """Return a plan, or what changed in one, as JSON; what is no JSON value is written as its text."""
    return msgspec.json.encode(plan, enc_hook=str)


def save(path: Path, plan: Plan, data_root: Path) -> None:
    """Write a plan so that a reader sees the old file or the new one.

    Raises:
        UsageError: the file cannot be written, or would lie in the data root, in which a plan touches nothing.
    """
    if path.resolve().is_relative_to(data_root.resolve()):
        msg = f"{path} lies in the data root {data_root}, in which a plan touches nothing; save it somewhere else"
        raise UsageError(msg)
    try:
        if not path.parent.is_dir():
            raise FileNotFoundError(2, "no such folder", str(path.parent))
        write_atomically(path, encode(plan) + b"\n")
    except OSError as error:
        msg = f"the plan cannot be saved in {path}: {error.strerror}"
        raise UsageError(msg) from error


def load(path: Path) -> Plan:
    """Return a plan that was saved.

    Raises:
        UsageError: the file cannot be read, is damaged or something else, or comes from a newer docparse.
    """
    try:
        data = path.read_bytes()
        version = msgspec.json.decode(data, type=_Head).schema_version
        if version > SCHEMA_VERSION:
            has = f"has schema_version {version}, and this docparse reads {SCHEMA_VERSION}"
            msg = f"{path} {has}: upgrade docparse-runner, or save the plan again"
            raise UsageError(msg)
        return msgspec.json.decode(data, type=Plan)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UsageError(msg) from error
    except UNREADABLE as error:
        msg = f"{path} is not a whole plan ({error}); write one with docparse plan … --save {path}"
        raise UsageError(msg) from error
