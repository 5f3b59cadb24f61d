"""What ``docparse runs`` says of every run, as text and as JSON."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from docparse_runner._runs import RunRecord, StageSummary

SCHEMA = {"schema_version": 1}
"""Of the JSON of these commands."""


def counted(summary: StageSummary | None) -> str:
    """Return the counts of a stage in words."""
    if summary is None:
        return "did not end"
    return ", ".join(f"{number} {word}" for word, number in summary.counts.items()) or "nothing to do"


def plain_counts(record: RunRecord, stage: str) -> dict[str, int] | None:
    """Return the counts of a stage, None when it did not end."""
    summary = record.summary.get(stage)
    return None if summary is None else {_key(word): number for word, number in summary.counts.items()}


def plain_pairs(pairs: Mapping[str, tuple[Any, Any]]) -> dict[str, dict[str, Any]]:
    """Return what differs between two runs, by name."""
    return {_key(name): {"first": first, "second": second} for name, (first, second) in pairs.items()}


def _key(word: str) -> str:
    return word.replace(" ", "_")


def when(record: RunRecord) -> str:
    """Return when a run began, to the second."""
    return record.started.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def head(record: RunRecord) -> dict[str, Any]:
    """Return what is said of every run in JSON."""
    return {
        "run_id": record.run_id,
        "started_at": record.started.isoformat(timespec="seconds"),
        "exit_code": record.exit_code,
        "wall_s": round(record.wall_s, 3),
        "problems": record.problems,
    }


def value_word(value: object) -> str:
    """Return the value of an option as it is shown."""
    return json.dumps(value, ensure_ascii=False)
