"""Upper-case texts, some at a time."""

from docparse_runner import ItemOutcome, Output, Stage, hookimpl


@hookimpl
def docparse_stage():
    return Stage(
        name="batches",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=["*.txt"],
        produces={"upper": Output(".upper")},
        batch={"cpu": 2, "gpu": 3},
    )


@hookimpl
def docparse_worker(context):
    return lambda items: [upper(item) for item in items]


def upper(item):
    item.outputs["upper"].write_bytes(item.inputs["source"].read_bytes().upper())
    return ItemOutcome.success()
