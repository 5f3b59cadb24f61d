"""Plugins are listed without being imported, loaded one at a time, checked, and named when they are broken."""

import re
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import attrs
import pytest

from docparse_runner import ItemOutcome, Output, Stage, StageContext, StageOutcome, WorkItem, hookimpl, option
from docparse_runner._context import Progress
from docparse_runner._entry_points import COMMANDS, STAGES, WATCHERS, listed, load_entry, nearest
from docparse_runner._model import API_VERSION, RESERVED_NAMES
from docparse_runner._plugins import StagePlugin, load_stage, load_watchers
from docparse_runner.errors import PluginError, UsageError

STAGE = """
from docparse_runner import ItemOutcome, Output, Stage, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name={name!r}, version=1, consumes=["chunks"], produces={{"words": Output(".json")}})

@hookimpl
def docparse_worker(context):
    return lambda item: ItemOutcome.success()
"""
WATCHER = """
from docparse_runner import hookimpl

class Watcher:
    @hookimpl
    def docparse_before_stage(self, context):
        context.append(self)
"""


def stage_of(**fields):
    made = {"name": "words", "version": 1, "consumes": ["chunks"], "produces": {"words": Output(".json")}}
    return Stage(**made | fields)


def plugin_of(answer, **hooks):
    """Return a plugin, an object with hooks, whose docparse_stage() returns this."""

    def docparse_stage(self):
        return answer

    functions = {name: hookimpl(function) for name, function in (hooks | {"docparse_stage": docparse_stage}).items()}
    return type("Plugin", (), functions)()


@pytest.fixture
def context(workspace):
    return StageContext(stage=stage_of(), workspace=workspace)


# --- entry points


def test_listing_imports_nothing(install):
    install("docparse-words", STAGES, {"words": "words_module"}, words_module="raise SystemExit('imported')")

    (found,) = [stage for stage in listed(STAGES) if stage.name == "words"]

    assert found == ("words", "docparse-words", "1.0", "What docparse-words does.", ())
    assert "words_module" not in sys.modules


def test_a_second_look_reads_nothing_again_until_something_is_installed(install, monkeypatch):
    install("one", "docparse.test", {"a": "one"})
    first = listed("docparse.test")
    monkeypatch.setattr(metadata, "entry_points", lambda look=metadata.entry_points: looks.append("") or look())
    looks = []

    again, other = listed("docparse.test"), listed("docparse.other")
    install("two", "docparse.test", {"b": "two"})
    after = listed("docparse.test")

    assert (again, other, looks) == (first, [], [""])
    assert [each.name for each in after] == ["a", "b"]


def test_entry_points_are_listed_by_name_and_group(install):
    install("one", "docparse.test", {"b": "one", "a": "one"})
    install("two", "docparse.test", {"c": "two"})
    install("three", "docparse.other", {"d": "three"})

    assert [entry.name for entry in listed("docparse.test")] == ["a", "b", "c"]


def test_a_distribution_that_is_found_twice_is_no_rival_of_itself(install, tmp_path, monkeypatch):
    installed = install("docparse-words", "docparse.test", {"words": "words_module"})
    again = tmp_path / "elsewhere" / installed.name
    again.parent.mkdir()
    again.symlink_to(installed)
    monkeypatch.setattr(sys, "path", [str(again.parent), *sys.path])

    (found,) = listed("docparse.test")

    assert found.rivals == ()


def test_two_distributions_that_claim_one_name_are_both_named(install):
    install("docparse-words", "docparse.test", {"words": "words_a"}, words_a="")
    install("acme-words", "docparse.test", {"words": "words_b"}, words_b="")

    (found,) = listed("docparse.test")

    assert {found.distribution, *found.rivals} == {"docparse-words", "acme-words"}
    with pytest.raises(PluginError) as caught:
        load_entry("docparse.test", "words", "stage")
    message = str(caught.value)
    assert re.fullmatch(r"words: is claimed by several packages: .* \(uninstall all but one\)", message)
    assert "docparse-words" in message
    assert "acme-words" in message


def test_a_damaged_installation_harms_no_listing(install):
    (install("docparse-words", "docparse.test", {"words": "words_module"}) / "METADATA").unlink()

    (found,) = listed("docparse.test")

    assert found == ("words", "?", "", "", ())


def test_an_unknown_name_is_answered_with_those_there_are_and_the_nearest(install):
    install("a", "docparse.test", {"chunk": "a", "embed": "a"})

    with pytest.raises(UsageError) as caught:
        load_entry("docparse.test", "chnk", "stage")

    assert str(caught.value) == "no stage 'chnk'; installed: chunk, embed. Did you mean 'chunk'?"


def test_nothing_is_suggested_for_a_name_that_resembles_none(install):
    install("a", "docparse.test", {"chunk": "a"})

    with pytest.raises(UsageError, match=r"^no stage 'zzz'; installed: chunk\.$"):
        load_entry("docparse.test", "zzz", "stage")


def test_without_any_plugin_the_message_says_so():
    with pytest.raises(UsageError, match=r"^no executor 'ray'; installed: none\.$"):
        load_entry("docparse.nobody", "ray", "executor")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise ValueError('no licence')", "ValueError: no licence"),
        ("def", "SyntaxError: "),
        ("raise SystemExit('no GPU')", "SystemExit: no GPU"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_its_package_and_the_reason(install, source, reason):
    install("docparse-words", STAGES, {"words": "words_module"}, words_module=source)

    with pytest.raises(PluginError) as caught:
        load_stage("words")

    assert str(caught.value).startswith(f"words: cannot be loaded: {reason}")
    assert str(caught.value).endswith("(pip install docparse-words)")
    assert caught.value.plugin == "words"


def test_an_entry_point_that_names_what_is_not_there_is_reported(install):
    install("docparse-words", STAGES, {"words": "words_module:missing"}, words_module="")

    with pytest.raises(PluginError, match=r"words: cannot be loaded: AttributeError: .*missing"):
        load_stage("words")


def test_loading_a_stage_imports_no_other(install):
    install("a", STAGES, {"words": "words_module"}, words_module=STAGE.format(name="words"))
    install("b", STAGES, {"other": "other_module"}, other_module=STAGE.format(name="other"))

    plugin = load_stage("words")

    assert plugin.stage.name == "words"
    assert "other_module" not in sys.modules


def test_the_listing_of_entry_points_imports_only_the_standard_library():
    program = (
        "import sys; before = set(sys.modules); from docparse_runner import _entry_points; "
        "print(*sorted(name.partition('.')[0] for name in set(sys.modules) - before))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert set(done.stdout.decode().split()) - sys.stdlib_module_names == {"docparse_runner"}


def test_the_groups_are_those_that_packages_name():
    assert (STAGES, WATCHERS, COMMANDS) == ("docparse.stages", "docparse.plugins", "docparse.commands")


@pytest.mark.parametrize(("name", "hint"), [("embd", " Did you mean 'embed'?"), ("qqq", "")])
def test_the_nearest_name_is_a_question_or_nothing(name, hint):
    assert nearest(name, ["chunk", "embed"]) == hint


# --- stages


def test_a_stage_is_a_module_or_any_object_with_hooks(context):
    plugin = StagePlugin("words", plugin_of(stage_of()))

    assert plugin.stage == stage_of()
    assert plugin.name == "words"
    assert plugin.has("docparse_stage")
    assert not plugin.has("docparse_plan")
    assert plugin.resolve(context) == {}


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("docparse_wroker", "docparse_worker"), ("docparse_after_items", "docparse_after_item")],
)
def test_a_misspelt_hook_is_named_with_the_nearest_real_one(misspelt, meant):
    with pytest.raises(PluginError) as caught:
        StagePlugin("words", plugin_of(stage_of(), **{misspelt: lambda self: None}))

    assert str(caught.value).startswith("words: ")
    assert misspelt in str(caught.value)
    assert str(caught.value).endswith(f"Did you mean {meant!r}?")


def test_a_hook_with_an_argument_that_does_not_exist_is_named():
    with pytest.raises(PluginError, match=r"^words: (?s:.*)docparse_worker(?s:.*)config"):
        StagePlugin("words", plugin_of(stage_of(), docparse_worker=lambda self, config: None))


def test_a_hook_without_its_decorator_is_named():
    plugin = plugin_of(stage_of())
    type(plugin).docparse_worker = lambda self, context: None

    with pytest.raises(PluginError, match=r"^words: docparse_worker lacks the @hookimpl decorator$"):
        StagePlugin("words", plugin)


@pytest.mark.parametrize(
    ("answer", "what"),
    [(None, "NoneType"), ("words", "str"), (Stage, "type"), ({"name": "words"}, "dict")],
)
def test_a_stage_hook_that_returns_something_else_is_refused(answer, what):
    with pytest.raises(PluginError, match=rf"^words: docparse_stage\(\) must return a Stage, not {what}$"):
        StagePlugin("words", plugin_of(answer))


def test_a_module_without_a_stage_hook_is_refused():
    with pytest.raises(PluginError, match=r"^words: docparse_stage\(\) must return a Stage, not NoneType$"):
        StagePlugin("words", SimpleNamespace())


def test_a_stage_that_is_built_wrong_is_the_plugins_fault():
    def docparse_stage(self):
        return stage_of(version=0)

    plugin = type("Plugin", (), {"docparse_stage": hookimpl(docparse_stage)})()

    with pytest.raises(PluginError, match=r"^words: docparse_stage\(\) raised ValueError: 'version' must be >= 1: 0$"):
        StagePlugin("words", plugin)


def test_the_stage_and_its_entry_point_must_agree_on_the_name():
    with pytest.raises(PluginError, match=r"^words: its Stage is named 'letters'; entry point and Stage must agree$"):
        StagePlugin("words", plugin_of(stage_of(name="letters")))


@pytest.mark.parametrize("name", ["all", "runner", "shared"])
def test_names_with_a_meaning_of_their_own_are_refused(name):
    assert name in RESERVED_NAMES
    with pytest.raises(PluginError, match=f"^{name}: '{name}' is a reserved name; choose another$"):
        StagePlugin(name, plugin_of(stage_of(name=name)))


@pytest.mark.parametrize(("api", "upgrade"), [(API_VERSION - 1, "the stage"), (API_VERSION + 1, "docparse-runner")])
def test_a_stage_for_another_version_of_the_contract_is_told_who_must_be_upgraded(api, upgrade):
    with pytest.raises(PluginError) as caught:
        StagePlugin("words", plugin_of(stage_of(api=api)))

    assert str(caught.value) == f"words: was written for plugin API {api}, this is {API_VERSION} (upgrade {upgrade})"


@pytest.mark.parametrize("name", ["workers", "timeout_s", "config", "json", "wait", "help", "data_root"])
def test_an_option_named_like_one_of_the_command_line_is_refused(name):
    made = attrs.make_class("Made", {name: option(1, help="Clashes.")}, kw_only=True)
    made.__annotations__[name] = int

    with pytest.raises(PluginError, match=f"^words: option '{name}' is one of the command line's own; rename it$"):
        StagePlugin("words", plugin_of(stage_of(options=made)))


def test_an_options_class_that_is_none_is_the_plugins_fault():
    with pytest.raises(PluginError, match=r"^words: the options class dict must be an attrs class$"):
        StagePlugin("words", plugin_of(stage_of(options=dict)))


def test_an_annotation_that_cannot_be_resolved_is_the_plugins_fault():
    @attrs.frozen
    class Options:
        size: "Sise" = option(1, help="Size.")  # noqa: F821, RUF009 - that is the point

    with pytest.raises(PluginError, match=r"^words: name 'Sise' is not defined$"):
        StagePlugin("words", plugin_of(stage_of(options=Options)))


# --- what a stage answers


def test_a_stage_says_what_its_options_mean_here(context):
    plugin = StagePlugin("words", plugin_of(stage_of(), docparse_resolve=lambda self, context: {"engine": "fast"}))

    assert plugin.resolve(context) == {"engine": "fast"}


@pytest.mark.parametrize("answer", [["engine"], "fast", 3])
def test_what_a_stage_resolves_to_must_be_a_mapping(context, answer):
    plugin = StagePlugin("words", plugin_of(stage_of(), docparse_resolve=lambda self, context: answer))

    with pytest.raises(PluginError, match=r"^words: docparse_resolve\(\) must return a mapping, not "):
        plugin.resolve(context)


def test_a_stage_may_plan_for_itself(context):
    items = [WorkItem(item_id="a"), WorkItem(item_id="b")]
    plugin = StagePlugin("words", plugin_of(stage_of(), docparse_plan=lambda self, context: iter(items)))

    assert plugin.has("docparse_plan")
    assert list(plugin.plan(context)) == items


def test_a_plan_that_is_nothing_is_the_plugins_fault(context):
    plugin = StagePlugin("words", plugin_of(stage_of(), docparse_plan=lambda self, context: None))

    with pytest.raises(PluginError, match=r"^words: docparse_plan\(\) must return an iterable of WorkItem, not None$"):
        plugin.plan(context)


def test_a_stage_opens_its_worker(context):
    plugin = StagePlugin("words", plugin_of(stage_of(), docparse_worker=lambda self, context: ItemOutcome.skip))

    assert plugin.worker(context) == ItemOutcome.skip


@pytest.mark.parametrize("hooks", [{}, {"docparse_worker": lambda self, context: None}])
def test_a_stage_without_a_worker_is_the_plugins_fault(context, hooks):
    plugin = StagePlugin("words", plugin_of(stage_of(), **hooks))

    with pytest.raises(PluginError, match=r"^words: docparse_worker\(\) is missing or returned None$"):
        plugin.worker(context)


# --- lifecycle hooks


def outcome():
    return StageOutcome(stage_name="words")


def progress():
    return Progress(planned=1, total=1, succeeded=0, partial=0, skipped=0, failed=0, cancelled=0, elapsed_s=1.0)


def test_a_listener_hears_every_lifecycle_hook_with_its_arguments(context):
    heard = []
    hooks = {
        "docparse_before_stage": lambda self, context: heard.append(("before_stage", context)),
        "docparse_before_item": lambda self, item, context: heard.append(("before_item", item, context)),
        "docparse_after_item": lambda self, item, outcome, context: heard.append(("after_item", item, outcome)),
        "docparse_heartbeat": lambda self, progress, context: heard.append(("heartbeat", progress)),
        "docparse_after_stage": lambda self, outcome, context: heard.append(("after_stage", outcome)),
    }
    listener = StagePlugin("words", plugin_of(stage_of(), **hooks)).lifecycle()
    item, done, moment, end = WorkItem(item_id="a"), ItemOutcome.success(), progress(), outcome()

    listener.before_stage(context)
    listener.before_item(item, context)
    listener.after_item(item, done, context)
    listener.heartbeat(moment, context)
    listener.after_stage(end, context)

    assert listener.name == "words"
    assert listener.hears_items
    assert heard == [
        ("before_stage", context),
        ("before_item", item, context),
        ("after_item", item, done),
        ("heartbeat", moment),
        ("after_stage", end),
    ]


def test_a_listener_without_item_hooks_need_not_be_told_of_items():
    listener = StagePlugin("words", plugin_of(stage_of(), docparse_heartbeat=lambda self: None)).lifecycle()

    assert not listener.hears_items


@pytest.mark.parametrize(
    ("hook", "wants", "hears"),
    [
        ("docparse_heartbeat", True, False),
        ("docparse_before_item", True, False),
        ("docparse_after_item", True, True),
        ("docparse_after_item", False, False),
    ],
)
def test_a_listener_can_do_without_items_that_are_up_to_date(hook, wants, hears):
    plugin = plugin_of(stage_of(), **{hook: lambda self: None})
    plugin.docparse_hears_unchanged = wants

    assert StagePlugin("words", plugin).lifecycle().hears_unchanged is hears


@pytest.mark.parametrize(("answer", "summary"), [({"words": 3}, {"words": 3}), (None, {}), ("three", {})])
def test_the_summary_of_a_stage_is_a_mapping_or_nothing(context, answer, summary):
    plugin = plugin_of(stage_of(), docparse_after_stage=lambda self, outcome: answer)

    assert StagePlugin("words", plugin).lifecycle().after_stage(outcome(), context) == summary


# --- watchers


def watchers(blocked=()):
    told = []
    found = load_watchers([*blocked, "log", "progress"], told.append)
    return found, told


def test_watchers_come_from_entry_points_each_instantiated(install):
    install("a", WATCHERS, {"mine": "watch_mine:Watcher"}, watch_mine=WATCHER)
    heard = []

    (watcher,), told = watchers()
    watcher.before_stage(heard)

    assert watcher.name == "mine"
    assert type(heard[0]).__name__ == "Watcher"
    assert told == []


def test_the_cores_own_watchers_can_be_loaded():
    assert {watcher.name for watcher in load_watchers([], pytest.fail)} >= {"log", "progress"}


def test_a_blocked_watcher_is_not_even_imported(install):
    install("a", WATCHERS, {"mine": "watch_mine:Watcher"}, watch_mine="raise SystemExit")

    assert watchers(["mine"]) == ([], [])
    assert "watch_mine" not in sys.modules


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_library", "broken: cannot be loaded: ModuleNotFoundError: "),
        ("class Watcher:\n    def __init__(self): raise ValueError('no display')", "broken: ValueError: no display"),
        ("Watcher = 3", "broken: TypeError: 'int' object is not callable"),
        (
            WATCHER.replace("before_stage", "before_stag"),
            "docparse_before_stag",
        ),
        (
            "class Watcher:\n    def docparse_before_stage(self, context): pass",
            "broken: docparse_before_stage lacks the @hookimpl decorator",
        ),
        (
            WATCHER.replace("before_stage(self, context)", "stage(self)"),
            "broken: a watcher may not implement the stage hook docparse_stage",
        ),
    ],
)
def test_a_broken_watcher_is_told_of_by_name_and_left_out_while_the_others_are_loaded(install, source, reason):
    install("a", WATCHERS, {"broken": "watch_broken:Watcher"}, watch_broken=source)
    install("b", WATCHERS, {"sound": "watch_sound:Watcher"}, watch_sound=WATCHER)

    found, told = watchers()

    assert [watcher.name for watcher in found] == ["sound"]
    (sentence,) = told
    assert sentence.startswith("watcher left out: broken: ")
    assert reason in sentence
