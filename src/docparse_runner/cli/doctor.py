"""``docparse doctor``: what is here, what is wrong with it, and what to do about each problem."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import click

from docparse_runner._checkup import Finding, Level
from docparse_runner._checkup_data import data_root
from docparse_runner._checkup_machine import machine
from docparse_runner._checkup_packages import packages
from docparse_runner._installed import installed_stages
from docparse_runner.cli import _doctor_config, _params
from docparse_runner.errors import UsageError

_MARKS = {Level.OK: "ok  ", Level.NOTE: "note", Level.FIX: "FIX "}


def _findings(**values: Any) -> Iterator[Finding]:
    yield from machine()
    stages = installed_stages()
    yield from packages(stages)
    try:
        settings, workspace = _params.located(values)
    except UsageError as error:
        yield _doctor_config.refused(error)  # which data root is meant is then unknown
        return
    yield from _doctor_config.configuration(settings, workspace, stages)
    yield _doctor_config.hub_cache()
    yield from data_root(workspace)


def _doctor(*, as_json: bool, **values: Any) -> int:
    found = list(_findings(**values))
    to_fix = Counter(each.level for each in found)[Level.FIX]
    if as_json:
        plain = {"schema_version": 1, "to_fix": to_fix, "findings": [attrs.asdict(each) for each in found]}
        click.echo(json.dumps(plain))
    else:
        _table(found)
        click.echo(f"{to_fix} to fix" if to_fix else "nothing to fix")
    return int(to_fix > 0)


def _table(found: Sequence[Finding]) -> None:
    width = max(len(each.topic) for each in found)
    for each in found:
        click.echo(f"{_MARKS[each.level]}  {each.topic:<{width}}  {each.text}")
        if each.remedy:
            click.echo(f"{'':<{width + 8}}to do: {each.remedy}")


doctor = _params.command(
    "doctor",
    _doctor,
    [*_params.location_options(), _params.output_options("")[0]],
    "Look at the machine, the installed packages, the configuration, the models and the data root, and say what to do "
    "about each problem.\n\nNothing is fetched, made or changed. Ends with 1 when there is something to fix.",
)
