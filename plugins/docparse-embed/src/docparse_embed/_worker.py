"""The work: each document's chunks into a file of vectors, with models that stay open."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from docparse_embed._chunks import Chunks, read_chunks, result_or_error
from docparse_embed._families import Family, Made, open_family
from docparse_embed._options import FAMILIES
from docparse_embed._vectors import write_vectors
from docparse_runner import Category, ItemOutcome, StageContext, StageError, WorkItem

_Answers = Mapping[str, Made | StageError]
"""Family → what it made of a document, or why it made nothing."""


@contextmanager
def open_worker(context: StageContext) -> Iterator[Callable[[Sequence[WorkItem]], list[ItemOutcome]]]:
    """Open the families' models and the cache, and yield what embeds some documents."""
    with ExitStack() as stack:
        wanted = [name for name in FAMILIES if name in context.options.families]
        yield _Worker(context=context, families={name: open_family(name, context, stack) for name in wanted})


@attrs.frozen(kw_only=True)
class _Worker:
    """Embeds some documents per call: their texts go through the models together, each has its own outcome."""

    context: StageContext
    families: Mapping[str, Family]

    def __call__(self, items: Sequence[WorkItem]) -> list[ItemOutcome]:
        read = [result_or_error(read_chunks, item) for item in items]
        answers = iter(self._answers([each for each in read if isinstance(each, Chunks)]))
        return [
            self._outcome(item, each, next(answers)) if isinstance(each, Chunks) else ItemOutcome.failure(each)
            for item, each in zip(items, read, strict=True)
        ]

    def _answers(self, documents: Sequence[Chunks]) -> list[_Answers]:
        """Return what each document gets from the families.

        Raises:
            StageError: see ``_made_by``.
        """
        made = {name: self._made_by(family, documents) for name, family in self.families.items()}
        return [{name: each[place] for name, each in made.items()} for place in range(len(documents))]

    def _made_by(self, family: Family, documents: Sequence[Chunks]) -> Sequence[Made | StageError]:
        """Return what a family makes of each document; a server that is away is away for all of them.

        Raises:
            StageError: the configuration is wrong, or it does not show whose fault it is: the runner finds that out.
        """
        try:
            return family.make(documents, self.context.progress)
        except StageError as error:
            if error.category is Category.CONFIG or (len(documents) > 1 and not error.is_retryable):
                raise
            return [error] * len(documents)

    def _outcome(self, item: WorkItem, chunks: Chunks, answers: _Answers) -> ItemOutcome:
        """Write what was made; an error that a later try may spare the document fails it, with what there is."""
        failed = {name: each for name, each in answers.items() if isinstance(each, StageError)}
        made = {name: each for name, each in answers.items() if isinstance(each, Made)}
        fatal = [error for error in failed.values() if error.is_retryable or not made]
        if fatal:
            return ItemOutcome.failure(fatal[0])
        columns = {name: column for each in made.values() for name, column in each.columns.items()}
        write_vectors(item.outputs["embeddings"], chunks.ids, chunks.documents, columns, self._footer(made))
        self._tell_of(item, made)
        metrics = _metrics(chunks, made)
        if failed:
            reason = "; ".join(f"no {name}: {error.message}" for name, error in failed.items())
            return ItemOutcome.partial(reason, **metrics, failed=list(failed))
        return ItemOutcome.success(**metrics)

    def _tell_of(self, item: WorkItem, made: Mapping[str, Made]) -> None:
        warn = self.context.logger.warning
        for name, each in made.items():
            if each.truncated:
                warn("%s: %d chunks cut to what the %s model reads", item.item_id, each.truncated, name)
            if each.halved:
                warn("%s: %d batches of %s vectors halved: no memory", item.item_id, each.halved, name)

    def _footer(self, made: Mapping[str, Made]) -> dict[str, object]:
        """Return what made the vectors: of the family dense as it is, of the others under their names."""
        footers = {name: dict(self.families[name].footer) for name in made}
        return {
            **footers.pop("dense", {}),
            **footers,
            "families": list(made),
            "config_hash": _config_hash(self.context),
        }


def _metrics(chunks: Chunks, made: Mapping[str, Made]) -> dict[str, Any]:
    rest = {name: dict(each.metrics) for name, each in made.items()}
    return {"chunks": len(chunks.ids), **rest.pop("dense", {}), **rest}


def _config_hash(context: StageContext) -> str:
    """Return 16 hexadecimal digits over all that decides the vectors, beside the chunks."""
    names = ("families", "document_prompt", "query_prompt", "dimensions", "dtype", "on_overflow")
    chosen = {name: getattr(context.options, name) for name in names}
    text = json.dumps({**chosen, **context.resolved}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
