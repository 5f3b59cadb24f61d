"""The work on one document."""

from collections.abc import Callable
from pathlib import Path

from docparse_runner import ItemOutcome, StageContext, WorkItem, read_rows, write_rows

from docparse_annotate._options import Options


def open_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Return the function that does one document; open models here."""
    options: Options = context.options

    def work(item: WorkItem) -> ItemOutcome:
        words = _words(item.inputs["chunks"])
        count = sum(len(word) >= options.min_length for word in words)
        write_rows(item.outputs["annotations"], [{"words": count}])
        return ItemOutcome.success(words=count)

    return work


def _words(path: Path) -> list[str]:
    texts = (str(row.get("text", "")) for row in read_rows(path))
    return [word for text in texts for word in text.split()]
