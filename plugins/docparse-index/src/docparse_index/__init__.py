"""Chunks and their vectors into one searchable file, and ``docparse search``.

One SQLite database under the data root holds the chunks, their words (FTS5) and their vectors; other places are sinks,
found by name in the entry point group ``docparse_index.sinks``. Each document is replaced in one transaction and then
gets a receipt, its declared output; a document that is gone leaves the index in the same run. ``open_index`` searches
from Python.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from docparse_index._hit import Filters, Hit, Neighbour
from docparse_index._options import Options
from docparse_runner import Capability, ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl

if TYPE_CHECKING:
    from docparse_index._search import Index

__all__ = [
    "Filters",
    "Hit",
    "Neighbour",
    "Options",
    "docparse_capabilities",
    "docparse_resolve",
    "docparse_stage",
    "docparse_worker",
    "open_index",
]


@hookimpl
def docparse_stage() -> Stage:
    """Return what the stage is."""
    return Stage(
        name="index",
        summary=__doc__,
        version=2,
        consumes={"chunks": (".chunks.jsonl", ".chunks.parquet"), "embeddings": (".vectors.parquet",)},
        produces={"indexed": Output(".indexed.json")},
        options=Options,
        max_workers=1,
        removes=True,
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, object]:
    """Return the generation of the store: receipts of a store that was deleted or rebuilt count for nothing.

    The store is made here when there is none, and not by the first worker, because the generation that a run starts
    with is what its receipts are recorded under. A dry run makes none, so that everything is then planned to run.
    """
    from docparse_index._active import resolve  # noqa: PLC0415 - listing the stages needs none of it

    return resolve(context.options, context.workspace.root, create=not context.runner.dry_run)


@hookimpl
def docparse_capabilities() -> Iterable[Capability]:
    """Say which sinks are here, and what would bring the others."""
    from docparse_index._capabilities import capabilities  # noqa: PLC0415 - only two commands ask

    return capabilities()


@hookimpl
def docparse_worker(context: StageContext) -> AbstractContextManager[Callable[[WorkItem], ItemOutcome]]:
    """Return the worker: it holds the store open and replaces or removes one document per call."""
    from docparse_index._worker import open_worker  # noqa: PLC0415 - imports pyarrow

    return open_worker(context)


def open_index(path: str | Path, *, model: str | None = None, url: str | None = None) -> "Index":
    """Open an index for searching; use it as a context manager, from one thread.

    Args:
        path: the data root, or a database of the sink ``sqlite`` itself.
        model: where the embedding model is now, a folder or a name, when it is not where it was while indexing.
        url: connection string of the sink's server, for an index that is kept by one.

    Raises:
        UsageError: there is no index, or not one that this version reads.
    """
    from docparse_index._search import open_at  # noqa: PLC0415 - as above

    return open_at(Path(path).expanduser(), model=model, url=url)
