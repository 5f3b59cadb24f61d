"""A secret comes from the environment or a file, and is then found nowhere but in the worker that needs it."""

import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner import option
from docparse_runner._options import secrets_of, specs_of
from docparse_runner._secrets import Redactor
from docparse_runner.errors import StageError

TOKEN = "kq7Vw'x9\"Z\\é/pT4mL+2Rb wN8sD"
WAYS = ("message", "chained", "own", "printed", "crash", "long", "skip", "partial")


def pieces_in(text):
    """Return what a text has of the token: any five characters in a row."""
    return [TOKEN[place : place + 5] for place in range(len(TOKEN) - 4) if TOKEN[place : place + 5] in text]


def written(root):
    files = [path for path in Path(root).rglob("*") if path.is_file()]
    assert files
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)


# --- through the command line


@pytest.mark.parametrize("workers", [2, 0])
def test_a_secret_that_a_stage_gives_away_is_not_recorded_nor_said(docs, docparse, monkeypatch, last_rows, workers):
    ways = [way for way in WAYS if workers or way not in ("crash", "printed")]  # inline, it is the runner that prints
    docs(**{way: way for way in ways})
    monkeypatch.setenv("DOCPARSE_SECRET__TOKEN", TOKEN)

    ended = docparse("run", "secret", "docs", "--workers", workers, "--json", "-v")
    rows = {item_id.removeprefix("docs/").removesuffix(".txt"): row for item_id, row in last_rows("secret").items()}

    assert ended.code == 1
    assert pieces_in(written("docparse-data")) == []
    assert pieces_in(ended.out + ended.err) == []
    assert json.loads(ended.out)["summary"] == {"door": "***"}
    assert set(rows) == set(ways)
    assert rows["message"]["error"]["message"] == "ValueError: refused: '***'"
    assert "ValueError: refused: '***'\n\nThe above" in rows["chained"]["error"]["detail"]
    assert (rows["own"]["error"]["message"], rows["own"]["error"]["detail"].partition("\n")[0]) == (
        "no access with ***",
        "Authorization: ***",
    )
    assert rows["long"]["error"]["message"].endswith("z***")
    assert rows["skip"]["reason"] == "nothing behind ***"
    assert (rows["partial"]["reason"], rows["partial"]["metrics"]) == ("only ***", {"used": ["***"], "door ***": 1})
    if workers:
        assert "x***x***" in rows["printed"]["error"]["detail"]
        assert "<***><***>" in rows["crash"]["error"]["detail"]


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("resolve", "docparse_resolve() raised RuntimeError: OwnTextError: the door does not open with ***"),
        ("resolved", "docparse_resolve() returned the value of a secret option; it is recorded, so leave that out"),
        ("before_stage", "its hook raised RuntimeError: OwnTextError: the door does not open with ***"),
        ("worker", "OwnTextError: the door does not open with ***"),
    ],
)
def test_a_secret_that_a_hook_gives_away_is_not_said(docs, docparse, monkeypatch, stages, hook, said):
    docs(a="message")
    monkeypatch.setenv("DOCPARSE_SECRET__TOKEN", TOKEN)

    ended = docparse("run", "secret", "docs", "--workers", 1, "--hook", hook)

    assert ended.code == 2
    assert said in ended.err
    assert pieces_in(ended.out + ended.err) == []
    assert pieces_in(written(stages)) == []


@pytest.mark.parametrize("command", ["config show", "config show --json --sources", "config diff", "plan secret docs"])
def test_a_secret_is_shown_as_set_or_not_set(docs, docparse, monkeypatch, command):
    docs(a="message")
    words = command.split() if "plan" in command else [*command.split(), "secret"]
    monkeypatch.setenv("DOCPARSE_SECRET__TOKEN", TOKEN)

    ended = docparse(*words)

    assert ended.code == 0
    assert pieces_in(ended.out + ended.err) == []
    assert ("***" in ended.out) == (words[0] == "config")


def test_a_secret_is_not_given_on_the_command_line(docs, docparse):
    docs(a="message")

    ended = docparse("run", "all", "docs", "--with", "secret", "--set", f"secret.token={TOKEN}")
    flagged = docparse("run", "secret", "docs", "--token", "x")

    assert ended.err == (
        "docparse: --set secret.token: a secret is not given on the command line; set DOCPARSE_SECRET__TOKEN\n"
    )
    assert (ended.code, flagged.code) == (2, 2)
    assert "No such option" in flagged.err


def test_the_file_that_a_variable_names_holds_the_secret(docs, docparse, monkeypatch, last_rows):
    folder = docs(own="own")
    Path("token.txt").write_text(f"{TOKEN}\n", encoding="utf-8")
    monkeypatch.setenv("DOCPARSE_SECRET__TOKEN_FILE", "token.txt")

    docparse("run", "secret", folder, "--workers", 0)

    assert last_rows("secret")["docs/own.txt"]["error"]["message"] == "no access with ***"


# --- taking secrets out


@pytest.mark.parametrize(
    "text",
    [
        "{secret}",
        "a{secret}b{secret}",
        "{secret!r}",
        '{{"key": "{json}"}}',
        "https://door/?key={quoted}&more",
        "https://door/{plus}",
    ],
)
def test_a_secret_is_taken_out_as_it_is_and_as_it_is_quoted(text):
    shown = text.format(
        secret=TOKEN,
        json=json.dumps(TOKEN)[1:-1],
        quoted="kq7Vw%27x9%22Z%5C%C3%A9%2FpT4mL%2B2Rb%20wN8sD",
        plus="kq7Vw%27x9%22Z%5C%C3%A9%2FpT4mL%2B2Rb+wN8sD",
    )

    hidden = Redactor([TOKEN]).text(shown)

    assert "***" in hidden
    assert pieces_in(hidden) == []


def test_the_lines_of_a_long_secret_are_taken_out_one_by_one():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n=\n-----END KEY-----"

    hidden = Redactor([key]).text(f"> MIIEvQIBADANBg\n> kqhkiG9w0BAQ\n> =\n{key}")

    assert hidden == "> ***\n> ***\n> =\n***"


def test_a_secret_within_another_leaves_nothing_of_either():
    assert Redactor(["abc", "abcdef"]).text("abcdef abc") == "*** ***"


def test_without_secrets_everything_stays_as_it_is():
    hide = Redactor(["", ""])
    data = {"a": ["b", 1]}

    assert not hide
    assert hide.margin == 0
    assert hide.text("a text") == "a text"
    assert hide.data(data) is data
    assert hide.tail(b"0123456789", 4) == "6789"


def test_data_keep_their_shape():
    data = {"key is open": ["open", 1, None, ("a", "open")], "b": {"c": "opened"}}

    assert Redactor(["open"]).data(data) == {"key is ***": ["***", 1, None, ("a", "***")], "b": {"c": "***ed"}}


@given(st.integers(0, 60), st.integers(0, 60), st.text("ab\x80é", max_size=3))
def test_a_cut_through_a_secret_leaves_nothing_of_it(before, limit, more):
    hide = Redactor(["şéçrét"])
    data = ("x" * before + "şéçrét" + more).encode()

    tail = hide.tail(data[-(limit + hide.margin) :], limit)

    assert set("şçrét") & set(tail) <= {"é"} & set(more)


def test_an_exception_comes_without_secrets_and_so_does_its_cause():
    raised = StageError("not open", detail="open it")
    raised.__cause__ = ValueError("open", 3)

    with pytest.raises(StageError) as caught, Redactor(["open"]).errors():
        raise raised

    assert (caught.value.message, caught.value.args, caught.value.detail) == ("not ***", ("not ***",), "*** it")
    assert caught.value.__cause__.args == ("***", 3)


def test_an_exception_passes_as_it_is_when_there_are_no_secrets():
    error = ValueError("open")

    with pytest.raises(ValueError, match="open") as caught, Redactor().errors():
        raise error

    assert caught.value is error


def test_items_come_as_they_are_until_an_exception_without_secrets():
    def plan():
        yield 1
        yield 2
        msg = "no more behind open"
        raise LookupError(msg)

    items = iter(Redactor(["open"]).each(plan()))

    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(LookupError, match=r"^no more behind \*\*\*$"):
        next(items)


# --- options


def test_the_secrets_of_options_are_those_that_are_set():
    @attrs.frozen
    class Options:
        token: str | None = option(None, help="A token.", secret=True)
        other: str | None = option(None, help="Another.", secret=True)
        keys: tuple[str, ...] = option((), help="Keys.", secret=True)
        size: int = option(1, help="Size.")

    assert secrets_of(Options(token="a", keys=("b", "c"))) == ["a", "b", "c"]
    assert secrets_of(None) == []


@pytest.mark.parametrize("kind", ["number", "default", "beside"])
def test_a_secret_is_a_text_that_only_the_user_knows(kind):
    @attrs.frozen
    class Number:
        token: int | None = option(None, help="A token.", secret=True)

    @attrs.frozen
    class Default:
        token: str = option("1234", help="A token.", secret=True)

    @attrs.frozen
    class Beside:
        token: str | None = option(None, help="A token.", secret=True)
        token_file: Path | None = option(None, help="A file.")  # noqa: RUF009 - a field

    with pytest.raises(TypeError, match="token: a secret is a text without a default, and has no option token_file"):
        specs_of({"number": Number, "default": Default, "beside": Beside}[kind])
