"""The page of what was asked: everything that it names as holding a sentence exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explanation" / "acceptance.md").read_text(encoding="utf-8")
TABLE_HEAD = ("| asked |", "| --- |")
ROWS = [
    line.strip("|").split(" | ")
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(TABLE_HEAD)
]


def test_every_sentence_names_what_holds_it():
    assert len(ROWS) > 35
    assert [row[0] for row in ROWS if len(row) < 2 or "`" not in row[1]] == []


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    missing = []
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
            missing.append(f"{path}::{name}")

    assert len(named) >= 8
    assert missing == []


def test_every_bench_that_is_named_exists():
    benches = set(re.findall(r"`(bench/[\w.]+)`", PAGE))

    assert len(benches) >= 5
    assert [path for path in benches if not (ROOT / path).is_file()] == []
