"""A worker process that calls a function with numbers, as the pools of others do: no item, no outcome, no commit."""

from collections.abc import Sequence

import stand_ins

from docparse_runner._gate import Gate, Phase
from docparse_runner._wire import Result, Task, WorkerSpec
from docparse_runner._worker import ItemRunner
from docparse_runner.executors._child import Child, main


class _Caller(ItemRunner):
    """Calls the function; the supervisor sees when, and for how long."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def process(self, unit: Sequence[Task]) -> list[Result]:
        """Call the function."""
        results = []
        for task in unit:
            if not self._gate.may_start():
                results.append(Result(task.number, "returned"))
                continue
            self._gate.enter(Phase.RUN, task.number)
            stand_ins.peer_item(task.number, task.cost_hint)
            results.append(Result(task.number, "success", duration_s=task.cost_hint))
        return results

    def close(self) -> None:
        """Nothing was opened."""


class BareChild(Child):
    """Serves tasks with that."""

    def _runner(self, _spec: WorkerSpec) -> ItemRunner:
        return _Caller(self._gate)


if __name__ == "__main__":
    main(BareChild)
