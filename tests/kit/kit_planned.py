"""Copy the texts of a folder that the stage lists itself."""

from docparse_runner import ItemOutcome, Output, Stage, WorkItem, hookimpl


@hookimpl
def docparse_stage():
    return Stage(
        name="planned",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=["*.txt"],
        produces={"copies": Output(".copy")},
    )


@hookimpl
def docparse_plan(context):
    folder = context.workspace.root.parent / "docs"
    for path in sorted(folder.rglob("*.txt")):
        item_id = "docs/" + path.relative_to(folder).as_posix().replace("%", "%25")
        copy = context.workspace.artifact("copies", item_id, ".copy")
        yield WorkItem(item_id=item_id, inputs={"source": path}, outputs={"copies": copy})


@hookimpl
def docparse_worker(context):
    def copy(item):
        item.outputs["copies"].write_bytes(item.inputs["source"].read_bytes())
        return ItemOutcome.success()

    return copy
