"""The digest of a model: everything in its folder that decides its vectors.

Reading 90 MB of weights takes about 0.1 s, so a digest is remembered in ``models.json`` together with size, times and
inode of every file, and taken from there while those are the same.
"""

import contextlib
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

_SUFFIXES = frozenset({".json", ".txt", ".model", ".safetensors", ".bin", ".py", ".jinja"})
_OTHER_FORMATS = frozenset({"onnx", "openvino"})
_MEMORY = "models.json"


def model_digest(folder: Path, cache: Path | None) -> str:
    """Return ``sha256:…`` over configuration, weights and tokenizer, independent of where the folder lies.

    Args:
        folder: the model's folder.
        cache: where ``models.json`` lies; None reads and digests every file and writes nothing.
    """
    files = _files(folder)
    if cache is None:
        return _digest(folder, files)
    memory, stats = _remembered(cache / _MEMORY), _stats(folder, files)
    known = memory.get(str(folder))
    if isinstance(known, dict) and known.get("stats") == stats:
        return str(known["digest"])
    digest = _digest(folder, files)
    _remember(cache / _MEMORY, {**memory, str(folder): {"stats": stats, "digest": digest}})
    return digest


def _files(folder: Path) -> list[Path]:
    """Return what the model is made of, sorted; ``.bin`` weights do not count where there are safetensors."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in _SUFFIXES and path.is_file()]
    found = [path for path in found if not _ignored(path.relative_to(folder))]
    has_safetensors = {path.parent for path in found if path.suffix == ".safetensors"}
    return [path for path in found if path.suffix != ".bin" or path.parent not in has_safetensors]


def _ignored(path: Path) -> bool:
    return bool(_OTHER_FORMATS.intersection(path.parts[:-1])) or any(part.startswith(".") for part in path.parts)


def _stats(folder: Path, files: list[Path]) -> list[list[Any]]:
    found = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
    return [[name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino] for name, stat in found]


def _digest(folder: Path, files: list[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _remembered(path: Path) -> dict[str, Any]:
    try:
        memory = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def _remember(path: Path, memory: dict[str, Any]) -> None:
    # A data root that may only be read costs the time of a digest, not the search in it.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            json.dump(memory, file)
        Path(file.name).replace(path)
