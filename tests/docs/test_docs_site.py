"""The site has every page, under the four kinds that pages are of, and its links lead where those of the files do."""

import importlib.util
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("docs_site_hooks", DOCS / "site_hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def navigation(hooks):
    return {
        title: pages for entry in hooks.navigation((DOCS / "index.md").read_text()) for title, pages in entry.items()
    }


def test_every_page_is_in_the_navigation_once(hooks, navigation):
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]

    assert sorted([*pages, *hooks.BESIDE.values()]) == sorted(
        page for section in navigation.values() for page in section
    )


def test_the_sections_are_those_of_diataxis_and_each_has_the_pages_of_its_folder(navigation):
    sections = ["Tutorials", "How to", "Reference", "Explanation"]

    assert list(navigation) == ["Home", *sections, "Packages", "Project"]
    assert [{page.partition("/")[0] for page in navigation[title]} for title in sections] == [
        {"tutorials"},
        {"how-to"},
        {"reference"},
        {"explanation"},
    ]


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("docs/index.md", "../README.md", "start.md"),
        ("docs/index.md", "how-to/configure.md", "how-to/configure.md"),
        ("docs/how-to/configure.md", "bad-documents.md#quarantine", "bad-documents.md#quarantine"),
        (
            "docs/reference/hooks.md",
            "../../plugins/docparse-chunk/README.md#another-chunker",
            "../packages/docparse-chunk.md#another-chunker",
        ),
        ("README.md", "docs/tutorials/first-run.md", "tutorials/first-run.md"),
        ("README.md", "LICENSE", "LICENSE.txt"),
        ("plugins/docparse-chunk/README.md", "../../docs/how-to/configure.md", "../how-to/configure.md"),
        ("plugins/docparse-chunk/README.md", "../docparse-index/README.md", "docparse-index.md"),
        ("README.md", "https://example.org/README.md", "https://example.org/README.md"),
    ],
)
def test_a_link_leads_to_the_same_page_in_the_site(hooks, page, link, expected):
    assert hooks.relinked(f"see [it]({link}).", page) == f"see [it]({expected})."


def test_the_site_is_built_strictly_and_asks_nothing_of_another_host():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    tox = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["tox"]

    assert {"warn"} == {what for kind in config["validation"].values() for what in kind.values()}
    assert config["theme"]["font"] is False
    assert tox["env"]["site"]["commands"] == [["mkdocs", "build", "--strict"]]
