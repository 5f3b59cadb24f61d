"""Documents into chunks that fit the embedding model, each traceable to its pages and boxes.

The stage reads ``.docling.json``, walks the document's structure in reading order, and packs paragraphs, list items,
table rows and code lines into chunks that never pass the model's token limit. Further chunkers are plugins of the
stage, in the entry point group ``docparse_chunk.chunkers``; what they need is in ``docparse_chunk.chunkers``.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from docparse_chunk._options import Options
from docparse_runner import Capability, ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl


def _produces(options: Options) -> Mapping[str, Output]:
    return {"chunks": Output(f".chunks.{options.format}")}


@hookimpl
def docparse_stage() -> Stage:
    """Return what the stage is."""
    return Stage(
        name="chunk",
        summary=__doc__,
        version=1,
        consumes={"docling": ".docling.json"},
        produces=_produces,
        options=Options,
        policy="cpu",
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, Any]:
    """Return which tokenizer counts, its digest and its limits: another tokenizer makes other chunks."""
    from docparse_chunk._worker import resolve  # noqa: PLC0415 - the tokenizer is read only when a run needs it

    return resolve(context)


@hookimpl
def docparse_capabilities() -> Iterable[Capability]:
    """Say which tokenizers and formats are here, and what would bring the others."""
    from docparse_chunk._capabilities import capabilities  # noqa: PLC0415 - only two commands ask

    return capabilities()


@hookimpl
def docparse_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Return the function that chunks one document, its tokenizer loaded."""
    from docparse_chunk._worker import open_worker  # noqa: PLC0415 - only workers need the tokenizer

    return open_worker(context)


@hookimpl
def docparse_validate(item: WorkItem, context: StageContext) -> Iterable[str]:
    """Return what is wrong with a document's chunks."""
    from docparse_chunk._validate import problems  # noqa: PLC0415 - the tokenizer is read only where it is needed

    return problems(item, context)
