"""``docparse manifest verify``: is what was recorded what lies on the disk?"""

import contextlib
import json
import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from docparse_runner._audit import Audit, Auditor, Problem, Repair, repair
from docparse_runner._lock import run_lock
from docparse_runner._manifest import read_manifest
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, _recorded
from docparse_runner.cli._meter import Meter

_SCHEMA_VERSION = 1


def _verify(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    makers = dict.fromkeys(entry["stage"] for entry in workspace.kinds().values())
    names = _recorded.chosen(workspace, values["stage"], also=makers)
    names.sort(key=[*makers, *names].index)  # in the order of the pipeline, as they first ran
    if values["repair"]:
        workspace.create()  # a data root that cannot be written is told here, in one sentence
    pairs = [_audited(workspace, name, values) for name in names]
    commands = [_command(workspace, audit, done, values) for audit, done in pairs if done.scheduled]
    if values["as_json"]:
        click.echo(json.dumps(_as_data(workspace, pairs, commands)))
    else:
        for audit, done in pairs:
            _print(audit, done)
        _advise(pairs, commands, values)
    return 1 if any(audit.findings for audit, _done in pairs) else 0


def _audited(workspace: Workspace, name: str, values: Mapping[str, Any]) -> tuple[Audit, Repair]:
    locked = run_lock(workspace, name, wait=values["wait"]) if values["repair"] else contextlib.nullcontext()
    with locked:
        rows, bad = read_manifest(workspace, name, strict=True)
        with Meter(f"verify {name}", sum(len(row.in_place) for row in rows.values())) as meter:
            audit = Auditor(workspace, meter.step).audit(name, rows, bad, is_locked=values["repair"])
        return audit, repair(workspace, audit) if values["repair"] else Repair()


def _command(workspace: Workspace, audit: Audit, done: Repair, values: Mapping[str, Any]) -> str:
    words = ["docparse", "run", audit.stage]
    if done.needs_retry:
        words.append("--retry-quarantined")
    if values["data_root"]:
        words += ["--data-root", str(workspace.root)]
    if values["config"]:
        words += ["--config", str(values["config"])]
    return shlex.join(words)


def _as_data(workspace: Workspace, pairs: list[tuple[Audit, Repair]], commands: list[str]) -> dict[str, Any]:
    return {
        "schema_version": _SCHEMA_VERSION,
        "data_root": str(workspace.root),
        "stages": {audit.stage: _stage_data(audit, done) for audit, done in pairs},
        "next": commands,
    }


def _stage_data(audit: Audit, done: Repair) -> dict[str, Any]:
    public = ("problem", "path", "item_id", "detail")
    return {
        "files": audit.files,
        "orphaned": audit.orphans,
        "unreadable_lines": audit.bad_lines,
        "findings": [{name: str(getattr(each, name)) for name in public} for each in audit.findings],
        "scheduled": [each.path for each in done.scheduled],
        "removed": [each.path for each in done.removed],
        "failed": [{"path": path, "reason": reason} for path, reason in done.failed],
    }


def _print(audit: Audit, done: Repair) -> None:
    counts = Counter(str(each.problem) for each in audit.findings)
    found = ", ".join(f"{count} {problem}" for problem, count in counts.items()) or "all as recorded"
    click.echo(f"{audit.stage}: {_recorded.counted(audit.files, 'file')}, {found}")
    for each in audit.findings:
        older = "the older result of a document that failed" if each.is_older else ""
        more = "; ".join(filter(None, (each.detail, older)))
        click.echo(f"  {each.problem:<10}  {each.path}" + (f"  ({more})" if more else ""))
    if audit.orphans:
        click.echo(f"  of documents that are gone: {audit.orphans} (docparse prune)")
    if audit.bad_lines:
        click.echo(f"  left out of the manifest: {_recorded.counted(audit.bad_lines, 'unreadable line')}")
    if done.removed:
        click.echo(f"  temporary files removed: {len(done.removed)}")
    for path, reason in done.failed:
        click.echo(f"  not repaired: {path}: {reason}")


def _advise(pairs: list[tuple[Audit, Repair]], commands: list[str], values: Mapping[str, Any]) -> None:
    problems = {each.problem for audit, _done in pairs for each in audit.findings}
    if problems & {Problem.MISSING, Problem.CHANGED, Problem.TEMPORARY} and not values["repair"]:
        click.echo("to have it put right: the same command with --repair")
    if commands:
        click.echo("to make what is missing or changed again:")
    for command in commands:
        click.echo(f"  {command}")
    if Problem.UNRECORDED in problems:
        click.echo("unrecorded files are left alone: a run records those that it makes again; the others are yours")


verify = _params.command(
    "verify",
    _verify,
    [
        _recorded.stage_argument(),
        *_params.location_options(),
        _params.GroupedOption(
            ["--repair"],
            is_flag=True,
            help="See to it that the next run makes missing and changed results again; delete temporary files.",
        ),
        _recorded.wait_option(", with --repair"),
        _recorded.json_option("one JSON object"),
    ],
    "Digest every recorded result, and find those that are missing or changed, and files that nothing records.\n\n"
    "Ends with 1 when something was found, repaired or not. Without --repair nothing is written and no lock taken; "
    "what a run that is going has put in place and not yet recorded may then be shown as unrecorded.",
)
