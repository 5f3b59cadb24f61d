"""Convert documents with docling: lossless JSON beside DocTags.

Reads the user's files. Writes ``.docling.json``, the canonical DoclingDocument, and ``.doctags``, derived from it.
"""

from collections.abc import Callable, Mapping

from docparse_doctags._formats import PATTERNS
from docparse_doctags._options import Options
from docparse_runner import ItemOutcome, Output, Stage, StageContext, WorkItem, hookimpl


@hookimpl
def docparse_stage() -> Stage:
    """Say what the stage is."""
    return Stage(
        name="doctags",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=PATTERNS,
        produces={"docling": Output(".docling.json"), "doctags": Output(".doctags", required=False)},
        options=Options,
        policy="cpu",
        timeout_s=600,
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, str]:  # noqa: ARG001 - the contract's signature
    """Say which engine converts PDFs."""
    return {"engine": "native"}


@hookimpl
def docparse_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Open docling, once per worker."""
    from docparse_doctags._worker import open_worker  # noqa: PLC0415 - docling is loaded in the worker only

    return open_worker(context)
