"""The index at size: search, memory, ingest and replacement, against what numpy and SQLite do bare in the same run.

    python bench/index.py              # 100,000 chunks of 384 dimensions; about 5 minutes
    python bench/index.py --chunks 10000

The texts are drawn from 30,000 words as Zipf says, 120 a chunk; vectors are noise of length 1, under the digest of the
bundled model, so that `docparse search` can be timed cold with it. Medians; what is compared is taken in turns.
"""

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docparse_embed.providers.sentence_transformers import find
from docparse_index._active import Active, _write
from docparse_index._document import Chunk, Document, Model, records
from docparse_index._query import Request
from docparse_index._store import index_path, open_store
from docparse_index._vectors import read_matrix
from docparse_index._write import replace_document
from docparse_index.sinks import Place
from docparse_index.sinks import sqlite as sink

DIMENSION, PER_DOCUMENT, WORDS = 384, 50, 120
VOCABULARY = 30_000


def model() -> Model:
    """The bundled model, so that a cold search finds it."""
    found = find(None, offline=True, cache=None)
    return Model(
        digest=found.digest,
        dimension=DIMENSION,
        provider="sentence-transformers",
        name=found.name,
        normalized=True,
    )


def corpus(chunks: int, seed: int = 1) -> Iterator[Document]:
    """Yield documents of 50 chunks."""
    chance, made_by = np.random.default_rng(seed), model()
    for start in range(0, chunks, PER_DOCUMENT):
        doc_id = f"bench/{start // PER_DOCUMENT:06}.pdf"
        yield Document(doc_id=doc_id, model=made_by, chunks=list(chunks_of(doc_id, chance)))


def chunks_of(doc_id: str, chance: np.random.Generator) -> Iterator[Chunk]:
    words = np.minimum(chance.zipf(1.2, size=(PER_DOCUMENT, WORDS)), VOCABULARY)
    rows = chance.normal(size=(PER_DOCUMENT, DIMENSION)).astype("<f4")
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for seq in range(PER_DOCUMENT):
        row = {
            "chunk_id": f"{doc_id}#{seq}",
            "seq": seq,
            "text": " ".join(f"w{number:x}" for number in words[seq]),
            "headings": [f"Section {seq // 5}"],
            "captions": [],
            "kinds": ["text"],
            "pages": [seq // 4 + 1],
            "boxes": [{"page": seq // 4 + 1, "l": 72.0, "t": 700.0, "r": 540.0, "b": 600.0}],
            "n_tokens": 150,
        }
        yield Chunk(row=row, vector=rows[seq].tobytes())


def now() -> NDArray[np.float64]:
    """Seconds on the clock, and seconds of the processor, which a busy disk does not change."""
    return np.array([time.perf_counter(), time.process_time()])


def ingest(root: Path, documents: Iterable[Document]) -> NDArray[np.float64]:
    path = index_path(root)
    sink.generation(Place(root=root), create=True)
    with open_store(path) as connection:
        start = now()
        for document in documents:
            replace_document(connection, document)
        seconds = now() - start
    _write(root, Active(generation=sink.generation(Place(root=root), create=False) or ""))
    return seconds


def bare_ingest(path: Path, documents: Iterable[Document], *, each_synced: bool) -> NDArray[np.float64]:
    """The same rows, words and vectors by `executemany`, with nothing to find a row again.

    In one transaction, or in one for each document that is on the disk when it ends, as a receipt needs it.
    """
    rows = [(document.doc_id, record) for document in documents for record in records(document.chunks)]
    table = [
        (number, each.chunk_id, doc_id, each.seq, str(each.pages), str(each.kinds), each.headings, each.captions,
         each.text, each.boxes, each.metadata)
        for number, (doc_id, each) in enumerate(rows)
    ]  # fmt: skip
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, a, b, c, d, e, headings, captions, text, f, g)")
    connection.execute("CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB)")
    connection.execute(
        "CREATE VIRTUAL TABLE words USING fts5 (text, headings, captions, content = 'chunks', content_rowid = 'id', "
        "tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    connection.execute("PRAGMA synchronous = FULL")
    size = PER_DOCUMENT if each_synced else len(rows)
    start = now()
    for first in range(0, len(rows), size):
        numbered = list(enumerate(rows[first : first + size], first))
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO chunks VALUES (?{', ?' * 10})", table[first : first + size])
        connection.executemany(
            "INSERT INTO vectors VALUES (?, ?)", ((number, each.vector) for number, (_, each) in numbered)
        )
        words = ((number, each.text, each.headings, each.captions) for number, (_, each) in numbered)
        connection.executemany("INSERT INTO words (rowid, text, headings, captions) VALUES (?, ?, ?, ?)", words)
        connection.execute("COMMIT")
    seconds = now() - start
    connection.close()
    return seconds


def queries(count: int, seed: int = 2) -> Iterator[tuple[str, NDArray[np.float32]]]:
    chance = np.random.default_rng(seed)
    for _ in range(count):
        words = " ".join(f"w{number:x}" for number in np.minimum(chance.zipf(1.2, size=4) + 20, VOCABULARY))
        yield words, chance.normal(size=DIMENSION).astype(np.float32)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return (time.perf_counter() - start) * 1000, result


def searches(root: Path) -> None:
    """Print the latency of a hybrid search against the bare product and the bare FTS5 query, and its exactness."""
    bare, ours, found = [], [], []
    with sink.open_reader(Place(root=root)) as reader, reader.snapshot() as contents:
        connection = sqlite3.connect(index_path(root))
        matrix = read_matrix(connection, contents)
        exact = matrix.rows.astype(np.float64)
        for text, vector in queries(60):
            match = " OR ".join(f'"{word}"' for word in text.split())
            fts = "SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT 10"
            product, _ = timed(lambda vector=vector: matrix.rows @ vector)
            lexical, _ = timed(lambda match=match, fts=fts: connection.execute(fts, (match,)).fetchall())
            hybrid, _ = timed(lambda text=text, vector=vector: reader.find(Request(text=text), 10, vector))
            bare.append(product + lexical)
            ours.append(hybrid)
            dense = reader.find(Request(text=text, mode="dense"), 10, vector)
            best = matrix.ids[np.argsort(-(exact @ vector.astype(np.float64)))[:10]]
            names = f"SELECT chunk_id FROM chunks WHERE id IN ({', '.join(map(str, best))})"
            true = {chunk_id for (chunk_id,) in connection.execute(names)}
            found.append(len(true & {hit.chunk_id for hit in dense}) / 10)
    p50 = statistics.median(ours)
    print(f"hybrid p50 {p50:.1f} ms; bare product + bare FTS5 {statistics.median(bare):.1f} ms", end="; ")
    print(f"ratio {p50 / statistics.median(bare):.2f}; recall@10 of dense {statistics.mean(found):.3f}")


MEMORY = """
import resource, sys, numpy as np
from pathlib import Path
from docparse_index._query import Request
from docparse_index.sinks import Place, sqlite
with sqlite.open_reader(Place(root=Path(sys.argv[1]))) as reader, reader.snapshot():
    for seed in range(20):
        reader.find(Request(text="w1f w40"), 10, np.random.default_rng(seed).normal(size=384).astype("f4"))
try:  # of this process alone; ru_maxrss has that of the one which started it, too
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(int(peak) // 1024)
"""


def memory(root: Path) -> None:
    for file in root.glob("index/*.vectors-*"):
        file.unlink()
    for what in ("making the file of vectors", "mapping it"):
        done = subprocess.run([sys.executable, "-c", MEMORY, root], capture_output=True, check=True, text=True)
        print(f"a process that searches, {what}: peak {int(done.stdout)} MB")


def replacing(root: Path, document: Document) -> None:
    with open_store(index_path(root)) as connection:
        taken = [timed(lambda: replace_document(connection, document))[0] for _ in range(21)]
    print(f"replacing one document's {PER_DOCUMENT} chunks: p50 {statistics.median(taken):.1f} ms")


def cold(root: Path) -> None:
    docparse = str(Path(sys.executable).with_name("docparse"))
    reference = [sys.executable, "-c", "import numpy, sqlite3"]
    commands = {"lexical": ["--mode", "lexical"], "hybrid": ["--mode", "hybrid"]}
    for name, more in commands.items():
        pairs = []
        for _ in range(7):
            bare, _ = timed(lambda: subprocess.run(reference, check=True))
            words = [docparse, "search", "w1f w40", "--data-root", str(root), *more]
            ours, _ = timed(lambda words=words: subprocess.run(words, check=True, capture_output=True))
            pairs.append((bare, ours))
        bare, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(
            f"cold `docparse search`, {name}: {ours:.0f} ms, {ours / bare:.1f} x `import numpy, sqlite3` ({bare:.0f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ours = ingest(root, corpus(chosen.chunks))
        start = now()
        for _ in corpus(chosen.chunks):
            pass
        ours -= now() - start
        print(f"{chosen.chunks} chunks: {ours[0]:.1f} s")
        for name, each_synced in (("in one transaction", False), ("a synced transaction a document", True)):
            bare = bare_ingest(root / f"bare-{each_synced}.sqlite", corpus(chosen.chunks), each_synced=each_synced)
            speed, of_processor = bare / ours
            print(f"  bare executemany {name} {bare[0]:.1f} s: {speed:.2f} of its speed", end="")
            print(f", {of_processor:.2f} by time of the processor")
        sizes = {path.name: path.stat().st_size for path in root.glob("*/*.sqlite")}
        print(f"size: {json.dumps({name: round(size / 2**20) for name, size in sizes.items()})} MB")
        searches(root)
        memory(root)
        replacing(root, next(iter(corpus(PER_DOCUMENT))))
        cold(root)


if __name__ == "__main__":
    main()
