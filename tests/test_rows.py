"""Rows between stages, as JSON Lines or Parquet."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner import Category, StageError, read_rows, write_rows

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def rows_of(tmp_path):
    """Return a function that returns the rows of a file with these bytes."""

    def read(data):
        path = tmp_path / "a.chunks.jsonl"
        path.write_bytes(data)
        return list(read_rows(path))

    return read


@given(st.lists(st.dictionaries(texts, values, max_size=4), max_size=5))
def test_rows_come_back_as_they_were_written(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"

        count = write_rows(path, iter(rows))

        assert count == len(rows)
        assert list(read_rows(path)) == rows


def test_a_row_is_one_line_of_json_whatever_its_text_contains(tmp_path):
    rows = [{"text": "two\nlines\r\nand \u2028 more"}, {"text": 'Übergröße "quoted" 表'}]

    write_rows(tmp_path / "a.jsonl", rows)

    lines = (tmp_path / "a.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == rows


def test_text_is_written_as_utf_8_and_not_escaped(tmp_path):
    write_rows(tmp_path / "a.jsonl", [{"text": "表"}])

    assert (tmp_path / "a.jsonl").read_bytes() == '{"text":"表"}\n'.encode()


def test_no_rows_make_an_empty_file(tmp_path):
    assert write_rows(tmp_path / "a.jsonl", []) == 0

    assert (tmp_path / "a.jsonl").read_bytes() == b""
    assert list(read_rows(tmp_path / "a.jsonl")) == []


def test_writing_replaces_what_was_there(tmp_path):
    path = tmp_path / "a.jsonl"
    write_rows(path, [{"n": number} for number in range(9)])

    write_rows(path, [{"n": 1}])

    assert list(read_rows(path)) == [{"n": 1}]


def test_writing_a_row_that_json_cannot_hold_raises(tmp_path):
    with pytest.raises(TypeError, match="object"):
        write_rows(tmp_path / "a.jsonl", [{"n": object()}])


def test_the_last_line_needs_no_newline(rows_of):
    assert rows_of(b'{"n":1}\n{"n":2}') == [{"n": 1}, {"n": 2}]


def test_blank_lines_and_windows_line_ends_are_no_rows(rows_of):
    assert rows_of(b'\n{"n":1}\r\n  \t\n\r\n{"n":2}\n\n') == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    "line",
    [b'{"n":', b"[1, 2]", b'"text"', b"null", b"{'n': 1}", b'{"n": "\xff"}', b'{"n":1}{"n":2}', b'{"n":NaN}', b"\x00"],
)
def test_a_line_that_is_not_an_object_is_an_input_error_that_names_it(rows_of, line):
    with pytest.raises(StageError, match=r"^line 3 of a\.chunks\.jsonl is not a JSON object: .") as raised:
        rows_of(b'{"n":1}\n\n' + line + b'\n{"n":2}\n')

    assert raised.value.category is Category.INPUT
    assert not raised.value.is_retryable


def test_a_line_nested_too_deep_is_an_input_error_and_no_crash(rows_of):
    with pytest.raises(StageError, match=r"^line 1 of a\.chunks\.jsonl") as raised:
        rows_of(b'{"n":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")

    assert raised.value.category is Category.INPUT


def test_rows_are_read_one_at_a_time(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2}\nbroken\n')

    rows = read_rows(path)

    assert [next(rows), next(rows)] == [{"n": 1}, {"n": 2}]
    with pytest.raises(StageError, match="line 3"):
        next(rows)


def test_rows_are_written_as_they_are_made(tmp_path):
    """A plan of millions must not be gathered first: the file grows while the rows are still being made."""
    path = tmp_path / "a.jsonl"
    sizes = []

    def rows():
        for number in range(100):
            sizes.append(path.stat().st_size)
            yield {"number": number, "text": "x" * 5000}

    write_rows(path, rows())

    assert sizes[0] == 0
    assert sizes[-1] > 400_000


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        next(read_rows(tmp_path / "none.jsonl"))


@pytest.fixture
def parquet(tmp_path):
    """Return a Parquet file of 300 rows."""
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "a.chunks.parquet"
    rows = [{"text": f"Zürich {number}", "tokens": number, "pages": [1, number]} for number in range(300)]
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_parquet_rows_are_the_same_objects_as_lines(parquet):
    rows = list(read_rows(parquet))

    assert len(rows) == 300
    assert rows[7] == {"text": "Zürich 7", "tokens": 7, "pages": [1, 7]}


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_parquet_file_is_an_input_error(parquet, share):
    data = parquet.read_bytes()
    parquet.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(StageError, match=r"^a\.chunks\.parquet cannot be read as Parquet: ") as caught:
        list(read_rows(parquet))

    assert caught.value.category is Category.INPUT


@pytest.mark.parametrize("share", [0.1, 0.98])
def test_a_parquet_file_with_overwritten_bytes_is_an_input_error(parquet, share):
    data = bytearray(parquet.read_bytes())
    at = int(len(data) * share)
    data[at : at + 24] = b"\xff" * 24
    parquet.write_bytes(data)

    with pytest.raises(StageError) as caught:
        list(read_rows(parquet))

    assert caught.value.category is Category.INPUT


def test_a_parquet_file_that_is_not_there_is_an_os_error(parquet):
    parquet.unlink()

    with pytest.raises(FileNotFoundError):
        list(read_rows(parquet))
