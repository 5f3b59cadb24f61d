"""Values from variables and from TOML, as the types of their options."""

from typing import Any

from docparse_runner._options import OptionSpec
from docparse_runner.errors import UsageError


def parse(spec: OptionSpec, value: Any, source: str) -> Any:
    """Return `value`, from TOML or a variable, as the option's type.

    Raises:
        UsageError: it cannot be read as that type; the message names the source.
    """
    if spec.multiple:
        parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            parts = [parts]
        return tuple(_parse_one(spec, part, source) for part in parts)
    return _parse_one(spec, value, source)


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _parse_one(spec: OptionSpec, given: Any, source: str) -> Any:
    value = given
    if spec.type is bool and isinstance(value, str):
        value = _WORDS.get(value.lower(), value)
    elif isinstance(value, str) and spec.type is not str:
        try:
            value = spec.type(value)
        except ValueError:
            value = None
    elif isinstance(value, int) and not isinstance(value, bool) and spec.type is float:
        value = float(value)
    elif not isinstance(value, str) and spec.name == "error_budget" and isinstance(value, int):
        value = str(value)
    if not isinstance(value, spec.type) or (spec.type is int and isinstance(value, bool)):
        article = "an" if spec.type_name[0] in "aeiou" else "a"
        shown = "" if spec.secret else f", not {given!r}"
        msg = f"{source} must be {article} {spec.type_name}{shown}"
        raise UsageError(msg)
    return value
