"""Other systems, in an interpreter that has some of them: pymupdf4llm, markitdown, pdfplumber.

Prints one line of JSON for each system and PDF: system, name, cpu_s, and markdown or items.
"""

import gc
import json
import logging
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def _pymupdf4llm() -> Callable[[str], dict[str, Any]]:
    import pymupdf4llm  # noqa: PLC0415 - only where it is installed

    if hasattr(pymupdf4llm, "use_layout"):
        pymupdf4llm.use_layout(False)
    return lambda path: {"markdown": pymupdf4llm.to_markdown(path)}


def _markitdown() -> Callable[[str], dict[str, Any]]:
    from markitdown import MarkItDown  # noqa: PLC0415 - as above

    converter = MarkItDown()
    return lambda path: {"markdown": converter.convert(path).text_content}


def _pdfplumber() -> Callable[[str], dict[str, Any]]:
    import pdfplumber  # noqa: PLC0415 - as above

    def read(path: str) -> dict[str, Any]:
        items: list[dict[str, Any]] = []
        with pdfplumber.open(path) as document:
            for number, page in enumerate(document.pages, 1):
                items.append({"label": "text", "text": page.extract_text() or "", "level": 1, "boxes": []})
                for table in page.find_tables():
                    rows = [[cell or "" for cell in row] for row in table.extract()]
                    boxes = [[number, *table.bbox]]
                    items.append({"label": "table", "text": "", "level": 1, "boxes": boxes, "rows": rows, "cells": []})
        return {"items": items}

    return read


SYSTEMS = {"pymupdf4llm": _pymupdf4llm, "markitdown": _markitdown, "pdfplumber": _pdfplumber}


def main() -> None:
    logging.disable(logging.CRITICAL)
    gc.set_threshold(10_000)  # as a worker of ours
    for name, open_system in SYSTEMS.items():
        if find_spec(name) is None:
            continue
        read = open_system()
        read(sys.argv[1])  # what is loaded at the first document is not the document's
        for path in sys.argv[1:]:
            begin = time.process_time()
            found = read(path)
            row = {"system": name, "name": Path(path).stem, "cpu_s": time.process_time() - begin, **found}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
