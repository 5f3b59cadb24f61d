"""Chunks and their vectors into one searchable file, and ``docparse search``.

One SQLite database under the data root holds the chunks, their words (FTS5) and their vectors. Each document is
replaced in one transaction and then gets a receipt, its declared output; a document that is gone leaves the index in
the same run. ``open_index`` searches from Python.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from docparse_index._hit import Filters, Hit
from docparse_runner import ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl

if TYPE_CHECKING:
    from docparse_index._search import Index

__all__ = ["Filters", "Hit", "docparse_resolve", "docparse_stage", "docparse_worker", "open_index"]


@hookimpl
def docparse_stage() -> Stage:
    """Return what the stage is."""
    return Stage(
        name="index",
        summary=__doc__,
        version=1,
        consumes={"chunks": (".chunks.jsonl", ".chunks.parquet"), "embeddings": (".vectors.parquet",)},
        produces={"indexed": Output(".indexed.json")},
        max_workers=1,
        removes=True,
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, object]:
    """Return the generation of the store: receipts of a store that was deleted or rebuilt count for nothing.

    The store is made here when there is none, and not by the first worker, because the generation that a run starts
    with is what its receipts are recorded under. A dry run makes none, so that everything is then planned to run.
    """
    from docparse_index._store import index_path, read_generation  # noqa: PLC0415 - listing the stages needs none of it

    path = index_path(context.workspace.root)
    return {"generation": read_generation(path, create=not context.runner.dry_run)}


@hookimpl
def docparse_worker(context: StageContext) -> AbstractContextManager[Callable[[WorkItem], ItemOutcome]]:
    """Return the worker: it holds the store open and replaces or removes one document per call."""
    from docparse_index._worker import open_worker  # noqa: PLC0415 - imports pyarrow

    return open_worker(context)


def open_index(path: str | Path, *, model: str | None = None) -> "Index":
    """Open an index for searching; use it as a context manager, from one thread.

    Args:
        path: the data root, or the database itself.
        model: where the embedding model is now, a folder or a name, when it is not where it was while indexing.

    Raises:
        UsageError: there is no index, or not one that this version reads.
    """
    from docparse_index._search import Index  # noqa: PLC0415 - as above

    return Index(Path(path).expanduser(), model=model)
