"""Keep the texts in a store, which is no output, and give receipts."""

import contextlib
import os

from docparse_runner import ItemOutcome, Output, Stage, hookimpl


@hookimpl
def docparse_stage():
    return Stage(
        name="store",
        summary=__doc__,
        version=1,
        consumes=["source"],
        patterns=["*.txt"],
        produces={"receipts": Output(".receipt")},
        max_workers=1,
        removes=True,
    )


@hookimpl
@contextlib.contextmanager
def docparse_worker(context):
    store = context.workspace.root / "store"
    store.mkdir(exist_ok=True)

    def keep(item):
        entry = store / item.item_id.replace("/", "_")
        if item.removed:
            entry.unlink(missing_ok=True)
            return ItemOutcome.success()
        copy = store / f"{entry.name}.new"
        copy.write_bytes(item.inputs["source"].read_bytes())
        os.replace(copy, entry)
        item.outputs["receipts"].write_text("kept\n")
        return ItemOutcome.success()

    yield keep
