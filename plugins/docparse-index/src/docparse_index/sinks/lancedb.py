"""The sink ``lancedb``: a LanceDB table in the data root that may be larger than memory; see ``docparse_index.sinks``.

Chunks and a row for the document itself lie in one table, so that replacing a document is one commit of LanceDB.
Vectors are compared exactly; words are found by LanceDB's own full-text index, which knows no prefixes: ``word*`` is
read as the word. All vectors of a table have one length; another one needs ``docparse index rebuild``.
"""

import json
import os
import shutil
import uuid
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from docparse_index._contents import Contents
from docparse_index._document import Document, Model
from docparse_index._hit import Hit, Neighbour
from docparse_index._query import Request
from docparse_index._write import taken
from docparse_index.sinks import Place
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VERSION = 2
_TABLE = "chunks"
_KEPT = timedelta(hours=1)
"""How long versions are kept that a search may still be reading."""
_OPTIMISED_AFTER = 200
"""Commits between two compactions: each leaves a file, and a search opens them all."""


def generation(place: Place, *, create: bool) -> str | None:
    """Return the random id of the store; see ``Sink.generation``."""
    path = _folder(place) / "store.json"
    with suppress(FileNotFoundError):
        return _read(path)
    if not create:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    beside.write_text(json.dumps({"schema_version": _VERSION, "generation": uuid.uuid4().hex}), encoding="utf-8")
    with suppress(FileExistsError):  # another process was quicker
        os.link(beside, path)
    beside.unlink()
    return _read(path)


def reset(place: Place) -> None:
    """Move the folder away in one step and remove it then; see ``Sink.reset``."""
    aside = place.root / ".cache" / f"removed-index-{uuid.uuid4().hex}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        os.rename(_folder(place), aside)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def open_writer(place: Place) -> Iterator["LanceWriter"]:
    """Hold the store open for writing, and compact it at the end; see ``Sink.open_writer``."""
    writer = LanceWriter(connection=_connect(place), generation=_existing(place))
    try:
        yield writer
    finally:
        writer.optimise()


@contextmanager
def open_reader(place: Place) -> Iterator["LanceReader"]:
    """Hold the store open for searching; see ``Sink.open_reader``."""
    yield LanceReader(connection=_connect(place), generation=_existing(place))


def documents(place: Place) -> dict[str, int]:
    """Return how many chunks each document has; see ``Sink.documents``."""
    with _telling_of_damage():
        table = _table(_connect(place))
        rows = [] if table is None else _rows(table, "is_document", ["doc_id", "chunks"])
    return {row["doc_id"]: row["chunks"] for row in sorted(rows, key=lambda row: str(row["doc_id"]))}


def problems(place: Place) -> Iterator[str]:
    """Yield what is wrong; see ``Sink.problems``."""
    with _telling_of_damage():
        table = _table(_connect(place))
        rows = [] if table is None else _rows(table, "NOT is_document", ["doc_id", "chunk_id"])
    counted, stored = Counter(row["doc_id"] for row in rows), documents(place)
    for doc_id in sorted({*counted, *stored}):
        if counted[doc_id] != stored.get(doc_id, 0):
            yield f"{doc_id} has {counted[doc_id]} chunks and says {stored.get(doc_id, 0)}"
    if len({row["chunk_id"] for row in rows}) != len(rows):
        yield "chunk ids repeat"


def _folder(place: Place) -> Path:
    return place.folder / "lancedb" / place.collection


def _read(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        version, generation_id = found["schema_version"], str(found["generation"])
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path} is damaged ({error}): run `docparse index rebuild`"
        raise StageError(msg, category=Category.CONFIG) from error
    if version != _VERSION:
        msg = f"{path} has schema {version}, and this docparse-index reads {_VERSION}: run `docparse index rebuild`"
        raise StageError(msg, category=Category.CONFIG)
    return generation_id


@contextmanager
def _telling_of_damage() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:  # as LanceDB says that a file is damaged or gone
        msg = f"the index cannot be read ({error}): run `docparse index rebuild`"
        raise StageError(msg, category=Category.CONFIG) from error


def _existing(place: Place) -> str:
    found = generation(place, create=False)
    if found is None:
        msg = f"there is no index {place.collection!r} in {place.folder}: run `docparse run index`"
        raise StageError(msg, category=Category.CONFIG)
    return found


def _connect(place: Place) -> Any:
    try:
        lancedb = import_module("lancedb")
    except ImportError as error:
        msg = "the sink lancedb needs a package: pip install 'docparse-index[lancedb]'"
        raise StageError(msg, category=Category.CONFIG) from error
    # Said when whatever opens the model forks; what forks does not use the table.
    warnings.filterwarnings("ignore", message="lancedb fork support", category=RuntimeWarning)
    return lancedb.connect(_folder(place))


def _table(connection: Any) -> Any:
    """Return the table at its newest version; None before the first document."""
    try:
        return connection.open_table(_TABLE)
    except ValueError:
        return None


def _rows(table: Any, where: str, columns: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.search().where(where).select(columns).limit(None).to_list()
    return found


def _refuse_taken(table: Any, document: Document, new: Any) -> None:
    from docparse_index.sinks import _lancedb_rows as rows  # noqa: PLC0415 - pyarrow

    ids = ", ".join(rows.quoted(each) for each in new["chunk_id"].to_pylist())
    others = f"chunk_id IN ({ids}) AND doc_id != {rows.quoted(document.doc_id)}"
    for row in _rows(table, others, ["chunk_id", "doc_id"])[:1]:
        raise taken(row["chunk_id"], row["doc_id"])


@attrs.define(kw_only=True)
class LanceWriter:
    """An open store; see ``Writer``."""

    connection: Any
    generation: str
    _commits: int = 0
    _has_words: bool = False

    def upsert(self, document: Document) -> int:
        """Replace the document in one commit."""
        from docparse_index.sinks import _lancedb_rows as rows  # noqa: PLC0415 - pyarrow

        table = _table(self.connection)
        dimension = rows.dimension_of(table, document)
        new = rows.arrow(document, 0 if table is None else int(table.version), dimension)
        if table is None:
            table = self.connection.create_table(_TABLE, data=new, on_bad_vectors="null")
        else:
            _refuse_taken(table, document, new)
            if dimension and "vector" not in table.schema.names:  # until now no document had any
                table.add_columns([rows.vector_field(dimension)])
            same = f"doc_id = {rows.quoted(document.doc_id)}"
            merge = table.merge_insert("chunk_id").when_matched_update_all().when_not_matched_insert_all()
            # None of the vectors is bad, they were checked: so it calls those that are not there.
            merge.when_not_matched_by_source_delete(same).execute(new, on_bad_vectors="null")
        self._make_findable(table)
        self._count()
        return int(new.num_rows) - 1

    def delete(self, doc_id: str) -> int:
        """Remove the document in one commit."""
        from docparse_index.sinks import _lancedb_rows as rows  # noqa: PLC0415 - as above

        table = _table(self.connection)
        if table is None:
            return 0
        same = f"doc_id = {rows.quoted(doc_id)}"
        count = table.count_rows(f"{same} AND NOT is_document")
        table.delete(same)
        self._count()
        return int(count)

    def optimise(self) -> None:
        """Bring small files together, and words into the full-text index."""
        table = _table(self.connection)
        if table is not None and self._commits:
            table.optimize(cleanup_older_than=_KEPT)
            self._commits = 0

    def _make_findable(self, table: Any) -> None:
        """Make the full-text index where there is none: at once, or nothing is found of a run that is killed.

        What is written after that is found, too: LanceDB reads what its index does not have yet.
        """
        if not self._has_words and not any(index.columns == ["words"] for index in table.list_indices()):
            words = import_module("lancedb.index").FTS(with_position=True, language="English", remove_stop_words=False)
            table.create_index("words", config=words)
        self._has_words = True

    def _count(self) -> None:
        self._commits += 1
        if self._commits >= _OPTIMISED_AFTER:
            self.optimise()


@attrs.define(kw_only=True)
class LanceReader:
    """An open store; see ``Reader``."""

    connection: Any
    generation: str
    _table: Any = None
    _model: str = ""

    @contextmanager
    def snapshot(self) -> Iterator[Contents]:
        """Hold one version of the table."""
        try:
            with _telling_of_damage():
                self._table = _table(self.connection)
                yield self._contents()
        finally:
            self._table = None

    def find(self, request: Request, limit: int, query: "NDArray[np.float32] | None") -> list[Hit]:
        """Return the best hits."""
        from docparse_index._pooled import POOL, fused  # noqa: PLC0415 - numpy
        from docparse_index.sinks import _lancedb_rows as rows  # noqa: PLC0415 - as above

        if self._table is None:
            return []
        pool = max(limit, POOL) if request.mode == "hybrid" else limit
        lexical = {} if request.mode == "dense" else rows.lexical(self._table, request, pool)
        if query is None:
            scored = lexical
        else:
            dense = rows.dense(self._table, request, self._model, query, pool)
            scored = dense if request.mode == "dense" else fused(request, dense, lexical, limit)
        return rows.hits(self._table, request, scored)[:limit]

    def neighbours(self, hit: Hit, count: int) -> list[Neighbour]:
        """Return the chunks around a hit."""
        from docparse_index.sinks import _lancedb_rows as rows  # noqa: PLC0415 - as above

        near = f"seq BETWEEN {hit.seq - count} AND {hit.seq + count} AND NOT is_document"
        where = f"doc_id = {rows.quoted(hit.doc_id)} AND {near}"
        found = _rows(self._table, where, ["chunk_id", "seq", "text", "pages"])
        ordered = sorted(found, key=lambda row: (row["seq"], row["chunk_id"]))
        return [Neighbour(**{**row, "pages": tuple(row["pages"])}) for row in ordered]

    def _contents(self) -> Contents:
        columns = ["doc_id", "chunks", "model", "revision"]
        rows = [] if self._table is None else _rows(self._table, "is_document", columns)
        full = sorted((row for row in rows if row["chunks"] and row["model"]), key=lambda row: int(row["revision"]))
        held = {
            "generation": self.generation,
            "revision": 0 if self._table is None else int(self._table.version),
            "documents": len(rows),
            "chunks": sum(row["chunks"] for row in rows),
            "without_vectors": sum(row["chunks"] for row in rows if not row["model"]),
        }
        if not full:
            return Contents(**held)
        model = Model(**json.loads(full[-1]["model"]))
        self._model = json.dumps(model.space)
        searchable = sum(row["chunks"] for row in full if Model(**json.loads(row["model"])).space == model.space)
        return Contents(**held, model=model, searchable=searchable)
