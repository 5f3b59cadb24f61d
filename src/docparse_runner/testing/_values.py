"""Values to try options with: another one than the default, given by flag, by variable or in a file."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from docparse_runner._config import Settings
from docparse_runner._layers import Layer
from docparse_runner._options import OptionSpec, specs_of
from docparse_runner._runner_options import StageOptions
from docparse_runner.cli._params import click_options, given
from docparse_runner.testing._harness import StageHarness

SOURCES = ("flag", "environment", "file")
_WORD = "sample"


def another(spec: OptionSpec, options: Any) -> Any:
    """Return a value that a run can be expected to do with, other than the default; None if there is no telling."""
    return _accepted(spec, options, _others(spec))


def sample(spec: OptionSpec, options: Any, folder: Path) -> Any:
    """Return a value that can at least be read, other than the default; None if a validator knows better."""
    return _accepted(spec, options, [*_others(spec), *_samples(spec, folder)])


def _others(spec: OptionSpec) -> Iterator[Any]:
    if spec.type is bool and not spec.multiple:
        yield not spec.default
    elif spec.choices:
        taken = spec.default if spec.multiple else (spec.default,)
        others = [choice for choice in spec.choices if choice not in (taken or ())]
        yield from ((each,) if spec.multiple else each for each in others)
    elif spec.type in (int, float) and spec.default is not None and not spec.multiple:
        yield from (spec.type(spec.default + step) for step in (1, -1))
        yield spec.type(spec.default / 2)


def _samples(spec: OptionSpec, folder: Path) -> Iterator[Any]:
    values: Mapping[type, tuple[Any, ...]] = {
        int: (1, 2, 100),
        float: (0.5, 1.0, 2.0),
        str: (_WORD,),
        Path: (folder / _WORD,),
        bool: (True, False),
    }
    if not spec.choices:
        yield from ((each,) if spec.multiple else each for each in values[spec.type])


def _accepted(spec: OptionSpec, options: Any, values: Iterator[Any] | list[Any]) -> Any:
    return next((value for value in values if value != spec.default and _accepts(options, spec.name, value)), None)


def _accepts(options: Any, name: str, value: Any) -> bool:
    try:
        options(**{name: value})
    except (TypeError, ValueError):  # what validators raise
        return False
    return True


def read_back(harness: StageHarness, spec: OptionSpec, value: Any, source: str) -> Any:
    """Return the value that a stage gets for an option that is given there.

    Raises:
        UsageError: it cannot be read there.
        click.ClickException: the same, of a flag.
    """
    settings, flags = Settings(environment={}, file=Layer(where="")), {}
    if source == "flag":
        flags = _flags(harness, spec, value)
    elif source == "environment":
        variable = ",".join(map(str, value)) if spec.multiple else str(value)
        settings = Settings(environment={spec.variable(harness.name): variable}, file=Layer(where=""))
    else:
        settings = _file(harness, spec, value)
    return getattr(settings.resolve(harness.plugin, flags).options, spec.name)


def _flags(harness: StageHarness, spec: OptionSpec, value: Any) -> dict[str, Any]:
    """Return what the command line makes of a flag, among all the flags that it takes for this stage."""
    specs = specs_of(harness.stage.options)
    command = click.Command("run", params=click_options([*specs_of(StageOptions), *specs]))
    if spec.type is bool:
        words = [spec.flag if value in (True, (True,)) else f"--no-{spec.flag[2:]}"]
    else:
        words = [word for each in (value if spec.multiple else [value]) for word in (spec.flag, str(each))]
    return given(specs, command.make_context("run", words).params)


def _file(harness: StageHarness, spec: OptionSpec, value: Any) -> Settings:
    """Return settings from a ``docparse.toml`` that sets the option."""
    table = "shared" if spec.shared else f"stage.{harness.name}"
    path = harness.root / "docparse.toml"
    path.write_text(f"[{table}]\n{spec.name} = {json.dumps(value, default=str)}\n", encoding="utf-8")
    return Settings.load(path)
