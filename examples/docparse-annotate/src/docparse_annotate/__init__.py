"""Let an HTTP service annotate every document."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docparse_runner import Output, Stage, StageContext, UsageError, hookimpl

from docparse_annotate._options import Options
from docparse_annotate._worker import Annotate


@hookimpl
def docparse_stage() -> Stage:
    """Return what the stage is."""
    return Stage(
        name="annotate",
        summary=__doc__,
        version=1,  # raise it when the same document gives another result
        consumes={"chunks": ".chunks.jsonl"},
        produces={"annotations": Output(".annotations.jsonl")},
        options=Options,
        policy="io",  # it waits for the network, in Python that keeps its own deadlines: threads do, and cost least
        batch=8,
    )


@hookimpl
def docparse_resolve(context: StageContext) -> Mapping[str, str]:
    """Check what no document is to blame for, before the first is sent."""
    options: Options = context.options
    if not options.url.startswith(("http://", "https://")):
        msg = (
            f"annotate needs the address of the service, http://… or https://…, not {options.url!r}: "
            "set --url, DOCPARSE_ANNOTATE__URL, or url in [stage.annotate] of docparse.toml"
        )
        raise UsageError(msg)
    return {}


@hookimpl
@contextmanager
def docparse_worker(context: StageContext) -> Iterator[Annotate]:
    """Yield the function that does a batch of documents; called once in each worker."""
    from docparse_annotate._service import Service  # noqa: PLC0415 - heavy imports stay in the worker

    with Service(context.options) as service:
        yield Annotate(service)
