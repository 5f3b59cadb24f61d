"""Write documents whose structure is known, export them with LibreOffice, and write beside each PDF what it should say.

    python bench/quality/build.py /tmp/quality [--groundtruth DIR] [--documents DIR]...

Every source is exported twice, tagged and untagged. With `--groundtruth`, a folder with reference conversions named
`NAME.doctags.txt` or `NAME.md`, and `--documents`, folders with the documents that they belong to, those are taken too:
PDFs as they are, office files through LibreOffice. Web pages are not: their conversions leave the navigation out.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from marks import boxes
from recipes import all_sources
from references import from_doctags, from_markdown
from sources import Part, Source
from write_docx import write_docx
from write_html import write_html
from write_pptx import write_pptx

WRITERS = {"docx": write_docx, "html": write_html, "pptx": write_pptx}
FILTERS = {".docx": "writer_pdf_Export", ".html": "writer_pdf_Export", ".pptx": "impress_pdf_Export"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--groundtruth", type=Path)
    parser.add_argument("--documents", type=Path, action="append", default=[])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sources = all_sources()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder)
        for source in sources:
            WRITERS[source.kind](source, written / f"{source.name}.{source.kind}")
        for suffix, tagged in (("tagged", True), ("untagged", False)):
            exported = export(sorted(written.iterdir()), given.out, tagged=tagged)
            for source in sources:
                path = exported[source.name].rename(given.out / f"{source.name}.{suffix}.pdf")
                _write(path, _reference(source, path))
    if given.groundtruth:
        _take(given.groundtruth, given.documents, given.out)
    print(f"{len(list(given.out.glob('*.pdf')))} documents in {given.out}")


def export(paths: Iterable[Path], out: Path, *, tagged: bool) -> dict[str, Path]:
    """Export documents, all of one kind in one call, and return stem → PDF."""
    options = {
        "UseTaggedPDF": {"type": "boolean", "value": str(tagged).lower()},
        "ExportBookmarks": {"type": "boolean", "value": "false"},  # they would tell every heading
    }
    made = {}
    for ending, name in FILTERS.items():
        these = [path for path in paths if path.suffix == ending]
        if not these:
            continue
        command = ["soffice", "--headless", "--convert-to", f"pdf:{name}:{json.dumps(options)}", "--outdir", str(out)]
        opened = ["--infilter=HTML (StarWriter)"] if ending == ".html" else []
        with tempfile.TemporaryDirectory() as profile:
            profile_option = f"-env:UserInstallation=file://{profile}"
            subprocess.run([*command, *opened, profile_option, *map(str, these)], check=True, capture_output=True)
        made |= {path.stem: out / f"{path.stem}.pdf" for path in these}
    return made


def _reference(source: Source, path: Path) -> dict[str, Any]:
    """Return the parts in reading order with the page and box at which LibreOffice put them."""
    places = boxes(path)
    items = [_item(part, places.get(index, {})) for index, part in enumerate(source.parts)]
    return {"origin": "built", "language": source.language, "items": list(_with_notes_last(items))}


def _item(part: Part, place: dict[int, tuple[float, float, float, float]]) -> dict[str, Any]:
    item: dict[str, Any] = {"label": part.label, "text": part.text, "level": part.level}
    item["boxes"] = [[page, *(round(edge, 1) for edge in place[page])] for page in sorted(place)]
    if part.label == "table":
        item["rows"] = part.grid()
        item["cells"] = [text for cells in part.rows for text, _, _ in cells]
    return item


def _with_notes_last(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the items, each footnote after the last one that begins on its page."""
    notes: list[dict[str, Any]] = []
    for item in items:
        if item["label"] == "footnote":
            notes.append(item)
            continue
        page = item["boxes"][0][0] if item["boxes"] else 0
        while notes and notes[0]["boxes"] and page > notes[0]["boxes"][0][0]:
            yield notes.pop(0)
        yield item
    yield from notes


def _take(groundtruth: Path, folders: Iterable[Path], out: Path) -> None:
    documents = {path.name: path for folder in folders for path in sorted(folder.iterdir())}
    for path in sorted(groundtruth.iterdir()):
        if path.name.endswith(".doctags.txt"):
            reference, name = from_doctags(path.read_text()), path.name.removesuffix(".doctags.txt") + ".pdf"
        elif (path.name.removesuffix(".md") + ".pdf") in documents:
            continue  # the same document with less said of it
        else:
            reference, name = from_markdown(path.read_text()), path.name.removesuffix(".md")
        if name not in documents or documents[name].suffix not in {".pdf", ".docx", ".pptx"}:
            print(f"no PDF of {name}")
            continue
        source = documents[name]
        if source.suffix == ".pdf":
            target = Path(shutil.copy(source, out / name))
            target.chmod(0o644)
        else:
            target = export([source], out, tagged=False)[source.stem]
        _write(target, {"origin": "given", "language": "", "items": reference})


def _write(path: Path, reference: dict[str, Any]) -> None:
    path.with_suffix(".json").write_text(json.dumps(reference, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
