"""Count the letters of every text."""

import json
from pathlib import Path

import attrs

from docparse_runner import Category, ItemOutcome, Output, Stage, StageError, hookimpl, option


@attrs.frozen(kw_only=True)
class Options:
    least: int = option(1, help="Leave out shorter words.", unit="letters", ge=1)
    names: tuple[str, ...] = option((), help="Count these words apart.")
    script: str = option("latin", help="What the letters are.", choices=("latin", "greek"))
    share: float = option(1.0, help="Share of the words to count.", ge=0, le=1)
    title: str | None = option(None, help="What to call the result.")
    loud: bool = option(False, help="Say more in the log.", affects_output=False)
    log: Path | None = option(None, help="Write notes into this file.", affects_output=False)  # noqa: RUF009 - a field


@hookimpl
def docparse_stage():
    return Stage(
        name="letters",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=["*.txt"],
        produces={"letters": Output(".json"), "digits": Output(".digits", required=False)},
        options=Options,
    )


@hookimpl
def docparse_resolve(context):
    return {"engine": "plain"}


@hookimpl
def docparse_worker(context):
    return lambda item: count(item, context)


def count(item, context):
    try:
        text = item.inputs["source"].read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = "the text is not UTF-8"
        raise StageError(msg, category=Category.INPUT) from error
    words = [word for word in text.split() if len(word) >= context.options.least]
    result = {"letters": sum(map(len, words)), "script": context.options.script, "title": context.options.title}
    item.outputs["letters"].write_text(json.dumps(result))
    digits = [word for word in words if word.isdigit()]
    if digits:
        item.outputs["digits"].write_text(" ".join(digits))
    return ItemOutcome.success(words=len(words))
