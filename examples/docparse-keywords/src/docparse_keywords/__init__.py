"""Count the words of every document."""

from collections.abc import Callable

from docparse_runner import ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl

from docparse_keywords._options import Options


@hookimpl
def docparse_stage() -> Stage:
    """Return what the stage is."""
    return Stage(
        name="keywords",
        summary=__doc__,
        version=1,  # raise it when the same document gives another result
        consumes={"chunks": ".chunks.jsonl"},
        produces={"keywords": Output(".keywords.jsonl")},
        options=Options,
    )


@hookimpl
def docparse_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Return the function that does one document; called once in each worker."""
    from docparse_keywords._worker import open_worker  # noqa: PLC0415 - heavy imports stay in the worker

    return open_worker(context)
