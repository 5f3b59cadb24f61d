"""Every block of the README and of docs/ is executed; every link leads somewhere; the reference is complete."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import docparse_runner
from docparse_runner import Category, hookspecs
from docparse_runner._options import specs_of
from docparse_runner._row import Row
from docparse_runner._runner_options import StageOptions

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
EXECUTED = [page for page in PAGES if page.parent.parent.name != "plugins"]
SHOWN = {"text", "console"}
REFUSAL = re.compile(r"<!-- not run: (.+) -->")
FILE = re.compile(r"# file: (\S+)\n")


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page):
    """Language and text of each fenced block; those marked as not run, with their reason, are left out."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    for place, token in enumerate(tokens):
        if token.type == "fence":
            before = tokens[place - 1].content if place and tokens[place - 1].type == "html_block" else ""
            if not REFUSAL.search(before):
                yield token.info.strip(), token.content


def execute(language, text, folder, environment):
    file = FILE.match(text)
    if file:
        path = folder / file[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text[file.end() :], encoding="utf-8")
    if language == "toml":
        tomllib.loads(text)
    elif language == "json":
        json.loads(text)
    elif file:
        compile(text, file[1], "exec")
    else:
        command = ["bash", "-euo", "pipefail", "-c", text] if language == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", EXECUTED, ids=name_of)
def test_every_block_of_the_page_works(page, tmp_path):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOCPARSE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
    environment = inherited | {"PATH": path, "HOME": str(tmp_path), "DOCPARSE_RUNNER__WORKERS": "1"}
    found = list(blocks(page))
    if any("samples" in text for _language, text in found):
        shutil.copytree(ROOT / "samples", tmp_path / "samples", ignore=shutil.ignore_patterns("_source", "*.py"))

    for language, text in found:
        assert language in {"bash", "python", "toml", "json", *SHOWN}, f"a block of {name_of(page)} has no language"
        if language not in SHOWN:
            execute(language, text, tmp_path, environment)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))

    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert missing == []


def test_every_page_can_be_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")

    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - {"index.md"}

    assert {page for page in pages if f"({page})" not in index} == set()


def reference(name):
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


def test_the_generated_parts_are_up_to_date():
    subprocess.run([sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], check=True)


def test_every_runner_option_is_documented():
    assert [spec.flag for spec in specs_of(StageOptions) if f"`{spec.flag}`" not in reference("cli.md")] == []


def test_every_hook_is_documented():
    hooks = [name for name in vars(hookspecs) if name.startswith("docparse_")]

    assert len(hooks) == 10
    assert [name for name in hooks if f"## {name}(" not in reference("hooks.md")] == []


def test_every_manifest_field_is_documented():
    assert [name for name in Row.__struct_fields__ if f"`{name}`" not in reference("manifest.md")] == []


def test_every_category_and_exit_code_is_documented():
    page = reference("errors.md")

    assert [each for each in Category if f"`{each}`" not in page] == []
    assert [code for code in ("| 0 |", "| 1 |", "| 2 |", "| 3 |", "| 130, 143 |") if code not in page] == []


def test_every_public_name_is_documented():
    assert [name for name in docparse_runner.__all__ if f"`{name}`" not in reference("hooks.md")] == []
