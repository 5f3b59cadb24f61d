"""Do the chunks fit the model that is to read them? Asked before a run, of what the stage chunk recorded."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docparse_embed.providers import FoundModel, find_model
from docparse_runner import StageContext, UsageError

_APPROXIMATE = "approximate"


def check(context: StageContext) -> None:
    """Warn of chunks that were measured for another model, and refuse those that are sure to be refused.

    Raises:
        UsageError: chunks may be longer than the model reads, and ``--on-overflow refuse`` was given.
    """
    chunked = last_chunking(context.workspace.runs)
    if chunked is None or "dense" not in context.options.families:
        return
    found = find_model(context.options, may_fetch=False, cache=context.workspace.cache)
    longest = _longest(chunked)
    if found.max_tokens is not None and longest is not None and longest > found.max_tokens:
        msg = (
            f"chunks were made with up to {longest} tokens, special tokens included, and the model {found.label} reads "
            f"{found.max_tokens}: run chunk again with the same --model, or with a smaller --max-tokens"
        )
        if context.options.on_overflow == "refuse":
            raise UsageError(msg)
        context.logger.warning("%s", msg)
    elif _measured_otherwise(chunked, found):
        msg = (
            "chunks were measured with %s, which is not the tokenizer of the model %s: some may be longer than it reads"
        )
        context.logger.warning(msg, chunked.get("tokenizer"), found.label)


def last_chunking(runs: Path) -> Mapping[str, Any] | None:
    """Return what the stage chunk resolved in its last run, or None when no run of this data root recorded it."""
    for path in sorted(runs.glob("*/config.json"), reverse=True):
        try:
            resolved = json.loads(path.read_bytes())["chunk"]["resolved"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(resolved, dict):
            return resolved
    return None


def _longest(chunked: Mapping[str, Any]) -> int | None:
    parts = [chunked.get("max_tokens"), chunked.get("special_tokens")]
    numbers = [part for part in parts if isinstance(part, int)]
    return sum(numbers) if len(numbers) == len(parts) else None


def _measured_otherwise(chunked: Mapping[str, Any], found: FoundModel) -> bool:
    if chunked.get("tokenizer") == _APPROXIMATE:
        return True
    for part in (found.location, found.location / "0_Transformer"):
        if (part / "tokenizer.json").is_file():
            digest = hashlib.sha256((part / "tokenizer.json").read_bytes()).hexdigest()
            return chunked.get("digest") != f"sha256:{digest}"
    return False
