"""The cache of vectors: right, disposable, and safe with several processes."""

import sqlite3
import subprocess
import sys

import attrs
import numpy as np
import pytest

from docparse_embed import _cache
from docparse_embed._cache import Entry, Identity, open_cache
from docparse_embed._eviction import evict
from docparse_runner import StageError

IDENTITY = Identity(model_digest="m", prompt="", dimension=2)


def entry(*values: float) -> Entry:
    return Entry(len(values), np.array(values, dtype=np.float32))


def test_a_vector_comes_back_bit_for_bit(tmp_path):
    texts = {f"text {n}": entry(n / 3, -n) for n in range(1201)}
    with open_cache(tmp_path / "v.sqlite", IDENTITY) as cache:
        cache.put(texts)

    with open_cache(tmp_path / "v.sqlite", IDENTITY) as cache:
        found = cache.get([*texts, "unknown"])

    assert found.keys() == texts.keys()
    assert all(found[text].vector.tobytes() == texts[text].vector.tobytes() for text in texts)
    assert found["text 7"].tokens == 2


@pytest.mark.parametrize("other", [{"model_digest": "n"}, {"prompt": "query: "}, {"dimension": 3}, {"dtype": "<f2"}])
def test_another_model_prompt_or_dimension_is_another_key(tmp_path, other):
    with open_cache(tmp_path / "v.sqlite", IDENTITY) as cache:
        cache.put({"duck": entry(1, 0)})

    with open_cache(tmp_path / "v.sqlite", attrs.evolve(IDENTITY, **other)) as cache:
        assert cache.get(["duck"]) == {}


def test_a_damaged_entry_is_no_entry(tmp_path):
    path = tmp_path / "v.sqlite"
    with open_cache(path, IDENTITY) as cache:
        cache.put({"duck": entry(1, 0)})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vectors SET vector = x'00'")
    connection.close()

    with open_cache(path, IDENTITY) as cache:
        assert cache.get(["duck"]) == {}


def test_a_file_that_is_no_cache_is_a_config_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "v.sqlite"
    path.write_text("not a database, " * 100)

    with (
        pytest.raises(StageError, match="delete it, or run with --no-cache") as caught,
        open_cache(path, IDENTITY),
    ):
        pass

    assert caught.value.category == "config"


WRITER = """
import sys
from pathlib import Path
import numpy as np
from docparse_embed._cache import LAYOUT, Entry, Identity, open_cache

for turn in range(20):
    with open_cache(Path(sys.argv[1]), Identity(model_digest="m", prompt="", dimension=2)) as cache:
        texts = [f"shared {turn} {n}" for n in range(20)] + [f"{sys.argv[2]} {turn} {n}" for n in range(20)]
        cache.put({text: Entry(1, np.array([len(text), 1], dtype=np.float32)) for text in texts})
        assert cache.get(texts).keys() == set(texts)
"""


def test_several_processes_may_write_one_cache_at_once(tmp_path):
    path = tmp_path / "v.sqlite"

    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, f"writer{n}"]) for n in range(4)]

    assert [writer.wait(60) for writer in writers] == [0] * 4
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (20 * 20 * 5,)
    connection.close()


def test_several_processes_may_make_a_new_cache_at_the_same_moment(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from docparse_embed._cache import Identity, open_cache\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "for number in range(50):\n"
        "    identity = Identity(model_digest='m', prompt='', dimension=2)\n"
        "    with open_cache(Path(sys.argv[1]) / f'{number}.sqlite', identity):\n"
        "        pass\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    openers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for opener in openers:
        opener.stdout.readline()

    for opener in openers:
        opener.stdin.write("go\n")
        opener.stdin.flush()
    answers = [(opener.communicate()[1], opener.returncode) for opener in openers]

    assert answers == [("", 0)] * 3


def days(path):
    with sqlite3.connect(path) as connection:
        found = dict(connection.execute("SELECT tokens, used FROM vectors"))
    connection.close()
    return found


def test_what_is_used_is_marked_with_the_day_of_its_use(tmp_path, monkeypatch):
    path = tmp_path / "v.sqlite"
    with open_cache(path, IDENTITY) as cache:
        monkeypatch.setattr(_cache, "_today", lambda: 10)
        cache.put({"old": Entry(1, entry(1, 0).vector), "older": Entry(2, entry(1, 0).vector)})

        monkeypatch.setattr(_cache, "_today", lambda: 20)
        cache.get(["old"])

    assert days(path) == {1: 20, 2: 10}


def test_the_vectors_unused_for_longest_go_when_the_cache_is_too_large(tmp_path, monkeypatch):
    path = tmp_path / "v.sqlite"
    identity = Identity(model_digest="m", prompt="", dimension=1000)
    with open_cache(path, identity) as cache:
        for day in range(40):
            monkeypatch.setattr(_cache, "_today", lambda day=day: day)
            vector = np.ones(1000, np.float32)
            cache.put({f"{day} {n}": Entry(1000 * day + n, vector) for n in range(20)})
    limit = 2_000_000

    gone = evict(path, limit)

    left = days(path)
    assert gone == 800 - len(left) > 0
    assert path.stat().st_size <= limit
    assert min(left.values()) >= 20
    assert evict(path, limit) == 0


@pytest.mark.parametrize("content", [None, "not a database, " * 100])
def test_a_cache_that_is_not_there_or_damaged_is_left_alone(tmp_path, content):
    path = tmp_path / "v.sqlite"
    if content:
        path.write_text(content)

    assert evict(path, 1) == 0
    assert path.exists() is bool(content)


def test_a_cache_of_an_older_layout_is_made_anew(tmp_path):
    path = tmp_path / "v.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE vectors (key BLOB PRIMARY KEY, tokens INTEGER, vector BLOB)")
    connection.close()

    with open_cache(path, IDENTITY) as cache:
        cache.put({"duck": entry(1, 0)})

        assert cache.get(["duck"]).keys() == {"duck"}


def test_rows_of_any_length_come_back_where_each_has_its_own(tmp_path):
    identity = attrs.evolve(IDENTITY, dimension=0, dtype=[("index", "<i4"), ("value", "<f4")])
    row = np.array([(3, 0.5), (9, 2.0)], dtype=identity.dtype)
    with open_cache(tmp_path / "v.sqlite", identity) as cache:
        cache.put({"duck": Entry(1, row), "nothing": Entry(1, row[:0])})

        found = cache.get(["duck", "nothing"])

    assert found["duck"].vector.tolist() == [(3, 0.5), (9, 2.0)]
    assert len(found["nothing"].vector) == 0
