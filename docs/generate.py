"""Write the generated parts of the reference pages from the code; with --check, fail when one is out of date.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``. What it says comes from docstrings,
options classes and ``--help``, so that it is changed there.
"""

import contextlib
import inspect
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

import docparse_runner
from docparse_runner import Category, StageOptions, Status, _plan_diff, _plan_file, _row, hookspecs
from docparse_runner._entry_points import STAGES, listed
from docparse_runner._options import OptionSpec, specs_of
from docparse_runner._plugins import load_stage
from docparse_runner.cli import docparse, main
from docparse_runner.errors import QUARANTINED, RETRYABLE

PAGES = Path(__file__).resolve().parent / "reference"
SCHEMAS: Mapping[str, tuple[type[Any], str]] = {
    "manifest.schema.json": (_row.Row, "A row of a docparse manifest"),
    "plan.schema.json": (_plan_file.Plan, "What docparse plan prints as JSON, and saves"),
    "plan-changes.schema.json": (_plan_diff.PlanChanges, "What docparse plan --against prints as JSON"),
}
"""File → (the class that it describes, its title)."""

PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
STAGE_NAMES = ("doctags", "chunk", "embed", "index")
HELP = (
    (),
    ("run",),
    ("run", "all"),
    ("plan",),
    ("status",),
    ("inputs",),
    ("inputs", "list"),
    ("inputs", "forget"),
    ("runs",),
    ("runs", "list"),
    ("runs", "show"),
    ("runs", "diff"),
    ("prune",),
    ("manifest",),
    ("manifest", "show"),
    ("manifest", "tail"),
    ("manifest", "compact"),
    ("manifest", "verify"),
    ("manifest", "import"),
    ("config",),
    ("config", "show"),
    ("config", "diff"),
    ("stages",),
    ("validate",),
    ("doctor",),
    ("new-stage",),
    ("chunk-profile",),
    ("search",),
    ("index",),
    ("index", "check"),
    ("index", "rebuild"),
)
"""The commands whose ``--help`` is shown."""

MEANINGS = {
    Category.INPUT: "the document is bad: corrupt, encrypted, empty, too large",
    Category.CONFIG: "the user must change something; stops the run (exit code 2), no document is blamed",
    Category.CONTRACT: "the stage broke the contract: wrong type, required output missing, repeated id",
    Category.IO: "disk, network file system, input changed while it was read",
    Category.PROVIDER: "a model server or remote API",
    Category.CRASH: "the worker process died: a signal, an exit",
    Category.TIMEOUT: "past its deadline; the process group was killed",
    Category.OOM: "past its memory limit, killed by the kernel for want of memory, or a `MemoryError`",
    Category.RUNTIME: "any other exception",
    Category.CANCELLED: "running when a second signal came",
}
STATES = {
    Status.SUCCESS: ("a complete result", "succeeded", "yes"),
    Status.PARTIAL: ("a result of which something was given up; the reason says what", "partial", "yes"),
    Status.SKIP: ("nothing to do; the reason says why", "skipped", "if the stage said so"),
    Status.FAILURE: ("no result; the category and one sentence say why", "failed", "yes"),
    Status.CANCELLED: ("running or waiting when the run was stopped", "cancelled", ""),
    _row.GONE: ("recorded before, and no longer among the documents", "gone", "yes"),
}
"""State → what it means, the field of ``StageOutcome`` that counts it, whether the manifest has a row for it."""

SKIPS = {
    "`up to date`": ("its result is what a run would make", "up_to_date"),
    "`quarantined`": ("it failed before in a way that is remembered, and nothing has changed", "quarantined"),
    "`waiting for STAGE`": ("an input from another stage is missing, or made from an older version", "waiting"),
    "any other": ("the stage said so, with these words", "skipped"),
}
"""Reason of a skip → what it means, the field of ``StageOutcome`` that counts it."""

SHORT = {
    "API_VERSION": "The version of the plugin contract; it rises only on a break, announced one minor release before.",
    "hookimpl": "Decorator that marks a function as the implementation of a hook.",
}
"""Public names whose docstrings are not ours."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def section(docstring: str, name: str) -> list[tuple[str, str]]:
    """Return (name, text) of each entry of a docstring's section, for example ``Attributes``."""
    lines = inspect.cleandoc(docstring).partition(f"{name}:\n")[2].partition("\n\n")[0].splitlines()
    found: list[tuple[str, str]] = []
    for line in lines:
        match = re.match(r"    (\w+): (.*)", line)
        if match:
            found.append((match[1], match[2]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found


def entries(described: object, name: str, head: str) -> str:
    """Return a table of a docstring's section, or nothing without one."""
    rows = [(f"`{each}`", text) for each, text in section(described.__doc__ or "", name)]
    return table((head, "what it is"), rows) if rows else ""


def options(specs: Iterable[OptionSpec], owner: str) -> str:
    """Return a table of options; `owner` is ``runner`` or a stage's name."""
    rows = []
    for spec in specs:
        place = "shared" if spec.shared else owner
        keys = f"[{place}]" if place in {"shared", "runner"} else f"[stage.{place}]"
        flag = f"`{spec.flag}`, `{spec.flag.replace('--', '--no-', 1)}`" if spec.type is bool else f"`{spec.flag}`"
        redoes = {} if owner == "runner" else {"redoes": "yes" if spec.affects_output else ""}
        variable = f"`DOCPARSE_{place.upper()}__{spec.name.upper()}`"
        rows.append((flag, spec.help, spec.shown_default, *redoes.values(), variable, f"`{keys} {spec.name}`"))
    changes = () if owner == "runner" else ("redoes work",)
    return table(("flag", "effect", "default", *changes, "variable", "key in `docparse.toml`"), rows)


def stages() -> str:
    """Return the options of each of our stages."""
    installed = {entry.name for entry in listed(STAGES)}
    parts = []
    for name in STAGE_NAMES:
        if name not in installed:
            sys.exit(f"the stage {name} is not installed; its options cannot be written")
        stage = load_stage(name).stage
        specs = specs_of(stage.options)
        parts.append(f"### {name}\n\n{stage.summary}\n\n{options(specs, name) if specs else 'No options of its own.'}")
    return "\n\n".join(parts)


def help_texts() -> str:
    """Return what ``--help`` prints for each command."""
    parts = []
    for words in HELP:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            docparse.main([*words, "--help"], prog_name="docparse", standalone_mode=False, terminal_width=100)
        parts.append(f"### {' '.join(('docparse', *words))}\n\n```text\n{shown.getvalue().rstrip()}\n```")
    return "\n\n".join(parts)


def hooks() -> str:
    """Return the protocol and each hook with its docstring."""
    parts = [inspect.cleandoc(hookspecs.__doc__ or "")]
    for name, hook in vars(hookspecs).items():
        if name.startswith("docparse_"):
            arguments = ", ".join(inspect.signature(hook).parameters)
            parts.append(f"## {name}({arguments})\n\n{inspect.getdoc(hook)}")
    return "\n\n".join(parts)


def states() -> str:
    """Return the states a document can end in."""
    rows = []
    for each in (*Status, _row.GONE):
        meaning, field, row = STATES[each]
        rows.append((f"`{each}`", meaning, f"`{field}`", row))
    return table(("state", "means", "counted in", "row in the manifest"), rows)


def skips() -> str:
    """Return the reasons of a skip."""
    rows = [(reason, meaning, f"`{field}`") for reason, (meaning, field) in SKIPS.items()]
    return table(("reason", "means", "counted in"), rows)


def exit_codes() -> str:
    """Return the exit codes, from the docstring of ``main``."""
    sentence = " ".join((inspect.getdoc(main) or "").split("\n\n")[1].split())
    rows = re.findall(r"([\d and]+): ([^;.]+)", sentence)
    return table(("code", "means"), ((codes.strip().replace(" and ", ", "), text) for codes, text in rows))


def categories() -> str:
    """Return the error categories."""
    rows = [
        (f"`{each}`", MEANINGS[each], "yes" if each in RETRYABLE else "", "yes" if each in QUARANTINED else "")
        for each in Category
    ]
    return table(("category", "means", "retried (`--retries`)", "remembered (quarantine)"), rows)


def api() -> str:
    """Return the public names, each with its docstring."""
    parts = []
    for name in docparse_runner.__all__:
        value = getattr(docparse_runner, name)
        parts += [f"## {name}", *filter(None, [SHORT[name]] if name in SHORT else _described(name, value))]
    return "\n\n".join(parts)


def _described(name: str, value: Any) -> list[str]:
    """Return the paragraphs on a class or a function."""
    prose = re.split(r"\n\n(?=\w+:(?: |\n))", inspect.getdoc(value) or "")[0]
    if inspect.isclass(value):
        return [prose, entries(value, "Attributes", "attribute"), _members(value)]
    return [_signature(name, value), prose, entries(value, "Args", "argument"), entries(value, "Raises", "raises")]


def _signature(name: str, function: Callable[..., Any]) -> str:
    words = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        given = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        words.append(f"{parameter.name}{given}")
    return f"`{name}({', '.join(words)})`"


def _members(described: type[Any]) -> str:
    """Return a table of a class's members: the words of an enumeration, or public methods and properties."""
    if issubclass(described, Enum):
        return "Its words: " + ", ".join(f"`{each}`" for each in described)
    rows = []
    for name, member in vars(described).items():
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        if not name.startswith("_") and inspect.isfunction(function):
            rows.append((f"`{name}`", (inspect.getdoc(function) or "").partition("\n")[0]))
    return table(("member", "what it does"), rows) if rows else ""


MAKERS: Mapping[str, Callable[[], str]] = {
    "help": help_texts,
    "states": states,
    "skips": skips,
    "exit_codes": exit_codes,
    "runner": lambda: options(specs_of(StageOptions), "runner"),
    "stages": stages,
    "hooks": hooks,
    "api": api,
    "row": lambda: entries(_row.Row, "Attributes", "field"),
    "file": lambda: entries(_row.FileState, "Attributes", "field"),
    "error": lambda: entries(_row.ErrorRecord, "Attributes", "field"),
    "last_good": lambda: entries(_row.LastGood, "Attributes", "field"),
    "plan": lambda: entries(_plan_file.Plan, "Attributes", "field"),
    "planned_stage": lambda: entries(_plan_file.PlannedStage, "Attributes", "field"),
    "planned_item": lambda: entries(_plan_file.PlannedItem, "Attributes", "field"),
    "plan_changes": lambda: entries(_plan_diff.PlanChanges, "Attributes", "field"),
    "stage_changes": lambda: entries(_plan_diff.StageChanges, "Attributes", "field"),
    "changed_item": lambda: entries(_plan_diff.ChangedItem, "Attributes", "field"),
    "categories": categories,
}


def generated(text: str) -> str:
    """Return a page with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{MAKERS[part[2]]()}\n\n{part[3]}", text)


def schema(described: type[Any], title: str) -> str:
    """Return the JSON Schema of a class and those beside it, with what the docstrings say of each field."""
    found = msgspec.json.schema(described)
    for name, definition in found["$defs"].items():
        docstring = getattr(sys.modules[described.__module__], name).__doc__
        definition["description"] = docstring.partition("\n")[0]
        for field, text in section(docstring, "Attributes"):
            definition["properties"][field]["description"] = text.replace("``", "`")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps(stable(head | found), indent=2, ensure_ascii=False) + "\n"


def stable(value: Any) -> Any:
    """Return a schema in the form that it has under any release of msgspec: no names of keys, alternatives sorted."""
    if isinstance(value, list):
        return [stable(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: stable(each) for key, each in value.items() if key != "propertyNames"}
    return kept | ({"anyOf": sorted(kept["anyOf"], key=json.dumps)} if "anyOf" in kept else {})


def run() -> None:
    """Write the pages and the schema, or check them."""
    made = {page: generated(page.read_text(encoding="utf-8")) for page in sorted(PAGES.glob("*.md"))}
    made |= {PAGES / name: schema(*described) for name, described in SCHEMAS.items()}
    stale = []
    for page, text in made.items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}; run python docs/generate.py")


if __name__ == "__main__":
    run()
