"""The nouns of a run are plain, frozen, and impossible to build wrong; a wrong value fails where it is written."""

import pickle
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import docparse_runner
from docparse_runner import (
    API_VERSION,
    Category,
    FailureSample,
    ItemFingerprint,
    ItemOutcome,
    Output,
    PluginError,
    Progress,
    Running,
    SkipItem,
    Stage,
    StageContext,
    StageError,
    StageHooks,
    StageOptions,
    StageOutcome,
    StagePlan,
    Status,
    UsageError,
    WorkItem,
)
from docparse_runner._options import specs_of
from docparse_runner._workspace import quote_id
from docparse_runner.errors import QUARANTINED, RETRYABLE, DocparseError, ManifestError


def stage_of(**fields):
    made = {"name": "words", "version": 1, "consumes": ["chunks"], "produces": {"words": Output(".json")}}
    return Stage(**made | fields)


# --- the front door


def test_every_public_name_is_there_and_nothing_else_is():
    for name in docparse_runner.__all__:
        assert getattr(docparse_runner, name) is not None
        assert name in dir(docparse_runner)

    assert sorted(docparse_runner.__all__) == docparse_runner.__all__
    with pytest.raises(AttributeError, match="module 'docparse_runner' has no attribute 'Stages'"):
        _ = docparse_runner.Stages


# --- Stage


def test_a_stage_needs_four_things_and_has_sensible_defaults_for_the_rest():
    stage = stage_of()

    assert (stage.api, stage.policy, stage.timeout_s, stage.setup_timeout_s) == (API_VERSION, "cpu", 600.0, 300.0)
    assert (stage.max_workers, stage.batch, stage.fallbacks, stage.removes) == (None, 1, (), False)
    assert stage.consumes == {"chunks": ()}
    assert stage.options is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": "Words"}, ValueError),
        ({"name": ""}, ValueError),
        ({"name": "../words"}, ValueError),
        ({"name": "two words"}, ValueError),
        ({"name": "words\n"}, ValueError),
        ({"version": 0}, ValueError),
        ({"version": "1"}, TypeError),
        ({"api": "1"}, TypeError),
        ({"consumes": "chunks"}, TypeError),
        ({"consumes": []}, ValueError),
        ({"patterns": "*.pdf"}, TypeError),
        ({"fallbacks": "native"}, TypeError),
        ({"policy": "tpu"}, ValueError),
        ({"timeout_s": -1}, ValueError),
        ({"timeout_s": float("nan")}, ValueError),
        ({"setup_timeout_s": 0}, ValueError),
        ({"max_workers": 0}, ValueError),
        ({"batch": 0}, ValueError),
        ({"batch": 2.5}, ValueError),
        ({"batch": {"gpu": 0}}, ValueError),
        ({"batch": {"tpu": 8}}, ValueError),
        ({"produces": ["words"]}, TypeError),
        ({"produces": {"words": ".json"}}, TypeError),
        ({"produces": {"../words": Output(".json")}}, ValueError),
        ({"produces": {".cache": Output(".json")}}, ValueError),
        ({"produces": {"manifests": Output(".json")}}, ValueError),
        ({"produces": {"source": Output(".json")}}, ValueError),
        ({"produces": {"": Output(".json")}}, ValueError),
        ({"speed": 3}, TypeError),
    ],
)
def test_a_wrong_stage_cannot_be_built(fields, error):
    with pytest.raises(error):
        stage_of(**fields)


@pytest.mark.parametrize(
    ("batch", "sizes", "lists"),
    [(1, (1, 1), False), (8, (8, 8), True), ({"gpu": 8}, (1, 8), True), ({"cpu": 4, "gpu": 8}, (4, 8), True)],
)
def test_a_batch_may_depend_on_the_policy_and_then_the_worker_always_takes_lists(batch, sizes, lists):
    stage = stage_of(batch=batch)

    assert tuple(map(stage.batch_under, ("cpu", "gpu"))) == sizes
    assert stage.takes_lists is lists


def test_the_first_line_of_a_docstring_is_the_summary():
    assert stage_of(summary="\n  Count words.\n\n  And more.\n").summary == "Count words."
    assert stage_of(summary=None).summary == ""


def test_what_a_stage_consumes_may_say_how_its_files_end():
    stage = stage_of(consumes={"chunks": (".jsonl", ".parquet"), "words": ".json"})

    assert stage.consumes == {"chunks": (".jsonl", ".parquet"), "words": (".json",)}


def test_what_a_stage_produces_may_depend_on_its_options():
    stage = stage_of(produces=lambda suffix: {"words": Output(suffix)})

    assert stage.outputs(".csv") == {"words": Output(".csv")}
    assert stage_of().outputs(None) == {"words": Output(".json")}


@pytest.mark.parametrize(("answer", "error"), [(None, TypeError), ({"runs": Output(".json")}, ValueError)])
def test_what_a_stage_produces_under_its_options_is_checked_too(answer, error):
    with pytest.raises(error):
        stage_of(produces=lambda _options: answer).outputs(None)


@pytest.mark.parametrize("suffix", ["json", "", ".", "./x", ". json", ".js/on", ".json\n", "..json"])
def test_a_suffix_must_begin_with_a_dot_and_stay_in_its_folder(suffix):
    with pytest.raises(ValueError, match="suffix"):
        Output(suffix)


def test_an_output_is_required_unless_it_says_otherwise():
    assert Output(".json").required
    assert not Output(".json", required=False).required


# --- WorkItem


@pytest.mark.parametrize(
    "item_id",
    ["", "/a", "a/", "a//b", "..", "a/..", "../a", "a/../b", ".", "a/./b", "a\nb", "a\x00", "a\x7f", "a\x85", "\udcff"],
)
def test_an_id_that_could_leave_the_data_root_or_break_a_line_cannot_be_built(item_id):
    with pytest.raises(ValueError, match="item_id must be a relative path without"):
        WorkItem(item_id=item_id)


@pytest.mark.parametrize("item_id", [None, 7, Path("a"), b"a"])
def test_an_id_is_text(item_id):
    with pytest.raises(TypeError, match="item_id must be a str, not "):
        WorkItem(item_id=item_id)


@pytest.mark.parametrize("item_id", ["a", "papers/2024/2101.00001.pdf", "a/...", "a/..b", "a/ b", "ä/漢.pdf", "a/%FF"])
def test_an_id_may_hold_dots_blanks_and_every_script(item_id):
    assert WorkItem(item_id=item_id).item_id == item_id


@given(st.binary(min_size=1).filter(lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")))
def test_every_file_name_has_an_id_that_can_be_built(name):
    WorkItem(item_id="papers/" + quote_id(name.decode("utf-8", "surrogateescape")))


@pytest.mark.parametrize("fields", [{"cost_hint": -1.0}, {"timeout_s": -0.1}, {"inputs": {"source": 3}}])
def test_a_wrong_item_cannot_be_built(fields):
    with pytest.raises((ValueError, TypeError)):
        WorkItem(item_id="a", **fields)


def test_paths_of_an_item_may_be_given_as_text():
    item = WorkItem(item_id="a", inputs={"source": "/a"}, outputs={"words": "/b"})

    assert item.inputs == {"source": Path("/a")}
    assert item.outputs == {"words": Path("/b")}


@pytest.mark.parametrize(
    "thing",
    [
        WorkItem(item_id="a"),
        ItemOutcome.success(),
        Output(".json"),
        StageOptions(),
        StageOutcome(stage_name="words"),
        ItemFingerprint(digests={}, config_hash="", stage_name="words", stage_version=1),
        StagePlan(stage_name="words", items=[]),
        FailureSample(item_id="a", category=Category.INPUT, message="no"),
        stage_of(),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_was_built_cannot_be_changed(thing):
    name = attrs.fields(type(thing))[0].name

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(thing, name, "other")


def test_items_and_options_can_be_sent_to_a_process():
    item = WorkItem(item_id="a", inputs={"source": "/a"}, metadata={"pages": 3})

    assert pickle.loads(pickle.dumps((item, StageOptions(workers=3)))) == (item, StageOptions(workers=3))


def test_equal_fingerprints_mean_that_nothing_is_to_be_done():
    made = {"digests": {"source": "sha256:1"}, "config_hash": "a-b", "stage_name": "words", "stage_version": 1}

    assert ItemFingerprint(**made) == ItemFingerprint(**made)
    assert ItemFingerprint(**made) != ItemFingerprint(**made | {"digests": {"source": "sha256:2"}})


# --- StagePlan


def test_a_plan_has_a_stage_and_declares_nothing_gone_unless_it_knows():
    plan = StagePlan(stage_name="words", items=iter([]))

    assert plan.total_items is None
    assert not plan.unique_ids
    assert not plan.covers("papers/a.pdf")
    with pytest.raises(ValueError, match="stage_name"):
        StagePlan(stage_name="", items=[])


# --- Status, ItemOutcome


def test_a_status_is_true_when_it_is_good_news():
    assert [status for status in Status if status] == [Status.SUCCESS, Status.PARTIAL, Status.SKIP]


def test_a_worker_says_how_an_item_ended_in_one_word():
    assert ItemOutcome.success(pages=3) == ItemOutcome(status=Status.SUCCESS, metrics={"pages": 3})
    assert ItemOutcome.partial("no tables", pages=3) == ItemOutcome(
        status=Status.PARTIAL, reason="no tables", metrics={"pages": 3}
    )
    assert ItemOutcome.skip("empty") == ItemOutcome(status=Status.SKIP, reason="empty")


def test_a_failed_item_tells_its_error():
    error = StageError("the page is torn", category="input")

    outcome = ItemOutcome.failure(error)

    assert (outcome.status, outcome.reason, outcome.error) == (Status.FAILURE, "the page is torn", error)


def test_a_status_that_does_not_exist_is_refused():
    assert ItemOutcome(status="success").status is Status.SUCCESS
    with pytest.raises(ValueError, match="done"):
        ItemOutcome(status="done")


# --- StageOptions


@pytest.mark.parametrize("budget", [None, "0", "10", "5%", "0.5%", "100%"])
def test_an_error_budget_is_a_count_or_a_percentage(budget):
    assert StageOptions(error_budget=budget).error_budget == budget


@pytest.mark.parametrize("budget", ["-1", "1.5", "many", "", "%", "-5%", "nan%", "5 %%", "²"])
def test_any_other_error_budget_is_refused(budget):
    with pytest.raises(ValueError, match="error_budget must be a count such as 10 or a percentage such as 5%, not "):
        StageOptions(error_budget=budget)


@pytest.mark.parametrize(
    "fields",
    [
        {"workers": -1},
        {"policy": "mpi"},
        {"schedule": "random"},
        {"max_queue": -1},
        {"limit": -1},
        {"timeout_s": -1.0},
        {"retries": -1},
        {"retry_backoff_s": -1.0},
        {"diagnostics_interval_s": 0.0},
    ],
)
def test_a_runner_option_out_of_bounds_is_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        StageOptions(**fields)


def test_the_runners_defaults_are_those_that_are_documented():
    options = StageOptions()

    assert (options.workers, options.policy, options.schedule, options.retries) == (None, None, "fifo", 0)
    assert (options.retry_backoff_s, options.error_budget, options.max_queue) == (1.0, None, 0)
    assert (options.resume, options.force, options.verify_hash, options.dry_run) == (True, False, False, False)
    assert (options.timeout_s, options.diagnostics_interval_s, options.seed) == (None, 30.0, None)


def test_every_option_of_the_runner_says_what_it_does_in_a_sentence():
    for spec in specs_of(StageOptions):
        assert spec.help.endswith("."), spec.name
        assert spec.group in {"Input", "Execution", "Failures", "Resume", "Output"}, spec.name


# --- StageOutcome, Progress


def test_an_outcome_whose_counts_do_not_add_up_cannot_be_built():
    StageOutcome(stage_name="words", planned=15, succeeded=1, partial=2, skipped=3, failed=4, cancelled=5)

    with pytest.raises(AssertionError, match=r"^words: 14 items ended but 15 were planned$"):
        StageOutcome(stage_name="words", planned=15, succeeded=1, partial=2, skipped=3, failed=4, cancelled=4)


def test_progress_counts_every_item_that_ended_one_way_or_another():
    running = (Running(worker="p1", item_id="a", seconds=2.0),)

    progress = Progress(
        planned=20,
        total=None,
        succeeded=1,
        partial=2,
        skipped=3,
        failed=4,
        cancelled=5,
        elapsed_s=1.0,
        running=running,
    )

    assert progress.done == 15


# --- StageContext, StageHooks


def test_a_context_outside_a_worker_has_harmless_parts(workspace):
    context = StageContext(stage=stage_of(), workspace=workspace)

    context.progress(1, 10)
    context.cancel()

    assert not context.cancelled()
    assert context.device == "cpu"
    with pytest.raises(RuntimeError, match="only a worker has a scratch folder"):
        _ = context.scratch
    assert context.logger.name == "docparse"


def test_cancelling_through_the_context_reaches_whoever_runs_the_stage(workspace):
    called = []
    context = StageContext(stage=stage_of(), workspace=workspace, cancel=lambda: called.append("cancel"))

    context.cancel()

    assert called == ["cancel"]


def test_hooks_that_are_not_set_do_nothing(workspace):
    hooks, context = StageHooks(), StageContext(stage=stage_of(), workspace=workspace)

    assert hooks.before_stage(context) is None
    assert hooks.after_item(WorkItem(item_id="a"), ItemOutcome.success(), context) is None
    assert hooks.after_stage(StageOutcome(stage_name="words"), context) is None


# --- errors


def test_the_categories_are_those_that_are_documented():
    assert [str(category) for category in Category] == [
        "input",
        "config",
        "contract",
        "io",
        "provider",
        "crash",
        "timeout",
        "oom",
        "runtime",
        "cancelled",
    ]
    assert {"io", "provider"} == RETRYABLE
    assert {"input", "crash", "timeout", "oom"} == QUARANTINED


@pytest.mark.parametrize("category", list(Category))
def test_the_category_decides_whether_a_failure_is_retried(category):
    assert StageError("no", category=category).is_retryable == (category in {"io", "provider"})
    assert StageError("no", category=category, retryable=True).is_retryable
    assert not StageError("no", category=category, retryable=False).is_retryable


def test_a_stage_error_is_of_category_runtime_unless_it_says_otherwise():
    error = StageError("no")

    assert (error.category, error.detail, error.stage, error.item_id) == (Category.RUNTIME, "", "", "")
    assert str(error) == error.message == "no"


def test_a_category_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="weather"):
        StageError("no", category="weather")


def test_skipping_an_item_gives_a_reason():
    assert SkipItem("no text").reason == str(SkipItem("no text")) == "no text"


def test_errors_that_are_told_in_one_sentence_have_one_base():
    assert issubclass(UsageError, DocparseError)
    assert issubclass(PluginError, DocparseError)
    assert issubclass(ManifestError, DocparseError)
    assert not issubclass(StageError, DocparseError)
    assert PluginError("words", "is broken").plugin == "words"
    assert str(PluginError("words", "is broken")) == "words: is broken"
    assert UsageError("no").outcome is None
