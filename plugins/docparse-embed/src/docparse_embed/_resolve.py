"""What the options mean on this machine: the digests of the models."""

from docparse_embed._terms import TOKENIZER
from docparse_embed.providers import find_model, find_sparse_model
from docparse_runner import StageContext


def resolve(context: StageContext) -> dict[str, object]:
    """Return what decides the vectors of the chosen families; see ``docparse_resolve``.

    Raises:
        StageError: of category ``config``: a model is not to be had.
    """
    options, dry = context.options, context.runner.dry_run
    cache = None if dry else context.workspace.cache
    resolved: dict[str, object] = {}
    if "dense" in options.families:
        resolved["model_digest"] = find_model(options, may_fetch=not dry, cache=cache).digest
    if "sparse" in options.families:
        resolved["sparse_model_digest"] = find_sparse_model(options, may_fetch=not dry, cache=cache).digest
    if "lexical" in options.families:
        resolved["terms"] = TOKENIZER
    return resolved
