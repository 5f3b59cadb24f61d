"""The digests of the documents' files, as the manifests of the data root record them.

A chunk says on which page of which document it stands; only the digest says which version of the file that was.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec


class _Input(msgspec.Struct):
    digest: str = ""


class _Row(msgspec.Struct):
    item_id: str = ""
    inputs: dict[str, _Input] = {}


def source_digests(root: Path) -> Mapping[str, str]:
    """Return document → ``sha256:…`` of its file, of every document that a stage read from a file of the user's."""
    found = dict[str, str]()
    decoder = msgspec.json.Decoder(_Row)
    for path in sorted((root / "manifests").glob("*.manifest.jsonl"), key=lambda path: path.stat().st_mtime_ns):
        with path.open("rb") as lines:
            for line in lines:
                if b'"source"' in line:
                    _take(line, decoder, found)
    return found


def _take(line: bytes, decoder: "msgspec.json.Decoder[_Row]", found: dict[str, str]) -> None:
    try:
        row = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # torn by a kill; the runner counts such lines
        return
    if "source" in row.inputs:
        found[row.item_id] = row.inputs["source"].digest
