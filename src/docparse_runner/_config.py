"""Where option values come from: flag > environment > profile > ``docparse.toml`` > default, each with its source."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from docparse_runner._entry_points import STAGES, listed, nearest
from docparse_runner._layers import Layer, nearby, norm, read
from docparse_runner._options import OptionSpec, build, specs_of
from docparse_runner._parsing import parse
from docparse_runner._plugins import StagePlugin
from docparse_runner._profiles import KEY, Chosen, choose, own_profiles
from docparse_runner._runner_options import StageOptions
from docparse_runner._secrets import read_secret
from docparse_runner.errors import UsageError

_PROFILE_TABLES = ("runner", "shared", "stage")
_TABLES = ("data_root", KEY, "profile", *_PROFILE_TABLES, "pipeline")
_PIPELINE_KEYS = ("stages", "with", "skip")


@attrs.frozen(kw_only=True)
class Resolved:
    """The options of one run of one stage.

    Attributes:
        options: of the stage, an instance of its class, or None.
        runner: of the runner.
        sources: option → where its value came from (``flag``, a variable, a file, a profile, ``default``).
    """

    options: Any
    runner: StageOptions
    sources: Mapping[str, str]


@attrs.frozen(kw_only=True)
class Settings:
    """What the environment, the configuration file and the profile say.

    Attributes:
        environment: variables.
        file: what the file says.
        path: where the file lies, or None without one.
        profile: the profile in use.
    """

    environment: Mapping[str, str] = attrs.field(repr=False)
    file: Layer
    path: Path | None = None
    profile: Chosen = attrs.field(factory=Chosen)

    @classmethod
    def load(cls, path: Path | None = None, profile: str | None = None) -> "Settings":
        """Read the environment and ``docparse.toml`` (or ``[tool.docparse]`` of ``pyproject.toml``) of this folder.

        Args:
            path: another file.
            profile: the profile to use; None leaves it to the environment and the file, an empty name means none.

        Raises:
            UsageError: the file cannot be read or has an unknown table, or there is no such profile.
        """
        found = path or nearby()
        file = Layer(where=str(found), tables=read(found), folder=found.parent) if found else Layer(where="")
        environment = dict(os.environ)
        settings = cls(environment=environment, file=file, path=found, profile=choose(profile, environment, file))
        settings._check_tables()
        return settings

    @property
    def _layers(self) -> tuple[Layer, ...]:
        """Return what says values, the first to win."""
        return (self.profile.layer, self.file) if self.profile.layer else (self.file,)

    @property
    def _written(self) -> list[Layer]:
        """Return what the user wrote and may have misspelt: the file, and its profiles, chosen or not."""
        return [self.file, *own_profiles(self.file).values()]

    def _check_tables(self) -> None:
        _refuse_unknown(self.file, (), _TABLES)
        _refuse_unknown(self.file, ("pipeline",), _PIPELINE_KEYS)
        for profile in own_profiles(self.file).values():
            _refuse_unknown(profile, (), _PROFILE_TABLES)
        installed = [norm(stage.name) for stage in listed(STAGES)]
        for layer in self._written:
            _refuse_unknown(layer, ("runner",), _names(StageOptions))
            for name in layer.table("stage"):
                close = nearest(name, installed)
                if name not in installed and close:
                    msg = f"{layer.where}: [{layer.dotted('stage', name)}]: no such stage is installed.{close}"
                    raise UsageError(msg)

    def _refuse_misspelt(self, shared: list[str]) -> None:
        """Refuse what looks like one of these shared options; anything else may be meant for another stage."""
        start = "DOCPARSE_SHARED__"
        given = {
            f"{layer.where}: unknown key {layer.dotted('shared', key)}": key
            for layer in self._written
            for key in layer.table("shared")
        }
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

    @property
    def data_root(self) -> str | None:
        """Return the data root that the file names, relative to the file's folder."""
        value = self.file.tables.get("data_root")
        if value is None or self.path is None:
            return None
        return str(self.path.parent / Path(str(value)).expanduser())

    def pipeline(self, key: str) -> tuple[str, ...] | None:
        """Return a list of stage names from ``[pipeline]``, None when the file does not say."""
        value = self.file.table("pipeline").get(key)
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
        name = norm(plugin.name)
        specs = specs_of(plugin.stage.options)
        self._check_stage(name, specs)
        found = {spec.name: self._value(spec, name, flags) for spec in specs}
        own = {name: value for name, (value, _source) in found.items()}
        runner, sources = self.resolve_runner(flags, name)
        return Resolved(
            options=build(plugin.stage.options, own, plugin.name) if plugin.stage.options else None,
            runner=runner,
            sources={name: source for name, (_value, source) in found.items()} | sources,
        )

    def resolve_runner(self, flags: Mapping[str, Any], stage: str = "") -> tuple[StageOptions, dict[str, str]]:
        """Return (the runner's options, option → where its value came from), for one stage or for any.

        Raises:
            UsageError: a value cannot be read, is out of bounds, or a variable is unknown.
        """
        self._check_variables("RUNNER", specs_of(StageOptions))
        tables = [("stage", stage, "runner"), ("runner",)] if stage else [("runner",)]
        found = {spec.name: self._pick(spec, flags, spec.variable("runner"), tables) for spec in specs_of(StageOptions)}
        values = {name: value for name, (value, _source) in found.items()}
        return build(StageOptions, values, "runner"), {name: source for name, (_value, source) in found.items()}

    def _check_stage(self, name: str, specs: list[OptionSpec]) -> None:
        own = [spec for spec in specs if not spec.shared]
        shared = list(_keys(spec for spec in specs if spec.shared))
        for layer in self._written:
            for key in layer.table("stage", name):
                if key in shared:
                    where, there = layer.dotted("shared"), layer.dotted("stage", name)
                    msg = f"{layer.where}: {key} is shared between stages; set it in [{where}], not in [{there}]"
                    raise UsageError(msg)
            _refuse_secrets(layer, name, specs)
            _refuse_unknown(layer, ("stage", name), [*_keys(own), "runner"])
            _refuse_unknown(layer, ("stage", name, "runner"), _names(StageOptions))
        self._refuse_misspelt(shared)
        self._check_variables(name.upper(), own)

    def _check_variables(self, prefix: str, specs: Iterable[OptionSpec]) -> None:
        start = f"DOCPARSE_{prefix}__"
        names = [start + key.upper() for key in _keys(specs)]
        for variable in self.environment:
            if variable.startswith(start) and variable not in names:
                msg = f"unknown variable {variable}; known: {', '.join(names)}.{nearest(variable, names)}"
                raise UsageError(msg)

    def _value(self, spec: OptionSpec, stage: str, flags: Mapping[str, Any]) -> tuple[Any, str]:
        return self._pick(spec, flags, spec.variable(stage), [_table_of(spec, stage)])

    def _pick(
        self, spec: OptionSpec, flags: Mapping[str, Any], variable: str, tables: Sequence[tuple[str, ...]]
    ) -> tuple[Any, str]:
        """Return (value, source) from the first place that has one."""
        if spec.name in flags:
            return parse(spec, flags[spec.name], spec.flag), "flag"
        if variable in self.environment:
            return parse(spec, self.environment[variable], variable), variable
        file = f"{variable}_FILE"
        if spec.secret and file in self.environment:
            return parse(spec, read_secret(Path(self.environment[file]), file), file), file
        places = [(layer, keys) for layer in self._layers for keys in tables]
        for layer, keys in places:
            table = layer.table(*keys)
            key = spec.file_key if spec.secret else spec.name
            if key in table:
                return _from_file(spec, layer, (*keys, key), table[key]), layer.source(*keys)
        return spec.default, "default"


def _from_file(spec: OptionSpec, layer: Layer, keys: tuple[str, ...], given: Any) -> Any:
    """Return a value that a layer gives; a relative path in a file is meant relative to the file."""
    source, folder = f"{layer.where}: {layer.dotted(*keys)}", layer.folder or Path()
    if spec.secret:
        if not isinstance(given, str):
            msg = f"{source} must be the name of a file"
            raise UsageError(msg)
        return parse(spec, read_secret(folder / Path(given).expanduser(), source), source)
    value = parse(spec, given, source)
    if spec.type is not Path:
        return value
    return tuple(folder / each.expanduser() for each in value) if spec.multiple else folder / value.expanduser()


def _table_of(spec: OptionSpec, stage: str) -> tuple[str, ...]:
    return ("shared",) if spec.shared else ("stage", stage)


def _refuse_secrets(layer: Layer, stage: str, specs: Iterable[OptionSpec]) -> None:
    """Refuse secrets in a file that is shared and kept with the sources."""
    for spec in specs:
        keys = _table_of(spec, stage)
        if spec.secret and spec.name in layer.table(*keys):
            msg = (
                f"{layer.where}: {layer.dotted(*keys, spec.name)} is a secret, which is not written in this file; "
                f"set {spec.variable(stage)}, or {spec.file_key} to the name of a file that holds it alone"
            )
            raise UsageError(msg)


def _refuse_unknown(layer: Layer, keys: tuple[str, ...], known: Iterable[str]) -> None:
    known = list(known)
    for key in layer.table(*keys):
        if key not in known:
            where = layer.dotted(*keys, key)
            msg = f"{layer.where}: unknown key {where}; known: {', '.join(known)}.{nearest(key, known)}"
            raise UsageError(msg)


def _keys(specs: Iterable[OptionSpec]) -> Iterator[str]:
    """Yield the keys that set options; a secret's own one is known, to be refused with the remedy."""
    for spec in specs:
        yield spec.name
        if spec.secret:
            yield spec.file_key


def _names(options: type[Any]) -> list[str]:
    return [spec.name for spec in specs_of(options)]
