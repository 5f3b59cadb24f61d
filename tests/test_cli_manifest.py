"""``docparse manifest``: the record is shown, followed, compacted without losing a row, and compared with the disk."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from docparse_runner import Workspace
from docparse_runner._audit import Auditor
from docparse_runner._compaction import compact
from docparse_runner._manifest import append_lines, manifest_path, read_manifest
from docparse_runner._row import FileState, Row
from docparse_runner._row_index import RowIndex
from docparse_runner.cli import _meter

SCHEMA = Path(__file__).parents[1] / "docs" / "reference" / "manifest.schema.json"
ROOT = Path("docparse-data")


@pytest.fixture
def made(docs, docparse):
    """Run upper twice over documents of which one fails, one is skipped and one was edited, then count."""
    docs(a="text a", b="text b", bad="bad text", none="skip it")
    docparse("run", "upper", "docs", "--workers", 0)
    docs(a="longer text a")
    docparse("run", "upper", "--workers", 0)
    docparse("run", "count", "--workers", 0)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def manifest(stage="upper"):
    return ROOT / "manifests" / f"{stage}.manifest.jsonl"


def output(name, kind="upper", suffix=".upper.txt"):
    return ROOT / kind / "docs" / f"{name}.txt{suffix}"


def tree():
    return {path: path.read_bytes() for path in ROOT.rglob("*") if path.is_file()}


def rot(name):
    """Change a byte of a result as a failing disk does: the row still has the file's size, times and inode."""
    path = output(name)
    with path.open("r+b") as file:
        file.write(b"?")
    row = RowIndex([manifest()])[f"docs/{name}.txt"]
    state = FileState.of(row.output_path, path.stat(), row.outputs["upper"].digest)
    append_lines(manifest(), msgspec.json.encode(msgspec.structs.replace(row, outputs={"upper": state})) + b"\n")


# --- show


@pytest.mark.usefixtures("made")
def test_show_prints_the_last_row_of_each_document(docparse, last_rows):
    shown = docparse("manifest", "show", "upper")
    data = docparse("manifest", "show", "upper", "--json")

    head, *table = shown.out.splitlines()
    assert (shown.code, shown.err) == (0, "")
    assert head.split() == ["item", "status", "seconds", "tries", "started", "why"]
    found = {line.split()[0]: line.split()[1] for line in table}
    assert found == {
        "docs/a.txt": "success",
        "docs/b.txt": "success",
        "docs/bad.txt": "failure",
        "docs/none.txt": "skip",
    }
    assert "  input changed" in table[0]
    assert "  input: the document is bad" in shown.out
    assert {row["item_id"]: row for row in lines(data.out)} == last_rows("upper")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("--item a.txt", ["a"]),
        ("--item docs/b* --item none.txt", ["b", "bad", "none"]),
        ("--status failure", ["bad"]),
        ("--status failure --status skip", ["bad", "none"]),
        ("--category input", ["bad"]),
        ("--status success --item nothing", []),
    ],
)
def test_show_takes_what_matches_every_filter(docparse, words, names):
    ended = docparse("manifest", "show", "upper", "--json", *words.split())

    assert sorted(row["item_id"] for row in lines(ended.out)) == [f"docs/{name}.txt" for name in names]
    assert ended.err == ("" if names else "no document matches\n")


@pytest.mark.usefixtures("made")
def test_show_takes_the_rows_of_one_run(docparse, history):
    run = history("upper")[-1]["run_id"]

    ended = docparse("manifest", "show", "--run", run, "--json")

    assert {row["item_id"] for row in lines(ended.out)} == {
        row["item_id"] for row in history("upper") if row["run_id"] == run
    }
    assert "docs/b.txt" not in ended.out


@pytest.mark.usefixtures("made")
def test_without_a_stage_all_recorded_stages_are_shown(docparse):
    shown = docparse("manifest", "show", "--item", "b.txt").out.splitlines()

    assert [line for line in shown if " " not in line] == ["count", "upper"]
    assert len([line for line in shown if line.startswith("docs/b.txt")]) == 2


@pytest.mark.parametrize("command", ["show", "tail", "compact", "verify"])
@pytest.mark.usefixtures("made")
def test_an_unknown_stage_is_told_with_those_recorded_and_the_nearest(docparse, command):
    before = tree()

    ended = docparse("manifest", command, "uper")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("docparse: no stage 'uper' is recorded in ")
    assert ended.err.endswith("; recorded: count, upper. Did you mean 'upper'?\n")
    assert tree() == before


@pytest.mark.parametrize("command", ["show", "tail", "compact", "verify"])
def test_a_folder_in_which_nothing_was_run_is_told_and_not_made(docparse, command):
    ended = docparse("manifest", command)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("docparse: nothing was run in ")
    assert not ROOT.exists()


def test_a_misspelt_command_is_told_with_the_nearest(docparse):
    ended = docparse("manifest", "vrify")

    assert ended.code == 2
    assert ended.err == (
        "docparse: no command 'manifest vrify'; there are: show, tail, compact, verify, import. "
        "Did you mean 'verify'?\n"
    )


@pytest.mark.parametrize("command", ["", "show", "tail", "compact", "verify"])
def test_every_command_has_help(docparse, command):
    ended = docparse("manifest", *command.split(), "--help")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: docparse manifest {command}".rstrip())


@pytest.mark.usefixtures("made")
def test_show_leaves_out_unreadable_lines_and_says_so(docparse):
    with manifest().open("ab") as file:
        file.write(b"[[[[")

    ended = docparse("manifest", "show", "upper", "--json")

    assert (ended.code, len(lines(ended.out)), ended.err) == (0, 4, "upper: 1 unreadable line left out\n")


def test_the_commands_can_be_completed(docparse, monkeypatch):
    monkeypatch.setenv("_DOCPARSE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "docparse manifest ver")
    monkeypatch.setenv("COMP_CWORD", "2")

    assert docparse() == (0, "plain,verify\n", "")


# --- tail


@pytest.mark.usefixtures("made")
def test_tail_prints_the_last_rows_in_the_order_in_which_they_were_written(docparse, history):
    two = docparse("manifest", "tail", "upper", "-n", 2, "--json")
    everything = docparse("manifest", "tail", "upper", "--json")
    table = docparse("manifest", "tail", "upper", "-n", 1)

    assert lines(two.out) == history("upper")[-2:]
    assert everything.out.encode() == manifest().read_bytes()
    assert table.out.splitlines()[0] == "upper.manifest.jsonl"
    assert table.out.splitlines()[2].split()[0] == history("upper")[-1]["item_id"]


@pytest.mark.usefixtures("made")
def test_tail_leaves_out_unreadable_lines_and_says_how_many(docparse, history):
    expected = history("upper")[-3:]
    with manifest().open("ab") as file:
        file.write(b'[[[[\n\n{"item_id": 3}\n\xff\xfe\n{"schema_version":1,"run')

    ended = docparse("manifest", "tail", "upper", "-n", 3, "--json")

    assert lines(ended.out) == expected
    assert ended.err == "upper.manifest.jsonl: 4 unreadable lines left out\n"


def test_tail_finds_rows_that_are_longer_than_what_it_reads_at_once(docparse, stages, make_row):
    workspace = Workspace(stages / ROOT)
    workspace.create()
    rows = [make_row(f"papers/{place}", metrics={"text": "é" * 90_000}) for place in range(4)]
    append_lines(manifest_path(workspace, "upper"), b"".join(msgspec.json.encode(row) + b"\n" for row in rows))

    ended = docparse("manifest", "tail", "upper", "-n", 3, "--json")

    assert [row["item_id"] for row in lines(ended.out)] == ["papers/1", "papers/2", "papers/3"]


@pytest.mark.usefixtures("made")
def test_tail_shows_attempts(docparse, history):
    data = docparse("manifest", "tail", "upper", "--attempts", "--json", "-n", 4)
    table = docparse("manifest", "tail", "upper", "--attempts", "-n", 2)

    assert lines(data.out) == history("upper", name="attempts")[-4:]
    assert table.out.splitlines()[0] == "upper.attempts.jsonl"
    assert table.out.splitlines()[1].endswith("  (try 1)")


# --- compact


@pytest.mark.usefixtures("made")
def test_compact_keeps_the_last_row_of_each_document_byte_for_byte(docparse, last_rows, history):
    before, rows = last_rows("upper"), len(history("upper"))
    wanted = {line for line in manifest().read_bytes().splitlines() if json.loads(line) in before.values()}
    manifest().chmod(0o640)

    ended = docparse("manifest", "compact", "upper")
    again = docparse("manifest", "compact", "upper")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"upper.manifest.jsonl: {rows} → 4 rows, ")
    assert set(manifest().read_bytes().splitlines()) == wanted
    assert len(history("upper")) == 4
    assert manifest().stat().st_mode & 0o777 == 0o640
    assert again.out == "upper.manifest.jsonl: 4 rows, nothing to leave out\n"


@pytest.mark.usefixtures("made")
def test_after_compaction_everything_is_up_to_date_and_rows_are_appended(docparse, docs, last_rows):
    docparse("manifest", "compact")

    idle = json.loads(docparse("run", "upper", "--workers", 0, "--json").out)
    docs(c="text c")
    docparse("run", "upper", "--workers", 0)

    assert idle["planned"] == idle["skipped"] + idle["failed"]
    assert idle["succeeded"] == 0
    assert len(last_rows("upper")) == 5


@pytest.mark.usefixtures("made")
def test_a_document_that_is_gone_stays_gone(docparse, stages, last_rows):
    (stages / "docs" / "b.txt").unlink()
    docparse("run", "upper", "--workers", 0)

    docparse("manifest", "compact", "upper")

    assert last_rows("upper")["docs/b.txt"]["status"] == "gone"


@pytest.mark.usefixtures("made")
def test_a_torn_last_line_is_dropped(docparse, last_rows):
    before = last_rows("upper")
    with manifest().open("ab") as file:
        file.write(b'{"schema_version":1,"run')

    ended = docparse("manifest", "compact", "upper")

    assert ended.out.endswith(" bytes; 1 unreadable line left out\n")
    assert last_rows("upper") == before


@pytest.mark.usefixtures("made")
def test_a_whole_last_line_that_only_lacks_its_end_is_kept(docparse, last_rows):
    before = last_rows("upper")
    manifest().write_bytes(manifest().read_bytes().removesuffix(b"\n"))

    docparse("manifest", "compact", "upper")

    assert last_rows("upper") == before


@pytest.mark.usefixtures("made")
def test_unreadable_lines_are_dropped_only_when_asked_to(docparse, last_rows):
    rows = last_rows("upper")
    damaged = b"[[[[\n" + manifest().read_bytes() + b'{"schema_version":1,"run\n'
    manifest().write_bytes(damaged)

    refused = docparse("manifest", "compact", "upper")
    kept = manifest().read_bytes()
    dropped = docparse("manifest", "compact", "upper", "--drop-unreadable")

    assert (refused.code, refused.out, kept) == (2, "", damaged)
    assert " has 2 unreadable lines; it stays as it is." in refused.err
    assert (dropped.code, dropped.err) == (0, "")
    assert dropped.out.endswith("; 2 unreadable lines left out\n")
    assert last_rows("upper") == rows


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.usefixtures("made")
def test_a_disk_that_fails_in_the_middle_of_compaction_loses_nothing(docparse, monkeypatch, step):
    before = tree()

    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"docparse_runner._compaction.os.{step}", fail)
        with pytest.raises(Exception, match="cannot be compacted: No space left on device; no row is lost"):
            compact(manifest())

    assert tree() == before
    assert docparse("manifest", "compact", "upper").code == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from docparse_runner import _compaction
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
module, name = {"write": (_compaction.shutil, "copymode"), "rename": (_compaction.os, "replace"),
                "after": (_compaction, "sync_folder")}[sys.argv[2]]
setattr(module, name, die)
_compaction.compact(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("moment", ["write", "rename", "after"])
@pytest.mark.usefixtures("made")
def test_killed_in_the_middle_of_compaction_no_row_is_lost(docparse, last_rows, moment):
    before = last_rows("upper")

    killed = subprocess.run([sys.executable, "-c", KILLED, str(manifest()), moment], check=False)

    assert killed.returncode == -9
    assert last_rows("upper") == before
    assert docparse("manifest", "compact", "upper").code == 0
    assert last_rows("upper") == before


def test_compaction_is_refused_while_a_run_is_going(docs, docparse, spawn, watch):
    docs(a="text a", b="text b")
    docparse("run", "upper", "docs", "--workers", 0)
    docs(c="text c")
    run = spawn("run", "upper", "--workers", 1, "--delay-s", 30)
    watch.until(lambda: list((ROOT / ".staging").glob("upper/*/*")), "the run to begin")

    ended = docparse("manifest", "compact", "upper")
    repair = docparse("manifest", "verify", "--repair")

    for refused in (ended, repair):
        assert (refused.code, refused.out) == (2, "")
        assert f"upper is already running on {ROOT.absolute()}: process {run.pid} on " in refused.err
    assert docparse("manifest", "verify").code == 0, "what a run has staged is not left over"


# --- verify


@pytest.mark.usefixtures("made")
def test_verify_finds_nothing_wrong_with_a_good_data_root_and_writes_nothing(docparse):
    before = tree()

    ended = docparse("manifest", "verify")

    assert ended == (0, "upper: 2 files, all as recorded\ncount: 2 files, all as recorded\n", "")
    assert tree() == before


@pytest.mark.usefixtures("made")
def test_verify_finds_what_is_missing_changed_and_unrecorded_and_writes_nothing(docparse):
    rot("a")
    output("b").unlink()
    output("b", "count", ".count.json").write_text("longer than it was")
    (ROOT / "upper" / "own notes.txt").touch()
    before = tree()

    ended = docparse("manifest", "verify")
    data = json.loads(docparse("manifest", "verify", "--json").out)

    assert ended.code == 1
    assert ended.out.splitlines()[0] == "upper: 2 files, 1 changed, 1 missing, 1 unrecorded"
    assert "  missing     upper/docs/b.txt.upper.txt\n" in ended.out
    assert "  changed     count/docs/b.txt.count.json  (18 bytes instead of 14)\n" in ended.out
    assert ended.out.splitlines()[-2] == "to have it put right: the same command with --repair"
    found = {
        name: [(each["problem"], each["item_id"]) for each in data["stages"][name]["findings"]]
        for name in data["stages"]
    }
    assert found == {
        "upper": [("changed", "docs/a.txt"), ("missing", "docs/b.txt"), ("unrecorded", "")],
        "count": [("changed", "docs/b.txt")],
    }
    assert data["next"] == []
    assert tree() == before


@pytest.mark.usefixtures("made")
def test_repair_makes_the_next_run_do_again_what_is_broken_and_nothing_else(docparse, history, stages):
    good = {name: output(name).read_bytes() for name in "ab"}
    config = stages / "own.toml"
    config.touch()
    rot("a")
    unseen = json.loads(docparse("run", "upper", "--workers", 0, "--json").out)
    output("b").unlink()
    rows = history("upper")

    ended = docparse("manifest", "verify", "upper", "--repair", "--data-root", ROOT, "--config", config)

    assert unseen["succeeded"] == 0
    assert ended.code == 1
    command = ended.out.splitlines()[-1].split()
    assert command == ["docparse", "run", "upper", "--data-root", str(ROOT.absolute()), "--config", str(config)]
    assert history("upper") == rows
    docparse(*command[1:], "--workers", 0)
    assert {row["item_id"]: row["reason"] for row in history("upper")[len(rows) :]} == {
        "docs/a.txt": "output changed",
        "docs/b.txt": "output missing",
    }
    assert {name: output(name).read_bytes() for name in "ab"} == good
    assert docparse("manifest", "verify").code == 0


@pytest.mark.usefixtures("made")
def test_the_older_result_of_a_document_that_is_remembered_as_bad_needs_a_run_that_tries_again(docs, docparse):
    docs(b="bad by now")
    docparse("run", "upper", "--workers", 0)
    output("b").write_text("spoilt")

    ended = docparse("manifest", "verify", "upper", "--repair")

    assert "(6 bytes instead of" not in ended.out, "the size is the same"
    assert "; the older result of a document that failed)" in ended.out
    assert ended.out.splitlines()[-1] == "  docparse run upper --retry-quarantined"


@pytest.mark.usefixtures("made")
def test_files_of_documents_that_are_gone_are_counted_and_not_wrong(docparse, stages):
    (stages / "docs" / "b.txt").unlink()
    docparse("run", "upper", "--workers", 0)

    ended = docparse("manifest", "verify", "upper")

    assert ended == (0, "upper: 1 file, all as recorded\n  of documents that are gone: 1 (docparse prune)\n", "")


@pytest.mark.usefixtures("made")
def test_a_result_whose_row_is_lost_is_unrecorded(docparse):
    manifest("count").unlink()

    ended = docparse("manifest", "verify", "count")

    assert ended.code == 1
    assert ended.out.splitlines()[0] == "count: 0 files, 2 unrecorded"


@pytest.mark.usefixtures("made")
def test_what_killed_runs_left_is_found_and_removed_by_repair(docparse):
    staged = ROOT / ".staging" / "upper" / "some-run" / "out" / "a.txt"
    staged.parent.mkdir(parents=True)
    staged.write_text("half")
    beside = manifest().with_name(".upper.manifest.jsonl.4711.tmp")
    beside.touch()
    os.utime(beside, (1_700_000_000, 1_700_000_000))
    young = manifest().with_name(".upper.manifest.jsonl.4712.tmp")
    young.touch()

    ended = docparse("manifest", "verify", "upper", "--repair")

    assert ended.code == 1
    assert ended.out.splitlines()[0] == "upper: 2 files, 2 temporary"
    assert [path.exists() for path in (staged, beside, young)] == [False, False, True]
    assert docparse("manifest", "verify", "upper").code == 0


@pytest.mark.usefixtures("made")
def test_a_temporary_file_is_not_left_over_while_its_writer_may_be_alive(docparse):
    staged = ROOT / ".staging" / "upper" / "some-run" / "a.txt"
    staged.parent.mkdir(parents=True)
    staged.touch()
    holder = ROOT / ".locks" / "upper.2of4.holder.json"
    codes = {}
    for who, text in {
        "alive": json.dumps({"host": os.uname().nodename, "pid": os.getppid()}),
        "elsewhere": json.dumps({"host": "another", "pid": 1}),
        "damaged": "{",
        "dead": json.dumps({"host": os.uname().nodename, "pid": 2**22 + 1}),
    }.items():
        for path in (holder, holder.with_name("upper.holder.json")):
            path.write_text(text)
        codes[who] = docparse("manifest", "verify", "upper").code

    assert codes == {"alive": 0, "elsewhere": 0, "damaged": 0, "dead": 1}


@pytest.mark.usefixtures("made")
def test_what_cannot_be_read_is_told_and_not_repaired(docparse):
    output("a").unlink()
    output("a").symlink_to(output("a").name)

    ended = docparse("manifest", "verify", "upper", "--repair")

    assert ended.code == 1
    assert "  unreadable  upper/docs/a.txt.upper.txt  (Too many levels of symbolic links)\n" in ended.out
    assert "docparse run" not in ended.out


@pytest.mark.usefixtures("made")
def test_a_file_that_cannot_be_touched_is_told(docparse, monkeypatch):
    rot("a")

    def refuse(*_arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("docparse_runner._audit.os.utime", refuse)
    ended = docparse("manifest", "verify", "upper", "--repair", "--json")

    stage = json.loads(ended.out)["stages"]["upper"]
    assert stage["failed"] == [{"path": "upper/docs/a.txt.upper.txt", "reason": "Operation not permitted"}]
    assert stage["scheduled"] == []


@pytest.mark.usefixtures("made")
def test_a_stage_folder_that_cannot_be_listed_is_told(docparse):
    (ROOT / "upper").rename(ROOT / "elsewhere")
    (ROOT / "upper").touch()

    ended = docparse("manifest", "verify", "upper")

    assert ended.out.splitlines()[0] == "upper: 2 files, 2 missing, 1 unreadable"
    assert "  unreadable  upper  (Not a directory)\n" in ended.out


@pytest.mark.usefixtures("made")
def test_a_result_that_is_written_while_it_is_read_is_not_as_recorded(docparse, monkeypatch):
    real = hashlib.file_digest

    def disturbed(file, name):
        os.utime(file.fileno())
        return real(file, name)

    monkeypatch.setattr(hashlib, "file_digest", disturbed)
    ended = docparse("manifest", "verify", "upper")

    assert ended.out.splitlines()[0] == "upper: 2 files, 2 changed"
    assert " changed while it was read)" in ended.out


@pytest.mark.usefixtures("made")
def test_a_folder_in_place_of_a_file_is_a_finding(docparse):
    output("a").unlink()
    output("a").mkdir()

    assert docparse("manifest", "verify", "upper").code == 1


@pytest.mark.usefixtures("made")
def test_a_result_that_a_run_replaces_meanwhile_is_not_wrong(stages, docs, docparse):
    workspace = Workspace(stages / ROOT)
    rows, bad = read_manifest(workspace, "upper")
    docs(a="edited text", c="new text")
    docparse("run", "upper", "--workers", 0)

    audit = Auditor(workspace).audit("upper", rows, bad)

    assert audit.findings == []


@pytest.mark.usefixtures("made")
def test_unreadable_lines_of_the_manifest_are_told(docparse):
    with manifest().open("ab") as file:
        file.write(b"[[[[\n")

    ended = docparse("manifest", "verify", "upper")

    assert ended.code == 0
    assert ended.out.endswith("\n  left out of the manifest: 1 unreadable line\n")


# --- progress


def test_a_long_look_says_how_far_it_is(capfd, monkeypatch):
    monkeypatch.setattr(_meter, "_LINE_EVERY_S", 0.05)
    with _meter.Meter("verify upper", 3) as meter:
        meter.step()
        time.sleep(0.06)
        meter.step()
        meter.step()

    assert capfd.readouterr() == ("", "verify upper: 2/3\n")


def test_on_a_terminal_a_long_look_shows_a_bar(capfd, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(_meter, "_BAR_AFTER_S", 0.0)
    with _meter.Meter("verify upper", 3) as meter:
        for _ in range(3):
            meter.step()

    out, err = capfd.readouterr()
    assert out == ""
    assert "verify upper" in err


# --- the schema


KINDS = {"object": dict, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}


def errors_of(value, schema, definitions):
    """Return where a value differs from a JSON Schema, of the few words that ours has."""
    if "$ref" in schema:
        return errors_of(value, definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return min((errors_of(value, each, definitions) for each in schema["anyOf"]), key=len)
    if not isinstance(value, KINDS[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return [f"{value!r} is no {schema['type']}"]
    if value not in schema.get("enum", [value]):
        return [f"{value!r} is none of {schema['enum']}"]
    return errors_inside(value, schema, definitions) if isinstance(value, dict) else []


def errors_inside(value, schema, definitions):
    """Return where the members of an object differ."""
    errors = [f"{name} is missing" for name in schema.get("required", ()) if name not in value]
    known = schema.get("properties", {})
    for name, each in value.items():
        if name in known:
            errors += errors_of(each, known[name], definitions)
        elif known:
            errors.append(f"{name} is not known")
        elif "additionalProperties" in schema:
            errors += errors_of(each, schema["additionalProperties"], definitions)
    return errors


@pytest.mark.usefixtures("made")
def test_rows_are_what_the_schema_says(docs, docparse, stages, history):
    docs(b="bad by now", c="extra")
    (stages / "docs" / "a.txt").unlink()
    docparse("run", "upper", "--workers", 0)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    rows = history("upper") + history("count")

    found = [error for row in rows for error in errors_of(row, schema, schema["$defs"])]

    assert found == []
    assert {row["status"] for row in rows} == {"success", "partial", "skip", "failure", "gone"}
    assert any(row["last_good"] for row in rows)
    assert errors_of({**rows[0], "attempts": "1"}, schema, schema["$defs"]) == ["'1' is no integer"]


def test_the_schema_has_every_field_of_a_row():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    assert list(schema["$defs"]["Row"]["properties"]) == list(Row.__struct_fields__)
