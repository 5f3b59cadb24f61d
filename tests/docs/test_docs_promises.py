"""What the runner promises: every promise has its tests, and the states, categories and codes are those of the code."""

import ast
import re
from pathlib import Path

import attrs
import pytest

from docparse_runner import Category, StageOutcome, Status
from docparse_runner._row import GONE
from docparse_runner._tally import Tally
from docparse_runner.errors import QUARANTINED, RETRYABLE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "promises.md").read_text(encoding="utf-8")
TEST = re.compile(r"  - `(tests/[\w/]+\.py)::(\w+)`")
EXIT_NAME = re.compile(r"(^|_)(exit|codes?)(_|$)", re.IGNORECASE)


def section(title):
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def tables(title):
    """Return the tables of a section, each a list of rows, the heads left out."""
    found = re.findall(r"^\| .*\n\| ---.*\n((?:\|.*\n)*)", section(title), re.MULTILINE)
    return [[[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()] for table in found]


def promises():
    """Return the promises, each a list of lines, its tests last."""
    text = re.sub(r"^### .*\n", "", section("The promises"), flags=re.MULTILINE)
    return [promise.rstrip().splitlines() for promise in re.split(r"^- ", text, flags=re.MULTILINE)[1:]]


def named_tests():
    return {found.groups() for promise in promises() for line in promise if (found := TEST.fullmatch(line))}


def defined_in(path):
    """Return the tests of a file: functions, by their names without parameters, and state machines."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = [ast.unparse(target) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return {name for name in functions.union(assigned) if name.startswith(("test_", "Test"))}


# --- the promises


def test_every_promise_is_a_sentence_with_a_test_that_holds_it():
    wrong = []
    for first, *rest in promises():
        text = [line for line in rest if not TEST.fullmatch(line)]
        sentence = " ".join([first, *text])
        if len(text) == len(rest) or rest[: len(text)] != text or not sentence.endswith(".") or "::" in sentence:
            wrong.append(first)

    assert promises()
    assert wrong == []


@pytest.mark.parametrize("path", sorted({path for path, _name in named_tests()}))
def test_every_test_that_is_named_exists(path):
    assert (ROOT / path).is_file()

    assert {name for named, name in named_tests() if named == path} - defined_in(path) == set()


def test_no_promise_is_made_twice_and_none_names_a_test_twice():
    firsts = [promise[0] for promise in promises()]

    assert len(firsts) == len(set(firsts))
    assert [promise[0] for promise in promises() if len(promise) != len(set(promise))] == []


# --- states, categories, codes


def test_the_states_are_those_of_the_code():
    states, _skips = tables("States")

    assert [row[0] for row in states] == [f"`{each}`" for each in (*Status, GONE)]
    counted = [row[2].strip("`") for row in states]
    assert set(counted) <= set(attrs.fields_dict(StageOutcome))
    assert " + ".join(counted[:-1]) + " == planned" in StageOutcome.__doc__


def test_the_reasons_of_a_skip_are_those_that_are_counted():
    _states, skips = tables("States")

    *known, (_any_other, _means, field) = skips
    assert field == "`skipped`"
    assert {row[2].strip("`") for row in known} == set(re.findall(r"(\w+): those of `skipped`", StageOutcome.__doc__))
    for reason, _means, field in known:
        tally = Tally()
        tally.skip(reason.strip("`").replace("STAGE", "chunk"))
        assert getattr(tally, field.strip("`")) == 1, reason


def test_the_categories_are_those_of_the_code_with_what_becomes_of_them():
    (categories,) = tables("Failure categories")

    assert [(row[0], row[2], row[3]) for row in categories] == [
        (f"`{each}`", "yes" if each in RETRYABLE else "", "yes" if each in QUARANTINED else "") for each in Category
    ]
    assert all(row[1] for row in categories)


def integers(node):
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and type(each.value) is int}


def named_values(tree):
    """Yield (name, value) of every assignment, keyword argument and default of an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((getattr(target, "attr", getattr(target, "id", "")), node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield getattr(node.target, "attr", getattr(node.target, "id", "")), node.value
        elif isinstance(node, ast.keyword):
            yield node.arg or "", node.value
        elif isinstance(node, ast.arguments):
            arguments = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
            yield from zip([each.arg for each in arguments], node.defaults, strict=True)


def codes_in(path):
    """Return the exit codes that a module names; a truth made a number is 0 or 1."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {number for name, value in named_values(tree) if EXIT_NAME.search(name) for number in integers(value)}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and EXIT_NAME.search(node.name)]
    is_truth = any("int(bool(" in ast.unparse(function) for function in functions)
    return found | ({0, 1} if is_truth else set())


def test_the_exit_codes_are_those_that_the_code_can_return():
    (codes,) = tables("Exit codes")
    package = ROOT / "src" / "docparse_runner"

    on_page = [int(code) for row in codes for code in row[0].split(", ")]

    assert len(on_page) == len(set(on_page))
    assert set(on_page) == set().union(*(codes_in(path) for path in package.rglob("*.py")))
