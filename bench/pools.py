"""How each system of ``poison.py`` is asked to do its items, with the settings that serve it best.

Run as a program, it does the items with one system and appends what it learns to a report, line by line, so that the
report of a system that gets stuck or dies is kept::

    python bench/pools.py SYSTEM REPORT KIND...
"""

import concurrent.futures
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import poisons

WORKERS = 4
ITEM_DEADLINE_S = 2.0
WAIT_S = 12.0
"""Whoever has no deadline of an item waits so long for all of them; innocents take two seconds together."""

MEMORY_LIMIT_MIB = 512


class Report:
    """What a system told about its items."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - open as long as the program runs

    def tell(self, **fields: object) -> None:
        """Append a line that no crash can take back."""
        self._file.write(json.dumps(fields) + "\n")
        self._file.flush()

    def delivered(self, number: int) -> None:
        """An item's result is in the caller's hands."""
        self.tell(delivered=number)

    def failed(self, number: int, why: str) -> None:
        """The system told that this item failed."""
        self.tell(failed=number, why=why)


def use_process_pool_executor(kinds: Sequence[str], report: Report) -> None:
    """``concurrent.futures``: one future per item; no deadline exists, so there is one for the wait."""
    pool = concurrent.futures.ProcessPoolExecutor(WORKERS)
    futures = {pool.submit(poisons.work, kind): number for number, kind in enumerate(kinds)}
    try:
        for future in concurrent.futures.as_completed(futures, timeout=WAIT_S):
            error = future.exception()
            if error is None:
                report.delivered(futures[future])
            else:
                report.failed(futures[future], type(error).__name__)
    except TimeoutError:
        for future, number in futures.items():
            if not future.done():
                report.failed(number, "TimeoutError")
        getattr(pool, "kill_workers", lambda: None)()  # Python 3.14 and later
    pool.shutdown(wait=False, cancel_futures=True)


def use_multiprocessing_pool(kinds: Sequence[str], report: Report) -> None:
    """``multiprocessing.Pool``: one result per item, each waited for until the same moment."""
    with multiprocessing.Pool(WORKERS) as pool:
        results = [pool.apply_async(poisons.work, (kind,)) for kind in kinds]
        end = time.monotonic() + WAIT_S
        for number, result in enumerate(results):
            try:
                result.get(timeout=max(0.0, end - time.monotonic()))
            except Exception as error:  # noqa: BLE001 - whatever the item raised
                report.failed(number, type(error).__name__)
            else:
                report.delivered(number)


def use_pebble(kinds: Sequence[str], report: Report) -> None:
    """Pebble: a deadline per item, which it enforces."""
    import pebble  # noqa: PLC0415 - each system is imported only where it is tried

    with pebble.ProcessPool(max_workers=WORKERS) as pool:
        futures = {
            pool.schedule(poisons.work, args=[kind], timeout=ITEM_DEADLINE_S): number
            for number, kind in enumerate(kinds)
        }
        for future in concurrent.futures.as_completed(futures):
            error = future.exception()
            if error is None:
                report.delivered(futures[future])
            else:
                report.failed(futures[future], type(error).__name__)


def use_joblib(kinds: Sequence[str], report: Report) -> None:
    """joblib: its default backend; a generator, so that what is done before an error is not lost."""
    import joblib  # noqa: PLC0415

    parallel = joblib.Parallel(n_jobs=WORKERS, return_as="generator_unordered", timeout=WAIT_S)
    calls = (joblib.delayed(poisons.work_numbered)(number, kind) for number, kind in enumerate(kinds))
    for number in parallel(calls):
        report.delivered(number)


def use_ray_data(kinds: Sequence[str], report: Report) -> None:
    """Ray Data: one block per item, any number of blocks may be lost, two retries instead of endless ones."""
    import ray  # noqa: PLC0415
    import ray.data  # noqa: PLC0415

    ray.init(num_cpus=WORKERS, include_dashboard=False, object_store_memory=200 * 2**20, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    report.tell(ready=True)
    rows = [{"number": number, "kind": kind} for number, kind in enumerate(kinds)]
    items = ray.data.from_items(rows, override_num_blocks=len(rows))
    for row in items.map(poisons.work_row, num_cpus=1, max_retries=2).iter_rows():
        report.delivered(int(row["number"]))
    ray.shutdown()


def use_docparse(kinds: Sequence[str], report: Report) -> None:
    """``run_stage``: a deadline and a memory limit per item."""
    from docparse_runner import (  # noqa: PLC0415
        ItemOutcome,
        StageContext,
        StageHooks,
        StageOptions,
        StagePlan,
        WorkItem,
        Workspace,
        run_stage,
    )

    def after_item(item: WorkItem, outcome: ItemOutcome, _context: StageContext) -> None:
        number = item.metadata["number"]
        if outcome.error is None:
            report.delivered(number)
        else:
            report.failed(number, str(outcome.error.category))

    items = [
        WorkItem(item_id=f"items/{number}", metadata={"number": number, "kind": kind})
        for number, kind in enumerate(kinds)
    ]
    options = StageOptions(workers=WORKERS, timeout_s=ITEM_DEADLINE_S, memory_limit_mb=MEMORY_LIMIT_MIB)
    with tempfile.TemporaryDirectory() as folder:
        plan = StagePlan(stage_name="poison", items=items)
        hooks = StageHooks(after_item=after_item)
        run_stage(plan, poisons.work_item, options, hooks, workspace=Workspace(Path(folder)))


SYSTEMS: dict[str, Callable[[Sequence[str], Report], None]] = {
    "docparse": use_docparse,
    "ProcessPoolExecutor": use_process_pool_executor,
    "multiprocessing.Pool": use_multiprocessing_pool,
    "pebble": use_pebble,
    "joblib": use_joblib,
    "Ray Data": use_ray_data,
}


def main() -> None:
    """Do the items with one system."""
    system, path, *kinds = sys.argv[1:]
    report = Report(path)
    report.tell(began=os.getpid())
    SYSTEMS[system](kinds, report)
    report.tell(ended=True)


if __name__ == "__main__":
    main()
