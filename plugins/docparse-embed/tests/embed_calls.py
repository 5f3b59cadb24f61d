"""The worker, called as the runner calls it."""

from docparse_embed import docparse_worker


def together(context, *items):
    """Return the outcomes of documents that the worker gets in one list."""
    with docparse_worker(context) as embed:
        return embed(list(items))


def alone(context, item):
    """Return the outcome of a document that is alone in its list; a failure is raised."""
    (outcome,) = together(context, item)
    if outcome.error:
        raise outcome.error
    return outcome
