"""Upper-case every text."""

import time

import attrs

from docparse_runner import Category, ItemOutcome, Output, SkipItem, Stage, StageError, hookimpl, option


@attrs.frozen(kw_only=True)
class Options:
    suffix: str = option("", help="Append this to every text.")
    delay_s: float = option(0.0, help="Sleep before each item.", unit="seconds", affects_output=False)
    engine: str = option("plain", help="What resolve says.", affects_output=False)
    language: str = option("en", help="A shared option.", shared=True)
    key: str | None = option(None, help="A secret.", secret=True)


@hookimpl
def docparse_stage():
    return Stage(
        name="upper",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=["*.txt"],
        produces={"upper": Output(".upper.txt"), "extra": Output(".extra", required=False)},
        options=Options,
    )


@hookimpl
def docparse_resolve(context):
    return {"engine": context.options.engine}


@hookimpl
def docparse_worker(context):
    def work(item):
        time.sleep(context.options.delay_s)
        text = item.inputs["source"].read_text()
        if text.startswith("bad"):
            msg = "the document is bad"
            raise StageError(msg, category=Category.INPUT)
        if text.startswith("skip"):
            msg = "nothing in it"
            raise SkipItem(msg)
        item.outputs["upper"].write_text(text.upper() + context.options.suffix)
        if text.startswith("extra"):
            item.outputs["extra"].write_text("more")
            return ItemOutcome.partial("something was given up", letters=len(text))
        return ItemOutcome.success(letters=len(text))

    return work
