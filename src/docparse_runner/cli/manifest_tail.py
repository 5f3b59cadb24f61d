"""``docparse manifest tail``: the rows, or the attempts, that were written last."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from docparse_runner._manifest import manifest_paths
from docparse_runner._row import UNREADABLE, Row
from docparse_runner._workspace import Workspace
from docparse_runner.cli import _params, _recorded

_BLOCK = 2**16


class _Attempt(msgspec.Struct, kw_only=True):
    """What is shown of a line of the attempts log."""

    item_id: str
    attempt: int
    event: str
    at: str = ""
    worker: str = ""


class _Tail(NamedTuple):
    """The end of a log: its readable lines, oldest first, what they mean, and how many others lie between."""

    lines: list[bytes]
    values: list[Any]
    bad: int


def _from_the_end(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, the last one first."""
    with path.open("rb") as file:
        position = file.seek(0, 2)
        rest = b""
        while position:
            length = min(_BLOCK, position)
            position -= length
            file.seek(position)
            rest, *lines = (file.read(length) + rest).split(b"\n")
            yield from reversed(lines)
        yield rest


def _tail(path: Path, count: int, kind: type[Row | _Attempt]) -> _Tail:
    decode = msgspec.json.Decoder(kind).decode
    tail = _Tail([], [], 0)
    for line in _from_the_end(path):
        if len(tail.lines) == count:
            break
        try:
            value = decode(line)
        except UNREADABLE:
            tail = tail._replace(bad=tail.bad + bool(line.strip()))
            continue
        tail.lines.append(line)
        tail.values.append(value)
    return _Tail(tail.lines[::-1], tail.values[::-1], tail.bad)


def _paths(workspace: Workspace, stage: str, *, attempts: bool) -> list[Path]:
    paths = manifest_paths(workspace, stage)
    if not attempts:
        return paths
    beside = [path.with_name(path.name.replace(".manifest.", ".attempts.")) for path in paths]
    return [path for path in beside if path.is_file()]


def _show_tail(**values: Any) -> int:
    _settings, workspace = _params.located(values)
    for name in _recorded.chosen(workspace, values["stage"]):
        for path in _paths(workspace, name, attempts=values["attempts"]):
            found = _tail(path, values["count"], _Attempt if values["attempts"] else Row)
            _recorded.left_out(path.name, found.bad)
            _print(path, found, values)
    return 0


def _print(path: Path, found: _Tail, values: Mapping[str, Any]) -> None:
    if values["as_json"]:
        for line in found.lines:
            click.echo(line)
        return
    click.echo(path.name)
    for text in _attempts(found.values) if values["attempts"] else _recorded.table(found.values):
        click.echo(text)


def _attempts(found: list[_Attempt]) -> Iterator[str]:
    for each in found:
        yield f"{each.at:<24}  {each.worker:<4} {each.event:<9} {each.item_id}  (try {each.attempt})"


tail = _params.command(
    "tail",
    _show_tail,
    [
        _recorded.stage_argument(),
        *_params.location_options(),
        _params.GroupedOption(
            ["-n", "count"], type=click.IntRange(min=0), default=10, help="How many of each file.  [default: 10]"
        ),
        _params.GroupedOption(["--attempts"], is_flag=True, help="Tries that started and ended, instead of results."),
        _recorded.json_option("the lines as they are in the files"),
    ],
    "Show the rows that were written last, in the order in which they were written.\n\n"
    "Each file has an order of its own, so the shards of a stage are shown one after the other.",
)
