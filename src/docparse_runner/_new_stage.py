"""What ``docparse new-stage`` writes: a stage that counts words, in a package of its own."""

import datetime as dt
import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Sequence

import attrs

from docparse_runner import __version__
from docparse_runner._entry_points import STAGES, listed, nearest
from docparse_runner._kinds import STANDARD, Kind, known_kinds
from docparse_runner._model import RESERVED_NAMES, Output, Stage
from docparse_runner._planning import SOURCE
from docparse_runner._templates import render
from docparse_runner.errors import UsageError

TEXTS = ("*.txt", "*.md")
"""The source files that a stage takes unless it is told otherwise."""

_LONGEST = 30
_PREFIX = re.compile(r"docparse[-_]")
_PATTERN = re.compile(r"\*(\.[A-Za-z0-9_-]+)+")
_SUMMARY = "Count the words of every document."


@attrs.frozen(kw_only=True)
class NewStage:
    """A stage that is to be written; made by ``plan``, which checks it.

    Attributes:
        name: what the user types after ``docparse run``.
        consumes: the kind that it reads.
        made: who makes that kind and how its files end; None for ``source``.
        patterns: which files of ``source`` it reads.
        produces: the kind that it makes.
        minimal: whether to write the stage alone, without tests and what else a package should have.
    """

    name: str
    consumes: str
    made: Kind | None
    patterns: tuple[str, ...]
    produces: str
    minimal: bool

    @property
    def distribution(self) -> str:
        """The name of the package, and of its folder."""
        return f"docparse-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        """The name of the module."""
        return self.distribution.replace("-", "_")

    @property
    def _reading(self) -> str:
        """The templates' word for how the stage reads its input."""
        if self.made is None or self.consumes == "docling":
            return self.consumes
        return "rows" if self.made.suffix.endswith(".jsonl") else "bytes"

    def _reads(self) -> str:
        """Return what it reads, as the README says it."""
        if self.made:
            return f"`{self.consumes}`, what the stage `{self.made.stage}` makes"
        return f"your files: {', '.join(f'`{each}`' for each in self.patterns)}"

    def files(self, author: str = "") -> dict[str, str]:
        """Return relative path → text of the package."""
        layers = ("minimal", f"minimal-{self._reading}") if self.minimal else ("package", self._reading)
        author = author or f"The {self.distribution} authors"
        values = {
            "name": self.name,
            "distribution": self.distribution,
            "module": self.module,
            "summary": _SUMMARY,
            "consumes": self.consumes,
            "consumed_suffix": self.made.suffix if self.made else "",
            "patterns": ", ".join(f'"{each}"' for each in self.patterns),
            "ending": self.patterns[0].removeprefix("*"),
            "reads": self._reads(),
            "command": f"docparse run {self.name}{'' if self.made else ' ~/documents'}",
            "produces": self.produces,
            "suffix": f".{self.produces}.jsonl",
            "runner": ".".join(__version__.split(".")[:2]),
            "author": author,
            "quoted_author": json.dumps(author, ensure_ascii=False),  # a basic string of TOML is quoted alike
            "year": str(dt.datetime.now(tz=dt.UTC).year),
        }
        return render(layers, values)


def plan(name: str, *, consumes: str, patterns: Sequence[str], produces: str, minimal: bool) -> NewStage:
    """Return the stage to be written; an empty word means what is usual.

    Raises:
        UsageError: there cannot be such a stage; the message says why, and what can be.
    """
    _check_name(name)
    if patterns and consumes not in ("", SOURCE):
        msg = f"--pattern chooses source files, but the stage is to consume {consumes!r}; leave one of the two out"
        raise UsageError(msg)
    for each in patterns:
        if not _PATTERN.fullmatch(each):
            msg = f"--pattern {each!r}: write how the files end, in quotes: '*.pdf'"
            raise UsageError(msg)
    kinds = known_kinds()
    produces = produces or name
    _check_produces(produces, kinds)
    return NewStage(
        name=name,
        consumes=consumes or SOURCE,
        made=_maker(consumes or SOURCE, kinds),
        patterns=tuple(patterns) or TEXTS,
        produces=produces,
        minimal=minimal,
    )


def _check_name(name: str) -> None:
    if not _is_valid(name):
        spelt = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-")
        hint = f", for example {spelt!r}" if _is_valid(spelt) else ""
        msg = (
            f"{name!r} cannot be the name of a stage: it must begin with a lower case letter and have only lower case "
            f"letters and digits, in words joined by - or _, {_LONGEST} characters at most{hint}"
        )
        raise UsageError(msg)
    if _PREFIX.match(name):
        msg = f"the package will be named docparse-… by itself: docparse new-stage {_PREFIX.sub('', name, count=1)}"
        raise UsageError(msg)
    if name in RESERVED_NAMES:
        msg = f"{name!r} is reserved: it means something else on the command line or in docparse.toml; choose another"
        raise UsageError(msg)
    _check_free(name)


def _is_valid(name: str) -> bool:
    try:
        Stage(name=name, version=1, consumes=[SOURCE], produces={})
    except ValueError:
        return False
    return len(name) <= _LONGEST


def _check_free(name: str) -> None:
    """Refuse a name whose package or variables would be another stage's; they do not tell - from _."""
    taken = {kind.stage: "docparse's own" for kind in STANDARD.values()}
    taken |= {entry.name: f"installed with {entry.distribution}" for entry in listed(STAGES)}
    for other, owner in taken.items():
        if other.replace("_", "-") == name.replace("_", "-"):
            msg = f"there is a stage {other!r} already, {owner}; choose another name"
            raise UsageError(msg)
    module = f"docparse_{name.replace('-', '_')}"
    if importlib.util.find_spec(module) is not None:
        msg = f"a module {module} is installed already; choose another name, or uninstall it"
        raise UsageError(msg)


def _maker(kind: str, kinds: dict[str, Kind]) -> Kind | None:
    if kind == SOURCE:
        return None
    if kind not in kinds:
        known = [SOURCE, *sorted(kinds)]
        msg = f"no kind {kind!r} to consume; there are: {', '.join(known)}.{nearest(kind, known)}"
        raise UsageError(msg)
    return kinds[kind]


def _check_produces(kind: str, kinds: dict[str, Kind]) -> None:
    if kind in kinds:
        msg = f"the kind {kind!r} is what the stage {kinds[kind].stage} makes; name another with --produces"
        raise UsageError(msg)
    try:
        Stage(name="new", version=1, consumes=[SOURCE], produces={kind: Output(".jsonl")})
    except ValueError as error:
        msg = f"{error}; name another with --produces"
        raise UsageError(msg) from error
    if len(kind) > _LONGEST:
        msg = f"the kind {kind!r} is longer than {_LONGEST} characters; name another with --produces"
        raise UsageError(msg)


def author() -> str:
    """Return the user's name as git knows it, or an empty string."""
    git = shutil.which("git")
    if git is None:
        return ""
    asked = subprocess.run([git, "config", "user.name"], capture_output=True, text=True, check=False)
    return "".join(letter for letter in asked.stdout.strip() if letter.isprintable())
