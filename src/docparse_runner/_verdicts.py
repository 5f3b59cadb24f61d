"""What came out of a stage's code: an outcome that keeps the contract, or what went wrong, as data."""

import traceback
from collections.abc import Mapping
from typing import Any

import msgspec

from docparse_runner._model import ItemOutcome, Status
from docparse_runner._row import ErrorRecord
from docparse_runner._secrets import Redactor
from docparse_runner.errors import DISK_ERRORS, Category, StageError


def outcome_of(answer: object) -> ItemOutcome:
    """Return what a worker answered for one item.

    Raises:
        StageError: it is no outcome that a worker may return.
    """
    if isinstance(answer, ItemOutcome) and answer.status is not Status.CANCELLED:
        return answer
    shown = f"status {answer.status}" if isinstance(answer, ItemOutcome) else type(answer).__name__
    msg = f"the worker must return an ItemOutcome (success, partial or skip), not {shown}"
    raise StageError(msg, category=Category.CONTRACT)


def outcomes_of(answer: object, count: int) -> list[ItemOutcome]:
    """Return what a worker of lists answered for so many items.

    Raises:
        StageError: it is not one outcome for each item.
    """
    if not isinstance(answer, list) or len(answer) != count:
        shown = f"a list of {len(answer)}" if isinstance(answer, list) else type(answer).__name__
        msg = f"the worker must return a list of one ItemOutcome for each of {count} items, not {shown}"
        raise StageError(msg, category=Category.CONTRACT)
    return [outcome_of(each) for each in answer]


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics as JSON data.

    Raises:
        StageError: they hold something else; the message names the type.
    """
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(metrics))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"metrics must be JSON data: {error}"
        raise StageError(msg, category=Category.CONTRACT) from None
    return plain


def judged(error: BaseException, hide: Redactor) -> ErrorRecord:
    """Return what an exception of the stage means; secrets go before texts are cut, which could leave half of one."""
    kind = type(error).__name__
    if isinstance(error, StageError):
        return ErrorRecord.of(error, kind)
    detail = hide.text("".join(traceback.format_exception(error, limit=-12)))[-8000:]
    message = hide.text(_message(error, kind))[:2000]
    if isinstance(error, MemoryError):
        return ErrorRecord(category=str(Category.OOM), message=message, type=kind, detail=detail)
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return ErrorRecord(category=str(Category.IO), message=message, retryable=True, type=kind, detail=detail)
    return ErrorRecord(category=str(Category.RUNTIME), message=message, type=kind, detail=detail)


def _message(error: BaseException, kind: str) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the exception's own code can be as broken as the rest
        text = "(its text cannot be shown)"
    return f"{kind}: {text}" if text else kind
