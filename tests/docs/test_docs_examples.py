"""What the pages say of generated packages and of the examples, counted and looked up again."""

import re
from pathlib import Path

import pytest

from docparse_runner._new_stage import plan

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorials" / "first-stage.md"


def generated(*, minimal):
    return plan("x", consumes="", patterns=(), produces="", minimal=minimal).files()


def lines(texts):
    return sum(len(text.splitlines()) for text in texts)


@pytest.mark.parametrize(
    ("minimal", "command"), [(False, "docparse new-stage x"), (True, "docparse new-stage x --minimal")]
)
def test_the_size_of_a_generated_package_is_as_the_tutorial_says(minimal, command):
    files = generated(minimal=minimal)

    assert f"| `{command}` | {len(files)} | {lines(files.values())} |\n" in TUTORIAL.read_text()


def test_what_the_lines_of_a_generated_package_are_is_as_the_tutorial_says():
    package, minimal = generated(minimal=False), generated(minimal=True)
    tests = lines(text for name, text in package.items() if name.startswith("tests/"))
    python, toml = (sum(map(bool, map(str.strip, minimal[name].splitlines()))) for name in sorted(minimal))

    said = " ".join(TUTORIAL.read_text().split())
    assert (
        f"Of the {lines(package.values())} lines {tests} are tests and {lines([package['LICENSE']])} the licence. "
        f"The {lines(minimal.values())} are {python} lines of Python, {toml} of TOML, and blank ones."
    ) in said


def test_the_page_about_the_examples_links_each():
    page = (ROOT / "docs" / "how-to" / "learn-from-examples.md").read_text()

    examples = {path.parent.name for path in ROOT.glob("examples/*/README.md")}
    assert examples == set(re.findall(r"\]\(\.\./\.\./examples/([\w-]+)/README\.md\)", page))
