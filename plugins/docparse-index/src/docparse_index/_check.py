"""Is the index what the runs recorded? Nothing is changed by looking."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec

from docparse_index._active import Active, read_active
from docparse_index.sinks import Place, load_sink
from docparse_runner import StageError, UsageError

_SHOWN = 20
"""Problems of one kind that are named; a wrong generation would name every document."""


@attrs.frozen(kw_only=True)
class Checked:
    """What was found.

    Attributes:
        sink: what was looked at.
        documents: in the index.
        chunks: in the index.
        problems: a sentence each.
    """

    sink: str
    documents: int
    chunks: int
    problems: list[str]


class _Receipt(msgspec.Struct):
    doc_id: str
    generation: str
    chunks: int


class _Row(msgspec.Struct):
    item_id: str
    status: str


def check_index(root: Path, url: str | None) -> Checked:
    """Return what is wrong with the index of a data root.

    Raises:
        UsageError: there is no index, or it cannot be opened; the message says what to do.
    """
    active = read_active(root) or Active()
    try:
        sink, place = load_sink(active.sink), Place(root=root, collection=active.collection, url=url)
        generation = sink.generation(place, create=False)
        if generation is None:
            msg = f"no index in {root}; run `docparse run all` first"
            raise UsageError(msg)
        stored = sink.documents(place)
        problems = [*sink.problems(place), *_receipt_problems(root, generation, stored)]
    except StageError as error:
        raise UsageError(str(error)) from error
    return Checked(sink=active.sink, documents=len(stored), chunks=sum(stored.values()), problems=problems)


def _receipt_problems(root: Path, generation: str, stored: dict[str, int]) -> Iterator[str]:
    receipts = {receipt.doc_id: receipt for receipt in _receipts(root)}
    gone = {doc_id for doc_id, status in _last_words(root).items() if status == "gone"}
    good = {doc_id: each for doc_id, each in receipts.items() if doc_id not in gone and each.generation == generation}
    yield from _named(stored.keys() & gone, "is gone and still in the index")
    yield from _named(stored.keys() - good.keys() - gone, "is in the index without a receipt; the next run repeats it")
    yield from _named(good.keys() - stored.keys(), "has a receipt and is not in the index")
    lost = {doc_id for doc_id, receipt in good.items() if stored.get(doc_id, receipt.chunks) != receipt.chunks}
    yield from _named(lost, "has another number of chunks than its receipt says")


def _named(documents: set[str], what: str) -> Iterator[str]:
    """Yield a sentence for each document, or one for all when there are many."""
    for doc_id in sorted(documents)[:_SHOWN]:
        yield f"{doc_id} {what}"
    if len(documents) > _SHOWN:
        yield f"… and {len(documents) - _SHOWN} more: each {what}"


def _receipts(root: Path) -> Iterator[_Receipt]:
    decoder = msgspec.json.Decoder(_Receipt)
    for path in sorted((root / "indexed").rglob("*.indexed.json")):
        try:
            yield decoder.decode(path.read_bytes())
        except (msgspec.DecodeError, OSError):  # the manifest knows its digest: the next run makes it again
            continue


def _last_words(root: Path) -> dict[str, str]:
    """Return document → status of its last row in the manifest of the stage."""
    found, decoder = dict[str, str](), msgspec.json.Decoder(_Row)
    for path in (root / "manifests").glob("index*.manifest.jsonl"):
        with path.open("rb") as lines:
            for line in lines:
                try:
                    row = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # torn by a kill
                    continue
                found[row.item_id] = row.status
    return found
