"""One definition gives an option its flag, its variable, its TOML key, its documentation and its part of the hash."""

import subprocess
import sys
import types
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner._options import as_plain, build, config_hash, digest_of, option, specs_of
from docparse_runner._parsing import parse
from docparse_runner.errors import UsageError


@attrs.frozen(kw_only=True)
class Options:
    max_tokens: int = option(256, help="Longest chunk.", unit="tokens", ge=1, le=8192)
    ratio: float = option(0.5, help="A share.", gt=0)
    merge: bool = option(True, help="Merge small chunks.")
    model: str | None = option(None, help="A model.", choices=("small", "large"), shared=True)
    words: tuple[str, ...] = option((), help="Words to leave out.", affects_output=False)
    sizes: tuple[int, ...] = option((1, 2), help="Sizes.")
    folder: Path | None = option(None, help="A folder.", default_text="the cache")  # noqa: RUF009 - a field
    key: str | None = option(None, help="A secret.", secret=True)


SPECS = {spec.name: spec for spec in specs_of(Options)}


def options_with(annotation):
    return attrs.make_class("Odd", {"field": attrs.field(default=None, type=annotation, metadata=MADE)})


MADE = attrs.fields(Options).folder.metadata


def test_options_come_in_the_order_of_their_fields():
    assert list(SPECS) == ["max_tokens", "ratio", "merge", "model", "words", "sizes", "folder", "key"]


def test_a_stage_without_options_has_none():
    assert specs_of(None) == []


def test_a_field_tells_everything_that_the_command_line_and_the_documentation_need():
    spec = SPECS["max_tokens"]

    assert (spec.flag, spec.type, spec.type_name, spec.multiple) == ("--max-tokens", int, "integer", False)
    assert (spec.default, spec.help, spec.unit, spec.group) == (256, "Longest chunk.", "tokens", "This stage")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("max_tokens", "256 tokens"),
        ("ratio", "0.5"),
        ("merge", "on"),
        ("model", ""),
        ("words", ""),
        ("folder", "the cache"),
    ],
)
def test_a_default_is_shown_as_a_person_reads_it(name, shown):
    assert SPECS[name].shown_default == shown


def test_a_flag_that_is_off_is_shown_as_off():
    assert attrs.evolve(SPECS["merge"], default=False).shown_default == "off"


@pytest.mark.parametrize(
    ("annotation", "kind", "multiple"),
    [
        (int | None, int, False),
        (tuple[Path, ...], Path, True),
        (tuple[str, ...] | None, str, True),
        (bool, bool, False),
    ],
)
def test_an_option_may_be_optional_or_given_several_times(annotation, kind, multiple):
    (spec,) = specs_of(options_with(annotation))

    assert (spec.type, spec.multiple) == (kind, multiple)


@pytest.mark.parametrize(
    "annotation", [list[str], dict, int | str, tuple[str, int], tuple[()], tuple, tuple[list, ...], object]
)
def test_an_option_of_another_type_is_refused_with_the_types_that_there_are(annotation):
    with pytest.raises(TypeError, match=r"Odd\.field: options are of type int, float, bool, str, Path, optional or"):
        specs_of(options_with(annotation))


def test_an_options_class_must_be_an_attrs_class():
    with pytest.raises(TypeError, match="the options class SimpleNamespace must be an attrs class"):
        specs_of(types.SimpleNamespace)


def test_a_field_that_was_not_made_with_option_is_refused():
    @attrs.frozen
    class Plain:
        size: int = 3

    with pytest.raises(TypeError, match=r"Plain\.size must be made with docparse_runner\.option\(\)"):
        specs_of(Plain)


def test_a_field_without_a_type_is_refused():
    @attrs.define
    class Untyped:
        size = option(2, help="Size.")

    with pytest.raises(TypeError, match=r"Untyped\.size: options are of type"):
        specs_of(Untyped)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_tokens", "12", 12),
        ("max_tokens", 12, 12),
        ("ratio", "0.25", 0.25),
        ("ratio", 1, 1.0),
        ("merge", "Yes", True),
        ("merge", "0", False),
        ("merge", False, False),
        ("model", "small", "small"),
        ("folder", "~/x", Path("~/x")),
        ("words", "a, b,,c ", ("a", "b", "c")),
        ("words", "", ()),
        ("words", ["a,b", "c"], ("a,b", "c")),
        ("sizes", "3,4", (3, 4)),
        ("sizes", 5, (5,)),
    ],
)
def test_a_text_or_a_toml_value_is_read_as_the_options_type(name, text, value):
    read = parse(SPECS[name], text, "there")

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("max_tokens", "many", "there must be an integer, not 'many'"),
        ("max_tokens", 1.5, "there must be an integer, not 1.5"),
        ("max_tokens", True, "there must be an integer, not True"),
        ("ratio", "half", "there must be a number, not 'half'"),
        ("ratio", True, "there must be a number, not True"),
        ("merge", "perhaps", "there must be a flag, not 'perhaps'"),
        ("merge", 1, "there must be a flag, not 1"),
        ("model", 7, "there must be a text, not 7"),
        ("folder", 7, "there must be a path, not 7"),
        ("sizes", "3,x", "there must be an integer, not 'x'"),
        ("words", [1], "there must be a text, not 1"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_and_the_message_says_where_it_came_from(name, value, complaint):
    with pytest.raises(UsageError, match=f"^{complaint}$"):
        parse(SPECS[name], value, "there")


def test_a_secret_of_the_wrong_type_is_not_repeated_in_the_message():
    with pytest.raises(UsageError) as caught:
        parse(SPECS["key"], 1234567, "there")

    assert str(caught.value) == "there must be a text"


@given(st.integers())
def test_every_integer_survives_a_trip_through_a_variable(number):
    assert parse(SPECS["max_tokens"], str(number), "there") == number


@given(st.lists(st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"])).map(str.strip).filter(bool)))
def test_every_list_of_words_without_commas_survives_a_trip_through_a_variable(words):
    assert parse(SPECS["words"], ",".join(words), "there") == tuple(words)


@pytest.mark.parametrize(
    "values", [{"max_tokens": 0}, {"max_tokens": 9000}, {"ratio": 0.0}, {"ratio": float("nan")}, {"model": "huge"}]
)
def test_a_value_out_of_bounds_is_refused_in_one_sentence(values):
    with pytest.raises(UsageError, match=f"^chunk: '{next(iter(values))}' must be [^\n]+$"):
        build(Options, values, "chunk")


def test_each_of_several_values_must_be_one_of_the_choices():
    @attrs.frozen(kw_only=True)
    class Several:
        kinds: tuple[str, ...] = option(("dense",), help="Kinds.", choices=("dense", "sparse", "lexical"))

    assert build(Several, {"kinds": ("sparse", "dense")}, "x").kinds == ("sparse", "dense")
    with pytest.raises(UsageError, match=r"x: 'kinds' must be in \('dense', 'sparse', 'lexical'\) \(got 'other'\)"):
        build(Several, {"kinds": ("dense", "other")}, "x")


def test_an_optional_value_may_be_left_out_although_it_has_choices():
    assert build(Options, {"model": None}, "chunk").model is None


def test_a_validator_of_the_stages_own_is_heard():
    def even(_instance, _attribute, value):
        if value % 2:
            raise ValueError

    @attrs.frozen
    class Even:
        size: int = option(2, help="Size.", validator=even)

    assert build(Even, {"size": 4}, "chunk").size == 4
    with pytest.raises(UsageError, match=r"^chunk: ValueError$"):
        build(Even, {"size": 3}, "chunk")


def test_a_secret_that_a_validator_refuses_is_not_repeated_in_the_message():
    @attrs.frozen
    class Keys:
        key: str | None = option(None, help="Key.", secret=True, validator=attrs.validators.matches_re("sk-.*"))

    with pytest.raises(UsageError) as caught:
        build(Keys, {"key": "hunter2"}, "embed")

    assert "hunter2" not in str(caught.value)
    assert str(caught.value).startswith("embed: 'key' must match")


def test_a_secret_is_in_no_text_that_is_made_of_the_options():
    options = Options(key="hunter2", folder=Path("/x"), words=("a",))

    plain = as_plain(options)

    assert "hunter2" not in repr(options)
    assert plain == {
        "max_tokens": 256,
        "ratio": 0.5,
        "merge": True,
        "model": None,
        "words": ["a"],
        "sizes": [1, 2],
        "folder": "/x",
        "key": "***",
    }


def test_a_secret_that_is_not_set_is_shown_as_not_set():
    assert as_plain(Options())["key"] is None


def test_no_options_are_an_empty_object():
    assert as_plain(None) == {}


def test_the_config_hash_has_a_half_for_the_options_and_one_for_what_they_resolve_to():
    options, engine = config_hash(Options(), {"engine": "a"}).split("-")

    assert config_hash(Options(max_tokens=9), {"engine": "a"}).split("-")[0] != options
    assert config_hash(Options(max_tokens=9), {"engine": "a"}).split("-")[1] == engine
    assert config_hash(Options(), {"engine": "b"}).split("-")[0] == options
    assert config_hash(Options(), {"engine": "b"}).split("-")[1] != engine
    assert len(options) == len(engine) == 16


def test_options_that_do_not_change_the_output_do_not_change_the_hash():
    assert config_hash(Options(words=("a",), key="k"), {}) == config_hash(Options(), {})


def test_a_new_option_at_its_default_does_not_change_the_hash():
    @attrs.frozen
    class Newer(Options):
        overlap: int = option(0, help="New in this release.")

    assert config_hash(Newer(max_tokens=9), {}) == config_hash(Options(max_tokens=9), {})
    assert config_hash(Newer(max_tokens=9, overlap=1), {}) != config_hash(Options(max_tokens=9), {})


def test_a_stage_without_options_has_a_config_hash():
    assert config_hash(None, {}) == config_hash(Options(), {})


@given(st.dictionaries(st.text(), st.integers()))
def test_a_digest_does_not_depend_on_the_order_of_keys(data):
    assert digest_of(data) == digest_of(dict(reversed(data.items())))


def test_the_config_hash_is_the_same_in_every_process():
    program = "from docparse_runner._options import config_hash; print(config_hash(None, {'b': 1, 'a': ['é']}))"

    other = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert other.stdout.decode().strip() == config_hash(None, {"a": ["é"], "b": 1})
