"""The file of vectors: of exactly one state, never in the way, and no truth of its own."""

import os
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from docparse_index._contents import read_contents
from docparse_index._dense import Matrix
from docparse_index._store import open_readable
from docparse_index._vectors import cache_path, open_matrix, read_matrix


def files(pipeline):
    return sorted(path.name for path in pipeline.database.parent.glob("*.vectors-*"))


def opened(pipeline):
    """Return (what is mapped, what the blobs say, where the file of this state lies)."""
    with open_readable(pipeline.database) as connection:
        connection.execute("BEGIN")
        contents = read_contents(connection)
        mapped, true = (open_matrix(connection, contents, pipeline.database), read_matrix(connection, contents))
    return mapped, true, cache_path(contents, pipeline.database)


def assert_same(first, second):
    assert first.ids.tolist() == second.ids.tolist()
    assert np.array_equal(first.rows, second.rows)


def test_the_first_reader_makes_the_file_and_the_next_one_maps_it(pipeline):
    pipeline.add("a.pdf", "one", "two", "three")

    first, true, path = opened(pipeline)
    made = path.stat().st_mtime_ns
    second, _true, _path = opened(pipeline)

    assert_same(first, true)
    assert_same(second, true)
    assert path.stat().st_mtime_ns == made
    assert files(pipeline) == [path.name]


def test_a_change_makes_another_file_and_removes_the_old_one(pipeline):
    pipeline.add("a.pdf", "one", "two")
    before, _true, old = opened(pipeline)
    pipeline.add("b.pdf", "other")

    after, true, new = opened(pipeline)

    assert old != new
    assert files(pipeline) == [new.name]
    assert_same(after, true)
    assert len(before.rows) == 2  # who had the old file keeps it
    assert float(before.rows[1] @ before.rows[1]) == pytest.approx(1)


def test_who_may_read_the_index_may_read_the_file(pipeline):
    pipeline.add("a.pdf", "one")
    pipeline.database.chmod(0o640)

    _mapped, _true, path = opened(pipeline)

    assert path.stat().st_mode & 0o777 == 0o640


def test_vectors_are_kept_with_length_1(pipeline, make_rows):
    vectors = np.array([[3, 4], [0, 0]], np.float32)
    pipeline.run(pipeline.item("a.pdf", make_rows("a.pdf", ["one", "two"]), vectors, normalized=False))

    mapped, _true, _path = opened(pipeline)

    assert mapped.rows.tolist() == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))


@pytest.mark.parametrize("content", [b"", b"short", None])
def test_a_file_that_is_cut_short_or_gone_is_made_again(pipeline, content):
    pipeline.add("a.pdf", "one", "two")
    _mapped, _true, path = opened(pipeline)
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    mapped, true, _path = opened(pipeline)

    assert_same(mapped, true)


def test_what_killed_readers_left_is_removed_when_it_is_old(pipeline):
    pipeline.add("a.pdf", "one")
    left = [pipeline.database.with_name(f"index.sqlite.vectors-g-1-1.{name}.tmp") for name in ("old", "new")]
    for path in left:
        path.write_bytes(b"half")
    os.utime(left[0], (time.time() - 3600,) * 2)

    _mapped, _true, made = opened(pipeline)

    assert files(pipeline) == sorted([made.name, left[1].name])


def test_where_no_file_can_be_written_vectors_are_read_into_memory(pipeline, monkeypatch):
    pipeline.add("a.pdf", "one", "two")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    mapped, true, _path = opened(pipeline)

    assert_same(mapped, true)
    assert files(pipeline) == []


def test_several_processes_make_the_file_at_once(pipeline):
    pipeline.add("a.pdf", *(f"text {number}" for number in range(300)))
    code = (
        "import sys; from pathlib import Path; from docparse_index._contents import read_contents;"
        "from docparse_index._store import open_readable; from docparse_index._vectors import open_matrix\n"
        "path = Path(sys.argv[1])\n"
        "with open_readable(path) as connection:\n"
        "    connection.execute('BEGIN')\n"
        "    print(float(open_matrix(connection, read_contents(connection), path).rows.astype(float).sum()))\n"
    )

    readers = [
        subprocess.Popen([sys.executable, "-c", code, pipeline.database], stdout=subprocess.PIPE) for _ in range(3)
    ]
    sums = {reader.communicate()[0] for reader in readers}

    _mapped, true, path = opened(pipeline)
    assert [reader.returncode for reader in readers] == [0] * 3
    assert {float(each) for each in sums} == {float(true.rows.astype(float).sum())}
    assert files(pipeline) == [path.name]


def test_vectors_of_half_precision_are_taken(pipeline, make_rows, make_noise):
    item = pipeline.item("a.pdf", make_rows("a.pdf", ["one"]), make_noise(["one"]))
    table = pq.read_table(item.inputs["embeddings"])
    half = make_noise(["one"]).astype(np.float16)
    dense = pa.FixedSizeListArray.from_arrays(pa.array(half.reshape(-1)), 8)
    metadata = table.schema.metadata
    pq.write_table(table.set_column(1, "dense", dense).replace_schema_metadata(metadata), item.inputs["embeddings"])

    pipeline.run(item)

    mapped, _true, _path = opened(pipeline)
    assert np.array_equal(mapped.rows, half.astype(np.float32))


def test_the_best_are_those_of_float64_also_where_float32_cannot_tell():
    chance = np.random.default_rng(3)
    near = np.ones(64) / 8 + chance.normal(size=(500, 64)) * 1e-7
    rows = near.astype(np.float32)
    query = chance.normal(size=64).astype(np.float32)
    exact = rows.astype(np.float64) @ (query.astype(np.float64) / np.linalg.norm(query.astype(np.float64)))

    found = Matrix(np.arange(500), rows).best(query, 10)

    assert set(np.argsort(-exact)[:10].tolist()) <= set(found)
    assert len(found) == sum(exact >= np.sort(exact)[-10])
