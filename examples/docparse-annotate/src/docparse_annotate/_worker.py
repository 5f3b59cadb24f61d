"""The work on a batch of documents."""

from collections.abc import Sequence
from typing import Any, Protocol

from docparse_runner import ItemOutcome, StageError, WorkItem, read_rows, write_rows


class NobodysFault(StageError):  # noqa: N818 - of no document
    """What the service says whatever it is sent: it is away, or busy, or refuses the token."""


class Annotator(Protocol):
    """What annotates texts."""

    def annotate(self, texts: list[str]) -> list[list[dict[str, Any]]]:
        """Return the annotations of each text."""


class Annotate:
    """Sends a batch of documents to the service and writes what it says of them.

    When a document may be to blame, the error of the request is raised: the runner tries the halves until that document
    is alone. When none is, each gets the failure: halves would only ask more of a service that is away.
    """

    def __init__(self, service: Annotator) -> None:
        """Keep the service."""
        self._service = service

    def __call__(self, items: Sequence[WorkItem]) -> list[ItemOutcome]:
        """Return the outcome of each item."""
        texts = [_text(item) for item in items]
        try:
            annotations = self._service.annotate(texts)
        except NobodysFault as error:
            return [ItemOutcome.failure(error) for _item in items]
        return [_written(item, rows) for item, rows in zip(items, annotations, strict=True)]


def _text(item: WorkItem) -> str:
    return "\n\n".join(str(row.get("text", "")) for row in read_rows(item.inputs["chunks"]))


def _written(item: WorkItem, rows: list[dict[str, Any]]) -> ItemOutcome:
    write_rows(item.outputs["annotations"], rows)
    return ItemOutcome.success(annotations=len(rows))
