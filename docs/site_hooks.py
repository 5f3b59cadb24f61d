"""What MkDocs is told about the site: the navigation is that of ``index.md``, and pages beside ``docs/`` belong to it.

A link of a page leads to the same file wherever the page is read, in the repository or in the site.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BESIDE = {"README.md": "start.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"} | {
    f"{folder}/{page.parent.name}/README.md": f"packages/{page.parent.name}.md"
    for folder in ("plugins", "examples")
    for page in sorted(ROOT.glob(f"{folder}/*/README.md"))
}
"""Page of the repository → where it is in the site. Those of ``docs/`` are where they are."""

FILES = {"LICENSE": "LICENSE.txt"}
SECTION = re.compile(r"^## (\w[\w ]*)", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)(?=[#)])")


def navigation(index: str) -> list[dict[str, Any]]:
    """Return the navigation: each section of the index with its pages, under the titles that the pages have."""
    _before, *parts = SECTION.split(index)
    sections = [{title: LINK.findall(text)} for title, text in zip(parts[::2], parts[1::2], strict=True)]
    packages = [place for place in BESIDE.values() if place.startswith("packages/")]
    rest = [place for place in BESIDE.values() if place != "start.md" and place not in packages]
    return [{"Home": ["index.md", "start.md"]}, *sections, {"Packages": packages}, {"Project": rest}]


def relinked(text: str, page: str) -> str:
    """Return a page of the repository with its links as the site needs them."""
    places = BESIDE | FILES
    folder, here = posixpath.dirname(page), posixpath.dirname(_place(page))

    def place(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        known = target in places or target.startswith("docs/")
        return posixpath.relpath(places.get(target) or _place(target), here or ".") if known else found[1]

    return LINK.sub(place, text)


def _place(page: str) -> str:
    return BESIDE.get(page) or page.removeprefix("docs/")


def on_config(config: Any) -> None:
    """Called by MkDocs before anything is read: set the navigation."""
    config.nav = navigation((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))


def on_files(files: Any, config: Any) -> Any:
    """Called by MkDocs once: add the pages that do not lie in ``docs/``."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the tests read the navigation without MkDocs

    for page, place in (BESIDE | FILES).items():
        files.append(File.generated(config, place, content=(ROOT / page).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_more: Any) -> str:
    """Called by MkDocs for each page: give back its text with the links of the site."""
    origin = {place: name for name, place in BESIDE.items()}.get(page.file.src_uri)
    return relinked(markdown, origin or f"docs/{page.file.src_uri}")
