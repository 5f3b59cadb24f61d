"""What a sink is: where the stage puts chunks, and where ``docparse search`` finds them.

A sink is a module (or any object) with the functions of ``Sink``, named by an entry point in the group
``docparse_index.sinks``. Importing it must be cheap: heavy libraries belong inside its functions.

    [project.entry-points."docparse_index.sinks"]
    my-server = "my_package.my_server"

The contract, which ``tests/test_index_sinks.py`` checks of every sink in this package:

1. After ``upsert`` the sink has exactly the document's chunks, after ``delete`` none; both are whole or not at all, may
   be repeated, and are on the disk when they return.
2. The sink has a random generation, made together with its store; ``reset`` and a lost store give another one.
3. Vector search is exact, and filters apply before scoring.
4. A document without vectors is found by its words, and is counted in what the store holds.
5. What is typed is never an error.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import attrs

from docparse_index._document import Chunk, Document, Model
from docparse_index._hit import Filters, Hit, Neighbour
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from docparse_index._contents import Contents
    from docparse_index._query import Request

GROUP = "docparse_index.sinks"

__all__ = [
    "GROUP",
    "Chunk",
    "Document",
    "Filters",
    "Hit",
    "Model",
    "Neighbour",
    "Place",
    "Reader",
    "Sink",
    "Writer",
    "load_sink",
]


@attrs.frozen(kw_only=True)
class Place:
    """Where a sink keeps an index.

    Attributes:
        root: the data root; a sink without a server writes below ``index/`` in it.
        collection: name of the index, for sinks that keep several in one place.
        url: connection string of a server, or None.
    """

    root: Path
    collection: str = "docparse"
    url: str | None = attrs.field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        """Return the folder for what the sink keeps in the data root."""
        return self.root / "index"


class Writer(Protocol):
    """An open index that one process writes to.

    Attributes:
        generation: of the store.
    """

    generation: str

    def upsert(self, document: Document) -> int:
        """Make the document's chunks its only ones and return how many there are.

        Raises:
            StageError: ``contract`` for a chunk id of another document, ``io`` when it cannot be written.
        """

    def delete(self, doc_id: str) -> int:
        """Remove the document and return how many chunks it had."""


class Reader(Protocol):
    """An open index that one thread searches."""

    def snapshot(self) -> "AbstractContextManager[Contents]":
        """Hold one state of the index, in which the other calls look, and yield what it holds."""

    def find(self, request: "Request", limit: int, query: "NDArray[np.float32] | None") -> list[Hit]:
        """Return the best `limit` hits, best first; equal scores in the order of documents and chunks.

        Args:
            request: the search; of its grouping and context nothing is to be done here.
            limit: how many.
            query: the query's vector, float32 array (dimension,); None to find by words alone.
        """

    def neighbours(self, hit: Hit, count: int) -> list[Neighbour]:
        """Return the chunks of the hit's document that are at most `count` away, and the hit's own, in order."""


class Sink(Protocol):
    """Makes, opens and empties indexes."""

    def generation(self, place: Place, *, create: bool) -> str | None:
        """Return the random id of the store.

        Args:
            place: where it is.
            create: make the store when there is none; otherwise the answer is then None and nothing is touched.

        Raises:
            StageError: of category ``config``: it cannot be reached, or is not one of this version.
        """

    def reset(self, place: Place) -> None:
        """Remove the store, whatever state it is in; readers keep what they see until they look again."""

    def open_writer(self, place: Place) -> AbstractContextManager[Writer]:
        """Return a context manager that opens the store for writing; raises as ``generation`` does."""

    def open_reader(self, place: Place) -> AbstractContextManager[Reader]:
        """Return a context manager that opens the store for searching; raises as ``generation`` does."""

    def documents(self, place: Place) -> dict[str, int]:
        """Return document → how many chunks the store has of it; raises as ``generation`` does."""

    def problems(self, place: Place) -> Iterator[str]:
        """Yield what is wrong inside the store, a sentence each; raises as ``generation`` does."""


def load_sink(name: str) -> Sink:
    """Return the installed sink of that name.

    Raises:
        StageError: of category ``config``: there is none, or it cannot be imported.
    """
    found = entry_points(group=GROUP)
    if name not in found.names:
        installed = ", ".join(sorted(found.names)) or "none"
        msg = f"no sink {name!r}; installed: {installed}"
        raise StageError(msg, category=Category.CONFIG)
    return cast("Sink", _loaded(found[name]))


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        msg = f"the sink {point.name!r} cannot be loaded: {error}"
        raise StageError(msg, category=Category.CONFIG) from error
