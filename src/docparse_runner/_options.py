"""Options classes: one definition gives the flag, the variable, the TOML key, the documentation and the config hash.

An options class is an attrs class whose fields are made with ``option()``. Precedence of the values:
flag > environment > profile > ``docparse.toml`` > default.
"""

import hashlib
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import validators

from docparse_runner._secrets import Redactor
from docparse_runner.errors import UsageError

_KEY = "docparse"
_SCALARS: Mapping[type, str] = {int: "integer", float: "number", bool: "flag", str: "text", Path: "path"}


@attrs.frozen(kw_only=True)
class _Meta:
    """What ``option()`` knows beyond attrs."""

    help: str
    unit: str
    affects_output: bool
    shared: bool
    secret: bool
    choices: tuple[str, ...]
    default_text: str
    group: str


@attrs.frozen(kw_only=True)
class OptionSpec:
    """One option, as the command line and the documentation see it.

    Attributes:
        name: the field's name; the flag is ``--name`` with dashes.
        type: one of int, float, bool, str and Path.
        multiple: whether the option may be given several times (a tuple).
        default: the value without any setting.
        help: one line.
        unit: of the value, or empty.
        affects_output: whether the value enters the config hash.
        shared: whether stages with an option of this name share one value.
        secret: whether the value must never be shown or stored.
        choices: the allowed words, or empty for any.
        default_text: what to show instead of `default`.
        group: heading in ``--help``.
    """

    name: str
    type: type[Any]
    multiple: bool
    default: Any
    help: str
    unit: str
    affects_output: bool
    shared: bool
    secret: bool
    choices: tuple[str, ...]
    default_text: str
    group: str

    @property
    def flag(self) -> str:
        """Return the flag without a value, for example ``--max-tokens``."""
        return "--" + self.name.replace("_", "-")

    def variable(self, stage: str) -> str:
        """Return the variable that sets the option of a stage."""
        return f"DOCPARSE_{'shared' if self.shared else stage}__{self.name}".upper().replace("-", "_")

    @property
    def file_key(self) -> str:
        """Return the key, and in capitals the end of the variable, that names the file of a secret."""
        return f"{self.name}_file"

    @property
    def type_name(self) -> str:
        """Return the word for the type in messages and documentation."""
        return _SCALARS[self.type]

    @property
    def shown_default(self) -> str:
        """Return the default as a person reads it."""
        if self.default_text:
            return self.default_text
        if self.default is None or self.default == ():
            return ""
        if isinstance(self.default, bool):
            return "on" if self.default else "off"
        if self.multiple:
            return ", ".join(map(str, self.default))
        return f"{self.default} {self.unit}".strip()


def _each_in(choices: tuple[str, ...]) -> Callable[[Any, Any, Any], Any]:
    """Return a validator of a value, or of each value of a tuple."""
    one = validators.in_(choices)

    def check(instance: Any, attribute: Any, value: Any) -> None:
        for each in value if isinstance(value, tuple) else (value,):
            one(instance, attribute, each)

    return check


def option(  # noqa: PLR0913 - one argument for each thing an option can be
    default: Any,
    *,
    help: str,  # noqa: A002 - the word that click and argparse use
    unit: str = "",
    affects_output: bool = True,
    shared: bool = False,
    secret: bool = False,
    choices: Sequence[str] = (),
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    default_text: str = "",
    group: str = "This stage",
    validator: Callable[[Any, Any, Any], Any] | None = None,
) -> Any:
    """Return an attrs field that is also a flag, a ``DOCPARSE_*`` variable and a key of ``docparse.toml``.

    Args:
        default: the value without any setting; None makes the option optional.
        help: one line, ending in a full stop.
        unit: of the value (``tokens``, ``seconds``).
        affects_output: whether another value gives other outputs; if so, a change makes everything run again.
        shared: one value for all stages that declare a shared option of this name.
        secret: a text that comes from the environment or a file of its own, and is never shown, hashed or stored.
        choices: the allowed words.
        ge: lowest allowed value; `gt` excludes it.
        gt: see `ge`.
        le: highest allowed value.
        default_text: what ``--help`` shows as the default when the value itself says little.
        group: heading in ``--help``.
        validator: an attrs validator for anything else.
    """
    checks: list[Callable[[Any, Any, Any], Any]] = [
        make(bound)
        for make, bound in ((validators.ge, ge), (validators.gt, gt), (validators.le, le))
        if bound is not None
    ]
    if choices:
        checks.append(_each_in(tuple(choices)))
    checks = [validators.optional(check) for check in checks] if default is None else checks
    meta = _Meta(
        help=help,
        unit=unit,
        affects_output=affects_output and not secret,
        shared=shared,
        secret=secret,
        choices=tuple(choices),
        default_text=default_text,
        group=group,
    )
    return attrs.field(
        default=default, validator=[*checks, validator] if validator else checks, repr=not secret, metadata={_KEY: meta}
    )


def _scalar(annotation: Any, where: str) -> tuple[type[Any], bool]:
    """Return (scalar type, several values?) of an annotation such as ``int | None`` or ``tuple[str, ...]``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        annotation = kinds[0] if len(kinds) == 1 else annotation
    multiple = typing.get_origin(annotation) is tuple
    if multiple:
        kind, *rest = typing.get_args(annotation) or (annotation,)
        annotation = kind if rest == [Ellipsis] else annotation
    if annotation not in _SCALARS:
        known = ", ".join(kind.__name__ for kind in _SCALARS)
        msg = f"{where}: options are of type {known}, optional or a tuple of them, not {annotation}"
        raise TypeError(msg)
    return annotation, multiple


def specs_of(cls: type[Any] | None) -> list[OptionSpec]:
    """Return the options of an options class in the order of its fields.

    Raises:
        TypeError: `cls` is not an attrs class, a field was not made with ``option()`` or has an unsupported type, or a
            secret is something else than a text that only the user knows.
    """
    if cls is None:
        return []
    if not attrs.has(cls):
        msg = f"the options class {cls.__qualname__} must be an attrs class"
        raise TypeError(msg)
    found = list(_specs(cls))
    names = {spec.name for spec in found}
    for spec in found:
        if spec.secret and (spec.type is not str or spec.default or spec.file_key in names):
            where = f"{cls.__qualname__}.{spec.name}"
            msg = f"{where}: a secret is a text without a default, and has no option {spec.file_key} beside it"
            raise TypeError(msg)
    return found


def _specs(cls: type[Any]) -> Iterator[OptionSpec]:
    hints = typing.get_type_hints(cls)
    for field in attrs.fields(cls):
        where = f"{cls.__qualname__}.{field.name}"
        meta = field.metadata.get(_KEY)
        if meta is None:
            msg = f"{where} must be made with docparse_runner.option()"
            raise TypeError(msg)
        kind, multiple = _scalar(hints.get(field.name), where)
        yield OptionSpec(
            name=field.name,
            type=kind,
            multiple=multiple,
            default=field.default,
            **attrs.asdict(meta, recurse=False),
        )


def build(cls: type[Any], values: Mapping[str, Any], owner: str) -> Any:
    """Return an instance of the options class.

    Raises:
        UsageError: a validator of the class refused a value.
    """
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        text = str(error.args[0]) if error.args else type(error).__name__
        hide = Redactor(secret for spec in specs_of(cls) for secret in _secrets(spec, values.get(spec.name)))
        msg = f"{owner}: {hide.text(text)}"
        raise UsageError(msg) from None


def secrets_of(options: Any) -> list[str]:
    """Return the values of the secret options that are set."""
    specs = [] if options is None else specs_of(type(options))
    return [secret for spec in specs for secret in _secrets(spec, getattr(options, spec.name))]


def _secrets(spec: OptionSpec, value: Any) -> tuple[str, ...]:
    if not spec.secret or not value:
        return ()
    return tuple(value) if spec.multiple else (value,)


def as_plain(options: Any) -> dict[str, Any]:
    """Return the values of an options object as JSON data, secrets replaced by ``***``."""
    if options is None:
        return {}
    plain = {}
    for spec in specs_of(type(options)):
        value = getattr(options, spec.name)
        if spec.secret:
            plain[spec.name] = "***" if value else None
        else:
            plain[spec.name] = _plain(value)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def digest_of(data: object) -> str:
    """Return 16 hexadecimal digits over JSON data, independent of key order."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def config_hash(options: Any, resolved: Mapping[str, Any]) -> str:
    """Return ``OPTIONS-ENGINE``, the two halves of the config hash, 16 hexadecimal digits each.

    The first half covers the options that change the output and differ from their default, so that a new option with
    a default redoes nothing; the second covers what ``docparse_resolve`` returned.
    """
    changed = {
        spec.name: _plain(getattr(options, spec.name))
        for spec in (specs_of(type(options)) if options is not None else [])
        if spec.affects_output and getattr(options, spec.name) != spec.default
    }
    return f"{digest_of(changed)}-{digest_of(dict(resolved))}"
