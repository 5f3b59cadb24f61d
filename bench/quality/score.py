"""Compare what systems read in PDFs with what is in them.

    python bench/quality/build.py /tmp/quality
    python bench/quality/score.py /tmp/quality [--half tuning|held-out] [--each] [--others PYTHON]

The documents are in two halves, by a hash of their names: heuristics are tuned on one and judged on the other. A tagged
and an untagged export of one source are in the same half.
"""

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
import pypdfium2 as pdfium
from metrics import Count, Score, score
from systems import Reading, local_systems, other_systems

HALVES = ("tuning", "held-out")
COLUMNS = ("docs", "text", "words", "head R", "head P", "level", "tab R", "tab P", "shape", "cells", "items", "order")


@attrs.frozen(kw_only=True)
class Document:
    """One PDF and what is in it.

    Attributes:
        path: the PDF.
        items: the reference.
        group: what it is averaged with: built tagged, built untagged, right to left, or given.
    """

    path: Path
    items: list[dict[str, Any]]
    group: str


def half_of(name: str) -> str:
    """Return which half a document belongs to, by its name without what comes after the first dot."""
    return HALVES[sha256(name.partition(".")[0].encode()).digest()[0] % 2]


def load(folder: Path) -> list[Document]:
    """Return the documents of a folder with their references."""
    found = []
    for path in sorted(folder.glob("*.pdf")):
        reference = json.loads(path.with_suffix(".json").read_text())
        _in_points(path, reference["items"])
        found.append(Document(path=path, items=reference["items"], group=_group(path, reference)))
    return found


def _group(path: Path, reference: Mapping[str, Any]) -> str:
    text = "".join(item["text"] for item in reference["items"])
    if sum("\u0590" <= letter <= "\u08ff" for letter in text) > len(text) / 3:
        return "right to left"
    if reference["origin"] == "given":
        return "given"
    return "built, tagged" if ".tagged" in path.name else "built, untagged"


def _in_points(path: Path, items: Sequence[dict[str, Any]]) -> None:
    """Turn boxes that are parts of the page into points."""
    document = pdfium.PdfDocument(path)
    for item in items:
        if item.get("scale"):
            for box in item["boxes"]:
                width, height = document[int(box[0]) - 1].get_size()
                box[1:] = [box[1] * width, box[2] * height, box[3] * width, box[4] * height]
    document.close()


def _row(scores: Sequence[Score]) -> list[str]:
    def total(name: str) -> Count:
        return sum((getattr(one, name) for one in scores), Count())

    def mean(name: str) -> float:
        values = [value for one in scores if not math.isnan(value := getattr(one, name))]
        return sum(values) / len(values) if values else float("nan")

    headings, tables = total("headings"), total("tables")
    values = [mean("text"), total("words").f1, headings.recall, headings.precision, total("levels").recall]
    values += [tables.recall, tables.precision, total("shapes").recall, total("cells").f1, total("items").f1]
    return [str(len(scores)), *("  -  " if math.isnan(value) else f"{value:.3f}" for value in [*values, mean("order")])]


def _table(rows: Iterable[tuple[str, Sequence[str]]]) -> None:
    print(f"{'':34}" + "".join(f"{column:>8}" for column in COLUMNS))
    for name, cells in rows:
        print(f"{name:34}" + "".join(f"{cell:>8}" for cell in cells))


def report(name: str, documents: Sequence[Document], readings: Mapping[Path, Reading], *, each: bool) -> None:
    """Print the scores of one system, per group and in all, or of each document."""
    scores = {
        document.path: score(document.items, readings[document.path].items)
        for document in documents
        if document.path in readings
    }
    pages = sum(len(pdfium.PdfDocument(path)) for path in scores)
    seconds = sum(readings[path].cpu_s for path in scores)
    print(f"\n{name}: {pages} pages, {pages / seconds:.1f} pages per second of processor time")
    groups: dict[str, list[Score]] = {}
    for document in documents:
        if document.path in scores:
            groups.setdefault(document.group, []).append(scores[document.path])
    rows = [(path.stem, _row([one])) for path, one in scores.items()] if each else []
    _table([*rows, *((group, _row(groups[group])) for group in sorted(groups)), ("all", _row(list(scores.values())))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=HALVES, action="append")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--system", action="append", help="native, flat; all by default")
    parser.add_argument("--others", type=Path, help="an interpreter that has pymupdf4llm, markitdown, pdfplumber")
    given = parser.parse_args()
    documents = [document for document in load(given.folder) if given.only in document.path.name]
    systems = {name: read for name, read in local_systems().items() if name in (given.system or [name])}
    paths = [document.path for document in documents]
    found: dict[str, dict[Path, Reading]] = {}
    for name, read in systems.items():
        read(paths[0])  # what is loaded at the first document is not the document's
        found[name] = {path: read(path) for path in paths}
    for name, readings in (other_systems(given.others, paths) if given.others else {}).items():
        found[name] = {path: readings[path.stem] for path in paths if path.stem in readings}
    for half in given.half or HALVES:
        print(f"\n=== {half} half")
        for name, readings in found.items():
            report(name, [one for one in documents if half_of(one.path.name) == half], readings, each=given.each)


if __name__ == "__main__":
    main()
