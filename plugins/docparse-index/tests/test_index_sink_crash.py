"""The sinks that keep the index elsewhere, written to by a process that is killed again and again."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from docparse_index._query import Request
from docparse_index.sinks import Chunk, Document, Place, load_sink

WRITES_FOR_EVER = """
import itertools, sys
from pathlib import Path
from docparse_index.sinks import Chunk, Document, Model, Place, lancedb, load_sink

name, root, url, first = sys.argv[1:]
lancedb._OPTIMISED_AFTER = 5  # so that some are killed while they bring files together
model = Model(digest="sha256:noise", dimension=4, provider="p", name="m")
vector = bytes([0, 0, 128, 63]) + bytes(12)
with load_sink(name).open_writer(Place(root=Path(root), collection="tests", url=url or None)) as writer:
    print("open", flush=True)
    for turn in itertools.count(int(first)):
        doc_id, count, has_vectors = f"d{turn % 3}.pdf", 3 + turn % 5, turn % 7 != 6
        if turn % 11 == 10:
            writer.delete(doc_id)
        else:
            rows = [{"chunk_id": f"{doc_id}#{n}", "seq": n, "text": f"common turn{turn}"} for n in range(count)]
            chunks = [Chunk(row=row, vector=vector if has_vectors else None) for row in rows]
            writer.upsert(Document(doc_id=doc_id, model=model if has_vectors else None, chunks=chunks))
        print(turn, flush=True)
"""


def state(turns: int) -> dict[str, tuple[int, int]]:
    """What must be there after so many turns: document → (turn of its chunks, how many)."""
    found = {}
    for turn in range(turns):
        found[f"d{turn % 3}.pdf"] = (turn, 3 + turn % 5)
        if turn % 11 == 10:
            del found[f"d{turn % 3}.pdf"]
    return found


def seen(sink, place) -> dict[str, tuple[int, int]]:
    """What is there, after making sure that documents, chunks and words say the same."""
    assert list(sink.problems(place)) == []
    with sink.open_reader(place) as reader, reader.snapshot() as contents:
        hits = reader.find(Request(text="common", mode="lexical"), 1000, None)
    assert len({hit.chunk_id for hit in hits}) == len(hits) == contents.chunks
    counted = Counter((hit.doc_id, int(hit.text.removeprefix("common turn"))) for hit in hits)
    found = {doc_id: (turn, count) for (doc_id, turn), count in counted.items()}
    assert len(found) == len(counted), "a document is half old and half new"
    assert {doc_id: count for doc_id, (_, count) in found.items()} == sink.documents(place)
    return found


def settle(url: str | None) -> None:
    """Wait until a server has noticed that its client is dead: what was being committed may still be."""
    if url:
        psycopg = pytest.importorskip("psycopg")
        clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        with psycopg.connect(url, autocommit=True) as connection:
            while connection.execute(clients).fetchone() != (1,):
                time.sleep(0.01)


def killed(sink_name: str, place: Place, first: int, chance: random.Random) -> int:
    """Let a process write from this turn on until it is killed at some moment; return the first turn not done."""
    words = [sys.executable, "-c", WRITES_FOR_EVER, sink_name, str(place.root), place.url or "", str(first)]
    writer = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout.readline() == b"open\n", writer.stderr.read().decode()
    whole = chance.randrange(8)
    for _ in range(whole):
        assert writer.stdout.readline(), writer.stderr.read().decode()
    time.sleep(chance.uniform(0, 0.1))
    writer.send_signal(signal.SIGKILL)
    out, errors = writer.communicate()
    assert writer.returncode == -signal.SIGKILL, errors.decode()
    return first + whole + len(out.splitlines())


@pytest.mark.parametrize(
    ("sink_name", "kills"),
    [
        ("lancedb", 3),
        pytest.param("lancedb", 40, marks=pytest.mark.long),
        pytest.param("postgres", 100, marks=[pytest.mark.long, pytest.mark.system]),
    ],
)
def test_a_writer_killed_again_and_again_leaves_each_document_old_or_new(request, tmp_path, sink_name, kills):
    pytest.importorskip("lancedb", reason="pip install 'docparse-index[lancedb]'")
    url = request.getfixturevalue("postgres") if sink_name == "postgres" else None
    sink, place = load_sink(sink_name), Place(root=tmp_path / "data", collection="tests", url=url)
    chance, turn = random.Random(7), 0

    for kill in range(kills):
        if kill % 10 == 0:  # now and then the store itself is being made
            sink.reset(place)
            sink.generation(place, create=True)
            turn = 0
        turn = killed(sink_name, place, turn, chance)
        settle(url)

        found = seen(sink, place)
        # what was said to be done is done; one more may have been done and not said
        assert found in (state(turn), state(turn + 1))
        turn += found != state(turn)


@pytest.mark.long
@pytest.mark.system
def test_a_server_may_still_commit_what_a_killed_writer_had_sent(tmp_path, postgres):
    psycopg = pytest.importorskip("psycopg")
    sink, place = load_sink("postgres"), Place(root=tmp_path / "data", collection="late", url=postgres)
    sink.reset(place)
    sink.generation(place, create=True)
    document = Document(doc_id="a.pdf", model=None, chunks=[Chunk(row={"chunk_id": "1", "text": "one"}, vector=None)])

    with psycopg.connect(postgres, options="-c search_path=late,public") as killed_one:
        killed_one.execute("UPDATE meta SET revision = revision + 1")
        killed_one.execute("INSERT INTO documents VALUES ('a.pdf', '', NULL, 0, 1)")
        late = threading.Timer(0.5, killed_one.commit)
        late.start()
        with sink.open_writer(place) as writer:
            writer.upsert(document)
        late.join()

    assert sink.documents(place) == {"a.pdf": 1}
    assert list(sink.problems(place)) == []
