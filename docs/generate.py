"""Write the generated parts of the reference pages from the code; with --check, fail when one is out of date.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import docparse_runner
from docparse_runner import _row, hookspecs
from docparse_runner._entry_points import STAGES, listed
from docparse_runner._options import OptionSpec, specs_of
from docparse_runner._plugins import load_stage
from docparse_runner._runner_options import StageOptions
from docparse_runner.cli import _CORE
from docparse_runner.errors import QUARANTINED, RETRYABLE, Category

PAGES = Path(__file__).resolve().parent / "reference"
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

_MEANINGS = {
    Category.INPUT: "the document is bad: corrupt, encrypted, empty, too large",
    Category.CONFIG: "the user must change something",
    Category.CONTRACT: "the stage broke the contract: wrong type, required output missing, repeated id",
    Category.IO: "disk, network file system, input changed while it was read",
    Category.PROVIDER: "a model server or remote API",
    Category.CRASH: "the worker process died: a signal, an exit",
    Category.TIMEOUT: "past its deadline; the process group was killed",
    Category.OOM: "past its memory limit, or a MemoryError",
    Category.RUNTIME: "any other exception",
    Category.CANCELLED: "running when a second signal came",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fields(docstring: str) -> list[tuple[str, str]]:
    """Return (name, text) of the ``Attributes:`` section of a docstring."""
    section = inspect.cleandoc(docstring).partition("Attributes:\n")[2].partition("\n\n")[0]
    found: list[tuple[str, str]] = []
    for line in section.splitlines():
        match = re.match(r"    (\w+): (.*)", line)
        if match:
            found.append((match[1], match[2]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found


def field_table(described: type[object]) -> str:
    """Return a table of what the ``Attributes:`` section of a class says."""
    rows = ((f"`{name}`", text) for name, text in fields(described.__doc__ or ""))
    return table(("field", "what it is"), rows)


def options(specs: Iterable[OptionSpec], variable: str) -> str:
    """Return a table of options."""
    rows = []
    for spec in specs:
        owner = "SHARED" if spec.shared else variable
        redoes = " A change redoes the work." if spec.affects_output and variable != "RUNNER" else ""
        name = f"`DOCPARSE_{owner}__{spec.name.upper()}`"
        rows.append((f"`{spec.flag}`", spec.help + redoes, spec.shown_default, name))
    return table(("flag", "what it does", "default", "variable"), rows)


def commands() -> str:
    """Return the core's commands."""
    rows = [(f"`docparse {name}`", text) for name, text in _CORE.items()]
    rows.append(("`docparse search`", "Search the index; from `docparse-index`."))
    return table(("command", "what it does"), rows)


def stages() -> str:
    """Return the options of each of our stages."""
    parts = []
    for entry in listed(STAGES):
        if entry.name not in {"doctags", "chunk", "embed", "index"}:
            continue
        stage = load_stage(entry.name).stage
        specs = specs_of(stage.options)
        body = options(specs, stage.name.upper()) if specs else "No options of its own."
        parts.append(f"### {stage.name}\n\n{stage.summary}\n\n{body}")
    return "\n\n".join(parts)


def hooks() -> str:
    """Return the protocol and each hook with its docstring."""
    parts = [inspect.cleandoc(hookspecs.__doc__ or "")]
    for name, hook in vars(hookspecs).items():
        if name.startswith("docparse_"):
            arguments = ", ".join(inspect.signature(hook).parameters)
            parts.append(f"## {name}({arguments})\n\n{inspect.getdoc(hook)}")
    return "\n\n".join(parts)


def names() -> str:
    """Return the public names with the first lines of their docstrings."""
    rows = []
    for name in docparse_runner.__all__:
        text = (inspect.getdoc(getattr(docparse_runner, name)) or "").partition("\n")[0]
        plain = isinstance(getattr(docparse_runner, name), int)
        rows.append((f"`{name}`", "The version of the plugin contract." if plain else text))
    return table(("name", "what it is"), rows)


def categories() -> str:
    """Return the error categories."""
    rows = [
        (f"`{each}`", _MEANINGS[each], "yes" if each in RETRYABLE else "", "yes" if each in QUARANTINED else "")
        for each in Category
    ]
    return table(("category", "means", "`--retries` tries again", "quarantined"), rows)


MAKERS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "runner": lambda: options(specs_of(StageOptions), "RUNNER"),
    "stages": stages,
    "hooks": hooks,
    "names": names,
    "row": lambda: table(
        ("field", "what it is"), ((f"`{name}`", text) for name, text in fields(_row.Row.__doc__ or ""))
    ),
    "file": lambda: table(
        ("field", "what it is"), ((f"`{name}`", text) for name, text in fields(_row.FileState.__doc__ or ""))
    ),
    "categories": categories,
}


def generated(text: str) -> str:
    """Return a page with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{MAKERS[part[2]]()}\n\n{part[3]}", text)


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if generated(text) != text:
            stale.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(generated(text), encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}; run python docs/generate.py")


if __name__ == "__main__":
    main()
