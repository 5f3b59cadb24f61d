"""DoclingDocuments to chunk: those in folders, or varied ones that are always the same."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SYLLABLES = (
    "ba be bi bo da de di do fa fi ga go ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se si so"
)
HAN = "鸭子在湖上游泳的水鸟有很多种类它们吃植物和小鱼"
SUFFIX = ".docling.json"


class Writer:
    """Writes one document, item by item; docling-core can read it.

    Args:
        seed: another seed gives another document.
    """

    def __init__(self, seed: int) -> None:
        """Begin an empty document."""
        self._random = random.Random(seed)
        made = self._random.choices
        self._words = ["".join(made(SYLLABLES.split(), k=self._random.randint(1, 4))) for _ in range(900)]
        self._weights = [1 / rank for rank in range(1, 901)]
        self._items: dict[str, list[dict[str, Any]]] = {"texts": [], "tables": [], "groups": [], "pictures": []}
        self._body: list[dict[str, str]] = []

    def words(self, count: int) -> str:
        """Return so many words, the common ones often."""
        return " ".join(self._random.choices(self._words, self._weights, k=count))

    def sentences(self, count: int) -> str:
        """Return so many sentences."""
        if self._random.random() < 0.03:
            return "".join("".join(self._random.choices(HAN, k=20)) + "。" for _ in range(count))
        made = (self.words(self._random.randint(6, 24)).capitalize() + "." for _ in range(count))
        return " ".join(made)

    def add(self, kind: str, label: str, parent: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Add an item to the body or below another one."""
        ref = {"$ref": f"#/{kind}/{len(self._items[kind])}"}
        above = {"$ref": parent["self_ref"] if parent else "#/body"}
        item = {"self_ref": ref["$ref"], "parent": above, "children": [], "label": label, **fields}
        self._items[kind].append(item)
        (parent["children"] if parent else self._body).append(ref)
        return item

    def text(self, label: str, text: str, parent: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Add a text."""
        return self.add("texts", label, parent, text=text, orig=text, prov=[], **fields)

    def table(self, rows: int, columns: int) -> None:
        """Add a table of short cells."""
        cells = [
            {
                "text": self.words(self._random.randint(1, 4)),
                "row_span": 1,
                "col_span": 1,
                "start_row_offset_idx": row,
                "end_row_offset_idx": row + 1,
                "start_col_offset_idx": column,
                "end_col_offset_idx": column + 1,
                "column_header": row == 0,
                "row_header": False,
                "row_section": False,
            }
            for row in range(rows)
            for column in range(columns)
        ]
        data = {"table_cells": cells, "num_rows": rows, "num_cols": columns}
        self.add("tables", "table", data=data, captions=[], references=[], footnotes=[], prov=[])

    def bullets(self, count: int) -> None:
        """Add a list."""
        group = self.add("groups", "list", name="list")
        for _ in range(count):
            self.text("list_item", self.words(self._random.randint(3, 30)), group, marker="-", enumerated=False)

    def sections(self, count: int) -> None:
        """Add so many sections of all sorts of things."""
        for _ in range(count):
            self.text("section_header", self.words(self._random.randint(1, 6)), level=self._random.randint(1, 3))
            for _ in range(self._random.randint(0, 5)):
                self._something()

    def _something(self) -> None:
        chance = self._random.random()
        if chance < 0.7:
            self.text("text", self.sentences(self._random.randint(1, 9)))
        elif chance < 0.85:
            self.bullets(self._random.randint(2, 9))
        elif chance < 0.95:
            self.table(self._random.randint(2, 20), self._random.randint(2, 6))
        else:
            lines = [
                f"{self.words(1)} = {self.words(2).replace(' ', '.')}()" for _ in range(self._random.randint(2, 30))
            ]
            self.text("code", "\n".join(lines), captions=[], references=[], footnotes=[], code_language="unknown")

    def data(self) -> dict[str, Any]:
        """Return the document as plain data."""
        body = {"self_ref": "#/body", "children": self._body, "content_layer": "body", "name": "_root_"}
        body["label"] = "unspecified"
        return {"schema_name": "DoclingDocument", "version": "1.8.0", "name": "made", "body": body, **self._items}


def made(folder: Path, count: int) -> list[Path]:
    """Write so many documents, of 1 to 30 sections, and return their paths."""
    paths = []
    for number in range(count):
        writer = Writer(number)
        writer.sections(1 + number * 7 % 30)
        paths.append(written(folder, f"made-{number:04}", writer))
    return paths


def of_size(folder: Path, size: int) -> Path:
    """Write a document with about so many characters of text and return its path."""
    writer = Writer(size)
    length = 0
    while length < size:
        writer.text("section_header", writer.words(4), level=1)
        text = writer.sentences(12)
        writer.text("text", text)
        length += len(text)
    return written(folder, f"size-{size}", writer)


def of_table(folder: Path, rows: int, columns: int) -> Path:
    """Write a document that is one table and return its path."""
    writer = Writer(rows)
    writer.table(rows, columns)
    return written(folder, f"table-{rows}-{columns}", writer)


def written(folder: Path, name: str, writer: Writer) -> Path:
    """Write a document and return its path."""
    path = folder / f"{name}{SUFFIX}"
    path.write_text(json.dumps(writer.data()), encoding="utf-8")
    return path


def found(folders: list[Path]) -> Iterator[Path]:
    """Yield the documents in folders."""
    for folder in folders:
        yield from sorted(folder.rglob(f"*{SUFFIX}"))
