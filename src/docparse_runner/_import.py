"""Keep what the earlier docparse runner made: copied to where our next stages read it, checked, and recorded.

It is recorded in a manifest of its own, ``imported``. Our stages have no row for it, so that a run of them says ``new``
and makes it again from the document; until then the next stage reads it.
"""

import errno
import filecmp
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from docparse_runner._files import digest_state, put
from docparse_runner._inputs import InputRoot
from docparse_runner._kinds import STANDARD
from docparse_runner._legacy import CHUNKS, DOCTAGS, Legacy, LegacyRow
from docparse_runner._legacy_checks import checked, first_chunk_id
from docparse_runner._manifest import JsonlSink, read_manifest
from docparse_runner._model import WorkItem
from docparse_runner._row import IMPORTED, FileState, Row, timestamp
from docparse_runner._workspace import Workspace, quote_id
from docparse_runner.errors import ManifestError, StageError

SUFFIXES: Mapping[str, str] = {kind: STANDARD[kind].suffix for kind in (DOCTAGS, CHUNKS)}
"""Kind → suffix of its artifacts, those of the stages doctags and chunk."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_FLUSH_ROWS = 256


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of one result of the earlier runner.

    Attributes:
        doc_id: the document in its words.
        kind: ``doctags`` or ``chunks``.
        action: ``import``; ``keep``: there is one already; ``refuse``.
        reason: why it was kept or refused; of ``import`` what could not be verified, or empty.
        item_id: the document here, or empty.
        source: the file that is, or would be, copied.
        state: what was put into place, or None.
    """

    doc_id: str
    kind: str
    action: str
    reason: str = ""
    item_id: str = ""
    source: str = ""
    state: FileState | None = None


@attrs.frozen(kw_only=True)
class Places:
    """Where things lie now.

    Attributes:
        roots: folders of documents, which give items their ids.
        moved: (old, new) beginnings of the paths in rows.
    """

    roots: Sequence[InputRoot] = ()
    moved: Sequence[tuple[str, str]] = ()

    def here(self, recorded: str) -> str:
        """Return where a recorded path lies now."""
        for old, new in self.moved:
            if recorded == old or recorded.startswith(f"{old.rstrip('/')}/"):
                recorded = new.rstrip("/") + recorded[len(old.rstrip("/")) :]
                break
        return os.path.abspath(recorded)

    def item_id(self, document: str) -> str:
        """Return the id that a run would give to a document, or an empty string when it lies in none of the folders."""
        within = [root for root in self.roots if document.startswith(f"{root.path}{os.sep}")]
        if not within:
            return ""
        root = max(within, key=lambda each: len(str(each.path)))
        return f"{root.name}/{quote_id(os.path.relpath(document, root.path).replace(os.sep, '/'))}"


class Importer:
    """Imports documents one by one; the run locks of the stages must be held, unless it is a dry run."""

    def __init__(
        self, workspace: Workspace, legacy: Legacy, places: Places, *, kinds: Sequence[str], run_id: str, dry: bool
    ) -> None:
        """Keep what there is; nothing is written before ``run``."""
        self._workspace = workspace
        self._legacy = legacy
        self._places = places
        self._kinds = kinds
        self._run_id = run_id
        self._dry = dry
        self._rows = read_manifest(workspace, IMPORTED)[0]
        makers = {kind: made["stage"] for kind, made in workspace.kinds().items() if kind in SUFFIXES}
        self._makers = {kind: (stage, read_manifest(workspace, stage)[0]) for kind, stage in makers.items()}
        self._staging = workspace.staging / IMPORTED / run_id
        claims = (row.output_path for rows in legacy.rows.values() for row in rows.values() if row.output_path)
        self._claims = Counter(map(places.here, claims))
        self._taken: dict[str, str] = {}
        self._chunk_ids: dict[str, str] = {}

    def run(self, step: Callable[[], object]) -> Iterator[Verdict]:
        """Import, and yield a verdict on each result; `step` is called after each document.

        Raises:
            ManifestError: the data root cannot be written; what was recorded stays recorded.
        """
        sink = JsonlSink(self._workspace, IMPORTED, self._run_id)
        waiting = 0
        try:
            for doc_id, rows in self._legacy.rows.items():
                verdicts = [self._judged(row, *self._named(doc_id, rows)) for row in rows.values() if self._wants(row)]
                if not self._dry and any(verdict.state for verdict in verdicts):
                    self._record(sink, verdicts, rows)
                    waiting += 1
                if waiting >= _FLUSH_ROWS:
                    sink.flush()
                    waiting = 0
                yield from verdicts
                step()
            sink.flush()
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _wants(self, row: LegacyRow) -> bool:
        return row.kind in self._kinds

    def _named(self, doc_id: str, rows: Mapping[str, LegacyRow]) -> tuple[str, str]:
        """Return (item id, why there is none)."""
        named = filter(None, (self._places.item_id(path) for path in self._documents(rows)))
        item_id = next(named, f"{IMPORTED}/{quote_id(doc_id)}")
        try:
            WorkItem(item_id=item_id)
        except ValueError:
            return "", f"its doc_id {doc_id!r} cannot be a name here"
        other = self._taken.setdefault(item_id, doc_id)
        return (item_id, "") if other == doc_id else ("", f"the doc_id {other!r} is of the same document, {item_id}")

    def _documents(self, rows: Mapping[str, LegacyRow]) -> Iterator[str]:
        """Yield where the document may lie; the input of the first stage is the one that its user named."""
        for kind in SUFFIXES:
            if kind in rows and rows[kind].input_path:
                yield self._places.here(rows[kind].input_path or "")

    def _judged(self, row: LegacyRow, item_id: str, problem: str) -> Verdict:
        source = self._places.here(row.output_path) if row.output_path else ""
        if row.kind == CHUNKS and source and not os.path.exists(source):
            beside = os.path.splitext(source)[0] + ".jsonl"  # its manifest said Parquet where it wrote JSON Lines
            source = beside if os.path.exists(beside) else source
        verdict = Verdict(doc_id=row.doc_id, kind=row.kind, action="refuse", item_id=item_id, source=source)
        if reason := problem or self._unusable(row, source):
            return attrs.evolve(verdict, reason=reason)
        if reason := self._in_the_way(row.kind, item_id, source):
            return attrs.evolve(verdict, action="keep", reason=reason)
        return self._copied(row, verdict)

    def _unusable(self, row: LegacyRow, source: str) -> str:
        """Return why there is nothing to copy, or an empty string."""
        if row.status == "failure":
            return "its last row says failure"
        if not row.output_path:
            return "its row names no file"
        if not os.path.isfile(source):
            return "its file is missing"
        if source.endswith(".parquet"):
            return "it is called Parquet, and only JSON Lines are taken"
        if self._claims[self._places.here(row.output_path)] > 1:
            return "several documents wrote this file, and nothing says whose it is"
        return ""

    def _in_the_way(self, kind: str, item_id: str, source: str) -> str:
        """Return why what is here stays as it is, or an empty string."""
        stage, rows = self._makers.get(kind, ("", {}))
        if item_id in rows:
            return f"the stage {stage} knows this document"
        final = self._workspace.artifact(kind, item_id, SUFFIXES[kind])
        if not os.path.lexists(final):
            return ""
        known = self._rows.get(item_id)
        if known and kind in known.outputs:
            return "imported before"
        with suppress(OSError):
            if filecmp.cmp(source, final, shallow=False):
                return ""  # an import that was killed put it there, and its row is still to be written
        return "there is a file in its place"

    def _copied(self, row: LegacyRow, verdict: Verdict) -> Verdict:
        """Copy a file, look at the copy, and put it into place."""
        final = self._workspace.artifact(verdict.kind, verdict.item_id, SUFFIXES[verdict.kind])
        try:
            looked_at = Path(verdict.source)
            if not self._dry:
                looked_at = self._staging / f"copy{SUFFIXES[verdict.kind]}"
                looked_at.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(verdict.source, looked_at)
            fault, unverified = checked(row, looked_at)
            fault = fault or self._repeated(row, looked_at)
            unverified = unverified or self._older(row, verdict)
            if fault or self._dry:
                return attrs.evolve(verdict, action="refuse" if fault else "import", reason=fault or unverified)
            state = put(looked_at, str(final), self._workspace.relative(final))
        except OSError as error:
            if error.errno in _FULL:
                msg = f"{final} cannot be written: {error.strerror}; what was recorded so far is safe, import again"
                raise ManifestError(msg) from error
            return attrs.evolve(verdict, reason=f"it cannot be copied: {error.strerror}")
        return attrs.evolve(verdict, action="import", reason=unverified, state=state)

    def _repeated(self, row: LegacyRow, path: Path) -> str:
        """Return whose chunks have the same ids, or an empty string; the first id tells whether they are counted up."""
        first = first_chunk_id(path) if row.kind == CHUNKS else ""
        other = self._chunk_ids.setdefault(first, row.doc_id) if first else row.doc_id
        return (
            "" if other == row.doc_id else f"its chunk_id {first} is also one of {other!r}, and an index needs its own"
        )

    def _older(self, row: LegacyRow, verdict: Verdict) -> str:
        """Say so when the document was changed after the result was made; times may be those of a copy."""
        for path in self._documents(self._legacy.rows[row.doc_id]):
            with suppress(OSError):
                if self._places.item_id(path) and os.stat(path).st_mtime_ns > os.stat(verdict.source).st_mtime_ns:
                    return "its document was changed later"
        return ""

    def _record(self, sink: JsonlSink, verdicts: Sequence[Verdict], rows: Mapping[str, LegacyRow]) -> None:
        item_id = next(verdict.item_id for verdict in verdicts if verdict.state)
        known: Row | None = self._rows.get(item_id)
        outputs = dict(known.outputs) if known else {}
        metrics: dict[str, Any] = dict(known.metrics) if known else {}
        for verdict in verdicts:
            if verdict.state:
                row = rows[verdict.kind]
                outputs[verdict.kind] = verdict.state
                metrics[verdict.kind] = {
                    "doc_id": row.doc_id,
                    "stage": row.stage,
                    "run_id": row.run_id,
                    "copied_from": verdict.source,
                    "verified": not verdict.reason,
                }
        inputs = self._inputs(rows)
        extras = {
            "status": "success",
            "reason": IMPORTED,
            "stage_version": 1,
            "cfg_hash": IMPORTED,
            "attempts": 1,
            "started_at": timestamp(time.time()),
            "worker": "",
            "inputs": inputs,
            "metrics": metrics,
        }
        sink.log_success(IMPORTED, item_id, next((state.path for state in inputs.values()), ""), outputs, 0.0, extras)

    def _inputs(self, rows: Mapping[str, LegacyRow]) -> dict[str, FileState]:
        """Return the document as it is now, if it is one of the folders' and still there."""
        for path in self._documents(rows):
            with suppress(OSError, StageError):
                if self._places.item_id(path):
                    return {"source": digest_state(path, self._workspace.relative(path))}
        return {}
