"""The page on the testkit names all that there is."""

from pathlib import Path

from docparse_runner.testing import StageContract, poison

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "test-a-stage.md").read_text(encoding="utf-8")


def test_every_test_of_the_contract_is_on_the_page_and_no_other():
    tests = {name for name in dir(StageContract) if name.startswith("test_")}

    named = {line.strip("- `") for line in PAGE.splitlines() if line.startswith("- `test_")}

    assert tests == named


def test_every_attribute_of_the_contract_is_on_the_page():
    told = {name for name in dir(StageContract) if not name.startswith(("_", "test_"))} - {"harness"}

    assert [name for name in told if f"| `{name}` |" not in PAGE and f"    {name} = " not in PAGE] == []


def test_every_poison_is_on_the_page():
    assert [name for name in poison.KINDS if f"`{name}`" not in PAGE] == []
