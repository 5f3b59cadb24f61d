"""A value comes from the flag, else the environment, else the file, else the default; the source of each is known."""

from pathlib import Path

import attrs
import pytest

from docparse_runner import Output, Stage, StageOptions, hookimpl, option
from docparse_runner._config import Settings
from docparse_runner._entry_points import STAGES
from docparse_runner._plugins import StagePlugin
from docparse_runner.errors import UsageError


@attrs.frozen(kw_only=True)
class Options:
    max_tokens: int = option(256, help="Longest upper.", unit="tokens", ge=1)
    words: tuple[str, ...] = option((), help="Words to leave out.")
    folder: Path | None = option(None, help="A folder.")  # noqa: RUF009 - a field
    folders: tuple[Path, ...] = option((), help="Folders.")
    model: str | None = option(None, help="The model.", shared=True)
    key: str | None = option(None, help="A secret.", secret=True)


def plugin_of(name, options):
    def docparse_stage(self):
        return Stage(name=name, version=1, consumes=["docling"], produces={"words": Output(".json")}, options=options)

    return StagePlugin(name, type("Plugin", (), {"docparse_stage": hookimpl(docparse_stage)})())


UPPER = plugin_of("upper", Options)
PLAIN = plugin_of("two-words", None)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, stages):
    """Work in a folder without configuration, in an environment without variables of docparse."""
    here = tmp_path / "project"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def settings(folder, monkeypatch):
    """Return a function that returns the settings of a file and of variables."""

    def load(toml="", name="docparse.toml", **variables):
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        (folder / name).write_text(toml, encoding="utf-8")
        return Settings.load()

    return load


# --- precedence


def test_without_any_setting_every_value_is_the_default_and_says_so():
    resolved = Settings.load().resolve(UPPER, {})

    assert resolved.options == Options()
    assert resolved.runner == StageOptions()
    assert set(resolved.sources.values()) == {"default"}
    assert {"max_tokens", "model", "workers", "retries"} <= set(resolved.sources)


@pytest.mark.parametrize(
    ("flags", "variables", "toml", "value", "source"),
    [
        ({}, {}, "", 256, "default"),
        ({}, {}, "[stage.upper]\nmax_tokens = 3", 3, "docparse.toml [stage.upper]"),
        (
            {},
            {"DOCPARSE_UPPER__MAX_TOKENS": "2"},
            "[stage.upper]\nmax_tokens = 3",
            2,
            "DOCPARSE_UPPER__MAX_TOKENS",
        ),
        ({"max_tokens": 1}, {"DOCPARSE_UPPER__MAX_TOKENS": "2"}, "[stage.upper]\nmax_tokens = 3", 1, "flag"),
    ],
)
def test_a_flag_wins_over_a_variable_a_variable_over_the_file_and_the_file_over_the_default(
    settings, flags, variables, toml, value, source
):
    resolved = settings(toml, **variables).resolve(UPPER, flags)

    assert resolved.options.max_tokens == value
    assert resolved.sources["max_tokens"] == source


@pytest.mark.parametrize(
    ("flags", "variables", "toml", "value", "source"),
    [
        ({}, {}, "[runner]\nretries = 4", 4, "docparse.toml [runner]"),
        ({}, {}, "[runner]\nretries = 4\n[stage.upper.runner]\nretries = 3", 3, "docparse.toml [stage.upper.runner]"),
        ({}, {}, "[runner]\nretries = 4\n[stage.embed.runner]\nretries = 3", 4, "docparse.toml [runner]"),
        ({}, {"DOCPARSE_RUNNER__RETRIES": "2"}, "[stage.upper.runner]\nretries = 3", 2, "DOCPARSE_RUNNER__RETRIES"),
        ({"retries": 1}, {"DOCPARSE_RUNNER__RETRIES": "2"}, "", 1, "flag"),
    ],
)
def test_the_runners_options_have_a_table_for_all_stages_and_one_for_each(
    settings, flags, variables, toml, value, source
):
    resolved = settings(toml, **variables).resolve(UPPER, flags)

    assert resolved.runner.retries == value
    assert resolved.sources["retries"] == source


@pytest.mark.parametrize(
    ("flags", "variables", "toml", "value", "source"),
    [
        ({}, {}, '[shared]\nmodel = "file"', "file", "docparse.toml [shared]"),
        ({}, {"DOCPARSE_SHARED__MODEL": "env"}, '[shared]\nmodel = "file"', "env", "DOCPARSE_SHARED__MODEL"),
        ({"model": "flag"}, {"DOCPARSE_SHARED__MODEL": "env"}, "", "flag", "flag"),
    ],
)
def test_a_shared_option_takes_its_value_from_one_place_for_all_stages(settings, flags, variables, toml, value, source):
    resolved = settings(toml, **variables).resolve(UPPER, flags)

    assert resolved.options.model == value
    assert resolved.sources["model"] == source


def test_a_stage_without_options_still_has_those_of_the_runner(settings):
    resolved = settings("[stage.two-words.runner]\nforce = true").resolve(PLAIN, {})

    assert resolved.options is None
    assert resolved.runner.force


def test_dashes_and_underscores_in_keys_mean_the_same(settings):
    resolved = settings("[stage.upper]\nmax-tokens = 7\n[runner]\nerror-budget = 5").resolve(UPPER, {})

    assert resolved.options.max_tokens == 7
    assert resolved.runner.error_budget == "5"


# --- secrets


@pytest.mark.parametrize(
    ("toml", "variables", "source"),
    [
        ("", {"DOCPARSE_UPPER__KEY": "open sesame"}, "DOCPARSE_UPPER__KEY"),
        ("", {"DOCPARSE_UPPER__KEY_FILE": "key.txt"}, "DOCPARSE_UPPER__KEY_FILE"),
        ('[stage.upper]\nkey_file = "key.txt"', {}, "docparse.toml [stage.upper]"),
        ('[stage.upper]\nkey-file = "none"', {"DOCPARSE_UPPER__KEY_FILE": "key.txt"}, "DOCPARSE_UPPER__KEY_FILE"),
        ("", {"DOCPARSE_UPPER__KEY_FILE": "none", "DOCPARSE_UPPER__KEY": "open sesame"}, "DOCPARSE_UPPER__KEY"),
        (
            'default_profile = "a"\n[profile.a.stage.upper]\nkey_file = "key.txt"\n[stage.upper]\nkey_file = "none"',
            {},
            "docparse.toml [profile.a.stage.upper]",
        ),
    ],
)
def test_a_secret_comes_from_a_variable_or_from_a_file_of_its_own(settings, folder, toml, variables, source):
    (folder / "key.txt").write_text("open sesame\n")

    resolved = settings(toml, **variables).resolve(UPPER, {})

    assert resolved.options.key == "open sesame"
    assert resolved.sources["key"] == source


def test_the_file_of_a_secret_is_looked_for_beside_the_file_that_names_it(settings, folder, monkeypatch):
    (folder / "key.txt").write_text("open sesame")
    (folder / "sub").mkdir()
    settings('[stage.upper]\nkey_file = "key.txt"')
    monkeypatch.chdir(folder / "sub")

    assert Settings.load(folder / "docparse.toml").resolve(UPPER, {}).options.key == "open sesame"


@pytest.mark.parametrize("profile", ["", "profile.fast."])
def test_a_secret_in_the_configuration_is_refused_and_not_repeated(settings, profile):
    with pytest.raises(UsageError) as caught:
        settings(f'[{profile}stage.upper]\nkey = "open sesame"', DOCPARSE_UPPER__KEY="other").resolve(UPPER, {})

    assert str(caught.value) == (
        f"docparse.toml: {profile}stage.upper.key is a secret, which is not written in this file; "
        "set DOCPARSE_UPPER__KEY, or key_file to the name of a file that holds it alone"
    )


@pytest.mark.parametrize(
    ("toml", "variables", "complaint"),
    [
        ("", {"DOCPARSE_UPPER__KEY_FILE": "none"}, "DOCPARSE_UPPER__KEY_FILE: none cannot be read: No such file"),
        ("", {"DOCPARSE_UPPER__KEY_FILE": "empty"}, "DOCPARSE_UPPER__KEY_FILE: empty is empty"),
        (
            "",
            {"DOCPARSE_UPPER__KEY_FILE": "binary"},
            "DOCPARSE_UPPER__KEY_FILE: binary cannot be read: it is not UTF-8",
        ),
        ("[stage.upper]\nkey_file = 3", {}, "docparse.toml: stage.upper.key_file must be the name of a file"),
        ('[stage.upper]\nkey_file = "none"', {}, "docparse.toml: stage.upper.key_file: none cannot be read: No such"),
        ('[stage.upper]\nkey_fil = "none"', {}, "docparse.toml: unknown key stage.upper.key_fil; known: "),
        ("", {"DOCPARSE_UPPER__KEY_FIL": "none"}, "unknown variable DOCPARSE_UPPER__KEY_FIL; known: "),
    ],
)
def test_a_secret_that_cannot_be_read_is_an_error(settings, folder, toml, variables, complaint):
    (folder / "empty").write_text("\n")
    (folder / "binary").write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError) as caught:
        settings(toml, **variables).resolve(UPPER, {})

    assert str(caught.value).startswith(complaint)


def test_settings_are_shown_without_the_environment(settings):
    assert "open sesame" not in repr(settings("", DOCPARSE_UPPER__KEY="open sesame"))


# --- stages


def test_a_stage_whose_name_has_a_dash_has_variables_with_an_underscore(settings):
    dashed = plugin_of("two-words", Options)

    assert settings("", DOCPARSE_TWO_WORDS__MAX_TOKENS="5").resolve(dashed, {}).options.max_tokens == 5


# --- values


def test_a_relative_path_in_the_file_is_relative_to_the_file(settings, folder, monkeypatch):
    toml = 'data_root = "root"\n[stage.upper]\nfolder = "models"\nfolders = ["a", "/b"]'
    (folder / "sub").mkdir()
    settings(toml)
    monkeypatch.chdir(folder / "sub")

    loaded = Settings.load(folder / "docparse.toml")
    options = loaded.resolve(UPPER, {}).options

    assert options.folder == folder / "models"
    assert options.folders == (folder / "a", Path("/b"))
    assert loaded.data_root == str(folder / "root")


def test_a_tilde_in_the_file_is_the_home_folder(settings, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    loaded = settings('data_root = "~/root"\n[stage.upper]\nfolder = "~/models"')

    assert loaded.resolve(UPPER, {}).options.folder == Path("/home/me/models")
    assert loaded.data_root == "/home/me/root"


def test_a_relative_path_in_a_flag_or_a_variable_is_left_as_it_is(settings):
    assert settings("", DOCPARSE_UPPER__FOLDER="models").resolve(UPPER, {}).options.folder == Path("models")
    assert settings("").resolve(UPPER, {"folder": Path("flagged")}).options.folder == Path("flagged")


def test_a_list_is_separated_by_commas_in_a_variable_and_is_a_list_in_the_file(settings):
    assert settings('[stage.upper]\nwords = ["a, b", "c"]').resolve(UPPER, {}).options.words == ("a, b", "c")
    assert settings("", DOCPARSE_UPPER__WORDS="a, b").resolve(UPPER, {}).options.words == ("a", "b")


@pytest.mark.parametrize(
    ("toml", "variables", "flags", "complaint"),
    [
        (
            '[stage.upper]\nmax_tokens = "many"',
            {},
            {},
            "docparse.toml: stage.upper.max_tokens must be an integer, not 'many'",
        ),
        (
            "",
            {"DOCPARSE_UPPER__MAX_TOKENS": "many"},
            {},
            "DOCPARSE_UPPER__MAX_TOKENS must be an integer, not 'many'",
        ),
        ("", {}, {"max_tokens": "many"}, "--max-tokens must be an integer, not 'many'"),
        ("[stage.upper]\nmax_tokens = 0", {}, {}, "upper: 'max_tokens' must be >= 1: 0"),
        ("[runner]\nretries = -1", {}, {}, "runner: 'retries' must be >= 0: -1"),
        (
            '[runner]\nerror_budget = "few"',
            {},
            {},
            "runner: error_budget must be a count such as 10 or a percentage such as 5%, not 'few'",
        ),
    ],
)
def test_a_wrong_value_is_refused_and_the_message_names_its_source(settings, toml, variables, flags, complaint):
    with pytest.raises(UsageError) as caught:
        settings(toml, **variables).resolve(UPPER, flags)

    assert str(caught.value) == complaint


# --- unknown names


@pytest.mark.parametrize(
    ("toml", "unknown", "nearest"),
    [
        ("runer = 3", "unknown key runer", "'runner'"),
        ("[pipeline]\nstags = []", "unknown key pipeline.stags", "'stages'"),
        ("[runner]\nworkes = 3", "unknown key runner.workes", "'workers'"),
        ("[stage.upper]\nmax_token = 3", "unknown key stage.upper.max_token", "'max_tokens'"),
        ("[stage.upper.runner]\nretrys = 3", "unknown key stage.upper.runner.retrys", "'retries'"),
        ("[shared]\nmodle = 3", "unknown key shared.modle", "'model'"),
    ],
)
def test_an_unknown_key_is_an_error_with_the_nearest_known_name(settings, toml, unknown, nearest):
    with pytest.raises(UsageError) as caught:
        settings(toml).resolve(UPPER, {})

    assert str(caught.value).startswith(f"docparse.toml: {unknown}")
    assert str(caught.value).endswith(f"Did you mean {nearest}?")


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("DOCPARSE_UPPER__MAX_TOKEN", "'DOCPARSE_UPPER__MAX_TOKENS'"),
        ("DOCPARSE_RUNNER__WORKER", "'DOCPARSE_RUNNER__WORKERS'"),
        ("DOCPARSE_SHARED__MODLE", "'model'"),
    ],
)
def test_an_unknown_variable_is_an_error_with_the_nearest_known_one(settings, variable, nearest):
    with pytest.raises(UsageError) as caught:
        settings("", **{variable: "3"}).resolve(UPPER, {})

    assert str(caught.value).startswith(f"unknown variable {variable}")
    assert str(caught.value).endswith(f"Did you mean {nearest}?")


def test_keys_and_variables_that_are_meant_for_other_stages_are_none_of_this_stages_business(settings):
    toml = "[stage.embed]\nbatch = 3\n[shared]\ndevice = 'gpu'"

    resolved = settings(toml, DOCPARSE_EMBED__BATCH="4", DOCPARSE_SHARED__DEVICE="gpu").resolve(UPPER, {})

    assert resolved.options == Options()


def test_a_shared_option_in_the_table_of_a_stage_is_shown_its_place(settings):
    with pytest.raises(UsageError, match=r"model is shared between stages; set it in \[shared\], not in \[stage"):
        settings('[stage.upper]\nmodel = "x"').resolve(UPPER, {})


def test_a_variable_of_a_shared_option_under_the_stages_name_is_unknown(settings):
    with pytest.raises(UsageError, match="unknown variable DOCPARSE_UPPER__MODEL"):
        settings("", DOCPARSE_UPPER__MODEL="x").resolve(UPPER, {})


def test_the_table_of_a_misspelt_stage_is_an_error_with_the_nearest_one(settings, install):
    install("docparse-words", STAGES, {"two-words": "words_module"})

    with pytest.raises(UsageError) as caught:
        settings("[stage.two-wrods]\nlimit = 3")

    assert str(caught.value) == (
        "docparse.toml: [stage.two_wrods]: no such stage is installed. Did you mean 'two_words'?"
    )


def test_the_table_of_a_stage_that_is_installed_elsewhere_is_left_alone(settings, install):
    install("docparse-words", STAGES, {"two-words": "words_module"})

    assert settings("[stage.two-words]\na = 1\n[stage.qqq]\na = 1").file.table("stage") == {
        "two_words": {"a": 1},
        "qqq": {"a": 1},
    }


# --- files


def test_the_table_of_pyproject_is_read_when_there_is_no_docparse_toml(settings):
    loaded = settings("[project]\nname = 'x'\n[tool.docparse.stage.upper]\nmax_tokens = 9", name="pyproject.toml")

    assert loaded.resolve(UPPER, {}).options.max_tokens == 9
    assert loaded.resolve(UPPER, {}).sources["max_tokens"] == "pyproject.toml [stage.upper]"


def test_docparse_toml_wins_over_pyproject(settings):
    settings("[tool.docparse.runner]\nretries = 1", name="pyproject.toml")

    assert settings("[runner]\nretries = 2").resolve(UPPER, {}).runner.retries == 2


def test_a_pyproject_that_does_not_speak_of_docparse_is_not_read(settings):
    loaded = settings("[tool.docparser]\nruner = 3\n[broken", name="pyproject.toml")

    assert loaded.path is None


def test_another_file_may_be_named(folder):
    other = folder / "other.toml"
    other.write_bytes(b"[runner]\nretries = 5")

    resolved = Settings.load(other).resolve(UPPER, {})

    assert resolved.runner.retries == 5
    assert resolved.sources["retries"] == f"{other} [runner]"


@pytest.mark.parametrize("content", [b"[runner", b"retries = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named_with_the_reason(folder, content):
    (folder / "docparse.toml").write_bytes(content)

    with pytest.raises(UsageError, match=r"^docparse\.toml cannot be read: .+"):
        Settings.load()


def test_a_file_that_is_not_there_is_named(folder):
    with pytest.raises(UsageError, match=r"none\.toml cannot be read: .*No such file"):
        Settings.load(folder / "none.toml")


@pytest.mark.parametrize("toml", ["runner = 3", "stage = 3", "pipeline = []", "[stage]\nupper = 3", "shared = 1"])
def test_a_value_in_the_place_of_a_table_is_refused(settings, toml):
    with pytest.raises(UsageError, match=r"^docparse\.toml: \[[a-z.]+\] must be a table$"):
        settings(toml).resolve(UPPER, {})


@pytest.mark.parametrize("content", [b"tool = 3", b"[tool]\ndocparse = 3"])
def test_a_tool_table_that_is_no_table_is_refused(folder, content):
    (folder / "pyproject.toml").write_bytes(content)

    with pytest.raises(UsageError, match=r"^pyproject\.toml: \[tool\.docparse\] must be a table$"):
        Settings.load(Path("pyproject.toml"))


def test_without_a_file_nothing_is_said_about_the_data_root_and_the_pipeline():
    loaded = Settings.load()

    assert loaded.path is None
    assert loaded.data_root is None
    assert loaded.pipeline("stages") is None


def test_a_file_may_name_the_stages_of_the_pipeline(settings):
    loaded = settings('[pipeline]\nstages = ["doctags", "upper"]\nwith = []')

    assert loaded.pipeline("stages") == ("doctags", "upper")
    assert loaded.pipeline("with") == ()
    assert loaded.pipeline("skip") is None


@pytest.mark.parametrize("value", ['"upper"', "[1]", "{}"])
def test_the_stages_of_the_pipeline_must_be_a_list_of_names(settings, value):
    with pytest.raises(UsageError, match=r"^docparse\.toml: pipeline\.stages must be a list of stage names$"):
        settings(f"[pipeline]\nstages = {value}").pipeline("stages")


# --- profiles

FAST = """
[runner]
retries = 4
[shared]
model = "file"
[stage.upper]
max_tokens = 3
[stage.upper.runner]
workers = 7
[profile.fast.runner]
retries = 1
workers = 2
[profile.fast.shared]
model = "fast"
[profile.fast.stage.upper]
max-tokens = 9
[profile.so-slow.stage.upper.runner]
retries = 8
"""


def test_a_profile_lies_over_the_file_with_the_same_tables(settings):
    settings(FAST)

    resolved = Settings.load(profile="fast").resolve(UPPER, {})

    assert (resolved.runner.retries, resolved.runner.workers) == (1, 2)
    assert (resolved.options.model, resolved.options.max_tokens) == ("fast", 9)
    assert {name: resolved.sources[name] for name in ("retries", "workers", "model", "max_tokens", "words")} == {
        "retries": "docparse.toml [profile.fast.runner]",
        "workers": "docparse.toml [profile.fast.runner]",
        "model": "docparse.toml [profile.fast.shared]",
        "max_tokens": "docparse.toml [profile.fast.stage.upper]",
        "words": "default",
    }


def test_a_variable_wins_over_a_profile_and_a_flag_over_both(settings):
    settings(FAST, DOCPARSE_UPPER__MAX_TOKENS="5", DOCPARSE_RUNNER__RETRIES="5")

    resolved = Settings.load(profile="fast").resolve(UPPER, {"retries": 6})

    assert (resolved.options.max_tokens, resolved.runner.retries) == (5, 6)
    assert (resolved.sources["max_tokens"], resolved.sources["retries"]) == ("DOCPARSE_UPPER__MAX_TOKENS", "flag")


@pytest.mark.parametrize(
    ("flag", "variable", "key", "name", "source"),
    [
        (None, None, None, "", ""),
        (None, None, "fast", "fast", "docparse.toml: default_profile"),
        (None, "so-slow", "fast", "so_slow", "DOCPARSE_PROFILE"),
        ("cpu", "so-slow", "fast", "cpu", "--profile"),
        ("", "so-slow", "fast", "", ""),
        (None, "", "fast", "", ""),
    ],
)
def test_the_flag_chooses_the_profile_else_the_variable_else_the_file(settings, flag, variable, key, name, source):
    chosen = f'default_profile = "{key}"\n' if key else ""
    settings(chosen + FAST, **({} if variable is None else {"DOCPARSE_PROFILE": variable}))

    profile = Settings.load(profile=flag).profile

    assert (profile.name, profile.source) == (name, source)


@pytest.mark.parametrize(
    ("profile", "expected"), [("cpu", {"policy": "cpu"}), ("gpu", {"policy": "gpu"}), ("airgapped", {"network": False})]
)
def test_a_profile_that_comes_with_docparse_is_named_as_the_source(profile, expected):
    runner, sources = Settings.load(profile=profile).resolve_runner({})

    assert attrs.asdict(runner) == attrs.asdict(StageOptions(**expected))
    assert {name for name, source in sources.items() if source != "default"} == set(expected)
    assert {sources[name] for name in expected} == {f"profile {profile}"}


def test_a_profile_that_comes_with_docparse_names_options_of_stages_that_need_not_be_here():
    resolved = Settings.load(profile="airgapped").resolve(UPPER, {})

    assert resolved.options == Options()


def test_a_profile_in_the_file_takes_the_place_of_one_that_comes_with_docparse(settings):
    settings("[profile.gpu.runner]\nworkers = 1")

    runner, _sources = Settings.load(profile="gpu").resolve_runner({})

    assert (runner.policy, runner.workers) == (None, 1)


def test_an_unknown_profile_is_an_error_with_the_nearest_one(settings):
    settings(FAST)

    with pytest.raises(UsageError) as caught:
        Settings.load(profile="airgaped")

    assert str(caught.value) == (
        "--profile: no profile 'airgaped'; there are: airgapped, cpu, fast, gpu, so_slow. Did you mean 'airgapped'?"
    )


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ('profile = "gpu"', "profile holds the tables [profile.NAME]; to choose one, write default_profile = 'gpu'"),
        ("profile = 3", "[profile] must be a table"),
        ("[profile]\nfast = 3", "[profile.fast] must be a table"),
        ('default_profile = "fast"', "default_profile: no profile 'fast'; there are: airgapped, cpu, gpu."),
        ("[profile.fast.runer]\na = 1", "unknown key profile.fast.runer; known: runner, shared, stage. Did you mean"),
        ("[profile.fast.runner]\nworker = 1", "unknown key profile.fast.runner.worker; known: include, "),
        ("[profile.fast.stage.upper]\nmax_token = 1", "unknown key profile.fast.stage.upper.max_token; known: max_"),
        ("[profile.fast.stage.upper.runner]\nworker = 1", "unknown key profile.fast.stage.upper.runner.worker; known"),
        ("[profile.fast.stage.uper]\na = 1", "[profile.fast.stage.uper]: no such stage is installed. Did you mean"),
        ("[profile.fast.shared]\nmodle = 1", "unknown key profile.fast.shared.modle. Did you mean 'model'?"),
        (
            '[profile.fast.stage.upper]\nmodel = "x"',
            "model is shared between stages; set it in [profile.fast.shared], not in [profile.fast.stage.upper]",
        ),
    ],
)
def test_a_mistake_in_a_profile_is_an_error_although_the_profile_is_not_in_use(settings, toml, complaint):
    with pytest.raises(UsageError) as caught:
        settings(toml).resolve(UPPER, {})

    assert str(caught.value).startswith(f"docparse.toml: {complaint}")


def test_a_value_in_a_profile_is_refused_with_its_place(settings):
    settings('[profile.fast.stage.upper]\nmax_tokens = "many"')

    with pytest.raises(UsageError, match=r"^docparse\.toml: profile\.fast\.stage\.upper\.max_tokens must be an"):
        Settings.load(profile="fast").resolve(UPPER, {})
