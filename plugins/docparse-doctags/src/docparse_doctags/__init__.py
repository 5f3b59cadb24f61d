"""Convert documents with docling: lossless JSON beside DocTags.

Reads the user's files. Writes ``.docling.json``, the canonical DoclingDocument, and ``.doctags``, derived from it.
"""

from collections.abc import Callable, Iterable, Mapping

from docparse_doctags._formats import PATTERNS
from docparse_doctags._ladder import RUNGS
from docparse_doctags._options import Options
from docparse_runner import Capability, ItemOutcome, Output, Stage, StageContext, StageOutcome, WorkItem, hookimpl

_ALWAYS = {"docling": Output(".docling.json"), "doctags": Output(".doctags", required=False)}
_EXPORTS = {
    "markdown": Output(".md", required=False),
    "html": Output(".html", required=False),
    "doclang": Output(".dclg", required=False),
}
_PICTURES = {"pictures": Output(".pictures.zip", required=False)}


def _produces(options: Options) -> Mapping[str, Output]:
    chosen = {kind: output for kind, output in _EXPORTS.items() if kind in options.also}
    return _ALWAYS | chosen | (_PICTURES if options.pictures else {})


@hookimpl
def docparse_stage() -> Stage:
    """Say what the stage is."""
    return Stage(
        name="doctags",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=PATTERNS,
        produces=_produces,
        options=Options,
        policy="cpu",
        timeout_s=600,
        fallbacks=RUNGS,
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, str]:
    """Say which engine converts PDFs and images here."""
    from docparse_doctags._choice import resolved  # noqa: PLC0415 - listing the stages needs none of it

    return resolved(context.options)


@hookimpl
def docparse_capabilities() -> Iterable[Capability]:
    """Say which formats are converted here, and what would enable the rest."""
    from docparse_doctags._capabilities import capabilities  # noqa: PLC0415 - only two commands ask

    return capabilities()


@hookimpl
def docparse_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Open docling, once per worker."""
    from docparse_doctags._worker import open_worker  # noqa: PLC0415 - docling is loaded in the worker only

    return open_worker(context)


@hookimpl
def docparse_after_stage(outcome: StageOutcome, context: StageContext) -> Mapping[str, str]:  # noqa: ARG001 - the contract's
    """Say once a run which engine converted PDFs and images, and why."""
    from docparse_doctags._choice import why  # noqa: PLC0415 - as above

    engine = context.resolved.get("engine", "native")
    return {"engine": engine, "because": why(context.options, engine)}
