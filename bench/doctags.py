"""The stage doctags: its cost beside docling's own, the start of a worker, its memory over 1,500 documents.

With ``--huge PAGES`` instead: the memory that one PDF of so many pages takes, in parts and in one pass.

Targets: html and docx take at most 1.10 times the CPU time of docling alone, which converts the same files and writes
the same JSON and DocTags; a worker is ready in under 2 s; its memory does not grow. How 2 workers compare with 1 is
measured by ``workers.py``. docling and the stage take turns on the same files in one process.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import docx
import psutil
from reportlab.pdfgen.canvas import Canvas

import docparse_doctags
from docparse_runner import StageContext, WorkItem, Workspace

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
ROUNDS = 7
DOCUMENTS = 12
SECTIONS = 40
MARKS = (0.2, 0.6, 1.0)
START = """
import time
began = time.perf_counter()
import pathlib, sys
import docparse_doctags
from docparse_runner import StageContext, Workspace
context = StageContext(stage=docparse_doctags.docparse_stage(), options=docparse_doctags.Options(),
                       workspace=Workspace(pathlib.Path(sys.argv[1])), resolved={"engine": "native", "ocr": "off"})
docparse_doctags.docparse_worker(context)
print(time.perf_counter() - began)
"""
HUGE = """
import pathlib, resource, sys
import docparse_doctags
from docparse_runner import StageContext, WorkItem, Workspace
path, at_once = pathlib.Path(sys.argv[1]), int(sys.argv[2])
context = StageContext(stage=docparse_doctags.docparse_stage(),
                       options=docparse_doctags.Options(pages_at_once=at_once, max_pages=10**6),
                       workspace=Workspace(path.parent), resolved={"engine": "native", "ocr": "off"})
outputs = {"docling": path.with_name("out.json"), "doctags": path.with_name("out.doctags")}
worker = docparse_doctags.docparse_worker(context)
worker(WorkItem(item_id="bench/huge", inputs={"source": path}, outputs=outputs))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
SHORT = 200
TEXT = "The harbour gauge has recorded the tide every hour since 1911, and nobody has ever asked it to stop."


def make(folder: Path, kind: str) -> list[Path]:
    """Write documents of headings, paragraphs and tables."""
    paths = []
    for number in range(DOCUMENTS):
        path = folder / f"{number}.{kind}"
        paths.append(path)
        if kind == "html":
            rows = "".join(f"<tr><td>{hour}</td><td>4.{hour}</td></tr>" for hour in range(6))
            section = f"<h2>Tide</h2><p>{TEXT}</p><ul><li>{TEXT}</li></ul><table>{rows}</table>"
            path.write_text(f"<html><body><h1>Record {number}</h1>{section * SECTIONS}</body></html>")
            continue
        document = docx.Document()
        document.add_heading(f"Record {number}", 1)
        for _ in range(SECTIONS):
            document.add_heading("Tide", 2)
            document.add_paragraph(TEXT)
            document.add_paragraph(TEXT, style="List Bullet")
        document.save(path)
    return paths


def opened(folder: Path) -> Callable[[Path], None]:
    """Return the stage's worker, writing into a folder."""
    context = StageContext(
        stage=docparse_doctags.docparse_stage(),
        options=docparse_doctags.Options(),
        workspace=Workspace(folder),
        resolved={"engine": "native", "ocr": "off"},
    )
    worker = docparse_doctags.docparse_worker(context)
    outputs = {"docling": folder / "out.json", "doctags": folder / "out.doctags"}
    return lambda path: worker(WorkItem(item_id="bench/document", inputs={"source": path}, outputs=outputs))


def alone(folder: Path) -> Callable[[Path], None]:
    """Return docling by itself, writing the same two files."""
    from docling.document_converter import DocumentConverter  # noqa: PLC0415 - not before the memory is measured

    converter = DocumentConverter()

    def convert(path: Path) -> None:
        document = converter.convert(path).document
        (folder / "out.json").write_text(document.model_dump_json(by_alias=True, exclude_none=True))
        (folder / "out.doctags").write_text(document.export_to_doctags())

    return convert


def cpu(call: Callable[[Path], None], paths: list[Path]) -> float:
    """Return the CPU seconds of converting the documents once."""
    began = time.process_time()
    for path in paths:
        call(path)
    return time.process_time() - began


def beside_docling(folder: Path) -> None:
    """Let docling and the stage take turns."""
    stage, docling = opened(folder), alone(folder)
    for kind in ("html", "docx"):
        paths = make(folder, kind)
        cpu(stage, paths[:1])
        cpu(docling, paths[:1])
        pairs = [(cpu(stage, paths), cpu(docling, paths)) for _ in range(ROUNDS)]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        each = theirs / DOCUMENTS * 1000
        print(f"{kind}: {ours / theirs:.3f} x docling alone ({each:.0f} ms a document, CPU, median of {ROUNDS})")


def start(folder: Path) -> None:
    """Open workers in processes of their own."""
    words = [sys.executable, "-c", START, str(folder)]
    times = [float(subprocess.run(words, check=True, capture_output=True, text=True).stdout) for _ in range(ROUNDS)]
    print(f"start of a worker: {statistics.median(times):.2f} s (median of {ROUNDS}, best {min(times):.2f} s)")


def memory(folder: Path, documents: int) -> None:
    """Convert the samples over and over in one worker."""
    skipped = {"bad", "_source"}
    endings = {".md", ".html", ".adoc", ".csv", ".docx", ".pptx", ".xlsx", ".pdf"}
    paths = [path for path in sorted(SAMPLES.rglob("*")) if path.suffix in endings and not skipped & set(path.parts)]
    worker, process = opened(folder), psutil.Process()
    sizes = {}
    for number in range(1, documents + 1):
        worker(paths[number % len(paths)])
        if number in {round(documents * mark) for mark in MARKS}:
            sizes[number] = round(process.memory_info().rss / 1e6)
    print(f"resident set of one worker, MB after documents: {json.dumps(sizes)}")


def huge(folder: Path, pages: int) -> None:
    """Convert one long PDF in parts and in one pass, and one that is no longer than a part."""
    at_once = docparse_doctags.Options().pages_at_once
    for count, part in ((SHORT, at_once), (pages, at_once), (pages, pages)):
        path = folder / f"{count}.pdf"
        canvas = Canvas(str(path))
        for number in range(1, count + 1):
            canvas.drawString(72, 780, f"Station {number}")
            for line in range(45):
                canvas.drawString(72, 750 - 15 * line, f"{line} {TEXT[:80]}")
            canvas.showPage()
        canvas.save()
        words = [sys.executable, "-c", HUGE, str(path), str(part)]
        peak = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout) / 1024
        print(f"{count} pages, {part} at once: {peak:.0f} MB at most in one worker")


def main() -> None:
    """Measure all three, the memory first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1500, help="so many for the memory")
    parser.add_argument("--huge", type=int, metavar="PAGES", help="measure one PDF of so many pages, and nothing else")
    given = parser.parse_args()
    count = given.documents
    with tempfile.TemporaryDirectory() as name:
        if given.huge:
            huge(Path(name), given.huge)
            return
        memory(Path(name), count)
        start(Path(name))
        beside_docling(Path(name))


if __name__ == "__main__":
    main()
