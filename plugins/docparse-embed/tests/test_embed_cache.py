"""The cache of vectors: right, disposable, and safe with several processes."""

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from docparse_embed._cache import Entry, open_cache
from docparse_runner import StageError


def entry(*values: float) -> Entry:
    return Entry(len(values), np.array(values, dtype=np.float32))


def test_a_vector_comes_back_bit_for_bit(tmp_path):
    texts = {f"text {n}": entry(n / 3, -n) for n in range(1201)}
    with open_cache(tmp_path / "v.sqlite", model_digest="m", prompt="", dimension=2) as cache:
        cache.put(texts)

    with open_cache(tmp_path / "v.sqlite", model_digest="m", prompt="", dimension=2) as cache:
        found = cache.get([*texts, "unknown"])

    assert found.keys() == texts.keys()
    assert all(found[text].vector.tobytes() == texts[text].vector.tobytes() for text in texts)
    assert found["text 7"].tokens == 2


@pytest.mark.parametrize("other", [{"model_digest": "n"}, {"prompt": "query: "}, {"dimension": 3}])
def test_another_model_prompt_or_dimension_is_another_key(tmp_path, other):
    identity = {"model_digest": "m", "prompt": "", "dimension": 2}
    with open_cache(tmp_path / "v.sqlite", **identity) as cache:
        cache.put({"duck": entry(1, 0)})

    with open_cache(tmp_path / "v.sqlite", **{**identity, **other}) as cache:
        assert cache.get(["duck"]) == {}


def test_a_damaged_entry_is_no_entry(tmp_path):
    path = tmp_path / "v.sqlite"
    with open_cache(path, model_digest="m", prompt="", dimension=2) as cache:
        cache.put({"duck": entry(1, 0)})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vectors SET vector = x'00'")
    connection.close()

    with open_cache(path, model_digest="m", prompt="", dimension=2) as cache:
        assert cache.get(["duck"]) == {}


def test_a_file_that_is_no_cache_is_a_config_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "v.sqlite"
    path.write_text("not a database, " * 100)

    with (
        pytest.raises(StageError, match="delete it, or run with --no-cache") as caught,
        open_cache(path, model_digest="m", prompt="", dimension=2),
    ):
        pass

    assert caught.value.category == "config"


WRITER = """
import sys
from pathlib import Path
import numpy as np
from docparse_embed._cache import Entry, open_cache

for turn in range(20):
    with open_cache(Path(sys.argv[1]), model_digest="m", prompt="", dimension=2) as cache:
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
        "from docparse_embed._cache import open_cache\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "for number in range(50):\n"
        "    with open_cache(Path(sys.argv[1]) / f'{number}.sqlite', model_digest='m', prompt='', dimension=2):\n"
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
