"""Lifecycle hooks of one run: the stage's own, whose errors fail it, then the watchers', whose errors do not."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docparse_runner._context import Progress, StageContext, StageHooks
from docparse_runner._model import ItemOutcome, WorkItem
from docparse_runner._outcome import StageOutcome
from docparse_runner._plugins import Listener
from docparse_runner._secrets import Redactor
from docparse_runner.errors import DocparseError, PluginError


class Lifecycle:
    """Calls the hooks of a stage and of the watchers beside it."""

    def __init__(
        self, stage: Listener, watchers: Sequence[Listener], tell: Callable[[str], None], hide: Redactor | None = None
    ) -> None:
        """Keep them; `tell` is called with the traceback of a watcher that raised, from which `hide` takes secrets."""
        self._stage = stage
        self._watchers = list(watchers)
        self._tell = tell
        self._hide = hide or Redactor()
        self._item_listeners = [watcher for watcher in watchers if watcher.hears_items]
        self.dropped: list[str] = []

    def hooks(self, heartbeat_s: float | None) -> StageHooks:
        """Return the hooks as the engine takes them."""
        return StageHooks(
            before_stage=self._before_stage,
            after_stage=self._after_stage,
            before_item=self._before_item,
            after_item=self._after_item,
            heartbeat=self._heartbeat,
            heartbeat_s=heartbeat_s,
            hears_unchanged=any(each.hears_unchanged for each in (self._stage, *self._watchers)),
        )

    def _before_stage(self, context: StageContext) -> None:
        """Call all; here a watcher that raises stops the run too: it may be there to forbid it."""
        for listener in (self._stage, *self._watchers):
            self._strictly(listener, lambda: listener.before_stage(context))  # noqa: B023 - called at once

    def _before_item(self, item: WorkItem, context: StageContext) -> None:
        if self._stage.hears_items:
            self._strictly(self._stage, lambda: self._stage.before_item(item, context))
        self._softly(self._item_listeners, lambda each: each.before_item(item, context))

    def _after_item(self, item: WorkItem, outcome: ItemOutcome, context: StageContext) -> None:
        if self._stage.hears_items:
            self._strictly(self._stage, lambda: self._stage.after_item(item, outcome, context))
        self._softly(self._item_listeners, lambda each: each.after_item(item, outcome, context))

    def _heartbeat(self, progress: Progress, context: StageContext) -> None:
        self._strictly(self._stage, lambda: self._stage.heartbeat(progress, context))
        self._softly(self._watchers, lambda each: each.heartbeat(progress, context))

    def _after_stage(self, outcome: StageOutcome, context: StageContext) -> Mapping[str, Any]:
        try:
            summary = self._strictly(self._stage, lambda: self._stage.after_stage(outcome, context))
        finally:
            self._softly(self._watchers, lambda each: each.after_stage(outcome, context))
        return self._hide.data(summary or {})  # type: ignore[no-any-return]  # JSON data as it came

    def _strictly(self, listener: Listener, call: Callable[[], Any]) -> Any:
        try:
            with self._hide.errors():
                return call()
        except DocparseError:
            raise
        except Exception as error:  # a plugin's own code
            raise PluginError(listener.name, f"its hook raised {type(error).__name__}: {error}") from error

    def _softly(self, listeners: Sequence[Listener], call: Callable[[Listener], Any]) -> None:
        for listener in tuple(listeners):
            try:
                with self._hide.errors():
                    call(listener)
            except Exception:  # noqa: BLE001 - a watcher's own code must not change a run
                self._tell(f"watcher {listener.name} is dropped for the rest of the run:\n{traceback.format_exc()}")
                self.dropped.append(listener.name)
                self._watchers.remove(listener)
                if listener in self._item_listeners:
                    self._item_listeners.remove(listener)
