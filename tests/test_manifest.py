"""The manifest: what was acknowledged can be read back, whatever a crash, a full disk or a stray byte did to it."""

import errno
import json
import os
import subprocess
import sys

import msgspec
import pytest

from docparse_runner._manifest import JsonlSink, append_lines, manifest_path
from docparse_runner._row import ErrorRecord, FileState, LastGood, timestamp
from docparse_runner._row_index import RowIndex
from docparse_runner.errors import ManifestError, StageError

ROW_FIELDS = {
    "reason": "new",
    "stage_version": 1,
    "attempts": 1,
    "started_at": timestamp(0),
    "worker": "p1",
    "inputs": {},
    "cfg_hash": "x",
    "metrics": {},
}
STATE = FileState("upper/papers/a.txt.upper", 3, 1, 2, 4, "sha256:aa")


@pytest.fixture
def path(workspace):
    """Return the path of a manifest."""
    return manifest_path(workspace, "upper")


@pytest.fixture
def sink(workspace):
    """Return the manifest of a stage, open for a run."""
    return JsonlSink(workspace, "upper", "r1")


def append(path, *rows):
    append_lines(path, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def read(path):
    """Return (item id → row, unreadable lines), on which a strict index and one that decodes later agree."""
    strict, lazy = RowIndex([path], strict=True), RowIndex([path])
    rows = dict(lazy.items())
    assert (dict(strict.items()), strict.unreadable) == (rows, lazy.unreadable)
    return rows, lazy.unreadable


def lines_of(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_rows_are_read_back_as_they_were_written(path, make_row):
    rows = [
        make_row("papers/a.txt", inputs={"source": STATE}, outputs={"upper": STATE}, metrics={"pages": 3, "é": [None]}),
        make_row(
            "papers/b%0A.txt",
            status="failure",
            category="timeout",
            error=ErrorRecord(category="timeout", message="late", limit=5.0),
            last_good=LastGood("r0", {"upper": STATE}),
        ),
    ]

    append(path, *rows)

    assert read(path) == ({row.item_id: row for row in rows}, 0)


def test_the_last_row_of_an_item_wins(path, make_row):
    append(path, make_row("a", run_id="r1"), make_row("b", run_id="r1"))
    append(path, make_row("a", run_id="r2"))

    rows, _bad = read(path)

    assert {item_id: row.run_id for item_id, row in rows.items()} == {"a": "r2", "b": "r1"}


def test_of_an_item_whose_last_line_is_no_row_the_older_row_counts(path, make_row):
    append(path, make_row("a", run_id="r1"), make_row("b"), make_row("c"))
    append_lines(path, b'{"item_id": "a"}\n{"item_id": "nobody"}\n')
    index = RowIndex([path])

    found = index["a"]

    assert found.run_id == "r1"
    assert (sorted(index), index.unreadable) == (["a", "b", "c"], 2)


def test_an_item_that_was_taken_stays_taken_when_the_files_are_read_again(path, make_row):
    append(path, make_row("a"), make_row("b"))
    append_lines(path, b'{"item_id": "b"}\n')
    index = RowIndex([path])

    taken = [index.take("a"), index.take("a"), index.take("b"), index.take("nobody")]

    assert taken == [make_row("a"), None, make_row("b"), None]
    assert (len(index), list(index.items()), "b" in index) == (0, [], False)


def test_a_manifest_that_is_replaced_is_read_as_it_was(path, make_row):
    append(path, make_row("a"), make_row("b"))
    index = RowIndex([path])
    path.unlink()
    append(path, make_row("c"))

    rows = dict(index.items())

    assert rows == {"a": make_row("a"), "b": make_row("b")}


def test_a_manifest_that_is_not_there_is_empty(tmp_path):
    (tmp_path / "file").write_text("x")

    assert read(tmp_path / "nothing") == ({}, 0)
    assert read(tmp_path / "file" / "below") == ({}, 0)


def test_a_row_torn_at_any_byte_costs_that_row_and_no_other(path, make_row):
    append(path, make_row("a"))
    size = path.stat().st_size
    append(path, make_row("torn", metrics={"é": 1}))
    whole = path.read_bytes()
    line_and_newline = (len(whole) - 1, len(whole))

    for length in range(size, len(whole) + 1):
        path.write_bytes(whole[:length])
        append(path, make_row("c"), make_row("d"))
        rows, bad = read(path)

        is_whole = length in line_and_newline
        assert sorted(rows) == ["a", "c", "d", *(["torn"] if is_whole else [])]
        assert bad == int(not is_whole and length != size)


@pytest.mark.parametrize(
    "garbage",
    [
        b"[" * 5000,
        b'{"item_id": ' + b"[" * 5000,
        b'{"metrics": ' + b'{"a":' * 5000,
        b"\xff\xfe\xfd",
        b"\0" * 4096,
        b"null",
        b"{}",
        b'"text"',
        b"{'item_id': 1}",
        b"12345678901234567890123456789012345678901234567890",
    ],
    ids=repr,
)
def test_a_garbled_line_is_skipped_and_counted(path, make_row, garbage):
    append(path, make_row("a"))
    append_lines(path, garbage + b"\n")
    append(path, make_row("b"))

    rows, bad = read(path)

    assert (sorted(rows), bad) == (["a", "b"], 1)


@pytest.mark.parametrize(
    "change",
    [
        {"item_id": 1},
        {"item_id": None},
        {"attempts": "1"},
        {"inputs": []},
        {"outputs": {"upper": {"path": "x"}}},
        {"outputs": {"upper": {"path": "x", "size": 1e400, "mtime_ns": 1, "ctime_ns": 1, "inode": 1}}},
        {"error": "late"},
        {"cfg_hash": None},
    ],
    ids=repr,
)
def test_a_row_with_a_field_of_a_wrong_type_is_skipped_and_counted(path, make_row, change):
    append_lines(path, json.dumps(msgspec.to_builtins(make_row("a")) | change).encode() + b"\n")
    append(path, make_row("b"))

    rows, bad = read(path)

    assert (sorted(rows), bad) == (["b"], 1)


@pytest.mark.parametrize("field", ["item_id", "status", "inputs", "started_at"])
def test_a_row_that_lacks_a_field_is_skipped_and_counted(path, make_row, field):
    row = msgspec.to_builtins(make_row("a"))
    del row[field]
    append_lines(path, json.dumps(row).encode() + b"\n")

    assert read(path) == ({}, 1)


def test_a_row_with_text_that_is_not_utf_8_is_skipped_and_counted(path, make_row):
    line = msgspec.json.encode(make_row("a", reason="REASON"))
    append_lines(path, line.replace(b"REASON", b"\xc3\x28") + b"\n" + line.replace(b'"a"', b'"\xff"') + b"\n")

    assert read(path) == ({}, 2)


def test_a_row_with_a_field_that_a_later_version_added_is_read(path, make_row):
    append_lines(path, json.dumps(msgspec.to_builtins(make_row("a")) | {"colour": "red"}).encode() + b"\n")

    assert read(path) == ({"a": make_row("a")}, 0)


def test_empty_lines_are_not_counted(path, make_row):
    append_lines(path, b"\n" + msgspec.json.encode(make_row("a")) + b"\n  \n")

    assert read(path) == ({"a": make_row("a")}, 0)


FULL_DISK = """
import resource, sys
from pathlib import Path
from docparse_runner._manifest import append_lines
path, more = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, resource.RLIM_INFINITY))
try:
    append_lines(path, b"x" * 1000 + b"\\n" + b"y" * 1000 + b"\\n")
except Exception as error:
    print(type(error).__name__, error)
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("room", [0, 1, 1001, 2001])
@pytest.mark.parametrize("tail", [b"", b'{"torn": '])
def test_a_full_disk_stops_the_run_and_leaves_the_file_as_it_was(path, make_row, tail, room):
    append(path, make_row("a"))
    path.write_bytes(path.read_bytes() + tail)
    before = path.read_bytes()

    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path, str(room)], capture_output=True, text=True, check=True
    )

    reason = os.strerror(errno.EFBIG)
    said = f"ManifestError {path} cannot be written: {reason}; what was recorded so far is safe, run again\n"
    assert (done.stdout, done.stderr) == (said, "")
    assert path.read_bytes() == before


def test_a_disk_with_just_enough_room_is_not_full(path, make_row):
    append(path, make_row("a"))

    subprocess.run([sys.executable, "-c", FULL_DISK, path, "2002"], capture_output=True, check=True)

    assert path.read_bytes().endswith(b"\n" + b"x" * 1000 + b"\n" + b"y" * 1000 + b"\n")


def test_a_manifest_that_cannot_be_opened_stops_the_run(path):
    path.mkdir()

    with pytest.raises(ManifestError, match=f"{path} cannot be written: Is a directory"):
        append_lines(path, b"{}\n")


def test_each_way_to_end_is_a_row_of_the_same_fields(path, sink):
    error = ErrorRecord.of(StageError("it is encrypted", category="input", detail="at byte 5"))
    extras = ROW_FIELDS | {"duration_s": 0.5}
    sink.log_success("upper", "p/a", "in/a", {"upper": STATE}, 0.5, ROW_FIELDS | {"status": "partial"})
    sink.log_skip("upper", "p/b", "in/b", "blank", {key: extras[key] for key in extras if key != "reason"})
    sink.log_failure("upper", "p/c", "in/c", error, extras)

    sink.flush()

    done, skipped, failed = lines_of(path)
    assert set(done) == set(skipped) == set(failed)
    assert {(row["schema_version"], row["run_id"], row["stage"]) for row in (done, skipped, failed)} == {
        (1, "r1", "upper")
    }
    assert [row["item_id"] for row in (done, skipped, failed)] == ["p/a", "p/b", "p/c"]
    assert [row["doc_id"] for row in (done, skipped, failed)] == ["p/a", "p/b", "p/c"]
    assert (done["status"], done["output_path"], done["input_path"]) == ("partial", STATE.path, "in/a")
    assert (skipped["status"], skipped["reason"], skipped["outputs"]) == ("skip", "blank", {})
    assert (failed["status"], failed["category"], failed["output_path"]) == ("failure", "input", "")
    assert failed["error"] == {
        "category": "input",
        "message": "it is encrypted",
        "type": "StageError",
        "detail": "at byte 5",
    }


def test_nothing_is_written_before_flush_and_nothing_twice_after_it(path, sink):
    sink.log_success("upper", "p/a", "in/a", {"upper": STATE}, 0.5, ROW_FIELDS | {"status": "success"})
    before = path.exists()

    sink.flush()
    sink.flush()

    assert not before
    assert len(lines_of(path)) == 1


def test_rows_that_could_not_be_written_are_written_by_the_next_flush_that_can(path, sink):
    sink.log_success("upper", "p/a", "in/a", {"upper": STATE}, 0.5, ROW_FIELDS | {"status": "success"})
    path.mkdir()
    with pytest.raises(ManifestError):
        sink.flush()
    path.rmdir()

    sink.flush()

    assert [row["item_id"] for row in lines_of(path)] == ["p/a"]


def test_attempts_are_logged_beside_the_manifest_and_in_order(workspace, path, sink):
    sink.log_attempt("upper", "p/a", 1, "started", {"worker": "p1"})
    sink.log_attempt("upper", "p/a", 1, "finished", {"status": "failure"})
    sink.flush()
    sink.log_attempt("upper", "p/a", 2, "started", {"worker": "p2"})
    sink.flush()

    logged = lines_of(workspace.manifests / "upper.attempts.jsonl")

    assert logged[0] == {
        "run_id": "r1",
        "stage": "upper",
        "item_id": "p/a",
        "attempt": 1,
        "event": "started",
        "worker": "p1",
    }
    assert [(each["attempt"], each["event"]) for each in logged] == [(1, "started"), (1, "finished"), (2, "started")]
    assert not path.exists()


def test_attempts_that_cannot_be_written_stop_the_run_after_the_rows_are_safe(workspace, path, sink):
    (workspace.manifests / "upper.attempts.jsonl").mkdir()
    sink.log_success("upper", "p/a", "in/a", {"upper": STATE}, 0.5, ROW_FIELDS | {"status": "success"})
    sink.log_attempt("upper", "p/a", 1, "started", {})

    with pytest.raises(ManifestError, match=r"upper\.attempts\.jsonl cannot be written"):
        sink.flush()

    assert list(read(path)[0]) == ["p/a"]


def test_the_configurations_of_the_stages_of_one_run_are_kept_together(workspace):
    JsonlSink(workspace, "upper", "r1").log_config("upper", {"workers": 2})
    JsonlSink(workspace, "count", "r1").log_config("count", {"folder": workspace.root})
    JsonlSink(workspace, "upper", "r2").log_config("upper", {"workers": 4})

    first, second = (json.loads((workspace.runs / run / "config.json").read_text()) for run in ("r1", "r2"))

    assert first == {"upper": {"workers": 2}, "count": {"folder": str(workspace.root)}}
    assert second == {"upper": {"workers": 4}}


def test_a_configuration_that_cannot_be_written_stops_the_run(workspace, sink):
    (workspace.runs / "r1").write_text("in the way")

    with pytest.raises(ManifestError, match=r"config\.json cannot be written"):
        sink.log_config("upper", {})


@pytest.mark.parametrize("category", ["io", "input"])
def test_a_failure_comes_back_as_the_error_that_it_was(category):
    error = StageError("sentence", category=category, detail="more")

    back = ErrorRecord.of(error).restored("upper", "p/a")

    assert (back.message, back.category, back.detail, back.stage, back.item_id) == (
        "sentence",
        category,
        "more",
        "upper",
        "p/a",
    )
    assert back.is_retryable == error.is_retryable


def test_a_failure_that_quotes_an_undecodable_name_can_be_written():
    record = ErrorRecord(category="io", message="a\udcff", detail="b\udcfe")

    assert json.loads(msgspec.json.encode(record))["message"] == r"a\udcff"
    assert record.detail == r"b\udcfe"


@pytest.mark.parametrize("field", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_a_file_is_the_same_when_size_times_and_inode_are(tmp_path, field):
    (tmp_path / "a").write_text("x")
    state = FileState.of("a", (tmp_path / "a").stat(), "sha256:aa")
    other = msgspec.structs.replace(state, **{field: getattr(state, field) + 1})

    assert state.same_stat((tmp_path / "a").stat())
    assert not other.same_stat((tmp_path / "a").stat())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1_795_444_081.22, "2026-11-23T14:28:01.220Z")],
)
def test_times_are_iso_8601_in_utc_to_the_millisecond(seconds, text):
    assert timestamp(seconds) == text
