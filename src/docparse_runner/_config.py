"""Where option values come from: flag > environment > ``docparse.toml`` > default, each with its source."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from docparse_runner._entry_points import STAGES, listed, nearest
from docparse_runner._options import OptionSpec, build, parse, specs_of
from docparse_runner._plugins import StagePlugin
from docparse_runner._runner_options import StageOptions
from docparse_runner.errors import UsageError

FILE = "docparse.toml"
_TABLES = ("data_root", "runner", "shared", "stage", "pipeline")
_PIPELINE_KEYS = ("stages", "with", "skip")


def _norm(key: str) -> str:
    return key.replace("-", "_")


@attrs.frozen(kw_only=True)
class Resolved:
    """The options of one run of one stage.

    Attributes:
        options: of the stage, an instance of its class, or None.
        runner: of the runner.
        sources: option → where its value came from (``flag``, a variable, a file, ``default``).
    """

    options: Any
    runner: StageOptions
    sources: Mapping[str, str]


@attrs.frozen(kw_only=True)
class Settings:
    """What the environment and the configuration file say.

    Attributes:
        environment: variables.
        file: the parsed file, its keys with underscores.
        path: where it lies, or None without one.
    """

    environment: Mapping[str, str]
    file: Mapping[str, Any] = attrs.field(factory=dict)
    path: Path | None = None

    @classmethod
    def load(cls, path: Path | None = None) -> "Settings":
        """Read the environment and ``docparse.toml`` (or ``[tool.docparse]`` of ``pyproject.toml``) of this folder.

        Args:
            path: another file.

        Raises:
            UsageError: the file cannot be read or has an unknown table.
        """
        found = path or _nearby()
        data = _read(found) if found else {}
        settings = cls(environment=dict(os.environ), file=data, path=found)
        settings._check_tables()
        return settings

    def _check_tables(self) -> None:
        self._refuse_unknown(self.file, _TABLES, "")
        self._refuse_unknown(self._table("pipeline"), _PIPELINE_KEYS, "pipeline.")
        self._refuse_unknown(self._table("runner"), _names(StageOptions), "runner.")
        installed = [stage.name for stage in listed(STAGES)]
        for name in self._table("stage"):
            close = nearest(name, [_norm(each) for each in installed])
            if _norm(name) not in map(_norm, installed) and close:
                msg = f"{self.path}: [stage.{name}]: no such stage is installed.{close}"
                raise UsageError(msg)

    def _refuse_unknown(self, table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
        known = list(known)
        for key in table:
            if key not in known:
                msg = f"{self.path}: unknown key {where}{key}; known: {', '.join(known)}.{nearest(key, known)}"
                raise UsageError(msg)

    def _refuse_misspelt(self, shared: list[str]) -> None:
        """Refuse what looks like one of these shared options; anything else may be meant for another stage."""
        start = "DOCPARSE_SHARED__"
        given = {f"{self.path}: unknown key shared.{key}": key for key in self._table("shared")}
        given |= {
            f"unknown variable {variable}": variable.removeprefix(start).lower()
            for variable in self.environment
            if variable.startswith(start)
        }
        for what, key in given.items():
            close = nearest(key, shared)
            if key not in shared and close:
                msg = f"{what}.{close}"
                raise UsageError(msg)

    def _table(self, *keys: str) -> Mapping[str, Any]:
        table: Any = self.file
        for key in keys:
            table = table.get(key, {})
            if not isinstance(table, Mapping):
                msg = f"{self.path}: [{'.'.join(keys)}] must be a table"
                raise UsageError(msg)
        found: Mapping[str, Any] = table
        return found

    @property
    def data_root(self) -> str | None:
        """Return the data root that the file names, relative to the file's folder."""
        value = self.file.get("data_root")
        if value is None or self.path is None:
            return None
        return str(self.path.parent / Path(str(value)).expanduser())

    def pipeline(self, key: str) -> tuple[str, ...] | None:
        """Return a list of stage names from ``[pipeline]``, None when the file does not say."""
        value = self._table("pipeline").get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            msg = f"{self.path}: pipeline.{key} must be a list of stage names"
            raise UsageError(msg)
        return tuple(value)

    def resolve(self, plugin: StagePlugin, flags: Mapping[str, Any]) -> Resolved:
        """Return the options of a stage and of the runner for one run.

        Args:
            plugin: the stage.
            flags: option → value for those given on the command line.

        Raises:
            UsageError: a value cannot be read, is out of bounds, or a key or variable is unknown.
        """
        name = _norm(plugin.name)
        specs = specs_of(plugin.stage.options)
        self._check_stage(name, specs)
        sources: dict[str, str] = {}
        own = {spec.name: self._value(spec, name, flags, sources) for spec in specs}
        runner = {spec.name: self._runner_value(spec, name, flags, sources) for spec in specs_of(StageOptions)}
        options = build(plugin.stage.options, own, plugin.name) if plugin.stage.options else None
        return Resolved(options=options, runner=build(StageOptions, runner, "runner"), sources=sources)

    def _check_stage(self, name: str, specs: list[OptionSpec]) -> None:
        own = [spec.name for spec in specs if not spec.shared]
        shared = [spec.name for spec in specs if spec.shared]
        table = self._table("stage", name)
        for key in table:
            if key in shared:
                msg = f"{self.path}: {key} is shared between stages; set it in [shared], not in [stage.{name}]"
                raise UsageError(msg)
        self._refuse_misspelt(shared)
        self._refuse_unknown(table, [*own, "runner"], f"stage.{name}.")
        self._refuse_unknown(self._table("stage", name, "runner"), _names(StageOptions), f"stage.{name}.runner.")
        for prefix, known in ((name.upper(), own), ("RUNNER", _names(StageOptions))):
            self._check_variables(prefix, known)

    def _check_variables(self, prefix: str, known: Iterable[str]) -> None:
        start = f"DOCPARSE_{prefix}__"
        names = [start + name.upper() for name in known]
        for variable in self.environment:
            if variable.startswith(start) and variable not in names:
                msg = f"unknown variable {variable}; known: {', '.join(names)}.{nearest(variable, names)}"
                raise UsageError(msg)

    def _value(self, spec: OptionSpec, stage: str, flags: Mapping[str, Any], sources: dict[str, str]) -> Any:
        variable = f"DOCPARSE_{'SHARED' if spec.shared else stage.upper()}__{spec.name.upper()}"
        keys = ("shared",) if spec.shared else ("stage", stage)
        return self._pick(spec, flags, (variable,), (keys,), sources)

    def _runner_value(self, spec: OptionSpec, stage: str, flags: Mapping[str, Any], sources: dict[str, str]) -> Any:
        variable = f"DOCPARSE_RUNNER__{spec.name.upper()}"
        return self._pick(spec, flags, (variable,), (("stage", stage, "runner"), ("runner",)), sources)

    def _pick(
        self,
        spec: OptionSpec,
        flags: Mapping[str, Any],
        variables: Iterable[str],
        tables: Iterable[tuple[str, ...]],
        sources: dict[str, str],
    ) -> Any:
        if spec.name in flags:
            sources[spec.name] = "flag"
            return parse(spec, flags[spec.name], spec.flag)
        for variable in variables:
            if variable in self.environment:
                sources[spec.name] = variable
                return parse(spec, self.environment[variable], variable)
        for keys in tables:
            table = self._table(*keys)
            if spec.name in table:
                sources[spec.name] = f"{self.path} [{'.'.join(keys)}]"
                return self._from_file(
                    spec, parse(spec, table[spec.name], f"{self.path}: {'.'.join(keys)}.{spec.name}")
                )
        sources[spec.name] = "default"
        return spec.default

    def _from_file(self, spec: OptionSpec, value: Any) -> Any:
        """Return a value; a relative path in a file is meant relative to the file."""
        if spec.type is not Path or self.path is None:
            return value
        folder = self.path.parent
        return tuple(folder / each.expanduser() for each in value) if spec.multiple else folder / value.expanduser()


def _names(options: type[Any]) -> list[str]:
    return [spec.name for spec in specs_of(options)]


def _nearby() -> Path | None:
    here = Path(FILE)
    if here.is_file():
        return here
    project = Path("pyproject.toml")
    if project.is_file() and re.search(rb"^\s*\[tool\.docparse[\].]", project.read_bytes(), re.MULTILINE):
        return project
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise UsageError(msg) from None
    for key in ("tool", "docparse") if path.name == "pyproject.toml" else ():
        data = data.get(key, {})
        if not isinstance(data, dict):
            msg = f"{path}: [tool.docparse] must be a table"
            raise UsageError(msg)
    return _with_underscores(data)


def _with_underscores(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _norm(key): _with_underscores(value) if isinstance(value, Mapping) else value for key, value in table.items()
    }
