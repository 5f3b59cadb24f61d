"""What commands of plugins are given: the same options, file and variables as docparse's own commands."""

from pathlib import Path

import click
import pytest

from docparse_runner import UsageError
from docparse_runner.commands import docparse, location_options, settings_of


@pytest.fixture
def read(stages):
    """Return a function that reads the settings of a stage from a command line."""
    del stages
    command = click.Command("try", params=location_options())
    return lambda *words: settings_of("upper", command.make_context("try", list(words)).params)


def test_settings_come_from_the_file_and_the_command_line(read):
    Path("docparse.toml").write_text('data_root = "mine"\n[shared]\nmodel = "small"\n')

    file, flag = read(), read("--data-root", "other")

    assert (file.root.name, flag.root.name) == ("mine", "other")
    assert file.shared == flag.shared == {"model": "small"}
    assert type(file.options).__name__ == "Options"


def test_a_profile_counts_more_than_the_file(read):
    profile = '[profile.here.shared]\nmodel = "large"\n'
    Path("docparse.toml").write_text(f'default_profile = "here"\n[shared]\nmodel = "small"\n{profile}')

    assert read().shared == {"model": "large"}


def test_a_file_that_is_wrong_is_refused(read):
    Path("docparse.toml").write_text("[stage.upper]\nbogus = 1\n")

    with pytest.raises(UsageError, match="bogus"):
        read()


def test_a_command_can_run_another(docs):
    folder = docs(a="text", b="bad")

    code = docparse("run", "upper", str(folder), "--workers", "0", "-q")

    assert code == 1
    assert Path("docparse-data/upper/docs/a.txt.upper.txt").read_text() == "TEXT"
