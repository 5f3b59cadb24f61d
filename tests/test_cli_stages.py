"""``docparse stages``: what is installed, what is broken and what to do about it, and how the stages fit together."""

import json

import pytest

STAGE = """
from docparse_runner import ItemOutcome, Output, Stage, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name={name!r}, version=3, consumes={consumes!r}, **{fields})

@hookimpl
def docparse_worker(context):
    return lambda item: ItemOutcome.success()
"""


@pytest.fixture
def add(install_module):
    """Return a function that installs a stage that consumes and produces these kinds."""

    def install(name, consumes, produces, **fields):
        outputs = ", ".join(f"{kind!r}: Output('.{kind}')" for kind in produces)
        text = STAGE.format(name=name, consumes=consumes, fields=f"{{'produces': {{{outputs}}}, **{fields!r}}}")
        install_module(f"{name}_stage", text, stages={name: f"{name}_stage"})

    return install


@pytest.fixture
def listed(docparse):
    """Return a function that returns name → what ``docparse stages --json`` says of it."""
    return lambda: {row["name"]: row for row in json.loads(docparse("stages", "--json").out)}


def cells(said, name):
    """Return a stage's line of the table in its columns, and the line below it."""
    lines = said.out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{name} "))
    return [cell.strip() for cell in lines[place].split("  ") if cell], (*lines, "")[place + 1].strip()


def test_a_stage_is_listed_with_its_versions_its_package_and_its_kinds(docparse, listed):
    said = docparse("stages")

    assert said.code == 0
    assert cells(said, "stage")[0] == ["stage", "version", "package", "api", "status", "consumes → produces"]
    assert cells(said, "upper")[0] == ["upper", "1", "teststages 1.0", "1", "ok", "source → upper, extra"]
    assert listed()["upper"] == {
        "name": "upper",
        "distribution": "teststages",
        "version": "1.0",
        "status": "ok",
        "summary": "Upper-case every text.",
        "stage_version": 1,
        "api": 1,
        "consumes": ["source"],
        "produces": ["upper", "extra"],
        "capabilities": [],
    }


def test_a_table_can_say_what_each_stage_does(docparse):
    assert cells(docparse("stages", "-v"), "upper")[1] == "Upper-case every text."


ABLE = (
    "from docparse_runner import Capability\n"
    + STAGE.format(name="able", consumes=["source"], fields="{'produces': {}}")
    + "\n@hookimpl\ndef docparse_capabilities():\n    %s\n"
)
CAPABLE = """return [Capability(name="figures", summary="always"),
            Capability.of_extra("able[fast]", "a_library_that_is_missing", name="speed", summary="ten times")]"""


@pytest.fixture
def able(install_module):
    """Return a function that installs a stage whose hook ``docparse_capabilities`` has this body."""
    return lambda body: install_module("able_stage", ABLE % body, stages={"able": "able_stage"})


def test_a_table_can_say_what_a_stage_can_do_here_and_what_would_let_it_do_more(docparse, able):
    able(CAPABLE)

    lines = [line.strip() for line in docparse("stages", "-v").out.splitlines()]

    assert "figures: always" in lines
    assert "speed: ten times (not here: pip install 'able[fast]')" in lines


def test_programs_are_told_what_a_stage_can_do(able, listed):
    able(CAPABLE)

    assert [(each["name"], each["enabled"]) for each in listed()["able"]["capabilities"]] == [
        ("figures", True),
        ("speed", False),
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return 1 / 0", "docparse_capabilities() raised ZeroDivisionError: division by zero"),
        ("return ['OCR']", "docparse_capabilities() must return Capability objects, not 'OCR'"),
    ],
)
def test_a_stage_that_cannot_say_what_it_can_do_is_not_broken(able, listed, body, problem):
    able(body)

    row = listed()["able"]

    assert (row["status"], [each["summary"] for each in row["capabilities"]]) == ("ok", [problem])


BROKEN = {
    "an import": (
        "import a_library_that_is_missing",
        "cannot be loaded: ModuleNotFoundError: No module named 'a_library_that_is_missing'",
        "pip install bad_stage",
    ),
    "a name of a newer core": (
        "from docparse_runner import a_name_of_the_future",
        "cannot be loaded: ImportError: cannot import name 'a_name_of_the_future' from 'docparse_runner'",
        "pip install --upgrade docparse-runner bad_stage",
    ),
    "no decorator": (
        "def docparse_stage():\n    return 3",
        "docparse_stage lacks the @hookimpl decorator",
        "pip install --upgrade bad_stage, or tell its authors",
    ),
    "an old contract": (
        STAGE.format(name="bad", consumes=["source"], fields="{'api': 0, 'produces': {}}"),
        "was written for plugin API 0, this is 1",
        "upgrade the stage",
    ),
    "a contract to come": (
        STAGE.format(name="bad", consumes=["source"], fields="{'api': 2, 'produces': {}}"),
        "was written for plugin API 2, this is 1",
        "upgrade docparse-runner",
    ),
    "what it produces": (
        STAGE.format(name="bad", consumes=["source"], fields="{'produces': lambda options: 1 / 0}"),
        "its produces raised ZeroDivisionError: division by zero",
        "pip install --upgrade bad_stage, or tell its authors",
    ),
    "what it produces is no mapping": (
        STAGE.format(name="bad", consumes=["source"], fields="{'produces': lambda options: ['text']}"),
        "its produces raised TypeError: produces must map kinds to Output(suffix)",
        "pip install --upgrade bad_stage, or tell its authors",
    ),
    "its options": (
        "import attrs\nfrom docparse_runner import option\n\n@attrs.frozen(kw_only=True)\nclass Options:\n"
        "    size: int = option(0, help='Any.')\n"
        "    def __attrs_post_init__(self):\n        raise ValueError('too small')\n"
        + STAGE.format(name="bad", consumes=["source"], fields="{'produces': {}, 'options': Options}"),
        "its options raised ValueError: too small",
        "pip install --upgrade bad_stage, or tell its authors",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_stage_is_listed_with_the_reason_and_what_to_do(docparse, listed, install_module, case):
    source, reason, remedy = BROKEN[case]
    install_module("bad_stage", source, stages={"bad": "bad_stage"})

    said, row = docparse("stages"), listed()["bad"]

    line, below = cells(said, "bad")
    assert said.code == 0
    assert line[:5] == ["bad", "-", "bad_stage 1.0", "-", "BROKEN"]
    assert line[5].startswith(reason)
    assert below == f"to do: {remedy}"
    assert (row["status"], row["remedy"]) == ("broken", remedy)
    assert row["reason"].startswith(reason)
    assert cells(said, "upper")[0][4] == "ok"


def test_two_packages_that_claim_one_name_are_both_listed(docparse, listed, add, install_module):
    add("words", ["source"], ["words"])
    install_module("rival_stage", "", stages={"words": "rival_stage"})

    line, below = cells(docparse("stages"), "words")

    owners = [listed()["words"]["distribution"], *listed()["words"]["rivals"]]
    assert sorted(owners) == ["rival_stage", "words_stage"]
    assert line[2] == ", ".join(owners)
    assert line[5] == f"is claimed by several packages: {', '.join(owners)}"
    assert below == "to do: uninstall all but one"


# --- the graph


def graph_lines(docparse):
    return docparse("stages", "--graph").out.splitlines()


def test_the_graph_has_a_line_for_each_stage_after_those_that_make_what_it_reads(docparse):
    found = [" ".join(line.replace("─", " ").split()) for line in graph_lines(docparse)]

    wanted = ["source upper ▶ upper, extra", "upper count ▶ count", "upper, count join ▶ joined"]
    assert [line for line in found if line in wanted] == wanted


def test_the_graph_as_json_has_nodes_and_edges(docparse, add):
    add("words", ["joined"], ["words"])

    graph = json.loads(docparse("stages", "--graph", "--json").out)

    ids = [node["id"] for node in graph["nodes"]]
    assert {"id": "stage:words", "type": "stage", "name": "words"} in graph["nodes"]
    assert {"id": "kind:joined", "type": "kind", "name": "joined"} in graph["nodes"]
    assert len(ids) == len(set(ids))
    assert [edge for edge in graph["edges"] if "stage:words" in edge.values()] == [
        {"from": "kind:joined", "to": "stage:words"},
        {"from": "stage:words", "to": "kind:words"},
    ]
    assert {end for edge in graph["edges"] for end in edge.values()} <= set(ids)


def test_the_graph_names_kinds_that_nobody_makes_or_several_make(docparse, add):
    add("notes", ["scores"], ["upper"])

    found = graph_lines(docparse)

    assert "'scores', which notes consumes, is made by no installed stage" in found
    assert "'upper' is made by notes and upper: a pipeline can have only one of them" in found


def test_the_graph_names_stages_that_wait_for_each_other(docparse, add):
    add("hen", ["eggs"], ["hens"])
    add("egg", ["hens"], ["eggs"])

    expected = "these cannot run in one pipeline: egg consumes 'hens' of hen, hen consumes 'eggs' of egg"
    assert expected in graph_lines(docparse)


def test_the_graph_leaves_out_what_is_broken_and_says_so(docparse, install_module):
    install_module("bad_stage", "raise RuntimeError('no')", stages={"bad": "bad_stage"})

    expected = "bad is left out: cannot be loaded: RuntimeError: no (pip install bad_stage)"
    assert expected in graph_lines(docparse)
