"""Run, check or skip an item, and why; decided from ``stat`` alone, without reading a byte."""

import datetime as dt
import os
from collections.abc import Mapping
from enum import Enum, auto

import attrs

from docparse_runner._model import WorkItem
from docparse_runner._planning import Upstream
from docparse_runner._row import GONE, ErrorRecord, FileState, Row
from docparse_runner._runner_options import StageOptions
from docparse_runner._workspace import Workspace
from docparse_runner.errors import QUARANTINED, Category

GRANULARITY_NS = 2_000_000_000
"""A file changed this shortly before it was recorded may have been changed again within the clock's granularity."""

_NAME_MAX = 255
_RESULTS = ("success", "partial", "skip")
_MIB = 2**20


class Action(Enum):
    """What to do with an item."""

    RUN = auto()
    CHECK = auto()
    SKIP = auto()
    FAIL = auto()


class _Same(Enum):
    YES = auto()
    NO = auto()
    MAYBE = auto()


@attrs.define(kw_only=True)
class Decision:
    """What to do with an item, and why.

    Attributes:
        action: ``RUN``; ``CHECK``: digest first, run only if something changed; ``SKIP``; or ``FAIL`` without trying.
        reason: of a run or skip; of a check, the reason of the skip when nothing changed.
        row: the last row of the item.
        digests: kind → digest of an input that is known without reading it.
        stats: kind → ``stat`` of each input.
        error: of ``FAIL``.
    """

    action: Action
    reason: str
    row: Row | None = None
    digests: Mapping[str, str] = attrs.field(factory=dict)
    stats: Mapping[str, os.stat_result] = attrs.field(factory=dict)
    error: ErrorRecord | None = None

    def reason_after_check(self, inputs: Mapping[str, FileState]) -> str:
        """Return why an item ran that was to be checked first."""
        if self.row is None or {kind: state.digest for kind, state in inputs.items()} != {
            kind: state.digest for kind, state in self.row.inputs.items()
        }:
            return "input changed"
        return "output changed"


@attrs.frozen(kw_only=True)
class Decider:
    """What decisions are made from.

    Attributes:
        workspace: the data root.
        options: the runner's options.
        stage_version: of this run.
        cfg_hash: of this run.
        upstreams: kind → what is known of the artifacts consumed.
        timeout_s: the stage's deadline in seconds, to know whether a remembered timeout's limit was raised.
        receipts: whether outputs stand for an effect elsewhere: equal bytes then prove nothing, see ``Task.receipts``.
    """

    workspace: Workspace
    options: StageOptions
    stage_version: int
    cfg_hash: str
    upstreams: Mapping[str, Upstream]
    timeout_s: float = 0.0
    receipts: bool = False

    def is_settled(self, row: Row, kind: str, path: str) -> bool:
        """Whether an item with this one input is up to date, without any doubt; ``decide`` would say so too."""
        if row.stage_version != self.stage_version or row.cfg_hash != self.cfg_hash or row.status not in _RESULTS:
            return False
        state = row.inputs.get(kind)
        if state is None or not state.digest or len(row.inputs) != 1:
            return False
        if state.mtime_ns >= _started_ns(row.started_at) - GRANULARITY_NS:
            return False
        try:
            return state.same_stat(os.stat(path)) and all(
                each.same_stat(os.stat(self.workspace.absolute(each.path))) for each in row.outputs.values()
            )
        except (OSError, ValueError):  # the latter for a path that cannot be one, in a garbled row
            return False

    def decide(self, item: WorkItem, row: Row | None) -> Decision:
        """Return what to do with an item whose last row is `row`."""
        decision = self._decide(item, row)
        if decision.action is not Action.SKIP and (impossible := _impossible(item)):
            return Decision(action=Action.FAIL, reason="", row=row, error=impossible)
        return decision

    def _decide(self, item: WorkItem, row: Row | None) -> Decision:
        if item.removed:
            return Decision(action=Action.RUN, reason=GONE, row=row)
        if waiting := self._waiting(item):
            return Decision(action=Action.SKIP, reason=f"waiting for {waiting}", row=row)
        try:
            stats = {kind: os.stat(path) for kind, path in item.inputs.items()}
        except OSError as error:
            record = ErrorRecord(
                category=str(Category.IO), message=f"{error.filename}: {error.strerror}", retryable=True
            )
            return Decision(action=Action.FAIL, reason="", row=row, error=record)
        decision = Decision(action=Action.RUN, reason="", row=row, digests=self._known(item, stats), stats=stats)
        decision.reason = self._why(row)
        if not decision.reason and row is not None:
            self._compare(item, row, decision)
        return decision

    def _known(self, item: WorkItem, stats: Mapping[str, os.stat_result]) -> dict[str, str]:
        """Return the digests that producers recorded and whose files are as they were."""
        known = {}
        for kind, found in stats.items():
            upstream = self.upstreams.get(kind)
            row = upstream.rows.get(item.item_id) if upstream else None
            state = row.in_place.get(kind) if row else None
            if state and state.digest and state.same_stat(found) and not self.options.verify_hash:
                known[kind] = state.digest
        return known

    def _waiting(self, item: WorkItem) -> str:
        """Return the stage that has to run first, or an empty string."""
        first, *others = item.inputs or ("",)
        for kind in others:
            upstream = self.upstreams.get(kind)
            if upstream is None:
                continue
            row = upstream.rows.get(item.item_id)
            maker = upstream.stage or kind
            path = item.inputs[kind]
            left_over = self.workspace.holds(path) and not upstream.has_made(kind, item.item_id)
            if left_over or not path.exists():
                return maker
            if row is None:
                continue
            if row.status not in ("success", "partial"):
                return maker
            ours = self.upstreams[first].rows.get(item.item_id) if first in self.upstreams else None
            made = ours.in_place.get(first) if ours else None
            if made and first in row.inputs and made.digest != row.inputs[first].digest:
                return maker
        return ""

    def _why(self, row: Row | None) -> str:
        """Return the reason to run that needs no look at the files, or an empty string."""
        if self.options.force or not self.options.resume:
            return "forced"
        if row is None or row.status == GONE:
            return "new"
        if row.stage_version != self.stage_version:
            return "stage version changed"
        if row.cfg_hash != self.cfg_hash:
            half = self.cfg_hash.partition("-")[0]
            return "engine changed" if row.cfg_hash.partition("-")[0] == half else "options changed"
        return ""

    def _compare(self, item: WorkItem, row: Row, decision: Decision) -> None:
        inputs = self._inputs_same(row, decision)
        if inputs is _Same.NO:
            # What failed before it was read has nothing to compare with.
            unread = row.status == "failure" and (
                set(row.inputs) != set(decision.stats) or not all(state.digest for state in row.inputs.values())
            )
            decision.reason = "failed before" if unread else "input changed"
            return
        if row.status == "failure":
            if not self._quarantined(item, row):
                decision.reason = "failed before"
                return
            decision.reason, outputs = "quarantined", _Same.YES
        else:
            outputs, why = self._outputs_same(row)
            if outputs is _Same.NO:
                decision.reason = why
                return
            decision.reason = "up to date"
        decision.action = Action.CHECK if _Same.MAYBE in (inputs, outputs) else Action.SKIP

    def _quarantined(self, item: WorkItem, row: Row) -> bool:
        error = row.error
        if self.options.retry_quarantined or error is None or row.category not in QUARANTINED:
            return False
        if row.category == Category.TIMEOUT:
            return error.limit >= self.deadline(item) > 0
        if row.category == Category.OOM and error.limit:
            return error.limit >= self.options.memory_limit_mb * _MIB > 0
        return True

    def deadline(self, item: WorkItem) -> float:
        """Return the item's deadline in seconds, 0 for none: the flag's, else the item's, else the stage's."""
        for limit in (self.options.timeout_s, item.timeout_s):
            if limit is not None:
                return limit
        return self.timeout_s

    def _inputs_same(self, row: Row, decision: Decision) -> _Same:
        if row.inputs.keys() != decision.stats.keys():
            return _Same.NO
        same = _Same.YES
        for kind, found in decision.stats.items():
            answer = self._input_same(row, kind, found, decision)
            if answer is _Same.NO:
                return answer
            if answer is _Same.MAYBE:
                same = answer
        return same

    def _input_same(self, row: Row, kind: str, found: os.stat_result, decision: Decision) -> _Same:
        state = row.inputs[kind]
        known = decision.digests.get(kind)
        if known:
            return _Same.YES if known == state.digest else _Same.NO
        if not state.digest or state.size != found.st_size:
            return _Same.NO
        if self.options.verify_hash or not state.same_stat(found):
            return _Same.MAYBE
        return _Same.MAYBE if state.mtime_ns >= _started_ns(row.started_at) - GRANULARITY_NS else _Same.YES

    def _outputs_same(self, row: Row) -> tuple[_Same, str]:
        same = _Same.MAYBE if self.options.verify_hash and row.outputs else _Same.YES
        for state in row.outputs.values():
            try:
                found = os.stat(self.workspace.absolute(state.path))
            except (OSError, ValueError):  # the latter for a path that cannot be one, in a garbled row
                return _Same.NO, "output missing"
            if state.size != found.st_size:
                return _Same.NO, "output changed"
            if self.receipts and state.mtime_ns != found.st_mtime_ns:
                return _Same.NO, "output changed"  # of another effect, whose run was killed before its row
            if not state.same_stat(found):
                same = _Same.MAYBE
        return same, ""


def _impossible(item: WorkItem) -> ErrorRecord | None:
    """Return the error of an item whose outputs cannot be written, whatever happens."""
    for path in item.outputs.values():
        long = [part for part in os.fsencode(path).split(b"/") if len(part) > _NAME_MAX]
        if long:
            shown = os.fsdecode(long[0][:40])
            message = f"its output would need a name longer than {_NAME_MAX} bytes ({shown}…); rename the document"
            return ErrorRecord(category=str(Category.INPUT), message=message, type="name too long")
    return None


def _started_ns(started_at: str) -> int:
    try:
        return int(dt.datetime.fromisoformat(started_at).timestamp() * 1e9)
    except ValueError:
        return 0  # a garbled row: no time of a file is trusted
