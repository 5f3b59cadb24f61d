"""The contract of the testkit: good stages keep it, and each of its tests is seen failing for a stage that does not."""

import re
import sys
from pathlib import Path

import attrs
import pytest

from docparse_runner.testing import StageContract

KIT = Path(__file__).parent / "kit"
TEXTS = {"a.txt": "one 1", "b.txt": "two 22", "c.txt": "three"}
SETTINGS = {
    "letters": {"documents": TEXTS, "timeout_s": 1.0},
    "lines": {"documents": {"a": '{"letters": 3}', "b": '{"letters": 300}'}},
    "pairs": {
        "documents": {"a": {"letters": "1", "notes": "one"}, "b": {"letters": "2", "notes": "two"}},
        "suffixes": {"notes": ".note"},
        "broken": None,
    },
    "batches": {"documents": TEXTS, "broken": None, "timeout_s": 1.0},
    "planned": {"documents": TEXTS, "broken": None},
    "store": {"documents": TEXTS, "broken": None, "folders": ["store"], "timeout_s": 1.0},
}
"""Stage of ``tests/kit`` → what its contract is told."""

NEW_WORKERS = ["test_a_crash", "test_a_deadline", "test_a_memory_limit"]
IN_CHILDREN = [
    "test_it_works_in_a_child",
    *NEW_WORKERS,
    *("test_two_workers", "test_a_failure", "test_an_interrupted", "test_an_empty"),
]


@attrs.frozen(kw_only=True)
class Broken:
    """A stage that breaks a rule.

    Attributes:
        stage: the good stage that it was.
        edits: its text → the text that breaks the rule.
        settings: what its contract is told besides.
        fails: beginnings of the names of the contract tests that fail, the one that is about the rule first.
        may: beginnings of the names of others that may fail, because next to nothing works.
        says: words of that one's message.
    """

    stage: str = "letters"
    edits: dict = attrs.field(factory=dict)
    settings: dict = attrs.field(factory=dict)
    fails: list
    may: list = attrs.field(factory=list)
    says: str


READ = '        text = item.inputs["source"].read_text(encoding="utf-8")\n'
RETURN = "    return ItemOutcome.success(words=len(words))\n"
RESOLVED = '    return {"engine": "plain"}\n'
PLANNED = '    for path in sorted(folder.rglob("*.txt")):\n'
YIELD = '        yield WorkItem(item_id=item_id, inputs={"source": path}, outputs={"copies": copy})\n'
STORE = "    store.mkdir(exist_ok=True)\n"
KEEP = "        copy.write_bytes("
REPLANNED = [
    *("test_a_second_run", "test_an_option_that_does_not", "test_a_changed_document"),
    *("test_a_document_that_is_gone", "test_a_failure", "test_an_interrupted"),
]
AGAIN = ["test_force", "test_an_option_that_changes", "test_a_changed_document"]

BROKEN = {
    "imports a heavy library": Broken(
        edits={"import json\n": "import json\nimport spacy\n"},
        fails=["test_loading"],
        says="import spacy inside docparse_worker",
    ),
    "takes long to import": Broken(
        edits={"import json\n": "import json\nimport time\n\ntime.sleep(0.4)\n"},
        fails=["test_loading"],
        says="must take less than 0.3 s",
    ),
    "cannot be imported": Broken(
        edits={"import json\n": "import json_of_mine\n"},
        fails=["test_"],
        says="the stage must load: .* No module named 'json_of_mine'",
    ),
    "has an option without a sentence of help": Broken(
        edits={'"Leave out shorter words."': '"least"'},
        fails=["test_help"],
        says="the help of least must be a sentence",
    ),
    "does not say what it does": Broken(
        edits={"summary=__doc__": 'summary=""'}, fails=["test_help"], says=r"Stage\(summary=…\) must say"
    ),
    "changes what an option was set to": Broken(
        edits={
            "\n\n@hookimpl\ndef docparse_stage": (
                '\n    def __attrs_post_init__(self):\n        object.__setattr__(self, "least", 1)\n'
                "\n\n@hookimpl\ndef docparse_stage"
            )
        },
        fails=["test_each_option", "test_an_option_that_changes"],
        says="least = 2, given by flag, must be 2 again, not 1",
    ),
    "has two options whose flags are one": Broken(
        edits={
            "    loud: bool = option(False": "    loud: bool = option(True",
            "    log: Path": '    no_loud: bool = option(False, help="Say less.")\n    log: Path',
        },
        fails=["test_each_option_can_be_set_by_flag_by_variable_and_in_a_file[flag]"],
        says="given by flag",
    ),
    "has values that a variable cannot hold": Broken(
        settings={"changes": {"names": ("one, two",)}},
        fails=["test_each_option_can_be_set_by_flag_by_variable_and_in_a_file[environment]"],
        says="given by environment, must be",
    ),
    "has values that no file can hold": Broken(
        settings={"changes": {"log": Path("notes.log")}},
        fails=["test_each_option_can_be_set_by_flag_by_variable_and_in_a_file[file]"],
        says="given by file, must be",
    ),
    "refuses the value that its author gives": Broken(
        settings={"changes": {"least": 0}},
        fails=["test_each_option", "test_an_option_that_changes"],
        says="least = 0 must be accepted by flag",
    ),
    "plans in another order each time": Broken(
        stage="planned",
        edits={
            PLANNED: "    ORDER.reverse()\n    for path in sorted(folder.rglob('*.txt'), reverse=ORDER[0]):\n",
            "@hookimpl\ndef docparse_plan": "ORDER = [True, False]\n\n\n@hookimpl\ndef docparse_plan",
        },
        fails=["test_the_plan_is_the_same"],
        says="the same items in the same order",
    ),
    "plans a list": Broken(
        stage="planned",
        edits={
            PLANNED: "    items = []\n" + PLANNED,
            YIELD: YIELD.replace("yield ", "items.append(")[:-1] + ")\n    return items\n",
        },
        fails=["test_the_plan_is_lazy"],
        says="must yield its items",
    ),
    "cannot plan": Broken(
        stage="planned",
        edits={PLANNED: "    {}['folder']\n" + PLANNED},
        fails=["test_no_two_items"],
        may=["test_"],
        says="must yield a WorkItem for each document, not raise KeyError",
    ),
    "gives two items one output": Broken(
        stage="planned",
        edits={YIELD: YIELD + YIELD.replace("item_id=item_id", 'item_id=item_id + ".again"')},
        fails=["test_no_two_items"],
        may=["test_"],
        says="each output a path of its own",
    ),
    "gives two items one id": Broken(
        stage="planned",
        edits={YIELD: YIELD + YIELD},
        fails=["test_no_two_items"],
        may=["test_"],
        says="each item an id of its own",
    ),
    "works in the parent only": Broken(
        edits={
            "@hookimpl\ndef docparse_resolve": "FOUND = {}\n\n\n@hookimpl\ndef docparse_resolve",
            RESOLVED: "    FOUND['engine'] = 'plain'\n" + RESOLVED,
            "    return lambda item": "    FOUND['engine']\n    return lambda item",
        },
        fails=IN_CHILDREN,
        may=["test_"],
        says="a run of letters must not stop: .*KeyError",
    ),
    "does not write its output": Broken(
        edits={'    item.outputs["letters"].write_text(json.dumps(result))\n': ""},
        fails=["test_each_document_gets"],
        may=["test_"],
        says="did not write its required output 'letters'",
    ),
    "declares what it never makes": Broken(
        edits={"    if digits:\n": "    if False:\n"},
        fails=["test_each_document_gets"],
        says="write digits for at least one of `documents`",
    ),
    "writes into the data root": Broken(
        stage="store",
        settings={"folders": []},
        fails=["test_it_writes_nothing_but"],
        says="name store in `folders` if it is a store",
    ),
    "writes beside the document": Broken(
        edits={RETURN: '    item.inputs["source"].with_suffix(".count").write_text("1")\n' + RETURN},
        fails=["test_it_writes_nothing_but"],
        says="add anything beside the documents",
    ),
    "writes into the working folder": Broken(
        edits={RETURN: '    Path("notes.log").write_text("1")\n' + RETURN},
        fails=["test_it_writes_nothing_but"],
        says=r"not into the working folder \(notes.log\)",
    ),
    "counts what is no number": Broken(
        edits={RETURN: '    return ItemOutcome.success(share=float("nan"))\n'},
        fails=["test_metrics"],
        says="metrics must be JSON data",
    ),
    "remembers the document before": Broken(
        edits={
            "    result = {": '    SEEN.append(1)\n    result = {"seen": len(SEEN), ',
            "def count(": "SEEN = []\n\n\ndef count(",
        },
        fails=["test_two_workers", "test_an_option_that_does_not"],
        says="must give the same bytes each time",
    ),
    "makes something else of documents that run together": Broken(
        stage="batches",
        edits={
            "upper(item) for item in items": "upper(item, len(items)) for item in items",
            "def upper(item)": "def upper(item, count)",
            ".upper())": ".upper() + b'3' * (count // 3))",
        },
        fails=["test_documents_that_run_together"],
        says="the same bytes in a batch, with --policy gpu, as alone",
    ),
    "resolves to something new each time": Broken(
        edits={RESOLVED: "    import time\n\n    return {'engine': time.time_ns()}\n"},
        fails=REPLANNED,
        says="must find everything up to date, not run for: engine changed",
    ),
    "cannot do a document again": Broken(
        stage="store",
        edits={KEEP: "        entry.open('x').close()\n" + KEEP},
        fails=["test_force", "test_a_changed_document", "test_a_failure"],
        says="able to do again what it has done before",
    ),
    "does not know what it is made from": Broken(
        stage="planned",
        edits={
            YIELD: YIELD.replace('inputs={"source": path}', 'metadata={"path": str(path)}'),
            'item.inputs["source"].read_bytes()': 'Path(item.metadata["path"]).read_bytes()',
            "from docparse_runner": "from pathlib import Path\n\nfrom docparse_runner",
        },
        fails=["test_a_changed_document"],
        says="must name in `inputs` what it is made from",
    ),
    "changes the output by an option that should not": Broken(
        edits={"    result = {": '    result = {"loud": context.options.loud, '},
        fails=["test_an_option_that_does_not"],
        says="affects_output=False, but another value gives other bytes",
    ),
    "resolves an option that should change nothing": Broken(
        edits={RESOLVED: "    return {'loud': context.options.loud}\n"},
        fails=["test_an_option_that_does_not"],
        says="docparse_resolve must not mention it",
    ),
    "fails with another value of an option": Broken(
        edits={READ: READ + "        assert context.options.least == 1\n"},
        fails=["test_an_option_that_changes"],
        says="least = 2 must work, see `changes`",
    ),
    "fails when a document is gone": Broken(
        stage="store",
        edits={"        if item.removed:\n": "        if item.removed:\n            item.inputs['source']\n"},
        fails=["test_a_document_that_is_gone"],
        says="when item.removed, undo its effect",
    ),
    "writes in place": Broken(
        edits={
            RETURN: (
                '    place = context.workspace.artifact("letters", item.item_id, ".json")\n'
                "    place.parent.mkdir(parents=True, exist_ok=True)\n    place.write_text(json.dumps(result))\n"
                + RETURN
            )
        },
        fails=["test_a_failure", *NEW_WORKERS],
        says="a document that failed must leave no output",
    ),
    "cannot open after a crash": Broken(
        stage="store",
        edits={
            STORE: STORE + '    lock = store / "lock"\n    lock.open("x").close()\n',
            "    yield keep": "    yield keep\n    lock.unlink()",
        },
        fails=NEW_WORKERS,
        says="a run of store must not stop: .*FileExistsError",
    ),
    "empties what others made": Broken(
        edits={
            "    return lambda item": (
                '    for each in (context.workspace.root / "letters").rglob("*.json"):\n        each.unlink()\n'
                "    return lambda item"
            )
        },
        fails=["test_an_interrupted", "test_a_changed_document", "test_a_failure", "test_two_workers"],
        says="leave the outputs of other documents alone",
    ),
    "is slower than its contract says": Broken(
        edits={READ: "        import time\n\n        time.sleep(0.3)\n" + READ},
        settings={"timeout_s": 0.1},
        fails=["test_a_deadline"],
        says="set `timeout_s` to seconds that are enough",
    ),
    "takes names apart at the dot": Broken(
        edits={READ: "        name, ending = item.item_id.split('.')\n" + READ},
        fails=["test_any_name_of_a_document_will_do[2101.00001v2.final]"],
        says="a document named '2101.00001v2.final' must do",
    ),
    "takes names apart at spaces": Broken(
        edits={READ: "        (name,) = item.item_id.split()\n" + READ},
        fails=["test_any_name_of_a_document_will_do[with spaces"],
        says="a document named 'with spaces and ümläuts' must do",
    ),
    "formats with names": Broken(
        edits={READ: "        item.inputs['source'].name % ()\n" + READ},
        fails=["test_any_name_of_a_document_will_do[100%]"],
        says="a document named '100%' must do",
    ),
    "knows no folders": Broken(
        edits={READ: "        (context.scratch / item.item_id.removeprefix('docs/')).write_text('')\n" + READ},
        fails=["test_any_name_of_a_document_will_do[deep/er/down]"],
        says="a document named 'deep/er/down' must do",
    ),
    "takes names for flags": Broken(
        edits={READ: "        assert not item.inputs['source'].name.startswith('-')\n" + READ},
        fails=["test_any_name_of_a_document_will_do[-x]"],
        says="a document named '-x' must do",
    ),
    "stumbles over an empty document": Broken(
        edits={READ: READ + "        text[0]\n"},
        fails=["test_an_empty_document"],
        says="an empty document must be a result, or raise StageError",
    ),
    "stumbles over a broken document": Broken(
        edits={"except UnicodeDecodeError": "except KeyError"},
        fails=["test_a_broken_document"],
        says="a broken document must be a result, or raise StageError",
    ),
    "takes a broken document": Broken(
        edits={READ: READ.replace("utf-8", "latin-1")},
        fails=["test_a_broken_document"],
        says="or set broken = None",
    ),
    "needs a document to plan": Broken(
        stage="planned",
        edits={PLANNED: "    next(folder.rglob('*.txt'))\n" + PLANNED},
        fails=["test_a_folder_without_documents"],
        says="a plan without documents must be empty, not an error",
    ),
}
"""What a stage does wrong → how its contract says so."""


@pytest.fixture
def contract(pytester, monkeypatch):
    """Return a function that runs the contract of a stage of the kit, or of what it became, and returns its reports."""

    def run(stage, *arguments, edits=(), settings=()):
        site = pytester.mkdir("site")
        for path in KIT.rglob("*.*"):
            if path.is_file() and path.suffix != ".pyc":
                copy = site / path.relative_to(KIT)
                copy.parent.mkdir(exist_ok=True)
                copy.write_text(path.read_text())
        (site / "spacy.py").write_text("")
        module = site / f"kit_{stage}.py"
        for old, new in dict(edits).items():
            assert old in module.read_text(), old
            module.write_text(module.read_text().replace(old, new, 1))
        told = {"stage": stage, **SETTINGS[stage], **dict(settings)}
        body = "".join(f"    {name} = {value!r}\n" for name, value in told.items())
        imports = (
            "from pathlib import PosixPath, WindowsPath\n\nfrom docparse_runner.testing import StageContract\n\n\n"
        )
        pytester.makepyfile(test_stage=f"{imports}class TestStage(StageContract):\n{body}")
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", str(site))
        for name in [name for name in sys.modules if name.startswith("kit_")]:
            monkeypatch.delitem(sys.modules, name)  # other tests import the stages as they are
        return pytester.inline_run("-q", "-p", "no:cacheprovider", *arguments)

    return run


def failed_in(result):
    """Return name of the contract test → message, of those that failed."""
    return {report.nodeid.partition("::TestStage::")[2]: str(report.longrepr) for report in result.getfailures()}


def unexpected(failed, expected, may=()):
    """Return the tests that failed without being expected, and those expected of which none failed."""
    return (
        [name for name in failed if not name.startswith((*expected, *may))],
        [start for start in expected if not any(name.startswith(start) for name in failed)],
    )


@pytest.mark.parametrize("stage", SETTINGS)
def test_a_good_stage_keeps_the_contract(contract, stage):
    # how workers die and come back is seen with two of them; all of it with each is in the long run
    quick = () if stage in ("letters", "store") else ("-k", "not (costs_one or two_workers or loading or help)")

    result = contract(stage, *quick)

    passed, skipped, failed = result.listoutcomes()
    assert failed_in(result) == {}
    assert len(passed) > 20
    assert len(skipped) <= 4
    assert failed == []


def test_a_stage_that_runs_in_threads_is_poisoned_in_processes(contract):
    result = contract("letters", "-k", "crash", edits={"version=1,": 'version=1, policy="io",'})

    passed, skipped, failed = result.listoutcomes()
    assert (len(passed), skipped, failed) == (3, [], [])


@pytest.mark.parametrize("wrong", BROKEN)
def test_what_a_stage_does_wrong_is_told_to_its_author(contract, wrong):
    broken = BROKEN[wrong]

    result = contract(
        broken.stage, "-k", re.split(r"[\[ ]", broken.fails[0])[0], edits=broken.edits, settings=broken.settings
    )

    failed = failed_in(result)
    message = next((failed[name] for name in failed if name.startswith(broken.fails[0])), "")
    assert re.search(broken.says, " ".join(message.split())), failed
    assert all("Traceback" not in each and "docparse_runner/testing" not in each for each in failed.values())
    assert unexpected(failed, broken.fails[:1]) == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("wrong", BROKEN)
def test_what_a_stage_does_wrong_fails_no_other_test(contract, wrong):
    broken = BROKEN[wrong]

    result = contract(broken.stage, edits=broken.edits, settings=broken.settings)

    assert unexpected(failed_in(result), broken.fails, broken.may) == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("stage", SETTINGS)
def test_a_good_stage_keeps_the_whole_contract(contract, stage):
    result = contract(stage)

    assert failed_in(result) == {}


def test_every_test_of_the_contract_is_seen_failing():
    starts = [start.partition("[")[0] for broken in BROKEN.values() for start in broken.fails if start != "test_"]
    tests = [name for name in dir(StageContract) if name.startswith("test_")]

    assert [name for name in tests if not name.startswith(tuple(starts))] == []
    assert len(tests) >= 20
