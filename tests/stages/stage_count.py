"""Count the letters of every upper-cased text."""

import json

import attrs

from docparse_runner import ItemOutcome, Output, Stage, hookimpl, option


@attrs.frozen(kw_only=True)
class Options:
    language: str = option("en", help="A shared option.", shared=True)


@hookimpl
def docparse_stage():
    return Stage(
        name="count",
        summary=__doc__,
        version=1,
        consumes={"upper": ".upper.txt"},
        produces={"count": Output(".count.json")},
        options=Options,
    )


@hookimpl
def docparse_worker(context):
    def work(item):
        item.outputs["count"].write_text(json.dumps({"letters": len(item.inputs["upper"].read_text())}))
        return ItemOutcome.success()

    return work
