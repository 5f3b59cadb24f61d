"""The pages hang together: links, anchors and the index."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]


def name_of(page):
    return str(page.relative_to(ROOT))


def links_of(page):
    tokens = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
    found = [child for token in tokens for child in token.children or () if child.type == "link_open"]
    return [str(child.attrs["href"]) for child in found]


def anchors_of(page):
    """Return the anchors that code hosts make of a page's headings."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    titles = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page):
    broken = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors_of(target))):
            broken.append(link)

    assert broken == []


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "index.md"

    pages = {str(page.relative_to(index.parent)) for page in index.parent.rglob("*.md")} - {"index.md"}

    assert pages == set(links_of(index)) & pages
