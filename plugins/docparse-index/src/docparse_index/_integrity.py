"""What can be wrong inside the SQLite store."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from docparse_index._contents import read_contents
from docparse_index._store import open_store
from docparse_runner import Category, StageError

_COUNTS = {
    """
    SELECT count(*) FROM chunks JOIN documents USING (doc_id)
    WHERE model IS NOT NULL AND id NOT IN (SELECT id FROM vectors)
    """: "chunks have no vector",
    "SELECT count(*) FROM vectors WHERE id NOT IN (SELECT id FROM chunks)": "vectors have no chunk",
    "SELECT count(*) FROM vectors JOIN models ON models.id = model WHERE length(vector) != 4 * dimension": (
        "vectors are not as long as their model says"
    ),
    "SELECT count(*) FROM vectors WHERE model NOT IN (SELECT id FROM models)": "vectors are of no known model",
    """
    SELECT count(*) FROM vectors JOIN chunks USING (id) JOIN documents USING (doc_id)
    WHERE vectors.model IS NOT documents.model
    """: "vectors are of another model than their document says",
    "SELECT count(*) FROM chunks WHERE doc_id NOT IN (SELECT doc_id FROM documents)": "chunks are of no document",
    """
    SELECT count(*) FROM documents WHERE chunks != (SELECT count(*) FROM chunks WHERE chunks.doc_id = documents.doc_id)
    """: "documents have another number of chunks than they say",
}


def problems_of(path: Path) -> Iterator[str]:
    """Yield what is wrong with a store, a sentence each; one that is damaged has one problem.

    Raises:
        StageError: of category ``config``: it is no index of this version, or cannot be written, as FTS5's check asks.
    """
    with open_store(path) as connection:
        try:
            yield from _damages(connection)
            for query, what in _COUNTS.items():
                (count,) = connection.execute(query).fetchone()
                if count:
                    yield f"{count} {what}"
            yield from _cache_problems(connection, path)
        except sqlite3.DatabaseError as error:
            yield f"{path.name} is damaged: {error}"


def _damages(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"SQLite: {line}"
    try:
        # It is asked as an insert, and writes nothing; rank 1 compares the words with the text of the chunks.
        connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
    except sqlite3.OperationalError as error:
        msg = f"the index cannot be checked: {error}"
        raise StageError(msg, category=Category.CONFIG) from error
    except sqlite3.DatabaseError as error:
        yield f"the words are not those of the chunks: {error}"


def _cache_problems(connection: sqlite3.Connection, path: Path) -> Iterator[str]:
    """Compare the file of vectors, if there is one of this state, with the blobs; a wrong one is named, not removed."""
    import numpy as np  # noqa: PLC0415 - heavy

    from docparse_index._vectors import cache_path, open_matrix, read_matrix  # noqa: PLC0415 - as above

    connection.execute("BEGIN")
    try:
        contents = read_contents(connection)
        cache = cache_path(contents, path)
        if not cache.exists():
            return
        kept, true = open_matrix(connection, contents, path), read_matrix(connection, contents)
    finally:
        connection.execute("ROLLBACK")
    if not (np.array_equal(kept.ids, true.ids) and np.array_equal(kept.rows, true.rows)):
        yield f"{cache.name} does not hold the vectors of the index: delete it, it is made again"
