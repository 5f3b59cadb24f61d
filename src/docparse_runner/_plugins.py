"""Plugins: checked when they are loaded, called through a typed facade.

Every plugin gets a plugin manager of its own, so that one that raises can be named and dropped alone; nothing else in
docparse calls pluggy.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

from docparse_runner import hookspecs
from docparse_runner._capability import Capability
from docparse_runner._entry_points import STAGES, WATCHERS, listed, load_entry, nearest
from docparse_runner._model import API_VERSION, RESERVED_NAMES, ItemOutcome, Output, Stage, WorkItem
from docparse_runner._options import specs_of
from docparse_runner._outcome import StageOutcome
from docparse_runner._runner_options import StageOptions
from docparse_runner.errors import PluginError

if TYPE_CHECKING:
    from docparse_runner._context import Progress, StageContext

_COMMAND_OPTIONS = {
    *("against", "as_json", "blocked", "config", "data_root", "help", "inputs", "json", "profile", "quiet", "save"),
    *("verbose", "wait"),
}


def _manager(name: str, plugin: object) -> pluggy.PluginManager:
    """Return a plugin manager that holds `plugin` alone, its hooks checked."""
    manager = pluggy.PluginManager("docparse")
    manager.add_hookspecs(hookspecs)
    hooks = [hook for hook in vars(hookspecs) if hook.startswith("docparse_")]
    for hook in hooks:
        function = getattr(plugin, hook, None)
        if callable(function) and not hasattr(function, "docparse_impl"):
            raise PluginError(name, f"{hook} lacks the @hookimpl decorator")
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        close = nearest(_unknown_hook(plugin, hooks), hooks)
        raise PluginError(name, f"{error}{close}") from error
    return manager


def _unknown_hook(plugin: object, hooks: list[str]) -> str:
    marked = [each for each in dir(plugin) if hasattr(getattr(plugin, each, None), "docparse_impl")]
    return next((each for each in marked if each not in hooks), "")


class StagePlugin:
    """The one stage of a run: one typed method for each of its hooks."""

    def __init__(self, name: str, plugin: object) -> None:
        """Register the plugin and ask it what it is.

        Raises:
            PluginError: it breaks the contract; the message says where.
        """
        self.name = name
        self._manager = _manager(name, plugin)
        self._hook = self._manager.hook
        self.stage = self._checked(self._answer())

    def _answer(self) -> object:
        try:
            return self._hook.docparse_stage()
        except Exception as error:  # the stage's own code
            raise PluginError(self.name, f"docparse_stage() raised {type(error).__name__}: {error}") from error

    def _checked(self, stage: object) -> Stage:
        if not isinstance(stage, Stage):
            raise PluginError(self.name, f"docparse_stage() must return a Stage, not {type(stage).__name__}")
        if stage.name != self.name:
            raise PluginError(self.name, f"its Stage is named {stage.name!r}; entry point and Stage must agree")
        if stage.name in RESERVED_NAMES:
            raise PluginError(self.name, f"{self.name!r} is a reserved name; choose another")
        if stage.api != API_VERSION:
            older = "docparse-runner" if stage.api > API_VERSION else "the stage"
            problem = f"was written for plugin API {stage.api}, this is {API_VERSION}"
            raise PluginError(self.name, problem, f"upgrade {older}")
        self._check_options(stage)
        return stage

    def _check_options(self, stage: Stage) -> None:
        try:
            own = {spec.name for spec in specs_of(stage.options)}
        except (TypeError, NameError) as error:  # a NameError: of an annotation that cannot be resolved
            raise PluginError(self.name, str(error)) from error
        taken = sorted(own & ({spec.name for spec in specs_of(StageOptions)} | _COMMAND_OPTIONS))
        if taken:
            raise PluginError(self.name, f"option {taken[0]!r} is one of the command line's own; rename it")

    def defaults(self) -> Any:
        """Return the stage's options as they are without any setting, None when it has none.

        Raises:
            PluginError: its options class refuses its own defaults.
        """
        try:
            return self.stage.options() if self.stage.options else None
        except Exception as error:  # the stage's own code
            raise PluginError(self.name, f"its options raised {type(error).__name__}: {error}") from error

    def outputs(self, options: object) -> Mapping[str, Output]:
        """Return kind → ``Output`` under these options.

        Raises:
            PluginError: the stage's own function raised, or returned something else.
        """
        try:
            return self.stage.outputs(options)
        except Exception as error:  # the stage's own code
            raise PluginError(self.name, f"its produces raised {type(error).__name__}: {error}") from error

    def has(self, hook: str) -> bool:
        """Whether the stage implements this hook."""
        return bool(getattr(self._hook, hook).get_hookimpls())

    def resolve(self, context: "StageContext") -> Mapping[str, Any]:
        """Return what ``docparse_resolve`` says, an empty mapping without it.

        Raises:
            PluginError: it returned something else than a mapping.
        """
        answer = self._hook.docparse_resolve(context=context)
        if answer is not None and not isinstance(answer, Mapping):
            raise PluginError(self.name, f"docparse_resolve() must return a mapping, not {type(answer).__name__}")
        return answer or {}

    def plan(self, context: "StageContext") -> Iterable[WorkItem]:
        """Return the stage's own plan; to be asked only when it has one.

        Raises:
            PluginError: it returned nothing.
        """
        items: Iterable[WorkItem] | None = self._hook.docparse_plan(context=context)
        if items is None:
            raise PluginError(self.name, "docparse_plan() must return an iterable of WorkItem, not None")
        return items

    def worker(self, context: "StageContext") -> Any:
        """Return what ``docparse_worker`` returns: a callable or a context manager.

        Raises:
            PluginError: the stage has no such hook or it returned nothing.
        """
        opened = self._hook.docparse_worker(context=context)
        if opened is None:
            raise PluginError(self.name, "docparse_worker() is missing or returned None")
        return opened

    def validate(self, item: WorkItem, context: "StageContext") -> list[str]:
        """Return the problems that ``docparse_validate`` finds in an item's outputs; to be asked only when it is there.

        Raises:
            PluginError: it returned something else than sentences.
        """
        answer = self._hook.docparse_validate(item=item, context=context)
        problems = list(answer or ())
        if isinstance(answer, str) or not all(isinstance(each, str) for each in problems):
            raise PluginError(self.name, f"docparse_validate() must return sentences, not {answer!r}")
        return problems

    def capabilities(self) -> tuple[Capability, ...]:
        """Return what ``docparse_capabilities`` says; nothing without it.

        Raises:
            PluginError: it raised, or returned something else.
        """
        try:
            found = tuple(self._hook.docparse_capabilities() or ())
        except Exception as error:  # the stage's own code
            raise PluginError(self.name, f"docparse_capabilities() raised {type(error).__name__}: {error}") from error
        if wrong := [each for each in found if not isinstance(each, Capability)]:
            raise PluginError(self.name, f"docparse_capabilities() must return Capability objects, not {wrong[0]!r}")
        return found

    def lifecycle(self) -> "Listener":
        """Return the stage's own lifecycle hooks."""
        return Listener(self.name, self._manager)


class Listener:
    """The lifecycle hooks of one plugin."""

    def __init__(self, name: str, manager: pluggy.PluginManager) -> None:
        """Wrap a plugin manager that holds this one plugin."""
        self.name = name
        self._hook = manager.hook
        self.hears_items = any(
            getattr(self._hook, hook).get_hookimpls() for hook in ("docparse_before_item", "docparse_after_item")
        )
        self.hears_unchanged = any(
            getattr(impl.plugin, "docparse_hears_unchanged", True)
            for impl in self._hook.docparse_after_item.get_hookimpls()
        )

    def before_stage(self, context: "StageContext") -> None:
        """Call ``docparse_before_stage``."""
        self._hook.docparse_before_stage(context=context)

    def before_item(self, item: WorkItem, context: "StageContext") -> None:
        """Call ``docparse_before_item``."""
        self._hook.docparse_before_item(item=item, context=context)

    def after_item(self, item: WorkItem, outcome: ItemOutcome, context: "StageContext") -> None:
        """Call ``docparse_after_item``."""
        self._hook.docparse_after_item(item=item, outcome=outcome, context=context)

    def heartbeat(self, progress: "Progress", context: "StageContext") -> None:
        """Call ``docparse_heartbeat``."""
        self._hook.docparse_heartbeat(progress=progress, context=context)

    def after_stage(self, outcome: StageOutcome, context: "StageContext") -> Mapping[str, Any]:
        """Call ``docparse_after_stage`` and return the stage's summary."""
        answers = self._hook.docparse_after_stage(outcome=outcome, context=context)
        return next((answer for answer in answers if isinstance(answer, Mapping)), {})


def load_stage(name: str) -> StagePlugin:
    """Import the stage of that name, and no other.

    Raises:
        UsageError: no such stage is installed; the message names those that are and the nearest.
        PluginError: it is broken; the message says how.
    """
    return StagePlugin(name, load_entry(STAGES, name, "stage"))


def load_watchers(blocked: Iterable[str], tell: Callable[[str], None]) -> list[Listener]:
    """Return the installed watchers, each instantiated; a broken one is told of by name and left out.

    Args:
        blocked: names not to load.
        tell: called with one sentence for each broken watcher.
    """
    blocked = set(blocked)
    watchers = []
    for entry in listed(WATCHERS):
        if entry.name in blocked:
            continue
        try:
            watchers.append(_watcher(entry.name, load_entry(WATCHERS, entry.name, "watcher")))
        except PluginError as error:
            tell(f"watcher left out: {error}")
    return watchers


def _watcher(name: str, factory: Callable[[], object]) -> Listener:
    try:
        plugin = factory()
    except Exception as error:  # the watcher's own code
        raise PluginError(name, traceback.format_exception_only(error)[-1].strip()) from error
    for hook in hookspecs.STAGE_HOOKS:
        if hasattr(plugin, hook):
            raise PluginError(name, f"a watcher may not implement the stage hook {hook}")
    return Listener(name, _manager(name, plugin))
