"""Lifecycle hooks: the stage's own fail its run, the watchers' never change it."""

import pytest

from docparse_runner import ItemOutcome, Output, Stage, StageContext, StageOutcome, UsageError, WorkItem, hookimpl
from docparse_runner._context import Progress
from docparse_runner._lifecycle import Lifecycle
from docparse_runner._plugins import StagePlugin, _watcher
from docparse_runner.errors import PluginError, SkipItem, StageError

STAGE = Stage(name="upper", version=1, consumes=["source"], produces={"upper": Output(".upper")})
PROGRESS = Progress(planned=1, total=1, succeeded=0, partial=0, skipped=0, failed=0, cancelled=0, elapsed_s=1.0)
OUTCOME = StageOutcome(stage_name="upper")
HOOKS = ["before_stage", "before_item", "after_item", "heartbeat", "after_stage"]


class Listening:
    """Every lifecycle hook: it notes that it was called, and then does what it was told to."""

    def __init__(self, name, heard, does=None):
        self._name, self._heard, self._does = name, heard, does or {}

    def _hear(self, hook, *arguments):
        self._heard.append((self._name, hook, *arguments))
        answer = self._does.get(hook)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @hookimpl
    def docparse_before_stage(self, context):
        return self._hear("before_stage", context)

    @hookimpl
    def docparse_before_item(self, item, context):
        return self._hear("before_item", item, context)

    @hookimpl
    def docparse_after_item(self, item, outcome, context):
        return self._hear("after_item", item, outcome, context)

    @hookimpl
    def docparse_heartbeat(self, progress, context):
        return self._hear("heartbeat", progress, context)

    @hookimpl
    def docparse_after_stage(self, outcome, context):
        return self._hear("after_stage", outcome, context)


class Upper(Listening):
    """A stage that listens."""

    @hookimpl
    def docparse_stage(self):
        return STAGE


class Silent:
    """A stage without lifecycle hooks."""

    @hookimpl
    def docparse_stage(self):
        return STAGE


class Beats:
    """A watcher of heartbeats alone."""

    def __init__(self):
        self.count = 0

    @hookimpl
    def docparse_heartbeat(self):
        self.count += 1


class Run:
    """The lifecycle of one run, and what came of it."""

    def __init__(self, workspace, *, stage=None, **watchers):
        """Register a stage and watchers that do these things: hook → an answer, or an exception to raise."""
        self.heard, self.told = [], []
        self.context = StageContext(stage=STAGE, workspace=workspace)
        self.item = WorkItem(item_id="papers/a.txt")
        own = Upper("upper", self.heard, stage)
        plugins = {name: Listening(name, self.heard, does) for name, does in watchers.items()}
        self.begin(own, plugins)

    def begin(self, stage, plugins):
        """Register these plugins instead."""
        listeners = [_watcher(name, lambda plugin=plugin: plugin) for name, plugin in plugins.items()]
        self.lifecycle = Lifecycle(StagePlugin("upper", stage).lifecycle(), listeners, self.told.append)
        self.hooks = self.lifecycle.hooks(None)

    def call(self, hook):
        """Make one call of the protocol."""
        arguments = {
            "before_stage": [],
            "before_item": [self.item],
            "after_item": [self.item, ItemOutcome.success()],
            "heartbeat": [PROGRESS],
            "after_stage": [OUTCOME],
        }
        return getattr(self.hooks, hook)(*arguments[hook], self.context)

    def names(self, hook):
        """Return who heard this hook, in order."""
        return [each[0] for each in self.heard if each[1] == hook]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_stage_hears_first_and_then_each_watcher_in_order(workspace, hook):
    run = Run(workspace, log={}, progress={})

    run.call(hook)

    assert run.names(hook) == ["upper", "log", "progress"]


def test_every_hook_is_given_what_the_protocol_says(workspace):
    run = Run(workspace)
    done = ItemOutcome.success()

    run.hooks.before_stage(run.context)
    run.hooks.before_item(run.item, run.context)
    run.hooks.after_item(run.item, done, run.context)
    run.hooks.heartbeat(PROGRESS, run.context)
    run.hooks.after_stage(OUTCOME, run.context)

    assert run.heard == [
        ("upper", "before_stage", run.context),
        ("upper", "before_item", run.item, run.context),
        ("upper", "after_item", run.item, done, run.context),
        ("upper", "heartbeat", PROGRESS, run.context),
        ("upper", "after_stage", OUTCOME, run.context),
    ]


def test_the_engine_is_told_how_often_the_heart_beats(workspace):
    assert Run(workspace).lifecycle.hooks(2.5).heartbeat_s == 2.5


# --- the stage's own hooks


@pytest.mark.parametrize("error", [ValueError("no model"), SkipItem("no model"), StageError("no model")])
@pytest.mark.parametrize("hook", HOOKS)
def test_an_exception_in_a_hook_of_the_stage_fails_the_run_and_names_the_stage(workspace, hook, error):
    run = Run(workspace, stage={hook: error})

    with pytest.raises(PluginError, match=f"^upper: its hook raised {type(error).__name__}: no model$") as raised:
        run.call(hook)

    assert raised.value.plugin == "upper"
    assert raised.value.__cause__ is error
    assert run.told == run.lifecycle.dropped == []


@pytest.mark.parametrize("hook", HOOKS)
def test_what_a_stage_tells_the_user_is_not_blamed_on_its_author(workspace, hook):
    run = Run(workspace, stage={hook: UsageError("no key; set API_KEY")})

    with pytest.raises(UsageError, match=r"^no key; set API_KEY$"):
        run.call(hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_keyboard_interrupt_in_a_hook_stays_one(workspace, hook):
    run = Run(workspace, log={hook: KeyboardInterrupt()})

    with pytest.raises(KeyboardInterrupt):
        run.call(hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_stage_without_lifecycle_hooks_leaves_its_watchers_to_listen(workspace, hook):
    run = Run(workspace)
    run.begin(Silent(), {"log": Listening("log", run.heard)})

    run.call(hook)

    assert run.names(hook) == ["log"]


def test_what_the_stage_returns_at_the_end_is_the_summary(workspace):
    run = Run(workspace, stage={"after_stage": {"pages": 7}}, log={"after_stage": {"pages": 9}})

    assert run.call("after_stage") == {"pages": 7}


def test_what_a_watcher_returns_at_the_end_is_ignored(workspace):
    assert Run(workspace, log={"after_stage": {"pages": 9}}).call("after_stage") == {}


def test_watchers_hear_of_the_end_even_if_the_stage_raises_there(workspace):
    run = Run(workspace, stage={"after_stage": ValueError("no")}, log={})

    with pytest.raises(PluginError):
        run.call("after_stage")

    assert run.names("after_stage") == ["upper", "log"]


# --- watchers


def test_a_watcher_may_forbid_the_run_before_it_starts(workspace):
    run = Run(workspace, guard={"before_stage": RuntimeError("disk is full")}, log={})

    with pytest.raises(PluginError, match=r"^guard: its hook raised RuntimeError: disk is full$"):
        run.call("before_stage")

    assert run.names("before_stage") == ["upper", "guard"]
    assert run.lifecycle.dropped == []


@pytest.mark.parametrize("hook", HOOKS[1:])
def test_a_watcher_that_raises_is_told_of_once_with_its_traceback_and_hears_no_more(workspace, hook):
    run = Run(workspace, bad={hook: ValueError("my bug")}, log={})

    for each in [hook, *HOOKS[1:], hook]:
        run.call(each)

    (message,) = run.told
    assert message.startswith("watcher bad is dropped for the rest of the run:\nTraceback")
    assert "in docparse_" + hook in message
    assert message.rstrip().endswith("ValueError: my bug")
    assert run.lifecycle.dropped == ["bad"]
    assert [each[1] for each in run.heard if each[0] == "bad"] == [hook]


@pytest.mark.parametrize("hook", HOOKS[1:])
def test_a_watcher_that_raises_keeps_no_other_from_hearing(workspace, hook):
    run = Run(workspace, first={}, bad={hook: ValueError("my bug")}, worse={hook: KeyError("too")}, last={})

    run.call(hook)
    run.call(hook)

    assert run.names(hook) == ["upper", "first", "bad", "worse", "last", "upper", "first", "last"]
    assert run.lifecycle.dropped == ["bad", "worse"]


@pytest.mark.parametrize("error", [UsageError("stop"), PluginError("bad", "stop")])
def test_no_kind_of_error_lets_a_watcher_stop_a_run_that_has_begun(workspace, error):
    run = Run(workspace, bad={"after_item": error})

    run.call("after_item")

    assert run.lifecycle.dropped == ["bad"]


def test_a_watcher_hears_only_the_hooks_that_it_has(workspace):
    run, beats = Run(workspace), Beats()
    run.begin(Silent(), {"beats": beats})

    for hook in HOOKS:
        run.call(hook)

    assert beats.count == 1
    assert run.told == []
