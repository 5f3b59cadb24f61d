"""What an index holds, and which model its vectors are of."""

import sqlite3

import attrs

from docparse_index._document import Model


@attrs.frozen(kw_only=True)
class Contents:
    """What an index holds at one moment.

    While documents are indexed again with another model, one at a time, vectors of both are there. Those of the model
    of the newest document that has vectors are searched; the other chunks are found by their words.

    Attributes:
        generation: the random id of the store.
        revision: counts the changes.
        documents: how many documents.
        chunks: how many chunks.
        model: the model whose vectors are searched; None for an index without vectors.
        model_id: its number.
        searchable: how many chunks have vectors of that model.
        without_vectors: how many chunks have none at all.
    """

    generation: str
    revision: int
    documents: int
    chunks: int
    model: Model | None = None
    model_id: int = 0
    searchable: int = 0
    without_vectors: int = 0

    @property
    def left_behind(self) -> int:
        """Return how many chunks have vectors of an older model only."""
        return self.chunks - self.searchable - self.without_vectors


def read_contents(connection: sqlite3.Connection) -> Contents:
    """Return what the index holds; cheap, it reads one row per document."""
    generation, revision = connection.execute("SELECT generation, revision FROM meta").fetchone()
    documents, chunks, bare = connection.execute("""
        SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(chunks) FILTER (WHERE model IS NULL), 0) FROM documents
    """).fetchone()
    held = {"generation": generation, "revision": revision, "documents": documents, "chunks": chunks}
    newest = connection.execute("""
        SELECT models.id, models.digest, dimension, document_prompt, provider, name, normalized, query_prompt
        FROM documents JOIN models ON models.id = documents.model
        WHERE documents.chunks > 0 ORDER BY documents.revision DESC LIMIT 1
    """).fetchone()
    if newest is None:
        return Contents(**held, without_vectors=bare)
    model_id, *values = newest
    names = (field.name for field in attrs.fields(Model))
    (searchable,) = connection.execute("SELECT sum(chunks) FROM documents WHERE model = ?", (model_id,)).fetchone()
    return Contents(
        **held,
        model=Model(**dict(zip(names, values, strict=True))),
        model_id=model_id,
        searchable=searchable,
        without_vectors=bare,
    )
