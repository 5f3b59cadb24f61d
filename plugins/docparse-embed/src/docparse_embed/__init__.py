"""Chunks into checked vectors, none computed twice.

Reads ``chunks`` (JSON Lines or Parquet), encodes what each chunk says in its context with a sentence-transformers
model that is on the machine, and writes one Parquet file of vectors per document. Encoders are found by name in the
entry point group ``docparse_embed.providers``; ``docparse_embed.providers`` says what one looks like.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from docparse_embed._options import Options
from docparse_runner import ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl

__all__ = ["Options", "docparse_resolve", "docparse_stage", "docparse_worker"]


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
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, object]:
    """Return the digest of the model that is meant here; one that only the hub has is fetched first.

    Its name stays out: the same files in another place, or under another name, give the same vectors.
    """
    from docparse_embed.providers import find_model  # noqa: PLC0415 - listing the stages needs none of it

    options, dry = context.options, context.runner.dry_run
    found = find_model(options, offline=options.offline or dry, cache=None if dry else context.workspace.cache)
    return {"provider": options.provider, "model_digest": found.digest}


@hookimpl
def docparse_worker(context: StageContext) -> AbstractContextManager[Callable[[WorkItem], ItemOutcome]]:
    """Return the worker: it opens the model once and embeds one document per call."""
    from docparse_embed._worker import open_worker  # noqa: PLC0415 - imports torch

    return open_worker(context)
