"""Join two kinds of artifacts, of which nobody says how the second ends."""

from docparse_runner import ItemOutcome, Output, Stage, hookimpl


@hookimpl
def docparse_stage():
    return Stage(
        name="pairs",
        summary=__doc__,
        version=1,
        consumes={"letters": ".json", "notes": ()},
        produces={"pairs": Output(".pair")},
    )


@hookimpl
def docparse_worker(context):
    def join(item):
        item.outputs["pairs"].write_bytes(b"|".join(path.read_bytes() for path in item.inputs.values()))
        return ItemOutcome.success()

    return join
