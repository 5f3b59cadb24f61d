"""The stages of a pipeline are ordered and checked by what they consume and produce, before anything runs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner._entry_points import STAGES, listed
from docparse_runner._pipeline import Gap, Member, gaps, in_order, rivals
from docparse_runner.errors import UsageError


def member(name, consumes, produces):
    return Member(name=name, consumes=tuple(consumes.split()), produces=tuple(produces.split()))


DOCTAGS = member("doctags", "source", "docling doctags")
CHUNK = member("chunk", "docling", "chunks")
EMBED = member("embed", "chunks", "embeddings")
INDEX = member("index", "chunks embeddings", "indexed")
CIRCLE = (
    "the pipeline goes in a circle: hen consumes 'eggs' of egg, egg consumes 'hens' of hen; "
    "leave one of them out with --skip"
)


def names(members):
    return [each.name for each in members]


# --- the order


@given(st.permutations([DOCTAGS, CHUNK, EMBED, INDEX]))
def test_in_whatever_order_they_are_named_each_stage_follows_those_it_reads_from(named):
    assert in_order(named) == [DOCTAGS, CHUNK, EMBED, INDEX]


def test_stages_that_have_no_need_to_move_stay_where_they_were_named():
    words, tags = member("words", "chunks", "words"), member("tags", "source", "tags")

    assert in_order([tags, DOCTAGS, CHUNK, EMBED, words]) == [tags, DOCTAGS, CHUNK, EMBED, words]


def test_a_stage_that_replaces_another_takes_its_place():
    assert names(in_order([DOCTAGS, EMBED, INDEX, member("mine", "docling", "chunks")])) == [
        *["doctags", "mine", "embed", "index"],
    ]


def test_a_circle_is_told_step_by_step():
    hen, egg = member("hen", "eggs", "hens"), member("egg", "hens", "eggs")

    with pytest.raises(UsageError) as caught:
        in_order([DOCTAGS, member("fan", "hens", "news"), hen, egg])

    assert str(caught.value) == CIRCLE


def test_a_stage_that_consumes_what_it_makes_is_a_circle():
    with pytest.raises(UsageError, match="circle: again consumes 'text' of again; leave"):
        in_order([member("again", "text", "text")])


def test_kinds_that_several_make_are_found():
    assert list(rivals([CHUNK, EMBED, member("mine", "docling", "chunks")])) == [("chunks", ["chunk", "mine"])]


def test_gaps_are_what_nobody_made_or_makes_before():
    assert list(gaps([CHUNK, INDEX], {"docling"})) == [Gap("index", "embeddings")]


def test_a_stage_with_a_planner_of_its_own_has_no_gaps():
    own = Member(name="own", consumes=("queue",), produces=("texts",), plans=True)

    assert list(gaps([own, member("next", "texts", "words")], set())) == []


# --- run all, plan all

STAGE = """
from docparse_runner import ItemOutcome, Output, Stage, hookimpl, option
import attrs

@attrs.frozen(kw_only=True)
class Options:
    kind: str = option({produces!r}, help="What it makes.")

@hookimpl
def docparse_stage():
    return Stage(
        name={name!r}, version=1, consumes={consumes!r}, options=Options,
        produces=lambda options: {{options.kind: Output("." + options.kind)}},
    )

@hookimpl
def docparse_worker(context):
    def work(item):
        next(iter(item.outputs.values())).write_text("made")
        return ItemOutcome.success()
    return work
"""


@pytest.fixture
def add(install_module):
    """Return a function that installs a stage of a third party."""

    def install(name, consumes, produces):
        text = STAGE.format(name=name, consumes=consumes.split(), produces=produces)
        install_module(f"{name}_stage", text, stages={name: f"{name}_stage"})

    return install


@pytest.fixture
def pipeline(docs):
    """Write a document and a configuration whose pipeline is named in the wrong order."""
    Path("docparse.toml").write_text('[pipeline]\nstages = ["join", "count", "upper"]\n[runner]\nworkers = 0\n')
    return docs(a="text a")


@pytest.mark.usefixtures("pipeline")
def test_a_pipeline_in_the_wrong_order_runs_in_the_right_one(docparse):
    ended = docparse("run", "all", "docs", "--json")

    outcomes = json.loads(ended.out)
    assert ended.code == 0
    assert {name: outcome["succeeded"] for name, outcome in outcomes.items()} == {"upper": 1, "count": 1, "join": 1}
    assert list(outcomes) == ["upper", "count", "join"]


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("how", ["flag", "file"])
def test_a_stage_of_a_third_party_is_put_before_those_that_read_from_it(docparse, add, how):
    add("words", "upper", "words")
    add("sums", "words", "sums")
    if how == "file":
        text = Path("docparse.toml").read_text()
        Path("docparse.toml").write_text(text.replace("[runner]", 'with = ["sums", "words"]\n[runner]'))

    added = ["--with", "sums", "--with", "words"] if how == "flag" else []
    ended = docparse("run", "all", "docs", "--json", "--skip", "join", "--skip", "count", *added)

    assert {name: outcome["succeeded"] for name, outcome in json.loads(ended.out).items()} == {
        "upper": 1,
        "words": 1,
        "sums": 1,
    }
    assert list(json.loads(ended.out)) == ["upper", "words", "sums"]


@pytest.mark.usefixtures("pipeline")
def test_options_decide_what_a_stage_makes_and_so_where_it_is_put(docparse, add):
    add("words", "upper", "words")
    add("sums", "terms", "sums")
    chosen = ["--skip", "join", "--skip", "count", "--with", "sums", "--with", "words"]

    alone = docparse("plan", "all", "docs", *chosen)
    fitting = docparse("plan", "all", "docs", *chosen, "--set", "words.kind=terms", "--json")

    assert alone.code == 2
    assert "sums consumes 'terms', which no stage before it makes" in alone.err
    assert list(json.loads(fitting.out)["stages"]) == ["upper", "words", "sums"]


@pytest.mark.usefixtures("pipeline")
def test_the_order_is_told_in_plans_dry_runs_and_with_v(docparse):
    told = "pipeline: upper → count → join"

    assert docparse("plan", "all", "docs").out.splitlines()[0] == told
    assert docparse("run", "all", "docs", "--dry-run").out.splitlines()[0] == told
    assert docparse("run", "all", "docs", "-v").err.splitlines()[0] == told
    assert told not in docparse("run", "all").err


LACKS = "which no stage before it makes and {root} does not hold"
REFUSED = {
    "nobody makes it": (
        ["--with", "sums"],
        f"sums consumes 'terms', {LACKS}; no installed stage makes it: install one that does, or --skip sums",
    ),
    "a stage that is left out": (
        ["--skip", "count"],
        f"join consumes 'count', {LACKS}; count makes it: let it run too, or add it: --with count",
    ),
    "a stage that is not run from": (
        ["--from-stage", "join"],
        f"join consumes 'upper', {LACKS}; upper makes it: let it run too, or add it: --with upper",
    ),
    "a package that is not installed": (
        ["--with", "notes"],
        f"notes consumes 'embeddings', {LACKS}; embed makes it: pip install docparse-embed, or --skip notes",
    ),
    "a circle": (
        ["--with", "hen", "--with", "egg"],
        CIRCLE,
    ),
    "two that make one kind": (
        ["--with", "twin"],
        "count and twin both make 'count'; leave one of them out: --skip twin",
    ),
    "an end before the beginning": (
        ["--from-stage", "join", "--to", "upper"],
        "--to upper comes before --from-stage join: there is nothing to run",
    ),
    "a beginning that is left out": (
        ["--from-stage", "count", "--skip", "count"],
        "'count' is not in the pipeline: join, upper",
    ),
}
ADDED = {
    "sums": ("terms", "sums"),
    "notes": ("embeddings", "notes"),
    "hen": ("eggs", "hens"),
    "egg": ("hens", "eggs"),
    "twin": ("upper", "count"),
}


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("case", REFUSED)
def test_stages_that_do_not_fit_together_are_refused_before_anything_is_touched(
    docparse, add, stages, monkeypatch, command, case
):
    flags, sentence = REFUSED[case]
    for name in set(ADDED) & set(flags):
        add(name, *ADDED[name])
    known = [each for each in listed(STAGES) if each.name != "embed"]
    monkeypatch.setattr("docparse_runner.cli._pipeline.listed", lambda _group: known)

    ended = docparse(command, "all", *([] if case == "a stage that is not run from" else ["docs"]), *flags)

    expected = f"docparse: {sentence.format(root=stages / 'docparse-data')}\n"
    assert (ended.code, ended.out, ended.err) == (2, "", expected)
    assert not (stages / "docparse-data").exists()


@pytest.mark.usefixtures("pipeline")
def test_what_the_data_root_holds_need_not_be_made(docparse):
    docparse("run", "all", "docs")

    ended = docparse("run", "all", "--skip", "count", "--skip", "upper", "--json")

    assert (ended.code, list(json.loads(ended.out))) == (0, ["join"])


@pytest.mark.usefixtures("stages")
def test_the_first_stage_can_be_given_its_input(docparse, add):
    add("words", "texts", "words")
    Path("made").mkdir()
    Path("docparse.toml").write_text('[pipeline]\nstages = ["words"]\n')

    ended = docparse("plan", "all", "made")

    assert "consumes 'texts'" not in ended.err


@pytest.mark.usefixtures("pipeline")
def test_a_broken_stage_stops_only_a_pipeline_that_would_run_it(docparse, install_module):
    install_module("bad_stage", "raise RuntimeError('no')", stages={"bad": "bad_stage"})

    without = docparse("run", "all", "docs", "--with", "bad", "--to", "count", "--json")
    ended = docparse("run", "all", "docs", "--with", "bad")

    assert (without.code, list(json.loads(without.out))) == (0, ["upper", "count"])
    assert (ended.code, ended.err) == (2, "docparse: bad: cannot be loaded: RuntimeError: no (pip install bad_stage)\n")


def test_a_stage_whose_produces_raises_is_refused_before_anything_is_touched(docs, docparse, install_module, stages):
    source = STAGE.format(name="bad", consumes=["source"], produces="x").replace("{options.kind:", "{1 / 0:")
    install_module("bad_stage", source, stages={"bad": "bad_stage"})

    ended = docparse("run", "bad", docs(a="text"))

    assert (ended.code, ended.err) == (2, "docparse: bad: its produces raised ZeroDivisionError: division by zero\n")
    assert not (stages / "docparse-data").exists()
