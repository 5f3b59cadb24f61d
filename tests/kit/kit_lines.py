"""Count the lines of what counts letters: a stage of one kind of artifact, without options."""

import json

from docparse_runner import Category, ItemOutcome, Output, Stage, StageError, hookimpl


@hookimpl
def docparse_stage():
    return Stage(
        name="lines",
        summary=__doc__,
        version=1,
        consumes=["letters"],
        produces={"lines": Output(".lines")},
    )


@hookimpl
def docparse_worker(context):
    return count


def count(item):
    try:
        letters = json.loads(item.inputs["letters"].read_bytes())["letters"]
    except (ValueError, KeyError, TypeError) as error:
        msg = "these are no letters"
        raise StageError(msg, category=Category.INPUT) from error
    item.outputs["lines"].write_text(f"{letters // 80 + 1}\n")
    return ItemOutcome.success()
