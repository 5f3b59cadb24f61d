"""Every exception of docparse, sorted by what to do next.

- ``UsageError``: the user changes something (exit code 2).
- ``PluginError``: the author of a plugin changes something (exit code 2).
- ``StageError``: raised by a worker to say what went wrong with one item.
- ``SkipItem``: raised by a worker to say that there is nothing to do for one item.
"""

import errno
from enum import StrEnum


class Category(StrEnum):
    """What kind of failure an item met, which decides what happens next.

    Whether a category is retried and remembered is written in ``RETRYABLE`` and ``QUARANTINED``.
    """

    INPUT = "input"
    CONFIG = "config"
    CONTRACT = "contract"
    IO = "io"
    PROVIDER = "provider"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OOM = "oom"
    RUNTIME = "runtime"
    CANCELLED = "cancelled"


RETRYABLE = frozenset({Category.IO, Category.PROVIDER})
"""Categories that ``--retries`` tries again; a ``crash`` is tried once more, alone in a fresh worker."""

QUARANTINED = frozenset({Category.INPUT, Category.CRASH, Category.TIMEOUT, Category.OOM})
"""Categories that are remembered: such an item is not run again while its fingerprint is the same."""


DISK_ERRORS = frozenset(
    {
        errno.EIO,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENOMEM,
    }
)
"""What a disk says that is full, broken, write-protected or gone; ``EFBIG``: the user's own limit (``ulimit -f``)."""


class DocparseError(Exception):
    """The base of the errors that docparse reports in one sentence, without a traceback.

    Attributes:
        outcome: the ``StageOutcome`` of the run that it stopped, or None when none had begun.
    """

    outcome: object = None


class UsageError(DocparseError):
    """The user must change something: an argument, an option, a file, the environment."""


class PluginError(DocparseError):
    """A plugin is broken; its author must change something.

    Attributes:
        plugin: the name of the entry point.
        problem: what is wrong with it.
        remedy: what to do about it, or an empty string.
    """

    def __init__(self, plugin: str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{plugin}: {problem}" + (f" ({remedy})" if remedy else ""))
        self.plugin = plugin
        self.problem = problem
        self.remedy = remedy


class ManifestError(DocparseError):
    """The manifest, or another file of the data root, could not be written: the run stops, what was recorded stays."""

    @classmethod
    def of(cls, error: OSError, path: object) -> "ManifestError":
        """Return what to tell of an error of the disk; `path` is what was to be written if the error names no file."""
        reason = error.strerror or error
        return cls(f"{error.filename or path} cannot be written: {reason}; what was recorded so far is safe, run again")


class SkipItem(Exception):  # noqa: N818 - a signal, not an error
    """Raised by a worker: there is nothing to do for this item, and that is its result.

    Attributes:
        reason: one short sentence for the manifest and the summary.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StageError(Exception):
    """What went wrong with one item; raised by workers, recorded in the manifest.

    Attributes:
        message: one sentence for the person who owns the document.
        category: decides whether the failure is retried or remembered.
        retryable: overrides what the category says; None leaves it to the category.
        detail: anything longer: a traceback, the last lines that the worker printed.
        stage: filled in by the runner.
        item_id: filled in by the runner.
    """

    def __init__(
        self,
        message: str,
        *,
        category: Category | str = Category.RUNTIME,
        retryable: bool | None = None,
        detail: str = "",
        stage: str = "",
        item_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.category = Category(category)
        self.retryable = retryable
        self.detail = detail
        self.stage = stage
        self.item_id = item_id

    @property
    def is_retryable(self) -> bool:
        """Whether ``--retries`` may try the item again."""
        return self.category in RETRYABLE if self.retryable is None else self.retryable
