"""Chunks into checked vectors, none computed twice.

Reads ``chunks`` (JSON Lines or Parquet), encodes what each chunk says in its context, and writes one Parquet file of
vectors per document: dense, sparse, lexical, or several of them. What runs a model is found by name in the entry point
group ``docparse_embed.providers``; ``docparse_embed.providers`` says what one looks like. ``open_query_encoder`` opens
the model of an index for its queries.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docparse_embed._options import Options
from docparse_runner import Capability, ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl

if TYPE_CHECKING:
    from docparse_embed._queries import QueryEncoder

__all__ = [
    "Options",
    "docparse_after_item",
    "docparse_after_stage",
    "docparse_before_stage",
    "docparse_capabilities",
    "docparse_resolve",
    "docparse_stage",
    "docparse_validate",
    "docparse_worker",
    "open_query_encoder",
]

docparse_hears_unchanged = False
"""The summary is about what a run embedded, so that a run without anything to do stays quick."""


@hookimpl
def docparse_stage() -> Stage:
    """Return what the stage is."""
    return Stage(
        name="embed",
        summary=__doc__,
        version=1,
        consumes={"chunks": (".chunks.jsonl", ".chunks.parquet")},
        produces={"embeddings": Output(".vectors.parquet")},
        options=Options,
        policy="cpu",
        setup_timeout_s=300,
        batch={"gpu": 16},  # of 20 chunks of 200 tokens each, they fill one batch of an accelerator
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, object]:
    """Return the digests of the models that are meant here; what only the hub has is fetched first.

    Names stay out: the same files in another place, or under another name, give the same vectors. So does the
    provider: those that give the same digest were verified to give the same vectors.
    """
    from docparse_embed._resolve import resolve  # noqa: PLC0415 - listing the stages needs none of it

    return resolve(context)


@hookimpl
def docparse_before_stage(context: StageContext) -> None:
    """Compare what the chunks were made for with the model that is to read them."""
    from docparse_embed import _agreement, _corpus  # noqa: PLC0415 - as above

    _agreement.check(context)
    _corpus.begin(context.run_id)


@hookimpl
def docparse_capabilities() -> Iterable[Capability]:
    """Say what runs models here, and what would bring more."""
    from docparse_embed._capabilities import capabilities  # noqa: PLC0415 - only two commands ask

    return capabilities()


@hookimpl
def docparse_worker(
    context: StageContext,
) -> AbstractContextManager[Callable[[Sequence[WorkItem]], list[ItemOutcome]]]:
    """Return the worker: it opens the models once and embeds some documents per call, one where nothing is gained."""
    from docparse_embed._worker import open_worker  # noqa: PLC0415 - imports numpy, pyarrow and a model's library

    return open_worker(context)


@hookimpl
def docparse_after_item(outcome: ItemOutcome, context: StageContext) -> None:
    """Count the document in the summary of the run."""
    from docparse_embed import _corpus  # noqa: PLC0415 - as above

    _corpus.add(context.run_id, outcome.metrics)


@hookimpl
def docparse_after_stage(context: StageContext) -> Mapping[str, Any]:
    """Return the summary of what was embedded, and keep the cache within its limit."""
    from docparse_embed import _corpus  # noqa: PLC0415 - as above
    from docparse_embed._eviction import evict  # noqa: PLC0415 - as above

    limit = context.options.cache_limit_mb * 1_000_000
    evicted = evict(context.workspace.cache / "vectors.sqlite", limit) if context.options.cache else 0
    return {**_corpus.end(context.run_id), "evicted": evicted}


@hookimpl
def docparse_validate(item: WorkItem, context: StageContext) -> Iterable[str]:  # noqa: ARG001 - the hook's arguments
    """Return what is wrong with a document's vectors."""
    from docparse_embed._validate import problems  # noqa: PLC0415 - imports numpy and pyarrow

    return problems(item)


def open_query_encoder(
    *,
    provider: str,
    model: str,
    digest: str,
    dimension: int,
    query_prompt: str,
    cache: Path,
) -> "AbstractContextManager[QueryEncoder]":
    """Return a context manager that opens the model that made some vectors, with what runs it fastest here.

    Args:
        provider: what ran it, as the footer of the vectors says; one that is equivalent may be taken instead.
        model: what finds the model: the footer's ``model``, or where it is now.
        digest: the footer's ``model_digest``.
        dimension: the footer's ``dimension``.
        query_prompt: the footer's ``query_prompt``.
        cache: the ``.cache`` of the data root.

    Raises:
        StageError: of category ``config``: the model is not to be had here, or is another one.
    """
    from docparse_embed._queries import Wanted, open_encoder  # noqa: PLC0415 - as above

    wanted = Wanted(
        provider=provider, model=model, digest=digest, dimension=dimension, query_prompt=query_prompt, cache=cache
    )
    return open_encoder(wanted)
