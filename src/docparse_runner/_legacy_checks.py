"""Is a file what the earlier docparse runner recorded, and can our next stage read it?"""

import hashlib
from pathlib import Path

from docparse_runner._legacy import CHUNKS, LegacyRow
from docparse_runner._rows import read_rows
from docparse_runner.errors import StageError

_ALGORITHMS = frozenset({"blake2b", "blake2s", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"})


def checked(row: LegacyRow, path: Path) -> tuple[str, str]:
    """Return (what is wrong with a file, what could not be verified), both empty for a good one.

    Raises:
        OSError: it cannot be read.
    """
    if not path.stat().st_size:
        return "its file is empty", ""
    fault, unverified = _compared(row, path)
    return fault or (_unreadable_chunks(path) if row.kind == CHUNKS else _unreadable_text(path)), unverified


def first_chunk_id(path: Path) -> str:
    """Return the chunk_id of the first row of a file that was checked."""
    return str(next(read_rows(path))["chunk_id"])


def _compared(row: LegacyRow, path: Path) -> tuple[str, str]:
    """Compare a file with its recorded digest, which is over the raw bytes."""
    algorithm = (row.hash_alg or "").lower().replace("-", "")
    if not row.output_hash:
        return "", "no digest was recorded"
    if algorithm not in _ALGORITHMS:
        return "", f"its digest is of an unknown kind, {row.hash_alg}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).hexdigest()
    recorded = row.output_hash.rpartition(":")[2].lower()
    return ("" if digest == recorded else "its bytes are not those that were recorded"), ""


def _unreadable_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            for _ in file:
                pass
    except UnicodeDecodeError:
        return "it is not UTF-8 text"
    return ""


def _unreadable_chunks(path: Path) -> str:
    """Return why the stage embed could not read a file, or an empty string."""
    seen = set()
    try:
        for number, row in enumerate(read_rows(path), 1):
            chunk_id = row.get("chunk_id")
            if not isinstance(chunk_id, str) or not isinstance(row.get("text"), str):
                return f"row {number} has no chunk_id or no text, which embed needs"
            if fault := next((name for name in ("headings", "captions") if not _are_texts(row.get(name))), ""):
                return f"row {number} has {fault} that are no list of texts, as index needs them"
            if chunk_id in seen:
                return f"row {number} repeats the chunk_id {chunk_id}"
            seen.add(chunk_id)
    except StageError as error:
        return error.message.replace(f" of {path.name}", "", 1)  # the reader of the reason knows which file is meant
    return ""


def _are_texts(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(text, str) for text in value))
