"""``docparse new-stage``: what it refuses, what it writes, and that what it writes works."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib

import pytest

from docparse_runner._kinds import STANDARD, known_kinds
from docparse_runner._new_stage import plan
from docparse_runner._templates import TEMPLATES, write_folder
from docparse_runner.errors import UsageError

KINDS = ("source", "chunks", "docling", "embeddings")


@pytest.fixture(autouse=True)
def git(stages, monkeypatch):
    """The user's name, as git is told it; nothing else of this machine's git counts."""
    settings = stages / ".gitconfig"
    settings.write_text("[user]\nname = Ada\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return settings


@pytest.fixture
def here(stages):
    """Return a function that lists what was written into the working folder."""
    return lambda: sorted(path.name for path in stages.iterdir() if path.name != ".gitconfig")


def installed(folder):
    """Return the environment of processes that find the package, as an editable installation makes them find it."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    source = folder / "src" if (folder / "src").exists() else folder
    info = source / "new-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {module}" for name, module in project["entry-points"]["docparse.stages"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[docparse.stages]", *lines]))
    return os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}


def called(*words, **options):
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False, **options)


# --- what it refuses: one sentence, exit code 2, nothing written

REFUSED = {
    "capitals": ("WordCount", "'WordCount' cannot be the name of a stage: it must begin with", ", for example 'word-c"),
    "a space": ("'word count'", "cannot be the name of a stage", ", for example 'word-count'"),
    "a digit first": ("9lives", "'9lives' cannot be the name of a stage"),
    "other letters": ("wörter", "'wörter' cannot be the name of a stage"),
    "a path": ("../up", "'../up' cannot be the name of a stage", ", for example 'up'"),
    "too long": ("a" * 31, "30 characters at most"),
    "with the package's prefix": ("docparse-keywords", "by itself: docparse new-stage keywords"),
    "reserved": ("all", "'all' is reserved"),
    "the core": ("runner", "'runner' is reserved"),
    "reserved for options": ("shared", "'shared' is reserved"),
    "docparse's own": ("chunk", "there is a stage 'chunk' already"),
    "installed": ("upper", "there is a stage 'upper' already, installed with teststages"),
    "misspelt kind": ("mine --consumes chunk", "no kind 'chunk' to consume; there are: source, ", "mean 'chunks'?"),
    "reserved kind": ("mine --produces runs", "'runs' cannot be the name of a kind", "--produces"),
    "kind that is a path": ("mine --produces a/b", "'a/b' cannot be the name of a kind"),
    "kind that is too long": (f"mine --produces {'k' * 31}", "is longer than 30 characters"),
    "kind that is made already": ("chunks", "the kind 'chunks' is what the stage chunk makes; name another"),
    "patterns of artifacts": ("mine --consumes chunks --pattern '*.pdf'", "leave one of the two out"),
    "a name for a pattern": ("mine --pattern README.md", "--pattern 'README.md': write how the files end, in quotes"),
    "no such directory": ("mine --directory nowhere", "'nowhere' does not exist"),
    "no name": ("", "Missing argument 'NAME'"),
}


@pytest.mark.parametrize(("words", "message"), [(w, m) for w, *m in REFUSED.values()], ids=list(REFUSED))
def test_what_cannot_be_is_refused_and_nothing_is_written(docparse, here, words, message):
    parts = [word.strip("'") for word in words.replace("word count", "word%count").split()]

    ended = docparse("new-stage", *(part.replace("%", " ") for part in parts))

    assert (ended.code, [part for part in message if part not in ended.err]) == (2, []), ended.err
    assert here() == []


def test_a_name_that_differs_in_a_dash_alone_is_taken(docparse, here, install_module):
    install_module("words", "", stages={"word-count": "words"})

    ended = docparse("new-stage", "word_count")

    assert (ended.code, ended.err.strip()) == (
        2,
        "docparse: there is a stage 'word-count' already, installed with words; choose another name",
    )
    assert "docparse-word-count" not in here()


def test_a_module_that_is_installed_already_is_not_hidden(docparse, here, install_module):
    install_module("docparse_mine", "")

    ended = docparse("new-stage", "mine")

    assert ended.code == 2
    assert "a module docparse_mine is installed already" in ended.err
    assert "docparse-mine" not in here()


def test_a_folder_that_holds_something_is_left_alone(docparse, here, stages):
    (stages / "docparse-mine").mkdir()
    (stages / "docparse-mine" / "thesis.txt").write_text("years of work")

    ended = docparse("new-stage", "mine")

    assert (ended.code, "docparse-mine exists already" in ended.err) == (2, True)
    assert [path.name for path in (stages / "docparse-mine").iterdir()] == ["thesis.txt"]
    assert here() == ["docparse-mine"]


@pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_folder_is_left_alone(docparse, here, stages, make):
    make(stages / "docparse-mine")

    ended = docparse("new-stage", "mine")

    assert (ended.code, "docparse-mine exists already" in ended.err) == (2, True)
    assert here() == ["docparse-mine"]


def test_an_empty_folder_is_filled(docparse, stages):
    (stages / "docparse-mine").mkdir()

    ended = docparse("new-stage", "mine")

    assert ended.code == 0
    assert (stages / "docparse-mine" / "pyproject.toml").exists()


def test_a_package_that_cannot_be_written_whole_is_not_written_at_all(stages, here):
    texts = {"a": "a file", "a/b": "cannot lie in a file"}

    with pytest.raises(UsageError, match=r"mine cannot be written: .*; name another place with --directory"):
        write_folder(texts, stages / "mine")

    assert here() == []


# --- what it writes


def test_it_says_what_it_wrote_and_what_comes_next(docparse, stages, here):
    ended = docparse("new-stage", "my_stage")

    first, *lines = ended.out.splitlines()
    files = [line.strip() for line in lines[: lines.index("next:")]]
    assert (ended.code, first) == (0, "wrote docparse-my-stage, a stage that counts words:")
    assert files == sorted(
        path.relative_to(stages / "docparse-my-stage").as_posix()
        for path in (stages / "docparse-my-stage").rglob("*")
        if path.is_file()
    )
    assert lines[lines.index("next:") + 1 :] == [
        "  pip install -e docparse-my-stage pytest",
        "  pytest docparse-my-stage",
        "  docparse run my_stage docparse-my-stage/README.md",
    ]
    assert here() == ["docparse-my-stage"]


def test_a_package_has_what_a_package_needs(docparse, stages):
    docparse("new-stage", "mine")

    files = {path.relative_to(stages).as_posix() for path in stages.rglob("*") if path.is_file()}
    assert files - {".gitconfig"} == {
        f"docparse-mine/{name}"
        for name in (
            *(".github/workflows/ci.yml", ".gitignore", "LICENSE", "README.md", "pyproject.toml"),
            *(f"src/docparse_mine/{name}" for name in ("__init__.py", "_options.py", "_worker.py", "py.typed")),
            *("tests/test_contract.py", "tests/test_docparse_mine.py"),
        )
    }


def test_json_lists_the_files_and_the_commands(docparse, stages):
    (stages / "there").mkdir()

    ended = docparse("new-stage", "mine", "--minimal", "--directory", "there", "--consumes", "chunks", "--json")

    assert (ended.code, json.loads(ended.out)) == (
        0,
        {
            "schema_version": 1,
            "name": "mine",
            "folder": "there/docparse-mine",
            "files": ["docparse_mine.py", "pyproject.toml"],
            "next": ["pip install -e there/docparse-mine", "docparse run mine"],
        },
    )


def test_a_stage_that_reads_artifacts_says_who_makes_them(docparse):
    ended = docparse("new-stage", "mine", "--consumes", "chunks")

    assert ended.out.splitlines()[-2:] == [
        "  docparse run mine",
        "mine reads the chunks of the data root, which chunk makes",
    ]


def test_the_command_that_comes_next_names_no_file_that_the_stage_does_not_take(docparse):
    ended = docparse("new-stage", "mine", "--pattern", "*.tar.gz")

    assert ended.out.splitlines()[-1] == "  docparse run mine FOLDER"


def test_the_author_is_who_git_says(docparse, stages, git):
    git.write_text('[user]\nname = "Ada \\"Countess\\" of Lövelace \\\\ $x"\n')

    docparse("new-stage", "mine")

    project = tomllib.loads((stages / "docparse-mine" / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": 'Ada "Countess" of Lövelace \\ $x'}]
    assert 'Ada "Countess" of Lövelace \\ $x\n' in (stages / "docparse-mine" / "LICENSE").read_text()


@pytest.mark.parametrize("without", ["a name", "git"])
def test_without_an_author_the_package_has_authors(docparse, stages, git, monkeypatch, without):
    git.unlink()
    if without == "git":
        monkeypatch.setenv("PATH", str(stages))

    docparse("new-stage", "mine")

    project = tomllib.loads((stages / "docparse-mine" / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": "The docparse-mine authors"}]


def new(name="mine", *, consumes="", patterns=(), produces="", minimal=False):
    return plan(name, consumes=consumes, patterns=patterns, produces=produces, minimal=minimal)


@pytest.mark.parametrize("minimal", [False, True], ids=["package", "minimal"])
@pytest.mark.parametrize("consumes", KINDS)
def test_every_template_is_filled_in(consumes, minimal):
    files = new("a-b", consumes=consumes, minimal=minimal).files()

    assert {name for name, text in files.items() if "$" in name + text or "NAME" in name} == set()
    assert [name for name in files if "docparse_a_b" in name] != []
    for name, text in files.items():
        if name.endswith(".py"):
            ast.parse(text)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert (project["name"], project["entry-points"]) == (
        "docparse-a-b",
        {"docparse.stages": {"a-b": "docparse_a_b"}},
    )


def test_no_template_is_left_unused():
    used = set()
    for consumes in KINDS:
        reading = new(consumes=consumes)._reading
        used |= {"package", "minimal", reading, f"minimal-{reading}"}

    assert {path.name for path in TEMPLATES.iterdir()} == used


def code_lines(text):
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("consumes", KINDS)
def test_a_complete_stage_is_25_lines_of_python_and_20_of_toml(consumes):
    files = new(consumes=consumes, minimal=True).files()

    assert sorted(files) == ["docparse_mine.py", "pyproject.toml"]
    assert len(code_lines(files["docparse_mine.py"])) <= 25
    assert len(code_lines(files["pyproject.toml"])) <= 20


@pytest.mark.parametrize("consumes", KINDS)
def test_what_a_package_needs_to_be_one_is_20_lines_of_toml(consumes):
    essential = new(consumes=consumes).files()["pyproject.toml"].partition("[dependency-groups]")[0]

    assert len(code_lines(essential)) <= 20


def test_what_an_installed_stage_makes_can_be_consumed(stages):
    stage = new(consumes="upper")

    assert 'consumes={"upper": ".upper.txt"}' in stage.files()["src/docparse_mine/__init__.py"]


ODD = """
from docparse_runner import Stage, hookimpl

@hookimpl
def docparse_stage():
    return Stage(name="odd", version=1, consumes=["source"], produces=lambda options: options.kinds)
"""


def test_a_broken_stage_does_not_keep_anybody_from_writing_another(docparse, install_module):
    install_module("broken", "import nowhere", stages={"broken": "broken"})
    install_module("odd", ODD, stages={"odd": "odd"})

    ended = docparse("new-stage", "mine", "--consumes", "upper")

    assert ended.code == 0, ended.err
    assert set(STANDARD) < set(known_kinds())


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize("minimal", [False, True], ids=["package", "minimal"])
def test_ruff_has_nothing_to_say_whatever_the_name(tmp_path, minimal):
    for consumes in KINDS:
        for name in ("a", "b" + "x" * 29):
            stage = new(f"{name}", consumes=consumes, minimal=minimal)
            write_folder(stage.files(), tmp_path / f"{consumes}-{name}")

    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(["ruff", *command, "-q"], cwd=tmp_path, capture_output=True, text=True, check=False)

        assert (done.returncode, done.stdout) == (0, "")


# --- that it works

RUNNERS_OWN = "deadline or memory_limit"
"""Tests of the contract that wait for the runner; the battery of the built wheels runs them too."""


@pytest.mark.parametrize("consumes", ["source", "chunks"])
def test_its_tests_pass_as_written(docparse, stages, consumes):
    docparse("new-stage", "mine", "--consumes", consumes)
    folder = stages / "docparse-mine"

    words = ("-q", "-p", "no:cacheprovider", "-k", f"not ({RUNNERS_OWN})")
    ended = called("pytest", *words, cwd=folder, env=installed(folder))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert int(ended.stdout.splitlines()[-1].partition(" passed")[0]) >= 20


@pytest.mark.parametrize("minimal", [[], ["--minimal"]], ids=["package", "minimal"])
def test_it_runs_as_written(docparse, stages, minimal):
    docparse("new-stage", "mine", *minimal)
    (stages / "notes").mkdir()
    (stages / "notes" / "a.txt").write_text("One two three.\n")

    words = ("docparse_runner", "run", "mine", "notes", "--min-length", "4")
    ended = called(*words, cwd=stages, env=installed(stages / "docparse-mine"))

    assert ended.returncode == 0, ended.stderr
    made = stages / "docparse-data" / "mine" / "notes" / "a.txt.mine.jsonl"
    assert json.loads(made.read_text()) == {"words": 1}


DOCUMENTS = {
    "chunks": ("x.chunks.jsonl", '{"text": "One two"}\n{"text": "three"}\n'),
    "docling": ("x.docling.json", '{"texts": [{"text": "One two"}, {"text": "three"}]}'),
    "embeddings": ("x.vectors.parquet", "any three words"),
}


@pytest.mark.parametrize("consumes", DOCUMENTS)
def test_a_minimal_stage_runs_on_each_kind(docparse, stages, consumes):
    docparse("new-stage", "mine", "--minimal", "--consumes", consumes)
    name, text = DOCUMENTS[consumes]
    (stages / "made").mkdir()
    (stages / "made" / name).write_text(text)

    ended = called("docparse_runner", "run", "mine", "made", cwd=stages, env=installed(stages / "docparse-mine"))

    assert ended.returncode == 0, ended.stderr
    assert json.loads((stages / "docparse-data" / "mine" / "made" / "x.mine.jsonl").read_text()) == {"words": 3}
