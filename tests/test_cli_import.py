"""``docparse manifest import``: what the earlier runner made is kept when it can be trusted, and nothing is harmed."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docparse_runner._import import Places
from docparse_runner._inputs import InputRoot
from docparse_runner._workspace import Workspace

DATA = Path("docparse-data")
CHUNK = {"chunk_id": "a-1", "doc_id": "a", "text": "One sentence."}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def own_chunk(doc_id):
    return {**CHUNK, "chunk_id": f"{doc_id}-1"}


class Old:
    """What an earlier runner left in ``old``."""

    folder = Path("old")

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def row(self, doc_id, stage, output=None, **fields):
        """Append a row; without other words, a success whose digest is right."""
        hashed = {"output_hash": sha256(output), "hash_alg": "sha256"} if output and output.exists() else {}
        row = {"schema_version": "1.0", "run_id": "r7", "file_id": doc_id, "doc_id": doc_id, "stage": stage}
        row |= {"status": "success", "input_path": None, "output_path": str(output) if output else None, **hashed}
        self.line(json.dumps(row | fields).encode(), stage)

    def line(self, data, stage="chunks"):
        path = self.folder / f"docparse.{stage}.manifest.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data + b"\n")

    def doctags(self, doc_id, text="<doctag>One</doctag>", **fields):
        output = self.file(f"doctags/{doc_id}.doctags", text)
        self.row(doc_id, "doctags-pdf", output, **fields)

    def chunks(self, doc_id, *rows, **fields):
        output = self.file(
            f"chunks/{doc_id}.jsonl", "".join(json.dumps(row) + "\n" for row in rows or [own_chunk(doc_id)])
        )
        self.row(doc_id, "chunks", output, **fields)
        return output


@pytest.fixture
def old(stages):
    return Old()


@pytest.fixture
def imported(docparse):
    """Return a function that imports and returns (exit code, the report as data)."""

    def call(*words, files=("old",)):
        ended = docparse("manifest", "import", *files, *words, "--json")
        assert ended.err == ""
        return ended.code, json.loads(ended.out)

    return call


@pytest.fixture
def workspace_here(stages):
    workspace = Workspace(DATA)
    workspace.create()
    return workspace


def reasons(report):
    return {(each["doc_id"], each["kind"]): (each["action"], each["reason"]) for each in report["results"]}


def tree(folder):
    return {str(path): (path.lstat(), path.is_file() and path.read_bytes()) for path in sorted(folder.rglob("*"))}


# --- what is kept


def test_chunks_and_doctags_are_copied_to_where_the_next_stages_read_them(old, docs, imported, last_rows, stages):
    source = docs(a="text a") / "a.txt"
    old.doctags("a", input_path=str(source))
    chunks = old.chunks("a")

    code, report = imported("--source", "docs")

    row = last_rows("imported")["docs/a.txt"]
    assert (code, report["counts"]) == (0, {"import": 2, "keep": 0, "refuse": 0})
    assert (DATA / "chunks/docs/a.txt.chunks.jsonl").read_bytes() == chunks.read_bytes()
    assert (DATA / "doctags/docs/a.txt.doctags").read_text() == "<doctag>One</doctag>"
    assert (row["status"], row["reason"], row["cfg_hash"]) == ("success", "imported", "imported")
    assert row["outputs"]["chunks"]["digest"] == f"sha256:{sha256(chunks)}"
    assert row["inputs"]["source"]["digest"] == f"sha256:{sha256(source)}"
    assert row["metrics"]["chunks"] == {
        "doc_id": "a",
        "stage": "chunks",
        "run_id": "r7",
        "copied_from": str(stages / chunks),
        "verified": True,
    }


READER = """
from docparse_runner import ItemOutcome, Output, Stage, hookimpl, read_rows

@hookimpl
def docparse_stage():
    return Stage(name="read", version=1, consumes={"chunks": ".chunks.jsonl"}, produces={"read": Output(".read")})

@hookimpl
def docparse_worker(context):
    def work(item):
        item.outputs["read"].write_text(" ".join(row["text"] for row in read_rows(item.inputs["chunks"])))
        return ItemOutcome.success()
    return work
"""


def test_the_next_stage_reads_what_was_imported_and_is_then_up_to_date(old, install_module, imported, docparse):
    install_module("reading", READER, stages={"read": "reading"})
    old.chunks("a")
    imported()

    first, second = (json.loads(docparse("run", "read", "--workers", 0, "--json").out) for _ in range(2))

    assert (DATA / "read/imported/a.read").read_text() == "One sentence."
    assert (first["succeeded"], second["up_to_date"], second["gone"]) == (1, 1, 0)


WRITER = """
from docparse_runner import ItemOutcome, Output, Stage, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name="cut", version=1, consumes=["source"], patterns=["*.txt"],
                 produces={"chunks": Output(".chunks.jsonl")})

@hookimpl
def docparse_worker(context):
    def work(item):
        item.outputs["chunks"].write_text("{}")
        return ItemOutcome.success()
    return work
"""


def test_a_stage_makes_again_what_was_imported_and_forgets_none_of_the_others(
    old, install_module, docs, imported, docparse, last_rows
):
    install_module("writing", WRITER, stages={"cut": "writing"})
    old.chunks("a", input_path=str(docs(a="text a") / "a.txt"))
    old.chunks("b")
    imported("--source", "docs")

    plan = json.loads(docparse("plan", "cut", "docs", "--json").out)["stages"]["cut"]
    done = json.loads(docparse("run", "cut", "docs", "--workers", 0, "--json").out)

    assert [(item["item_id"], item["reason"]) for item in plan["items"]] == [("docs/a.txt", "new")]
    assert (done["succeeded"], done["gone"]) == (1, 0)
    assert (DATA / "chunks/docs/a.txt.chunks.jsonl").read_text() == "{}"
    assert json.loads((DATA / "chunks/imported/b.chunks.jsonl").read_text()) == own_chunk("b")


def test_what_was_imported_counts_as_recorded_in_the_folder_of_a_stage(old, install_module, docs, imported, docparse):
    install_module("writing", WRITER, stages={"cut": "writing"})
    old.chunks("b")
    imported()
    docparse("run", "cut", docs(a="text a"), "--workers", 0)

    ended = docparse("manifest", "verify", "cut")

    assert (ended.code, ended.out) == (0, "cut: 1 file, all as recorded\n")


def test_what_was_imported_is_verified_like_any_result(old, imported, docparse):
    old.chunks("a")
    imported()
    good = docparse("manifest", "verify", "imported")
    (DATA / "chunks/imported/a.chunks.jsonl").write_text("{}")

    bad = docparse("manifest", "verify", "imported")

    assert (good.code, good.out) == (0, "imported: 1 file, all as recorded\n")
    assert (bad.code, "changed" in bad.out) == (1, True)


def test_many_documents_are_recorded_one_row_each(old, imported, history):
    for number in range(300):
        old.doctags(f"d{number}")

    code, report = imported()

    assert (code, report["counts"]["import"]) == (0, 300)
    assert len(history("imported")) == 300


def test_a_second_import_adds_what_is_missing(old, imported, last_rows):
    old.chunks("a")
    old.doctags("a")
    imported("--kind", "chunks")

    code, report = imported()

    assert (code, reasons(report)) == (
        0,
        {("a", "chunks"): ("keep", "imported before"), ("a", "doctags"): ("import", "")},
    )
    assert set(last_rows("imported")["imported/a"]["outputs"]) == {"chunks", "doctags"}


def test_a_file_whose_manifest_says_parquet_where_json_lines_were_written_is_found(old, imported):
    path = old.file("chunks/a.jsonl", json.dumps(CHUNK))
    old.row("a", "chunks", path.with_suffix(".parquet"))

    code, report = imported()

    assert (code, reasons(report)) == (0, {("a", "chunks"): ("import", "no digest was recorded")})


# --- which row counts


def test_the_last_row_of_a_document_counts(old, imported):
    old.chunks("a")
    old.row("a", "chunks", status="failure")
    old.row("b", "chunks", status="failure")
    old.chunks("b")
    old.chunks("b")

    code, report = imported()

    assert (code, reasons(report)) == (
        1,
        {("a", "chunks"): ("refuse", "its last row says failure"), ("b", "chunks"): ("import", "")},
    )


def test_a_row_that_skipped_what_was_done_does_not_hide_it(old, imported):
    old.chunks("a")
    old.row("a", "chunks", status="skip")

    assert reasons(imported()[1]) == {("a", "chunks"): ("import", "")}


def test_rows_on_no_document_are_skipped_and_garbage_is_counted(old, docparse):
    for doc_id in ("__config__", "__service__", "__corpus__"):
        old.row(doc_id, "chunks")
    old.chunks("a")
    old.row("a", "embeddings")
    for line in (b"[[[[", b"\xff\xfe", b'{"doc_id": 3}', b"", b'{"doc_id": "a", "sta'):
        old.line(line)

    said = docparse("manifest", "import", "old", "--dry-run")
    report = json.loads(docparse("manifest", "import", "old", "--json").out)

    assert (report["lines"], report["unreadable_lines"], report["special_rows"]) == (9, 4, 3)
    assert (report["left_out"], report["counts"]["import"]) == ({"embeddings": 1}, 1)
    assert said.err == "the manifests: 4 unreadable lines left out\n"
    assert "       1  rows of embeddings left out: docparse makes these again\n" in said.out


# --- what is refused


def broken(old):
    """Write one result for each thing that can be wrong."""
    old.chunks("empty", {}).write_text("")
    old.chunks("edited").write_text(json.dumps({**CHUNK, "text": "Another."}))
    old.chunks("no-id", {"text": "One."})
    old.chunks("no-text", {"chunk_id": "c1"})
    old.chunks("twice", CHUNK, CHUNK)
    old.chunks("headed", {**CHUNK, "headings": "One"})
    old.chunks("fine", CHUNK)
    old.chunks("counted", CHUNK)
    old.row("garbage", "chunks", old.file("chunks/garbage.jsonl", "[[["))
    old.row("parquet", "chunks", old.file("chunks/parquet.parquet", "PAR1"))
    old.chunks("lost").unlink()
    old.row("nameless", "chunks")
    old.chunks("../up")
    shared = old.chunks("one")
    old.row("two", "chunks", shared)
    binary = old.file("doctags/binary.doctags", "")
    binary.write_bytes(b"\xff\xfe")
    old.row("binary", "doctags-html", binary)


def test_what_cannot_be_trusted_is_refused_with_the_reason(old, imported):
    broken(old)

    code, report = imported()

    found = {doc_id: reason for (doc_id, _kind), (action, reason) in reasons(report).items() if action == "refuse"}
    assert code == 1
    assert found == {
        "empty": "its file is empty",
        "edited": "its bytes are not those that were recorded",
        "no-id": "row 1 has no chunk_id or no text, which embed needs",
        "no-text": "row 1 has no chunk_id or no text, which embed needs",
        "twice": "row 2 repeats the chunk_id a-1",
        "garbage": found["garbage"],
        "headed": "row 1 has headings that are no list of texts, as index needs them",
        "counted": "its chunk_id a-1 is also one of 'fine', and an index needs its own",
        "parquet": "it is called Parquet, and only JSON Lines are taken",
        "lost": "its file is missing",
        "nameless": "its row names no file",
        "../up": "its doc_id '../up' cannot be a name here",
        "one": "several documents wrote this file, and nothing says whose it is",
        "two": "several documents wrote this file, and nothing says whose it is",
        "binary": "it is not UTF-8 text",
    }
    assert found["garbage"].startswith("line 1 is not a JSON object: ")
    files = [path.name for kind in ("chunks", "doctags") for path in (DATA / kind).rglob("*") if path.is_file()]
    assert files == ["fine.chunks.jsonl"]
    assert not any((DATA / ".staging").rglob("copy*"))


@pytest.mark.parametrize("algorithm", ["md5", "SHA-256", "blake2b"])
def test_a_recorded_digest_is_compared(old, imported, algorithm):
    output = old.file("chunks/a.jsonl", json.dumps(CHUNK))
    digest = hashlib.new(algorithm.replace("-", "").lower(), output.read_bytes()).hexdigest()
    old.row("a", "chunks", output, hash_alg=algorithm, output_hash=f"x:{digest.upper()}")

    assert reasons(imported()[1]) == {("a", "chunks"): ("import", "")}


def test_a_digest_of_an_unknown_kind_is_told(old, imported, last_rows):
    old.row("a", "chunks", old.file("chunks/a.jsonl", json.dumps(CHUNK)), hash_alg="xx3")

    report = imported()[1]

    assert reasons(report) == {("a", "chunks"): ("import", "its digest is of an unknown kind, xx3")}
    assert last_rows("imported")["imported/a"]["metrics"]["chunks"]["verified"] is False


def test_a_result_that_is_older_than_its_document_says_so(old, docs, imported):
    source = docs(a="text a") / "a.txt"
    old.chunks("a", input_path=str(source))
    old.doctags("a", input_path=str(source))
    os.utime(source, (4_000_000_000, 4_000_000_000))
    os.utime("old/doctags/a.doctags", (4_000_000_001, 4_000_000_001))

    assert reasons(imported("--source", "docs")[1]) == {
        ("a", "chunks"): ("import", "its document was changed later"),
        ("a", "doctags"): ("import", ""),
    }


def test_two_ids_of_one_document_are_not_mixed(old, docs, imported):
    source = docs(a="text a") / "a.txt"
    old.chunks("first", input_path=str(source))
    old.chunks("second", input_path=str(source))

    assert reasons(imported("--source", "docs")[1]) == {
        ("first", "chunks"): ("import", ""),
        ("second", "chunks"): ("refuse", "the doc_id 'first' is of the same document, docs/a.txt"),
    }


# --- nothing is harmed


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_the_files_of_the_earlier_runner_are_only_read(old, imported, words):
    broken(old)
    old.doctags("good")
    before = tree(old.folder)

    imported(*words)

    after = tree(old.folder)
    kept = ("st_ino", "st_size", "st_mtime_ns", "st_ctime_ns", "st_mode")
    assert {name: ([getattr(state, key) for key in kept], data) for name, (state, data) in after.items()} == {
        name: ([getattr(state, key) for key in kept], data) for name, (state, data) in before.items()
    }


def test_a_dry_run_says_the_same_and_writes_nothing(old, imported, docparse):
    broken(old)
    old.doctags("good")

    dry = imported("--dry-run")[1]

    assert not DATA.exists()
    said = docparse("manifest", "import", "old", "--dry-run").out
    done = imported()[1]
    assert (dry["results"], dry["dry_run"], done["dry_run"]) == (done["results"], True, False)
    assert "       1  doctags would be imported\n" in said


def test_a_file_that_is_there_stays(old, imported):
    path = DATA / "chunks/imported/a.chunks.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    old.chunks("a")

    code, report = imported()

    assert (code, reasons(report)) == (0, {("a", "chunks"): ("keep", "there is a file in its place")})
    assert path.read_text() == "mine"


def test_what_a_killed_import_left_unrecorded_is_recorded(old, imported, last_rows):
    old.chunks("a")
    imported()
    (DATA / "manifests/imported.manifest.jsonl").unlink()

    code, report = imported()

    assert (code, reasons(report)) == (0, {("a", "chunks"): ("import", "")})
    assert list(last_rows("imported")) == ["imported/a"]


def test_a_document_that_our_stage_knows_is_left_to_it(old, install_module, docs, imported, docparse):
    install_module("writing", WRITER, stages={"cut": "writing"})
    docparse("run", "cut", docs(a="text a"), "--workers", 0)
    (DATA / "chunks/docs/a.txt.chunks.jsonl").unlink()
    old.chunks("a", input_path=str(Path("docs/a.txt").absolute()))

    code, report = imported()

    assert (code, reasons(report)) == (0, {("a", "chunks"): ("keep", "the stage cut knows this document")})
    assert not (DATA / "chunks/docs/a.txt.chunks.jsonl").exists()


@pytest.mark.parametrize("stage", ["imported", "chunk", "cut"])
def test_an_import_does_not_work_beside_a_run(old, docparse, workspace_here, stage):
    workspace_here.declare("cut", {"chunks": ".chunks.jsonl"})
    old.chunks("a")
    lock = workspace_here.locks / f"{stage}.lock"
    held = f"lock = filelock.FileLock({str(lock)!r}); lock.acquire(); print('held', flush=True)"
    code = f"import filelock, time; {held}; time.sleep(60)"

    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        ended = docparse("manifest", "import", "old")
        holder.kill()

    assert ended.code == 2
    assert ended.err.startswith(f"docparse: {stage} is already running on ")
    assert not (DATA / "chunks").exists()


def test_a_full_disk_stops_the_import_and_the_next_one_goes_on(old, docparse, imported, monkeypatch):
    old.chunks("a")
    old.chunks("b")
    (DATA / "chunks").mkdir(parents=True)
    real = os.makedirs
    monkeypatch.setattr(os, "makedirs", lambda *_a, **_k: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    stopped = docparse("manifest", "import", "old")
    monkeypatch.setattr(os, "makedirs", real)

    code, report = imported()

    assert stopped.code == 2
    assert "cannot be written: No space left on device; what was recorded so far is safe, import again" in stopped.err
    assert (code, report["counts"]["import"]) == (0, 2)


# --- where things lie


def test_paths_of_another_machine_are_mapped(old, docs, imported):
    docs(a="text a")
    output = old.file("chunks/a.jsonl", json.dumps(CHUNK))
    old.row("a", "chunks", output, input_path="/srv/papers/a.txt", output_path="/srv/out/a.jsonl")

    code, report = imported("--map", f"/srv/papers={Path('docs').absolute()}", "--map", "/srv/out=old/chunks", *FROM)

    assert (code, report["results"][0]["item_id"]) == (0, "papers/a.txt")


FROM = ("--source", "papers=docs")


def test_a_document_has_the_id_that_a_run_gives_it(old, docs, imported, docparse, last_rows):
    source = docs(**{"100%": "text a"}) / "100%.txt"
    old.chunks("a", input_path=str(source))
    old.doctags("a", input_path=str(source))
    imported("--source", "docs")

    docparse("run", "upper", "--workers", 0)

    assert list(last_rows("imported")) == list(last_rows("upper")) == ["docs/100%25.txt"]


def test_a_document_without_a_folder_is_told(old, docparse):
    old.chunks("a")

    said = docparse("manifest", "import", "old")

    assert said.out.endswith("1 document without a folder, under imported/: see --source and --map\n")


def test_the_innermost_folder_names_a_document():
    roots = [InputRoot(name="all", path=Path("/x")), InputRoot(name="in", path=Path("/x/y"))]

    found = [Places(roots=roots).item_id(path) for path in ("/x/y/z.pdf", "/x/z.pdf", "/xx/z.pdf")]

    assert found == ["in/z.pdf", "all/z.pdf", ""]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("old", "--map", "x"), "--map x: write OLD=NEW, two beginnings of paths"),
        (("old", "--source", "nowhere"), "no such file or folder: nowhere"),
        (("empty",), "no docparse.*.manifest.jsonl in empty; name the files"),
        (("other.jsonl",), "no rows on doctags or chunks in other.jsonl (1 unreadable line)"),
        (("gone.jsonl",), "'gone.jsonl' does not exist"),
    ],
)
def test_what_is_asked_wrongly_is_said(old, docparse, words, message):
    old.chunks("a")
    Path("empty").mkdir()
    Path("other.jsonl").write_text("{}\n")

    ended = docparse("manifest", "import", *words)

    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not DATA.exists()


@pytest.mark.parametrize("command", [("status",), ("prune",), ("manifest", "show", "imported"), ("runs", "list")])
def test_other_commands_take_imported_results_as_they_are(old, docs, docparse, imported, command):
    docparse("run", "upper", docs(a="text a"), "--workers", 0)
    old.chunks("a")
    imported()

    ended = docparse(*command)

    assert (ended.code, ended.err) == (0, "")
    assert "chunks/imported" not in ended.out


def test_many_refusals_are_shown_when_asked(old, docparse):
    for number in range(30):
        old.row(f"d{number:02}", "chunks", status="failure")

    short, long = (docparse("manifest", "import", "old", "--dry-run", *words).out for words in ((), ("-v",)))

    assert (short.count("    refuse  "), long.count("    refuse  ")) == (20, 30)
    assert "      30  chunks would not be imported: its last row says failure\n" in short
    assert "… (-v shows every result)" in short
