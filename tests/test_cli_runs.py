"""``docparse runs``: what is left of past runs, in whatever state it is."""

import json
import re
from pathlib import Path

import pytest

RUNS = Path("docparse-data/runs")


@pytest.fixture
def runs(docparse):
    """Return a function that returns what ``runs list --json`` lists."""
    return lambda *options: json.loads(docparse("runs", "list", "--json", *options).out)["runs"]


@pytest.fixture
def two(docs, docparse, runs):
    """Run upper twice with other options; b fails the first time, a the second. Return the ids, first run first."""
    docs(a="text a", b="bad", c="text c")
    docparse("run", "upper", "docs", "--workers", 0)
    docs(a="bad", b="text b")
    docparse("run", "upper", "--workers", 0, "--suffix", "!", "--engine", "steam", "--retries", 2)
    return [each["run_id"] for each in reversed(runs())]


# --- list


def test_list_shows_the_newest_first_with_counts_exit_code_and_time(two, docparse):
    ended = docparse("runs", "list")

    head, *lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    assert head.split() == ["run", "started", "(UTC)", "exit", "seconds", "what", "it", "did"]
    assert [line.split()[0] for line in lines] == two[::-1]
    assert all(re.search(r" 1 +\d+\.\d  upper: 2 done, 1 failed$", line) for line in lines)


def test_list_of_a_pipeline_has_its_stages_in_their_order(docs, docparse, runs):
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper", "count", "join"]\n[runner]\nworkers = 0\n')
    docs(a="text a")
    docparse("run", "all", "docs")

    assert [list(each["stages"].items()) for each in runs()] == [
        [("upper", {"done": 1}), ("count", {"done": 1}), ("join", {"done": 1})]
    ]


def test_list_shows_so_many(two, docparse, runs):
    ended = docparse("runs", "list", "-n", 1)

    assert two[1] in ended.out
    assert two[0] not in ended.out
    assert "… and 1 older (-n 2 lists all)" in ended.out
    assert [each["run_id"] for each in runs("-n", 1)] == two[1:]


DAMAGE = {
    "empty folder": (lambda folder: [path.unlink() for path in folder.iterdir()], "config.json is missing"),
    "torn config": (lambda folder: (folder / "config.json").write_text('{"upper": {"opt'), "config.json is damaged: "),
    "deep config": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "config.json is damaged: "),
    "bytes": (lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe\x00"), "config.json is damaged: "),
    "wrong types": (lambda folder: (folder / "summary.json").write_text('{"upper": 3}'), "summary.json is damaged: "),
    "no summary": (lambda folder: (folder / "summary.json").unlink(), "upper did not end: it runs, or was killed"),
    "a folder": (
        lambda folder: [(folder / "summary.json").unlink(), (folder / "summary.json").mkdir()],
        "summary.json cannot be read: Is a directory",
    ),
    "no log": (lambda folder: (folder / "log.jsonl").unlink(), ""),
    "garbled log": (lambda folder: (folder / "log.jsonl").write_bytes(b'{"event": "item"\n\xff\n[[[[\n{"a'), ""),
}


@pytest.mark.parametrize(("damage", "problem"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_run_is_listed_as_such_and_hides_no_other(two, docparse, runs, damage, problem):
    damage(RUNS / two[1])

    listed = {each["run_id"]: each for each in runs()}
    shown, differing = docparse("runs", "show", two[1]), docparse("runs", "diff", *two)

    assert list(listed) == two[::-1]
    assert listed[two[0]]["problems"] == []
    assert any(each.startswith(problem) for each in listed[two[1]]["problems"]) or not problem
    assert [ended.code for ended in (docparse("runs", "list"), shown, differing)] == [0, 0, 0]
    assert problem in shown.out
    assert problem in differing.out


def test_what_is_no_run_is_not_listed(two, runs):
    (RUNS / "file").touch()
    (RUNS / ".hidden").mkdir()
    (RUNS / "link").symlink_to(two[0])

    assert [each["run_id"] for each in runs()] == two[::-1]


def test_a_run_with_a_name_of_its_own_is_dated_by_its_folder(two, runs):
    (RUNS / "99999999T999999-mine").mkdir()

    mine = next(each for each in runs() if each["run_id"].endswith("mine"))

    assert mine["started_at"].startswith("20")
    assert (mine["exit_code"], mine["problems"]) == (None, ["config.json is missing"])


# --- show


def test_show_tells_of_the_last_run_what_differs_from_the_defaults(two, docparse):
    ended = docparse("runs", "show")

    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    assert lines[0].startswith(f"run {two[1]}, ")
    assert lines[0].split(", ")[2] == "exit code 1"
    assert lines[1].startswith("upper (version 1): 2 done, 1 failed in ")
    assert lines[2] == "  failed: docs/a.txt: input: the document is bad"
    assert [line for line in lines if line.startswith(("  option", "  runner", "  resolved"))] == [
        '  option: suffix = "!" (default "")',
        '  option: engine = "steam" (default "plain")',
        "  runner: workers = 0 (default null)",
        "  runner: retries = 2 (default 0)",
        '  resolved: engine = "steam"',
    ]
    assert sum(line.startswith("  slowest: docs/") for line in lines) == 2


def test_show_as_json_has_the_same(two, docparse):
    said = json.loads(docparse("runs", "show", two[1], "--json").out)

    upper = said["stages"]["upper"]
    assert (said["schema_version"], said["run_id"], said["exit_code"], said["problems"]) == (1, two[1], 1, [])
    assert upper["counts"] == {"done": 2, "failed": 1}
    assert upper["errors"] == [{"item_id": "docs/a.txt", "category": "input", "message": "the document is bad"}]
    assert upper["options"]["suffix"] == {"value": "!", "default": ""}
    assert upper["runner"]["retries"] == {"value": 2, "default": 0}
    assert (upper["stage_version"], upper["resolved"]) == (1, {"engine": "steam"})


def test_show_of_a_stage_that_is_no_longer_installed_shows_all_its_options(two, docparse):
    path = RUNS / two[1] / "config.json"
    path.write_text(path.read_text().replace('"upper"', '"lower"'))

    ended = docparse("runs", "show", two[1])

    assert ended.code == 0
    assert '  option: language = "en"' in ended.out
    assert "the defaults of its options are not known: no stage 'lower'; installed: " in ended.out


def test_a_secret_is_not_shown(docs, docparse, monkeypatch):
    docs(a="text a")
    monkeypatch.setenv("DOCPARSE_UPPER__KEY", "hunter2")
    docparse("run", "upper", "docs", "--workers", 0)

    assert "hunter2" not in docparse("runs", "show").out + docparse("runs", "show", "--json").out


def test_the_beginning_of_an_id_is_enough(two, docparse):
    common = Path(RUNS / two[0]).name
    unique = next(common[:size] for size in range(1, 99) if not two[1].startswith(common[:size]))

    assert docparse("runs", "show", unique).out.startswith(f"run {two[0]}, ")


def test_an_ambiguous_beginning_names_the_runs(two, docparse):
    ended = docparse("runs", "show", "2")

    assert (ended.code, ended.out) == (2, "")
    assert f"2 runs begin with '2': {two[1]}, {two[0]}; write more of the id" in ended.err


@pytest.mark.parametrize("words", ["show nope", "diff nope nope", "show ../manifests", "show /"])
def test_an_unknown_run_names_the_last_ones(two, docparse, words):
    ended = docparse("runs", *words.split())

    assert (ended.code, ended.out) == (2, "")
    assert f"docparse: no run {words.split()[1]!r} in " in ended.err
    assert f"; the last: {two[1]}, {two[0]}." in ended.err


def test_a_misspelt_run_names_the_nearest(two, docparse):
    wrong = two[0][:-1] + ("0" if two[0][-1] != "0" else "1") + "x"

    assert f"Did you mean {two[0]!r}?" in docparse("runs", "show", wrong).err


# --- diff


def test_diff_shows_options_and_documents_that_one_run_did_and_the_other_failed(two, docparse):
    ended = docparse("runs", "diff", *two)

    first, second, *lines = ended.out.splitlines()
    assert (ended.code, first.split()[1], second.split()[1]) == (0, f"{two[0]},", f"{two[1]},")
    assert lines == [
        "upper:",
        '  option: suffix: "" → "!"',
        '  option: engine: "plain" → "steam"',
        "  runner: retries: 0 → 2",
        '  resolved: engine: "plain" → "steam"',
        "  document: docs/a.txt: success → input",
        "  document: docs/b.txt: input → success",
    ]


def test_diff_as_json_has_both_sides(two, docparse):
    path = RUNS / two[1] / "config.json"
    path.write_text(path.read_text().replace('"stage_version": 1', '"stage_version": 2'))

    said = json.loads(docparse("runs", "diff", *two, "--json").out)

    upper = said["stages"]["upper"]
    assert (said["schema_version"], said["first"]["run_id"], said["second"]["run_id"]) == (1, *two)
    assert upper["stage_version"] == {"first": 1, "second": 2}
    assert upper["options"]["suffix"] == {"first": "", "second": "!"}
    assert upper["items"][0] == {"item_id": "docs/a.txt", "first": "success", "second": "input"}
    assert upper["counts"] == {}
    assert docparse("runs", "diff", *two).out.splitlines()[3] == "  stage version: 1 → 2"


def test_diff_shows_counts_and_stages_that_only_one_run_had(two, docparse, runs):
    docparse("run", "upper", "--workers", 0, "--suffix", "!", "--engine", "steam", "--retries", 2)
    docparse("run", "count", "--workers", 0)
    count, again = [each["run_id"] for each in runs()][:2]

    counts, stages = docparse("runs", "diff", two[1], again), docparse("runs", "diff", again, count)

    assert counts.out.splitlines()[2:] == [
        "upper:",
        "  count: done: 2 → 0",
        "  count: failed: 1 → 0",
        "  count: up to date: 0 → 2",
        "  count: quarantined: 0 → 1",
    ]
    assert stages.out.splitlines()[2:] == [
        "upper: the second run did not have it",
        "count: the first run did not have it",
    ]


def test_diff_compares_the_last_run_with_the_one_before_unless_they_are_named(two, docparse):
    told = docparse("runs", "diff", *two)

    assert docparse("runs", "diff") == told
    assert docparse("runs", "diff", two[0]) == told


def test_one_run_has_none_to_be_compared_with(docs, docparse, runs):
    docs(a="text a")
    docparse("run", "upper", "docs", "--workers", 0)

    ended = docparse("runs", "diff")

    assert (ended.code, ended.out) == (2, "")
    assert f"{runs()[0]['run_id']} is the only run in " in ended.err


def test_json_counts_have_the_names_of_outcomes(two, docparse, runs):
    docparse("run", "upper", "--workers", 0, "--suffix", "!", "--engine", "steam")

    said = json.loads(docparse("runs", "diff", "--json").out)

    assert runs()[0]["stages"]["upper"] == {"up_to_date": 2, "quarantined": 1}
    assert said["stages"]["upper"]["counts"]["up_to_date"] == {"first": 0, "second": 2}


def test_two_runs_that_did_the_same_have_no_differences(two, docparse):
    assert docparse("runs", "diff", two[0], two[0]).out.splitlines()[2:] == ["no differences"]
