"""The default planner: which items there are, read lazily from folders.

What a stage consumes is listed by name only; nothing is opened. Whether an item has to run is ``_decision``'s question.
"""

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import attrs

from docparse_runner._inputs import InputRoot
from docparse_runner._manifest import read_manifest
from docparse_runner._model import IsUnchanged, Stage, StagePlan, Unchanged, WorkItem
from docparse_runner._row import GONE, IMPORTED, Row
from docparse_runner._row_index import RowIndex
from docparse_runner._selection import Selection
from docparse_runner._workspace import Workspace, path_of, quote_id, unquote_id
from docparse_runner.errors import UsageError

SOURCE = "source"

_COUNTED = 256
"""So many documents at most are told of at once as unchanged."""


@attrs.frozen
class Upstream:
    """What the data root knows about one kind of artifact.

    Attributes:
        stage: who makes it, or an empty string.
        suffixes: how its files end.
        rows: item id → the maker's last row.
        imported: item id → the row of what the earlier runner made.
    """

    stage: str
    suffixes: tuple[str, ...]
    rows: Mapping[str, Row]
    imported: Mapping[str, Row] = attrs.field(factory=dict)

    def close(self) -> None:
        """Close the manifests; rows cannot be read any more."""
        for rows in (self.rows, self.imported):
            if isinstance(rows, RowIndex):
                rows.close()

    def has_made(self, kind: str, item_id: str) -> bool:
        """Whether a file of this kind is a result: recorded as one, or of a maker that has recorded nothing here.

        A file that the maker's manifest does not know is what a killed run left; a maker without a manifest has lost
        it, or has worked elsewhere.
        """
        row = self.rows.get(item_id) or self.imported.get(item_id)
        return not self.rows if row is None else row.status != GONE and kind in row.in_place


def upstreams_of(stage: Stage, workspace: Workspace) -> dict[str, Upstream]:
    """Return kind → what is known of it, for each kind of artifact that the stage consumes.

    Raises:
        UsageError: nobody says how the files of a kind end.
    """
    kinds = workspace.kinds()
    manifests: dict[str, Mapping[str, Row]] = {"": {}}
    imported = read_manifest(workspace, IMPORTED)[0]
    found = {}
    for kind, declared in stage.consumes.items():
        if kind == SOURCE:
            continue
        known = kinds.get(kind, {})
        maker = known.get("stage", "")
        suffixes = tuple(dict.fromkeys([known["suffix"], *declared] if known else declared))
        if not suffixes:
            msg = f"there are no {kind!r} artifacts in {workspace.root}; run the stage that produces them first"
            raise UsageError(msg)
        if maker not in manifests:
            manifests[maker] = read_manifest(workspace, maker)[0]
        found[kind] = Upstream(maker, suffixes, manifests[maker], imported)
    return found


@attrs.define
class _Place:
    """One folder that is listed.

    Attributes:
        root: the folder, under the input name that begins its ids; an empty name for the data root itself.
        complete: whether the last listing met no error and found something.
    """

    root: InputRoot
    complete: bool = False


class Listing:
    """The items of a stage without a planner of its own.

    Iterating lists the folders again, so it always shows what is there now.
    """

    def __init__(
        self, stage: Stage, workspace: Workspace, roots: Sequence[InputRoot], upstreams: Mapping[str, Upstream]
    ) -> None:
        """Prepare to list; `roots` are the user's folders of the first kind that the stage consumes."""
        self._stage = stage
        self._workspace = workspace
        self._upstreams = upstreams
        self._kind = next(iter(stage.consumes))
        self._places = [_Place(root) for root in roots]
        own = workspace.root / self._kind
        if self._kind != SOURCE and own.is_dir():
            self._places.append(_Place(InputRoot(name="", path=own, kind=self._kind)))
        self._keep, self._ends = self._rule()
        self.problems: list[str] = []

    def _rule(self) -> tuple[Callable[[str], bool], tuple[str, ...]]:
        """Return (whether a file name is wanted, suffixes to take off for the id)."""
        if self._kind == SOURCE:
            wanted = re.compile(
                "|".join(fnmatch.translate(pattern.lower()) for pattern in self._stage.patterns) or "(?!)"
            )
            return lambda name: not name.startswith((".", "~$")) and wanted.match(name.lower()) is not None, ()
        ends = self._upstreams[self._kind].suffixes
        return lambda name: name.endswith(ends) and not name.startswith("."), ends

    @property
    def overlapping(self) -> bool:
        """Whether two folders might hold the same id."""
        return len(self._places) > 1 and self._kind != SOURCE

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield (item id, path of the first input) in a stable order."""
        self.problems = []
        for place in self._places:
            if place.root.forgotten:
                place.complete = True  # nothing in it counts, so whatever was recorded of it is gone
                continue
            failed = len(self.problems)
            found = False
            top = os.path.join(place.root.path, "")
            for name in self._workspace.walk(place.root, self._keep, self._failed):
                found = True
                item_id = self._item_id(place.root.name, name)
                if self._kind == SOURCE or place.root.name or self._upstreams[self._kind].has_made(self._kind, item_id):
                    yield item_id, top + name
            place.complete = found and len(self.problems) == failed and not place.root.files

    def _failed(self, error: OSError) -> None:
        self.problems.append(f"{error.filename} cannot be listed: {error.strerror}")

    def _item_id(self, root: str, name: str) -> str:
        if self._kind == SOURCE:
            return f"{root}/{quote_id(name)}"
        stem = next(name.removesuffix(end) for end in self._ends if name.endswith(end))
        if root:
            return f"{root}/{quote_id(stem)}"
        return stem if stem.isprintable() else quote_id(unquote_id(stem))  # the latter for a stray file

    def covers(self, item_id: str) -> bool:
        """Whether an id that the last iteration did not yield is gone: all folders it may lie in were listed whole."""
        homes = [each for each in self._places if not each.root.name or item_id.startswith(f"{each.root.name}/")]
        return bool(homes) and all(place.complete for place in homes)

    def count(self, wants: Callable[[str], bool]) -> tuple[int, int]:
        """Return (how many items there are, how many of them are wanted), listing names only."""
        total = wanted = 0
        for item_id, _path in self.names():
            total += 1
            wanted += wants(item_id)
        return total, wanted

    def example(self) -> str:
        """Return the id of one item."""
        return next(self.names())[0]

    def items(self, suffixes: Mapping[str, str]) -> Iterator[WorkItem]:
        """Yield the items; `suffixes` is kind → suffix of what the stage produces."""
        for item_id, path in self.names():
            yield self._item(item_id, path, suffixes)

    def items_unless(self, suffixes: Mapping[str, str], is_unchanged: IsUnchanged) -> Iterator[WorkItem | Unchanged]:
        """Yield the items that have to be looked at, and how many lie between them that have not."""
        unchanged = 0
        for item_id, path in self.names():
            is_same = is_unchanged(item_id, self._kind, path)
            unchanged += is_same
            if unchanged == _COUNTED or (unchanged and not is_same):
                yield Unchanged(unchanged)
                unchanged = 0
            if not is_same:
                yield self._item(item_id, path, suffixes)
        if unchanged:
            yield Unchanged(unchanged)

    def _item(self, item_id: str, path: str, suffixes: Mapping[str, str]) -> WorkItem:
        return WorkItem(
            item_id=item_id,
            inputs={self._kind: path_of(path), **dict(self._partners(item_id, path))},
            outputs={kind: self._workspace.artifact(kind, item_id, suffix) for kind, suffix in suffixes.items()},
        )

    def _partners(self, item_id: str, path: str) -> Iterable[tuple[str, Path]]:
        """Yield (kind, path) of the other kinds that the stage consumes; a path need not exist."""
        stem = next((path.removesuffix(end) for end in self._ends if path.endswith(end)), path)
        inside = self._workspace.holds(path)
        for kind, upstream in self._upstreams.items():
            if kind == self._kind:
                continue
            own = [self._workspace.artifact(kind, item_id, end) for end in upstream.suffixes]
            beside = [] if inside else [Path(stem + end) for end in upstream.suffixes]
            yield kind, next((each for each in [*beside, *own] if each.exists()), own[0])


_Item = TypeVar("_Item")


@attrs.frozen
class _Lazy(Generic[_Item]):
    """An iterable that starts anew each time it is iterated."""

    start: Callable[[], Iterator[_Item]]

    def __iter__(self) -> Iterator[_Item]:
        return self.start()


def listed_items(
    stage: Stage,
    workspace: Workspace,
    roots: Sequence[InputRoot],
    upstreams: Mapping[str, Upstream],
    selection: Selection,
) -> tuple[Listing, int]:
    """Return the listing of what a stage consumes, and how many selected items there are now.

    Raises:
        UsageError: there is nothing that the stage could take; the message says what it looked for and where.
    """
    listing = Listing(stage, workspace, roots, upstreams)
    total, wanted = listing.count(selection.wants)
    may_be_gone = any(root.forgotten for root in roots) or any(upstream.rows for upstream in upstreams.values())
    if not total and not may_be_gone:
        raise UsageError(_nothing(stage, workspace, roots, upstreams, listing.problems))
    if total and not wanted and selection.is_partial:
        left = f"--include and --exclude leave none of {total} documents"
        msg = f"{left} for {stage.name}; their ids are like {listing.example()}"
        raise UsageError(msg)
    return listing, wanted


def default_plan(stage: Stage, listing: Listing, total: int, *, options: object, cfg_hash: str) -> StagePlan:
    """Return the plan of a stage without a planner of its own."""
    suffixes = {kind: output.suffix for kind, output in stage.outputs(options).items()}
    return StagePlan(
        stage_name=stage.name,
        items=_Lazy(lambda: listing.items(suffixes)),
        total_items=total,
        stage_version=stage.version,
        config_hash=cfg_hash,
        unique_ids=not listing.overlapping,
        covers=listing.covers,
        unlisted=lambda: tuple(listing.problems),
        items_unless=(lambda same: _Lazy(lambda: listing.items_unless(suffixes, same)))
        if len(stage.consumes) == 1
        else None,
    )


def _nothing(
    stage: Stage,
    workspace: Workspace,
    roots: Sequence[InputRoot],
    upstreams: Mapping[str, Upstream],
    problems: Sequence[str],
) -> str:
    """Return the sentence that says why there is nothing to do."""
    kind = next(iter(stage.consumes))
    if problems:
        return f"nothing to do for {stage.name}: {problems[0]}"
    where = ", ".join(str(root.path / root.files[0] if len(root.files) == 1 else root.path) for root in roots)
    if kind == SOURCE and not roots:
        return f"no input: name the files or folders that {stage.name} should take; {workspace.root} remembers none yet"
    if kind == SOURCE:
        return f"no matching files in {where}; {stage.name} takes {' '.join(stage.patterns)}"
    ends = " or ".join(f"*{end}" for end in upstreams[kind].suffixes)
    if roots:
        return f"no {kind} files ({ends}) in {where}; leave out INPUT to use what {workspace.root} holds"
    maker = upstreams[kind].stage or f"a stage that produces {kind!r}"
    return f"no {kind} files ({ends}) in {workspace.root}; run {maker} first, or name a folder that holds some"
