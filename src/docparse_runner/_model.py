"""The nouns of a run: what is planned, what is handed to a worker, what comes back.

Everything here is plain data, frozen and checked when it is built, so that a wrong value fails where it is written.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import attrs
from attrs import validators

from docparse_runner.errors import StageError

API_VERSION = 1
"""The version of the plugin contract; it rises only on a break, announced one minor release before."""

RESERVED_NAMES = frozenset({"all", "runner", "shared"})
"""Names that no stage may have: they mean something else on the command line or in ``docparse.toml``."""

RESERVED_KINDS = frozenset({"manifests", "runs", "source"})
"""Names that no kind of output may have: folders of the data root, and the user's files."""

_KIND = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*"
_not_negative = validators.ge(0.0)


def _paths(value: Mapping[str, str | Path]) -> dict[str, Path]:
    return {name: path if isinstance(path, Path) else Path(path) for name, path in value.items()}


class Status(StrEnum):
    """The one word for how an item ended; true in a condition when it is good news."""

    SUCCESS = "success"
    PARTIAL = "partial"
    SKIP = "skip"
    FAILURE = "failure"
    CANCELLED = "cancelled"

    def __bool__(self) -> bool:
        """Whether the item has a result that may be used."""
        return self in _GOOD


_GOOD = frozenset({Status.SUCCESS, Status.PARTIAL, Status.SKIP})


@attrs.frozen
class Output:
    """One file that a stage writes for each item.

    Attributes:
        suffix: what is appended to the item's id, with its leading dot (``.docling.json``).
        required: whether a successful item must have written it; a partial item needs only the required ones.
    """

    suffix: str = attrs.field(validator=validators.matches_re(r"\.[A-Za-z0-9][A-Za-z0-9._-]*"))
    required: bool = attrs.field(default=True, kw_only=True)


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _suffixes(value: Sequence[str] | Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    if isinstance(value, str):
        msg = f"consumes must be a list of kinds, not the string {value!r}"
        raise TypeError(msg)
    if not isinstance(value, Mapping):
        return dict.fromkeys(value, ())
    return {kind: (ends,) if isinstance(ends, str) else tuple(ends) for kind, ends in value.items()}


def _words(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        msg = f"expected a list of words, not the string {value!r}"
        raise TypeError(msg)
    return tuple(value)


Produces = Mapping[str, Output]


def _check_produces(produces: object) -> None:
    if not isinstance(produces, Mapping) or not all(isinstance(output, Output) for output in produces.values()):
        msg = f"produces must map kinds to Output(suffix), or be a function that returns such a mapping: {produces!r}"
        raise TypeError(msg)
    for kind in produces:
        if not re.fullmatch(_KIND, kind) or kind in RESERVED_KINDS:
            msg = f"{kind!r} cannot be the name of a kind: it is the folder in the data root that the outputs lie in"
            raise ValueError(msg)


def _static(_stage: object, _attribute: object, value: Any) -> None:
    if not callable(value):
        _check_produces(value)


POLICIES = ("cpu", "gpu", "io")
"""What a stage's work needs: processors, an accelerator for each worker, or patience."""


def _check_batch(_stage: object, _attribute: object, value: Any) -> None:
    sizes = value if isinstance(value, Mapping) else {"cpu": value}
    if not all(isinstance(size, int) and size >= 1 for size in sizes.values()) or not sizes.keys() <= set(POLICIES):
        msg = f"batch must be a number of items, or map policies ({', '.join(POLICIES)}) to such numbers, not {value!r}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Stage:
    """What a stage is: the value that ``docparse_stage()`` returns.

    Attributes:
        name: what the user types after ``docparse run``; the same as the entry point's name.
        summary: one line for ``docparse stages``; of a docstring the first line is taken.
        version: raise it when the algorithm, or a default, changes the output: everything is then done again.
        api: the ``API_VERSION`` that the stage was written for.
        consumes: kinds of artifacts, the first being the one that is listed; ``source`` means the user's files.
            A mapping kind → suffix (or suffixes) lets the stage run on files whose producer is not installed.
        patterns: which files a stage that consumes ``source`` takes, as glob patterns on the file name.
        produces: kind → ``Output``, or a pure function of the resolved options that returns that mapping.
            The first is the canonical one. The kind is the folder of the data root it lies in.
        options: the attrs class of the stage's options, its fields made with ``option()``.
        policy: the default executor, ``cpu``, ``gpu`` or ``io``.
        timeout_s: default deadline of one item in seconds; 0 means none.
        setup_timeout_s: deadline in seconds of one call of ``docparse_worker``.
        max_workers: never run more workers than this, whatever the user says; None means no bound.
        batch: how many items one call of the worker takes; 1 means one item, not a list. A mapping policy → number,
            for a stage that gains by it only there: its worker gets lists always, of one item under the other policies.
        fallbacks: names tried one after the other, in ``WorkItem.fallback``, after an item fails.
        removes: whether the stage wants a ``WorkItem(removed=True)`` for each document that is gone.
    """

    name: str = attrs.field(validator=validators.matches_re(_NAME))
    summary: str = attrs.field(default="", converter=_first_line)
    version: int = attrs.field(validator=[validators.instance_of(int), validators.ge(1)])
    api: int = attrs.field(default=API_VERSION, validator=validators.instance_of(int))
    consumes: Mapping[str, tuple[str, ...]] = attrs.field(converter=_suffixes, validator=validators.min_len(1))
    patterns: tuple[str, ...] = attrs.field(default=(), converter=_words)
    produces: Produces | Callable[[Any], Produces] = attrs.field(validator=_static)
    options: type[Any] | None = None
    policy: str = attrs.field(default="cpu", validator=validators.in_(POLICIES))
    timeout_s: float = attrs.field(default=600.0, validator=_not_negative)
    setup_timeout_s: float = attrs.field(default=300.0, validator=validators.gt(0))
    max_workers: int | None = attrs.field(default=None, validator=validators.optional(validators.ge(1)))
    batch: int | Mapping[str, int] = attrs.field(default=1, validator=_check_batch)
    fallbacks: tuple[str, ...] = attrs.field(default=(), converter=_words)
    removes: bool = False

    @property
    def takes_lists(self) -> bool:
        """Whether the worker is called with lists of items, be they of one."""
        return isinstance(self.batch, Mapping) or self.batch > 1

    def batch_under(self, policy: str) -> int:
        """Return how many items one call of the worker takes at most under a policy."""
        return self.batch.get(policy, 1) if isinstance(self.batch, Mapping) else self.batch

    def outputs(self, options: object) -> Mapping[str, Output]:
        """Return kind → ``Output`` under these options, the canonical one first.

        Raises:
            TypeError: a function in `produces` returned something else.
            ValueError: a kind's name cannot be a folder of the data root.
        """
        if not callable(self.produces):
            return self.produces
        produces = self.produces(options)
        _check_produces(produces)
        return produces


@attrs.frozen(kw_only=True)
class ItemFingerprint:
    """What an item's result was made from; equal fingerprints mean that nothing needs to be done.

    Attributes:
        digests: input name → ``sha256:…`` over the raw bytes.
        config_hash: over the resolved values and the options that change the output and differ from their default.
        stage_name: the stage.
        stage_version: ``Stage.version`` at that time.
    """

    digests: Mapping[str, str]
    config_hash: str
    stage_name: str
    stage_version: int


_PART = r"(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
_SAFE_ID = re.compile(f"{_PART}(?:/{_PART})*")


def _safe_id(_item: object, _attribute: object, value: Any) -> None:
    if not isinstance(value, str):
        msg = f"item_id must be a str, not {type(value).__name__}"
        raise TypeError(msg)
    if not _SAFE_ID.fullmatch(value):
        msg = f"item_id must be a relative path without '..', empty parts and control characters, not {value!r}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class WorkItem:
    """One document for one stage.

    Attributes:
        item_id: input name + ``/`` + relative POSIX path; the same from the first stage to the last.
        inputs: kind → file to read.
        outputs: kind → file to write. In a worker these lie in a staging folder; the runner moves them into place.
        cost_hint: how large the item is, in any unit (bytes, pages); orders ``--schedule sjf`` and ``lpt``.
        timeout_s: this item's deadline in seconds; None means the stage's; 0 means none.
        metadata: plain data from the planner for the worker.
        fingerprint: what the last recorded result was made from, or None.
        fallback: which of ``Stage.fallbacks`` this attempt uses; None on the first attempt.
        removed: the document is gone: undo its effect and return (only for stages with ``removes=True``).
    """

    item_id: str = attrs.field(validator=_safe_id)
    inputs: Mapping[str, Path] = attrs.field(factory=dict, converter=_paths)
    outputs: Mapping[str, Path] = attrs.field(factory=dict, converter=_paths)
    cost_hint: float = 0.0
    timeout_s: float | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    fingerprint: ItemFingerprint | None = None
    fallback: str | None = None
    removed: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse numbers below zero."""
        if self.cost_hint < 0 or (self.timeout_s is not None and self.timeout_s < 0):
            msg = f"cost_hint and timeout_s must be >= 0, not {self.cost_hint!r} and {self.timeout_s!r}"
            raise ValueError(msg)


@attrs.frozen
class Unchanged:
    """In a plan, instead of the items: documents for which nothing has to be done.

    Attributes:
        count: how many.
    """

    count: int


IsUnchanged = Callable[[str, str, str], bool]
"""(item id, kind of its one input, its path) → whether nothing has to be done, by the last row and ``stat`` alone."""


@attrs.frozen(kw_only=True)
class StagePlan:
    """The items of one run of one stage.

    Attributes:
        stage_name: the stage.
        items: read lazily, ``max_queue`` ahead, in a thread of its own.
        total_items: how many of them will be selected, or None when that is not known before the end.
        stage_version: enters the fingerprint.
        config_hash: enters the fingerprint.
        unique_ids: whether the planner guarantees that no id repeats; else the runner keeps track of them.
        covers: asked once the items are exhausted, of a recorded id that was not among them: is that document gone?
        unlisted: asked at the end: what could not be listed, a sentence each. Such a run does not end with 0, and what
            lies there is left as it is.
        items_unless: returns the items without those that are unchanged, which are only counted; or None.
    """

    stage_name: str = attrs.field(validator=validators.min_len(1))
    items: Iterable[WorkItem]
    total_items: int | None = None
    stage_version: int = 1
    config_hash: str = ""
    unique_ids: bool = False
    covers: Callable[[str], bool] = lambda _item_id: False
    unlisted: Callable[[], Sequence[str]] = tuple
    items_unless: "Callable[[IsUnchanged], Iterable[WorkItem | Unchanged]] | None" = None


@attrs.frozen(kw_only=True)
class ItemOutcome:
    """How one item ended. Workers build it with ``success``, ``partial`` and ``skip``, or raise ``StageError``.

    Attributes:
        status: how it ended.
        reason: why it was run, skipped or only partly done.
        duration_s: seconds in the worker, the commit of the outputs included.
        attempts: how often it was tried in this run.
        metrics: JSON data about the result (pages, chunks, tokens).
        error: set when the status is ``failure``.
        peak_rss: largest resident set of the worker so far, in bytes.
    """

    status: Status = attrs.field(converter=Status)
    reason: str = ""
    duration_s: float = 0.0
    attempts: int = 1
    metrics: Mapping[str, Any] = attrs.field(factory=dict)
    error: StageError | None = None
    peak_rss: int = 0

    @classmethod
    def success(cls, **metrics: Any) -> Self:
        """Return the outcome of an item whose every output was written."""
        return cls(status=Status.SUCCESS, metrics=metrics)

    @classmethod
    def partial(cls, reason: str, **metrics: Any) -> Self:
        """Return the outcome of an item that has a result of which something had to be given up; `reason` says what."""
        return cls(status=Status.PARTIAL, reason=reason, metrics=metrics)

    @classmethod
    def skip(cls, reason: str, **metrics: Any) -> Self:
        """Return the outcome of an item for which there is nothing to do; it has no outputs, and older ones go."""
        return cls(status=Status.SKIP, reason=reason, metrics=metrics)

    @classmethod
    def failure(cls, error: StageError) -> Self:
        """Return the outcome of an item that failed."""
        return cls(status=Status.FAILURE, reason=error.message, error=error)
