"""A store that is written to by a process that may die at any moment, and read by others meanwhile."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from docparse_index import open_index

KILLED_INSIDE = """
import os, signal, sys
from pathlib import Path
from docparse_index._document import Chunk, Document, Model
from docparse_index._store import open_store
from docparse_index._write import replace_document

def chunks():
    for number in range(1000):
        if number == 700:
            os.kill(os.getpid(), signal.SIGKILL)
        yield Chunk(row={"chunk_id": f"n{number}", "text": f"new {number} " + "word " * 200}, vector=bytes(32))

with open_store(Path(sys.argv[1])) as connection:
    connection.execute("PRAGMA cache_size = 10")  # what does not fit goes to the disk before the commit
    model = Model(digest="sha256:noise", dimension=8, provider="p", name="m")
    replace_document(connection, Document(doc_id="a.pdf", model=model, chunks=chunks()))
"""

WRITES_FOR_EVER = """
import itertools, sys
from pathlib import Path
from docparse_index._document import Chunk, Document, Model
from docparse_index._store import open_store
from docparse_index._write import replace_document, remove_document

with open_store(Path(sys.argv[1])) as connection:
    model = Model(digest="sha256:noise", dimension=8, provider="p", name="m")
    for turn in itertools.count(int(sys.argv[2])):
        doc_id = f"d{turn % 3}.pdf"
        rows = [{"chunk_id": f"{doc_id}#{n}", "text": f"common turn{turn}"} for n in range(40)]
        chunks = [Chunk(row=row, vector=bytes(32)) for row in rows]
        replace_document(connection, Document(doc_id=doc_id, model=model, chunks=chunks))
        print(turn, flush=True)
"""


def check(pipeline) -> list[tuple]:
    """Return what documents the store has, after making sure that nothing in it is torn, lost or doubled."""
    connection = sqlite3.connect(pipeline.database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        documents = connection.execute("SELECT doc_id, chunks FROM documents ORDER BY doc_id").fetchall()
        counted = "SELECT doc_id, count(*), count(DISTINCT text) FROM chunks JOIN vectors USING (id) GROUP BY doc_id"
        rows = connection.execute(f"{counted} ORDER BY doc_id").fetchall()
        assert [(doc_id, count) for doc_id, count, _ in rows] == documents
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (sum(count for _, count in documents),)
        return rows
    finally:
        connection.close()


def test_a_process_killed_inside_a_transaction_leaves_the_old_document(pipeline):
    pipeline.add("a.pdf", "old one", "old two")

    done = subprocess.run([sys.executable, "-c", KILLED_INSIDE, pipeline.database], check=False)

    assert done.returncode == -signal.SIGKILL
    with open_index(pipeline.root) as index:
        assert {hit.text for hit in index.search("old new", mode="lexical", k=100)} == {"old one", "old two"}
    assert check(pipeline) == [("a.pdf", 2, 2)]
    assert pipeline.add("a.pdf", "newer").metrics["chunks"] == 1
    assert check(pipeline) == [("a.pdf", 1, 1)]


def test_an_effect_without_its_receipt_is_repeated_without_a_trace(pipeline):
    pipeline.add("a.pdf", "one", "two")
    (pipeline.root / "indexed" / "a.pdf.indexed.json").unlink()

    pipeline.add("a.pdf", "one", "two")

    assert check(pipeline) == [("a.pdf", 2, 2)]


SEARCHES_FOR_EVER = """
import sys
import numpy as np
from pathlib import Path
from docparse_index._query import Request
from docparse_index.sinks import Place, sqlite

root, rounds = Path(sys.argv[1]), 0
with sqlite.open_reader(Place(root=root)) as reader:
    while True:
        with reader.snapshot() as contents:
            query = np.ones(8, np.float32)
            for mode, vector in (("lexical", None), ("dense", query), ("hybrid", query)):
                found = [hit.text for hit in reader.find(Request(text="common", mode=mode), 1000, vector)]
                assert len(found) == contents.chunks, (mode, len(found), contents)
                assert all(found.count(text) == 40 for text in set(found)), (mode, found)
        rounds += 1
        print(rounds, flush=True)
"""


@pytest.fixture
def searchers(pipeline):
    """Three processes that search by words, vectors and both until the end, and may see nothing torn."""
    pipeline.context()
    command = [sys.executable, "-c", SEARCHES_FOR_EVER, pipeline.root]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for each in started:
        each.stdout.readline()
    yield started
    for each in started:
        each.kill()
        each.communicate()


@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.long)])
def test_a_writer_killed_again_and_again_loses_nothing_that_it_had_done(pipeline, searchers, kills):
    chance, turn = random.Random(7), 0

    for _ in range(kills):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITES_FOR_EVER, pipeline.database, str(turn)], stdout=subprocess.PIPE
        )
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        turn += 1 + len(writer.communicate()[0].splitlines())

        assert all(row[1:] == (40, 1) for row in check(pipeline))
        with open_index(pipeline.root) as index:
            texts = [hit.text for hit in index.search("common", mode="lexical", k=1000)]
        turns = {int(text.removeprefix("common turn")) for text in texts}
        # what was said to be done is done; one more may have been committed and not said
        assert turns - {turn} >= set(range(max(0, turn - 2), turn))
        turn = max(turns) + 1

    for searcher in searchers:
        assert searcher.poll() is None, searcher.stderr.read().decode()
        searcher.kill()
        assert len(searcher.communicate()[0].splitlines()) > 1


def test_readers_see_whole_documents_while_one_process_writes(pipeline):
    pipeline.context()
    torn, searches = [], []

    def read() -> None:
        with open_index(pipeline.root) as index:
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                texts = [hit.text for hit in index.search("common", mode="lexical", k=1000)]
                torn.extend(text for text in set(texts) if texts.count(text) != 40)
                searches.append(len(texts))

    writer = subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, pipeline.database, "0"], stdout=subprocess.PIPE)
    for _ in range(3):
        writer.stdout.readline()
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    writer.kill()
    turns = len(writer.communicate()[0].splitlines())

    assert torn == []
    assert set(searches) == {120}
    assert turns > 3


def test_two_processes_that_make_the_store_at_once_agree_on_it(pipeline):
    code = (
        "import sys; from pathlib import Path; from docparse_index._store import read_generation;"
        "print(read_generation(Path(sys.argv[1]), create=True))"
    )

    makers = [
        subprocess.Popen([sys.executable, "-c", code, pipeline.database], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    generations = {maker.communicate()[0] for maker in makers}
    assert [maker.returncode for maker in makers] == [0] * 4
    assert len(generations) == 1
