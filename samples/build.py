"""Build the binary documents of the sample corpus.

    python samples/build.py [FOLDER]

The corpus is ours: no text in it was copied from anywhere. HTML, Markdown, AsciiDoc and CSV files are written by hand
and are their own source. Word, PowerPoint, Excel and PDF files are made here from the texts in ``_source/``; the result
is committed, so that nobody needs this script to use the corpus. It needs python-docx, python-pptx, openpyxl, reportlab
and pypdf. The same versions of these give the same bytes each time.

``bad/`` holds what every real collection has too, one file that was cut off, one that needs a password, one that is a
picture under a false name and one that is empty. A run over this folder is expected to report exactly these four.

``queries.toml`` has questions and the documents that answer them.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from _source import bad
from _source.markup import Text, read
from _source.office import build_docx, build_pptx, build_xlsx
from _source.pdf import build_card, build_paper, build_report
from _source.tagged import build_tagged

_HERE = Path(__file__).resolve().parent

DOCUMENTS: dict[str, tuple[str, Callable[[Text], bytes]]] = {
    "guides/token budgets.docx": ("token-budgets.txt", build_docx),
    "guides/manifests and atomic writes.docx": ("atomic-writes.txt", build_docx),
    "reports/exercise 2024.03.18.docx": ("exercise.txt", build_docx),
    "slides/hybrid search.pptx": ("hybrid-search.txt", build_pptx),
    "slides/write your own stage.pptx": ("own-stage.txt", build_pptx),
    "data/error categories.xlsx": ("error-categories.txt", build_xlsx),
    "data/storage planner.xlsx": ("storage-planner.txt", build_xlsx),
    "papers/2101.00001.pdf": ("2101.00001.txt", build_paper),
    "papers/2101.00002.pdf": ("2101.00002.txt", partial(build_paper, ruled=False)),
    "reports/operations handbook.pdf": ("handbook.txt", build_report),
    "reports/OCR and text layers.pdf": ("ocr.txt", build_tagged),
    "reports/quick reference v1.2.pdf": ("quick-reference.txt", build_card),
}
"""Each document with the text it is made from and what makes it."""


def build(folder: Path) -> list[Path]:
    """Write every binary document, the bad ones included, below a folder; return their paths."""
    contents = {name: render(read(_HERE / "_source" / source)) for name, (source, render) in DOCUMENTS.items()}
    contents |= {
        "bad/truncated.pdf": bad.truncated_pdf(contents["papers/2101.00002.pdf"]),
        "bad/encrypted.pdf": bad.encrypted_pdf(),
        "bad/picture renamed.docx": bad.picture(),
        "bad/empty.pptx": bad.empty(),
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else _HERE
    print(f"{len(build(target))} documents written to {target}")
