"""Join texts and counts in a store outside the data root's artifacts."""

from pathlib import Path

from docparse_runner import ItemOutcome, Output, Stage, hookimpl


@hookimpl
def docparse_stage():
    return Stage(
        name="join",
        summary=__doc__,
        version=1,
        consumes=["upper", "count"],
        produces={"joined": Output(".joined")},
        max_workers=1,
        removes=True,
    )


@hookimpl
def docparse_worker(context):
    store = Path(context.workspace.root) / "store"
    store.mkdir(exist_ok=True)

    def work(item):
        entry = store / item.item_id.replace("/", "_")
        if item.removed:
            entry.unlink(missing_ok=True)
            return ItemOutcome.success()
        entry.write_text(item.inputs["upper"].read_text() + item.inputs["count"].read_text())
        item.outputs["joined"].write_text("yes")
        return ItemOutcome.success()

    return work
