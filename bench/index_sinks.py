"""The same corpus in every sink: size, ingest, latency, and whether exact search finds the same ten.

python bench/index_sinks.py                                  # sqlite and lancedb, 20,000 chunks
python bench/index_sinks.py --postgres postgresql://…        # and a server with pgvector
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from index import corpus, queries, timed
from numpy.typing import NDArray

from docparse_index._query import Request
from docparse_index.sinks import Document, Place, load_sink

_MODES = ("lexical", "dense", "hybrid")


def ingest(sink: Any, place: Place, documents: list[Document]) -> float:
    sink.reset(place)
    sink.generation(place, create=True)
    start = time.perf_counter()
    with sink.open_writer(place) as writer:
        for document in documents:
            writer.upsert(document)
    return time.perf_counter() - start


def size_of(name: str, place: Place) -> int:
    if name != "postgres":
        return sum(path.stat().st_size for path in place.folder.rglob("*") if path.is_file())
    import psycopg  # noqa: PLC0415 - for this sink alone

    tables = (
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
    )
    with psycopg.connect(place.url or "") as connection:
        ((size,),) = connection.execute(tables, (place.collection,)).fetchall()
    return int(size)


def search(sink: Any, place: Place, asked: list[tuple[str, NDArray[np.float32]]]) -> Iterator[tuple[str, float, Any]]:
    """Yield (mode, milliseconds, chunk ids) of each query."""
    with sink.open_reader(place) as reader:
        for text, vector in asked:
            for mode in _MODES:
                with reader.snapshot():
                    query = None if mode == "lexical" else vector
                    request = Request(text=text, mode=mode)
                    took, hits = timed(lambda request=request, query=query: reader.find(request, 10, query))
                yield mode, took, [hit.chunk_id for hit in hits]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--postgres", metavar="URL")
    chosen = parser.parse_args()
    documents, asked = list(corpus(chosen.chunks)), list(queries(20))
    names = ["sqlite", "lancedb", *(["postgres"] if chosen.postgres else [])]
    tops: dict[str, list[Any]] = {}
    print(f"{chosen.chunks} chunks\n| sink | ingest s | size MB | lexical ms | dense ms | hybrid ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            sink, place = load_sink(name), Place(root=Path(folder), collection="bench", url=chosen.postgres)
            seconds = ingest(sink, place, documents)
            size = size_of(name, place) / 2**20
            found = list(search(sink, place, asked))
            tops[name] = [ids for mode, _, ids in found if mode == "dense"]
            taken = (statistics.median(took for mode, took, _ in found if mode == each) for each in _MODES)
            print(f"| {name} | {seconds:.1f} | {size:.0f} | {' | '.join(f'{each:.1f}' for each in taken)} |")
            sink.reset(place)
    for name in names[1:]:
        same = sum(first == second for first, second in zip(tops["sqlite"], tops[name], strict=True))
        print(f"{name}: the same ten nearest, in the same order, as sqlite in {same} of {len(asked)} queries")


if __name__ == "__main__":
    main()
