"""What opens a worker: an installed stage by its name, or a plain function."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

from docparse_runner._context import StageContext
from docparse_runner._model import ItemOutcome, WorkItem
from docparse_runner._plugins import load_stage
from docparse_runner._runner_options import StageOptions


class WorkerFactory(Protocol):
    """Opens a worker: a frozen, picklable object of an importable module."""

    def open(self, context: StageContext) -> Any:
        """Return a callable ``WorkItem -> ItemOutcome``, or a context manager that yields one."""


@attrs.frozen(kw_only=True)
class StageFactory:
    """Opens an installed stage by name.

    Attributes:
        name: the entry point.
        options: the resolved options, an instance of the stage's class.
        runner: the runner's options.
        resolved: what ``docparse_resolve`` returned.
    """

    name: str
    options: Any
    runner: StageOptions
    resolved: Mapping[str, Any]

    def open(self, context: StageContext) -> Any:
        """Load the stage and call its ``docparse_worker``."""
        plugin = load_stage(self.name)
        context.stage = plugin.stage
        context.options, context.runner, context.resolved = self.options, self.runner, self.resolved
        return plugin.worker(context)


@attrs.frozen
class FunctionFactory:
    """Opens a plain function, which pickle sends by its importable name.

    Attributes:
        function: ``WorkItem -> ItemOutcome``.
    """

    function: Callable[[WorkItem], ItemOutcome]

    def open(self, _context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
        """Return the function."""
        return self.function
