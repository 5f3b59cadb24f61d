"""docparse-runner: documents through stages, one bad document costing one document.

The public names. Everything is imported when it is first used, so that ``docparse --help`` stays quick.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docparse_runner._capability import Capability
    from docparse_runner._context import Progress, Running, StageContext, StageHooks
    from docparse_runner._engine import run_stage
    from docparse_runner._model import (
        API_VERSION,
        ItemFingerprint,
        ItemOutcome,
        Output,
        Stage,
        StagePlan,
        Status,
        WorkItem,
    )
    from docparse_runner._options import option
    from docparse_runner._outcome import FailureSample, StageOutcome
    from docparse_runner._rows import read_rows, write_rows
    from docparse_runner._runner_options import StageOptions
    from docparse_runner._workspace import Workspace
    from docparse_runner.errors import Category, DocparseError, PluginError, SkipItem, StageError, UsageError
    from docparse_runner.hookspecs import hookimpl

__version__ = "0.1.0"

_HOME = {
    "API_VERSION": "_model",
    "Capability": "_capability",
    "Category": "errors",
    "DocparseError": "errors",
    "FailureSample": "_outcome",
    "ItemFingerprint": "_model",
    "ItemOutcome": "_model",
    "Output": "_model",
    "PluginError": "errors",
    "Progress": "_context",
    "Running": "_context",
    "SkipItem": "errors",
    "Stage": "_model",
    "StageContext": "_context",
    "StageError": "errors",
    "StageHooks": "_context",
    "StageOptions": "_runner_options",
    "StageOutcome": "_outcome",
    "StagePlan": "_model",
    "Status": "_model",
    "UsageError": "errors",
    "WorkItem": "_model",
    "Workspace": "_workspace",
    "hookimpl": "hookspecs",
    "option": "_options",
    "read_rows": "_rows",
    "run_stage": "_engine",
    "write_rows": "_rows",
}

__all__ = [
    "API_VERSION",
    "Capability",
    "Category",
    "DocparseError",
    "FailureSample",
    "ItemFingerprint",
    "ItemOutcome",
    "Output",
    "PluginError",
    "Progress",
    "Running",
    "SkipItem",
    "Stage",
    "StageContext",
    "StageError",
    "StageHooks",
    "StageOptions",
    "StageOutcome",
    "StagePlan",
    "Status",
    "UsageError",
    "WorkItem",
    "Workspace",
    "hookimpl",
    "option",
    "read_rows",
    "run_stage",
    "write_rows",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
