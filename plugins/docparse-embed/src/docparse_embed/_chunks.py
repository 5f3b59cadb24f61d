"""What is read of a document: its chunks."""

from collections.abc import Callable
from typing import TypeVar

import attrs

from docparse_runner import Category, StageError, WorkItem, read_rows

_Result = TypeVar("_Result")


@attrs.frozen(kw_only=True)
class Chunks:
    """What is read of one document's chunks: three columns of one length."""

    ids: list[str] = attrs.field(factory=list)
    documents: list[str] = attrs.field(factory=list)
    texts: list[str] = attrs.field(factory=list)


def read_chunks(item: WorkItem) -> Chunks:
    """Return the chunks' ids and what to encode of each: its text in context, or its text alone.

    Raises:
        StageError: of category ``input``: a row is no chunk, or repeats one.
    """
    chunks, seen = Chunks(), set[str]()
    path = item.inputs["chunks"]
    for number, row in enumerate(read_rows(path), 1):
        chunk_id, text = row.get("chunk_id"), row.get("contextualized_text") or row.get("text")
        if not isinstance(chunk_id, str) or not isinstance(text, str):
            msg = f"row {number} of {path.name} has no chunk_id or no text: it is not what the stage chunk writes"
            raise StageError(msg, category=Category.INPUT)
        if chunk_id in seen:
            msg = f"row {number} of {path.name} repeats the chunk_id {chunk_id}"
            raise StageError(msg, category=Category.INPUT)
        seen.add(chunk_id)
        chunks.ids.append(chunk_id)
        chunks.documents.append(row.get("doc_id") or item.item_id)
        chunks.texts.append(text)
    return chunks


def result_or_error(function: Callable[..., _Result], *arguments: object) -> _Result | StageError:
    """Return what a function returns for one document of several, or what went wrong with that one."""
    try:
        return function(*arguments)
    except StageError as error:
        return error
