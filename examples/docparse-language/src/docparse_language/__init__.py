"""Say in which languages every document is written."""

from collections.abc import Callable

from docparse_runner import ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl

from docparse_language._options import Options


@hookimpl
def docparse_stage() -> Stage:
    """Return what the stage is."""
    return Stage(
        name="language",
        summary=__doc__,
        version=1,  # raise it when the same document gives another result
        consumes={"chunks": ".chunks.jsonl"},
        produces={"languages": Output(".languages.jsonl")},
        options=Options,
    )


@hookimpl
def docparse_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Return the function that does one document; called once in each worker."""
    from docparse_language._worker import open_worker  # noqa: PLC0415 - heavy imports stay in the worker

    return open_worker(context)
