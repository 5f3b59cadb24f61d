"""The manifests of the earlier docparse runner: ``docparse.*.manifest.jsonl``, read for what can be imported."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import msgspec

from docparse_runner._row import UNREADABLE
from docparse_runner.errors import UsageError

DOCTAGS, CHUNKS = "doctags", "chunks"

_PATTERN = "docparse.*.manifest.jsonl"


class LegacyRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is read of a row; its other fields are left alone.

    Attributes:
        doc_id: the document, in the words of the earlier runner.
        stage: ``doctags-pdf``, ``doctags-html``, ``chunks``, ``embeddings``.
        status: ``success``, ``skip`` or ``failure``.
        run_id: the run that wrote it.
        input_path: what it read.
        output_path: what it wrote.
        output_hash: digest of that, if it was recorded.
        hash_alg: of `output_hash`.
    """

    doc_id: str
    stage: str
    status: str
    run_id: str | None = None
    input_path: str | None = None
    output_path: str | None = None
    output_hash: str | None = None
    hash_alg: str | None = None

    @property
    def kind(self) -> str:
        """Return which kind of artifact it speaks of, or an empty string for one that is not imported."""
        if self.stage == CHUNKS:
            return CHUNKS
        return DOCTAGS if self.stage.partition("-")[0] == DOCTAGS else ""


@attrs.define
class Legacy:
    """What manifests of the earlier runner say.

    Attributes:
        rows: doc_id → kind → the row that counts.
        lines: lines that were read.
        unreadable: lines that are no rows.
        special: rows on ``__config__`` and the like.
        left_out: stage → rows of stages of which nothing is imported.
    """

    rows: dict[str, dict[str, LegacyRow]] = attrs.field(factory=dict)
    lines: int = 0
    unreadable: int = 0
    special: int = 0
    left_out: Counter[str] = attrs.field(factory=Counter)

    def add(self, line: bytes) -> None:
        """Take one line in; the last row of a document counts."""
        if not line.strip():
            return
        self.lines += 1
        try:
            row = _DECODE(line)
        except UNREADABLE:
            self.unreadable += 1
            return
        if row.doc_id.startswith("__") and row.doc_id.endswith("__"):
            self.special += 1
        elif not row.kind:
            self.left_out[row.stage] += 1
        else:
            self._take(row)

    def _take(self, row: LegacyRow) -> None:
        known = self.rows.setdefault(row.doc_id, {})
        before = known.get(row.kind)
        if row.status == "skip" and before is not None and before.status == "success":
            return  # it skipped what was done: the row of the success says where the result lies
        known[row.kind] = row


_DECODE = msgspec.json.Decoder(LegacyRow).decode


def read_legacy(arguments: Iterable[Path]) -> Legacy:
    """Return what manifests say, read in this order.

    Args:
        arguments: manifests, or folders that hold some.

    Raises:
        UsageError: one cannot be read, or a folder holds none.
    """
    legacy = Legacy()
    for path in _files(arguments):
        try:
            with path.open("rb") as file:
                for line in file:
                    legacy.add(line)
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise UsageError(msg) from error
    return legacy


def _files(arguments: Iterable[Path]) -> Iterator[Path]:
    for argument in arguments:
        if not argument.is_dir():
            yield argument
            continue
        found = sorted(argument.glob(_PATTERN), key=lambda path: (os.stat(path).st_mtime_ns, path))
        if not found:
            msg = f"no {_PATTERN} in {argument}; name the files"
            raise UsageError(msg)
        yield from found
