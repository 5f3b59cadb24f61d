"""``docparse stages``: what is installed, and what is broken and why; with --graph, how the stages fit together."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import click

from docparse_runner import _graph
from docparse_runner._capability import Capability
from docparse_runner._installed import Installed, installed_stages
from docparse_runner.cli import _params

_HEAD = ("stage", "version", "package", "api", "status", "consumes → produces")


def _plain(found: Installed) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": found.name,
        "distribution": found.entry.distribution,
        "version": found.entry.version,
        "status": "ok" if found.stage else "broken",
    }
    if found.stage is None:
        return row | {"rivals": list(found.entry.rivals), "reason": found.problem, "remedy": found.remedy}
    return row | {
        "summary": found.stage.summary,
        "stage_version": found.stage.version,
        "api": found.stage.api,
        "consumes": list(found.consumes),
        "produces": list(found.produces),
        "capabilities": [attrs.asdict(each) for each in found.capabilities()],
    }


def _cells(found: Installed) -> tuple[str, ...]:
    stage, entry = found.stage, found.entry
    package = ", ".join(found.distributions) if entry.rivals else f"{entry.distribution} {entry.version}"
    if stage is None:
        return found.name, "-", package, "-", "BROKEN", " ".join(found.problem.split())
    kinds = f"{', '.join(found.consumes)} → {', '.join(found.produces)}"
    return found.name, str(stage.version), package, str(stage.api), "ok", kinds


def _table(stages: Sequence[Installed], *, verbose: bool) -> Iterator[str]:
    rows = [_cells(each) for each in stages]
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD) - 1)]
    place = " " * (sum(widths) + 2 * len(widths))
    yield _line(_HEAD, widths)
    for row, each in zip(rows, stages, strict=True):
        yield _line(row, widths)
        if each.remedy:
            yield f"{place}to do: {each.remedy}"
        if verbose and each.stage:
            yield f"{place}{each.stage.summary}"
            yield from (f"{place}{line}" for line in map(_told, each.capabilities()))


def _told(found: Capability) -> str:
    return f"{found.name}: {found.summary}" + ("" if found.enabled else f" (not here: {found.remedy})")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*padded, cells[-1]])


def _stages(*, graph: bool, as_json: bool, verbose: int) -> int:
    found = installed_stages()
    if as_json:
        click.echo(json.dumps(_graph.as_plain(found) if graph else [_plain(each) for each in found]))
    elif not found:
        click.echo("no stages are installed; for example: pip install docparse-doctags")
    else:
        for line in _graph.lines(found) if graph else _table(found, verbose=bool(verbose)):
            click.echo(line)
    return 0


stages = _params.command(
    "stages",
    _stages,
    [
        _params.GroupedOption(
            ["--graph"], is_flag=True, help="Show which stage makes what another one reads.", group="Output"
        ),
        *_params.output_options("what each stage does, and what an extra would add"),
    ],
    "List the installed stages: what they consume and produce; broken ones with the reason and what to do.\n\n"
    "version is the stage's own, which decides what is done again; api is the version of the plugin contract.",
)
