"""Three stages, the last of which joins the others; each notes its calls in a file outside the data root.

What becomes of a document is its first word: ``simple`` and ``extras`` (with an optional output) are good, ``absent``
holds nothing, ``poison`` is a bad document, ``broken`` meets a bug, and ``upside`` is bad for the second stage only.
"""

from pathlib import Path

import attrs

from docparse_runner import Category, ItemOutcome, Output, SkipItem, Stage, StageError, hookimpl, option


def _note(trace, item):
    """Append the id of an item that a stage was called for; one write, so that no kill tears it."""
    with Path(trace).open("a") as file:
        file.write(f"{item.item_id}\n")


@attrs.frozen(kw_only=True)
class LoudOptions:
    ending: str = option("", help="Append this to every text.")
    voice: str = option("plain", help="What resolve says.", affects_output=False)
    trace: str = option("", help="Note calls in this file.", affects_output=False)


class Loud:
    """Texts in capitals."""

    @hookimpl
    def docparse_stage(self):
        outputs = {"loud": Output(".loud.txt"), "extra": Output(".extra", required=False)}
        patterns = ["*.txt"]
        return Stage(
            name="loud", version=1, consumes=["source"], patterns=patterns, produces=outputs, options=LoudOptions
        )

    @hookimpl
    def docparse_resolve(self, context):
        return {"voice": context.options.voice}

    @hookimpl
    def docparse_worker(self, context):
        options = context.options

        def work(item):
            _note(options.trace, item)
            kind, *words = item.inputs["source"].read_text().split()
            msg = f"it is {kind}"
            if kind == "poison":
                raise StageError(msg, category=Category.INPUT)
            if kind == "broken":
                raise ValueError(msg)
            if kind == "absent":
                raise SkipItem(msg)
            item.outputs["loud"].write_text(" ".join([kind, *words, options.voice]).upper() + options.ending)
            if kind == "extras":
                item.outputs["extra"].write_text(" ".join(words))
                return ItemOutcome.partial("something was given up")
            return ItemOutcome.success()

        return work


@attrs.frozen(kw_only=True)
class TallyOptions:
    base: int = option(1, help="Count each letter as so many.")
    trace: str = option("", help="Note calls in this file.", affects_output=False)


class Tally:
    """How long texts are."""

    @hookimpl
    def docparse_stage(self):
        outputs = {"tally": Output(".tally")}
        return Stage(name="tally", version=1, consumes=["loud"], produces=outputs, options=TallyOptions)

    @hookimpl
    def docparse_worker(self, context):
        options = context.options

        def work(item):
            _note(options.trace, item)
            text = item.inputs["loud"].read_text()
            if text.startswith("UPSIDE"):
                msg = "it cannot be counted"
                raise StageError(msg, category=Category.INPUT)
            item.outputs["tally"].write_text(str(options.base * len(text)))
            return ItemOutcome.success()

        return work


@attrs.frozen(kw_only=True)
class PairOptions:
    trace: str = option("", help="Note calls in this file.", affects_output=False)


class Pair:
    """Texts with their lengths, in a store that is no artifact."""

    @hookimpl
    def docparse_stage(self):
        return Stage(
            name="pair",
            version=1,
            consumes=["loud", "tally"],
            produces={"pair": Output(".pair")},
            options=PairOptions,
            max_workers=1,
            removes=True,
        )

    @hookimpl
    def docparse_worker(self, context):
        store = Path(context.workspace.root) / "store"
        store.mkdir(exist_ok=True)

        def work(item):
            entry = store / item.item_id.replace("/", "_")
            if item.removed:
                entry.unlink(missing_ok=True)
                return ItemOutcome.success()
            _note(context.options.trace, item)
            text = "".join(item.inputs[kind].read_text() for kind in ("loud", "tally"))
            entry.write_text(text)
            item.outputs["pair"].write_text(str(len(text)))
            return ItemOutcome.success()

        return work


loud, tally, pair = Loud(), Tally(), Pair()
