"""Whether the core and its plugins are installed whole and fit together, from package metadata and by loading them."""

import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import Any, NamedTuple

import attrs

from docparse_runner._capability import Capability
from docparse_runner._checkup import Finding, Level
from docparse_runner._entry_points import COMMANDS, EXECUTORS, STAGES, WATCHERS, Listed, listed
from docparse_runner._graph import members_of
from docparse_runner._installed import Installed
from docparse_runner._model import API_VERSION
from docparse_runner._pipeline import rivals
from docparse_runner._plugins import load_watchers

_CORE = "docparse-runner"
_GROUPS = {STAGES: "stage", WATCHERS: "watcher", EXECUTORS: "executor", COMMANDS: "command"}
_REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*")
"""A requirement without a marker; one for an extra or a platform is not judged."""


class Need(NamedTuple):
    """What a distribution requires, and does not have here.

    Attributes:
        name: of the other distribution.
        lowest: the version that it must have at least, or an empty string.
        found: the version that is here, or None.
    """

    name: str
    lowest: str
    found: str | None


def packages(stages: Iterable[Installed]) -> Iterator[Finding]:
    """Yield what is said of the core, of each stage and watcher, and of what they require of others."""
    version = metadata.version(_CORE)
    text = f"{_CORE} {version}, plugin API {API_VERSION}"
    yield Finding(topic="docparse", text=text, data={"version": version, "api": API_VERSION})
    stages = list(stages)
    if not stages:
        yield Finding(
            topic="stages",
            text="none is installed",
            level=Level.FIX,
            remedy="for example: pip install docparse-doctags",
        )
    yield from map(_stage, stages)
    yield from (_capability(each.name, capability) for each in stages for capability in each.capabilities())
    yield from _makers(stages)
    yield from _watchers()
    plugins = [entry for group in _GROUPS for entry in listed(group)]
    yield from _claims()
    for distribution in dict.fromkeys([_CORE, *(entry.distribution for entry in plugins)]):
        yield from (_needed(distribution, need) for need in needs(distribution))


def _stage(found: Installed) -> Finding:
    package = f"{found.entry.distribution} {found.entry.version}"
    data: dict[str, Any] = {
        "name": found.name,
        "distribution": found.entry.distribution,
        "version": found.entry.version,
    }
    if found.stage is None:
        text = f"{found.name} of {package} is broken: {' '.join(found.problem.split())}"
        return Finding(topic="stage", text=text, level=Level.FIX, remedy=found.remedy, data=data)
    data |= {"stage_version": found.stage.version, "api": found.stage.api}
    return Finding(topic="stage", text=f"{found.name} {found.stage.version} of {package}", data=data)


def _capability(stage: str, found: Capability) -> Finding:
    data = {"stage": stage, **attrs.asdict(found)}
    if found.enabled:
        return Finding(topic=stage, text=f"{found.name}: {found.summary}", data=data)
    text = f"no {found.name}: {found.summary}"
    return Finding(topic=stage, text=text, level=Level.NOTE, remedy=found.remedy, data=data)


def _makers(stages: list[Installed]) -> Iterator[Finding]:
    for kind, makers in rivals(members_of(stages)):
        text = f"{' and '.join(makers)} make {kind!r}; a pipeline can have only one of them"
        yield Finding(topic="kinds", text=text, level=Level.NOTE, remedy="name one in [pipeline], or use --skip")


def _watchers() -> Iterator[Finding]:
    broken: list[str] = []
    names = [watcher.name for watcher in load_watchers((), broken.append)]
    yield Finding(topic="watchers", text=", ".join(names) or "none", data={"names": names})
    for sentence in broken:
        remedy = "mend or uninstall its package; DOCPARSE_DISABLE_PLUGINS=NAME leaves it out"
        yield Finding(topic="watchers", text=sentence, level=Level.FIX, remedy=remedy)


def _claims() -> Iterator[Finding]:
    """Yield the names that several packages claim, but for stages, which are broken by it and told of as such."""
    for group, word in _GROUPS.items():
        for entry in listed(group) if group != STAGES else ():
            if entry.rivals:
                yield _claimed(word, entry)


def _claimed(word: str, entry: Listed) -> Finding:
    owners = ", ".join((entry.distribution, *entry.rivals))
    text = f"the {word} {entry.name} is claimed by several packages: {owners}"
    return Finding(topic="conflict", text=text, level=Level.FIX, remedy="uninstall all but one")


def _needed(owner: str, need: Need) -> Finding:
    wanted = f"{need.name}>={need.lowest}" if need.lowest else need.name
    here = f"{need.found} is installed" if need.found else "it is not installed"
    return Finding(
        topic="requirement",
        text=f"{owner} requires {wanted}; {here}",
        level=Level.FIX,
        remedy=f"pip install '{wanted}'",
        data={"owner": owner, "name": need.name, "lowest": need.lowest, "found": need.found},
    )


def needs(distribution: str) -> Iterator[Need]:
    """Yield what a distribution requires and what is not here, or is older than its lower bound."""
    try:
        lines = metadata.distribution(distribution).requires or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        match = _REQUIREMENT.fullmatch(line)
        if match is None:
            continue
        bound = re.search(r"(?:>=|~=|==)\s*(\d+(?:\.\d+)*)", match[2])
        lowest, found = bound[1] if bound else "", _version(match[1])
        if found is None or (lowest and _release(found) < _release(lowest)):
            yield Need(match[1], lowest, found)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _release(version: str) -> list[int]:
    """Return the numbers of a release without trailing zeros; what comes after them does not count."""
    match = re.match(r"(?:\d+!)?v?(\d+(?:\.\d+)*)", version)
    numbers = [int(part) for part in match[1].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
