"""Pages with many headings, from the manuals on this machine, for ``chunk_retrieval.py``.

    apt-get install debian-policy debian-reference-en git-doc nodejs-doc postgresql-doc python3-doc rust-doc sqlite3-doc
    python bench/quality/retrieval_pages.py FOLDER [--root /]
    docparse run doctags FOLDER docs samples/articles samples/guides samples/papers samples/reports --data-root DATA
    python bench/quality/chunk_retrieval.py DATA/docling --documents 140

Of each manual that is there, so many pages of 4 to 60 KB with four headings or more of three words or more, and a
heading for every 1,500 characters of text: those whose names have the lowest SHA-256, so that nobody chose them.
``--root`` is where the packages were unpacked.
"""

import argparse
import hashlib
import re
import shutil
from pathlib import Path

MANUALS = {
    "debian": (["usr/share/doc/debian-policy/policy.html", "usr/share/debian-reference"], 8),
    "git": (["usr/share/doc/git-doc", "usr/share/doc/git/html"], 8),
    "node": (["usr/share/doc/nodejs/api"], 8),
    "postgresql": (["usr/share/doc/postgresql-doc-*/html"], 8),
    "python": ([f"usr/share/doc/python3*/html/{part}" for part in ("faq", "howto", "library", "tutorial")], 14),
    "rust": (
        [f"usr/share/doc/rust*/html/{part}" for part in ("book", "cargo/**", "nomicon", "reference", "rustc")],
        14,
    ),
    "sqlite": (["usr/share/doc/sqlite3"], 14),
}
"""Folders of each manual, and how many pages of it."""

SIZES = range(4_000, 60_000)
HEADINGS = 4
WORDS = 3
LETTERS = 1_500

_HEADING = re.compile(r"<h[1-6][^>]*>(.*?)</h[1-6]>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def is_full_of_headings(page: Path) -> bool:
    """Say whether a page in HTML is what is looked for."""
    if page.stat().st_size not in SIZES:
        return False
    html = page.read_text(encoding="utf-8", errors="replace")
    headings = [_TAG.sub("", heading).split() for heading in _HEADING.findall(html)]
    long = [words for words in headings if len(words) >= WORDS]
    return len(long) >= HEADINGS and len(_TAG.sub("", html)) < LETTERS * len(headings)


def pages(root: Path, folders: list[str], count: int) -> list[Path]:
    """Return so many pages of a manual, of each name one."""
    found = {page.name: page for folder in folders for page in sorted(root.glob(f"{folder}/*.html")) if page.is_file()}
    good = (page for page in found.values() if is_full_of_headings(page))
    return sorted(good, key=lambda page: hashlib.sha256(page.name.encode()).hexdigest())[:count]


def main() -> None:
    """Copy the pages, a folder for each manual."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--root", type=Path, default=Path("/"))
    args = parser.parse_args()
    for name, (folders, count) in MANUALS.items():
        chosen = pages(args.root, folders, count)
        (args.folder / name).mkdir(parents=True, exist_ok=True)
        for page in chosen:
            shutil.copy(page, args.folder / name / page.name)
        print(f"{name:<12} {len(chosen):>3} pages")


if __name__ == "__main__":
    main()
