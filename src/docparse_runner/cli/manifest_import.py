"""``docparse manifest import``: keep chunks and DocTags that the earlier docparse runner made."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from docparse_runner._engine import new_run_id
from docparse_runner._import import SUFFIXES, Importer, Places, Verdict
from docparse_runner._legacy import Legacy, read_legacy
from docparse_runner._lock import run_lock
from docparse_runner._row import IMPORTED
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, _recorded
from docparse_runner.cli._meter import Meter
from docparse_runner.errors import UsageError

_OURS = ("doctags", "chunk")
"""The stages that make what is imported, unless the data root says otherwise."""
_SHOWN = 20
_WORDS = {
    "import": ("imported", "would be imported"),
    "keep": ("left as they are here", "would be left as they are here"),
    "refuse": ("not imported", "would not be imported"),
}


def _import(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    legacy = read_legacy(values["files"])
    if not legacy.rows:
        names = ", ".join(map(str, values["files"]))
        msg = f"no rows on doctags or chunks in {names} ({_recorded.counted(legacy.unreadable, 'unreadable line')})"
        raise UsageError(msg)
    roots = workspace.input_roots(values["source"])
    places = Places(roots=roots, moved=[_moved(each) for each in values["map_"]])
    with ExitStack() as locks:
        if not values["dry_run"]:
            workspace.create()
            makers = (made["stage"] for kind, made in workspace.kinds().items() if kind in SUFFIXES)
            for stage in dict.fromkeys([IMPORTED, *_OURS, *makers]):
                locks.enter_context(run_lock(workspace, stage, wait=values["wait"]))
            workspace.remember(roots)
        importer = Importer(
            workspace,
            legacy,
            places,
            kinds=values["kind"] or tuple(SUFFIXES),
            run_id=new_run_id(),
            dry=values["dry_run"],
        )
        with Meter("import", len(legacy.rows)) as meter:
            verdicts = list(importer.run(meter.step))
    if values["as_json"]:
        click.echo(json.dumps(_plain(workspace, legacy, verdicts, values)))
    else:
        _say(legacy, verdicts, values)
    return int(any(verdict.action == "refuse" for verdict in verdicts))


def _moved(argument: str) -> tuple[str, str]:
    old, equals, new = argument.partition("=")
    if not (old and equals and new):
        msg = f"--map {argument}: write OLD=NEW, two beginnings of paths"
        raise UsageError(msg)
    return old, new


def _plain(
    workspace: Workspace, legacy: Legacy, verdicts: Sequence[Verdict], values: Mapping[str, Any]
) -> dict[str, Any]:
    public = ("doc_id", "kind", "action", "reason", "item_id", "source")
    return {
        "schema_version": 1,
        "data_root": str(workspace.root),
        "dry_run": values["dry_run"],
        "lines": legacy.lines,
        "unreadable_lines": legacy.unreadable,
        "special_rows": legacy.special,
        "left_out": dict(legacy.left_out),
        "counts": {action: sum(each.action == action for each in verdicts) for action in _WORDS},
        "results": [{name: getattr(each, name) for name in public} for each in verdicts],
    }


def _say(legacy: Legacy, verdicts: Sequence[Verdict], values: Mapping[str, Any]) -> None:
    rows = _recorded.counted(legacy.lines, "line")
    click.echo(f"{rows}, {_recorded.counted(len(legacy.rows), 'document')}")
    for (action, kind, reason), count in Counter((each.action, each.kind, each.reason) for each in verdicts).items():
        word = _WORDS[action][values["dry_run"]]
        click.echo(f"  {count:>6}  {kind} {word}" + (f": {reason}" if reason else ""))
    for stage, count in legacy.left_out.items():
        click.echo(f"  {count:>6}  rows of {stage} left out: docparse makes these again")
    _recorded.left_out("the manifests", legacy.unreadable)
    shown = [each for each in verdicts if values["verbose"] or each.action == "refuse"]
    for each in shown if values["verbose"] else shown[:_SHOWN]:
        why = f"  ({each.reason})" if each.reason else ""
        click.echo(f"    {each.action}  {each.kind}  {each.item_id or each.doc_id}{why}")
    if len(shown) > _SHOWN and not values["verbose"]:
        click.echo("    … (-v shows every result)")
    nameless = len(
        {each.item_id for each in verdicts if each.action == "import" and each.item_id.startswith(f"{IMPORTED}/")}
    )
    if nameless:
        click.echo(
            f"{_recorded.counted(nameless, 'document')} without a folder, under {IMPORTED}/: see --source and --map"
        )


def _options() -> list[click.Parameter]:
    option = _params.GroupedOption
    return [
        option(
            ["--source"],
            multiple=True,
            metavar="FOLDER",
            help="Folder of the documents, or NAME=FOLDER: gives the ids that docparse run all FOLDER gives.",
        ),
        option(
            ["--map", "map_"],
            multiple=True,
            metavar="OLD=NEW",
            help="Paths in the rows that begin with OLD begin with NEW now.",
        ),
        option(
            ["--kind"], multiple=True, type=click.Choice(list(SUFFIXES)), help="Only these results.  [default: all]"
        ),
        option(["--dry-run"], is_flag=True, help="Say what would be imported; write nothing.", group="Execution"),
        _recorded.wait_option(""),
    ]


import_ = _params.command(
    "import",
    _import,
    [
        click.Argument(
            ["files"], nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE..."
        ),
        *_params.location_options(),
        *_options(),
        *_params.output_options("every result"),
    ],
    "Copy chunks and DocTags that the earlier docparse runner made into the data root, and record them.\n\n"
    "FILE: its manifests, docparse.*.manifest.jsonl, or folders that hold them. Its files are only read. A result is "
    "taken when its bytes are those recorded, and when the next stage can read it; nothing here is overwritten. Ends "
    "with 1 when something was refused.",
)
