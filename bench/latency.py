"""How soon the runner reacts, and what it costs while there is nothing to react to.

Targets: a retry storm (10 items, one 0.5 s backoff each) takes less than 1 s; a 0.2 s deadline on a hung item frees its
slot within 0.5 s plus grace; a death is noticed within 50 ms; the parent needs less than 1 % of a core while its
workers are busy with items of 1 s. Everything through ``run_stage``, but for the death, which is seen in the executor.
A slot is free when the next item starts in it, so its new worker's start is part of the figure; the grace counts only
where the item makes use of it, because it ignores SIGTERM.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import stand_ins

from docparse_runner import (
    ItemOutcome,
    StageContext,
    StageHooks,
    StageOptions,
    StageOutcome,
    StagePlan,
    WorkItem,
    Workspace,
    run_stage,
)
from docparse_runner._factories import FunctionFactory
from docparse_runner._wire import Task
from docparse_runner.executors import Died, Event, Setup
from docparse_runner.executors._supervised import GRACE_S
from docparse_runner.executors.processes import ProcessExecutor

BACKOFF_S = 0.5
DEADLINE_S = 0.2
FREED_S = 0.5
NOTICED_S = 0.05
CPU_SHARE = 0.01
HANGS = {"hangs": 0.0, "hangs in C": 0.0, "ignores SIGTERM": GRACE_S}
"""How the item hangs, and the grace that it makes use of in seconds."""


def item(folder: str, number: int, **metadata: object) -> WorkItem:
    """Return an item with a note of its own."""
    return WorkItem(item_id=f"items/{number}", metadata={"note": f"{folder}/note-{number}", **metadata})


def run(
    folder: str,
    items: Sequence[WorkItem],
    worker: Callable[[WorkItem], ItemOutcome],
    options: StageOptions,
    hooks: StageHooks | None = None,
) -> StageOutcome:
    """Run the items."""
    plan = StagePlan(stage_name="latency", items=items)
    return run_stage(plan, worker, options, hooks, workspace=Workspace(Path(folder) / "data"))


def noted(folder: str, number: int) -> float:
    """Return the moment at which a worker began with an item."""
    return float((Path(folder) / f"note-{number}").read_text())


def say(what: str, seconds: Sequence[float], target_s: float) -> None:
    """Print the median and the worst against a target, which the median has to meet: the machine may be shared."""
    median, worst = statistics.median(seconds), max(seconds)
    verdict = "met" if median < target_s else "MISSED"
    print(
        f"| {what} | {median * 1000:.0f} ms | {worst * 1000:.0f} ms | < {target_s * 1000:.0f} ms | {verdict} |",
        flush=True,
    )


def retry_storm() -> float:
    """Return the seconds that 10 items take that all fail once."""
    with tempfile.TemporaryDirectory() as folder:
        items = [item(folder, number) for number in range(10)]
        outcome = run(folder, items, stand_ins.fail_once, StageOptions(workers=2, retries=1, retry_backoff_s=BACKOFF_S))
    assert outcome.succeeded == len(items)
    return outcome.wall_ms / 1000


def freed(how: str) -> float:
    """Return the seconds from the start of a hung item to the start of the next one in the same slot."""
    with tempfile.TemporaryDirectory() as folder:
        items = [item(folder, number, act=act) for number, act in enumerate(["returns", how, "returns"])]
        outcome = run(folder, items, stand_ins.act, StageOptions(workers=1, timeout_s=DEADLINE_S))
        assert (outcome.succeeded, dict(outcome.error_counts)) == (2, {"timeout": 1})
        return noted(folder, 2) - noted(folder, 1)


def events_of(executor: ProcessExecutor) -> Iterator[Event]:
    """Yield what happens."""
    while True:
        yield from executor.wait(None)


def deaths(rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Return what a start and some deaths of a worker take, in seconds.

    Returns:
        From the start of a worker to its first item, from each SIGKILL to its event, and from each SIGKILL to the next
        item in the slot.
    """
    starts, noticed, replaced = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(
            factory=FunctionFactory(stand_ins.act),
            workers=1,
            root=folder,
            staging=f"{folder}/staging",
            run_id="latency",
            stage="latency",
        )
        for number in range(0, 2 * rounds, 2):
            born = time.monotonic()
            executor = ProcessExecutor(setup)
            events = events_of(executor)
            executor.submit(task(folder, number, "dies"), alone=False)
            event = next(events)
            seen = time.monotonic()
            assert isinstance(event, Died)
            executor.submit(task(folder, number + 1, "returns"), alone=False)
            next(events)
            executor.close()
            killed = noted(folder, number)
            starts.append(killed - born)
            noticed.append(seen - killed)
            replaced.append(noted(folder, number + 1) - killed)
    return starts, noticed, replaced


def task(folder: str, number: int, act: str) -> Task:
    """Return an item as the executor takes it."""
    metadata = {"note": f"{folder}/note-{number}", "act": act}
    return Task(number=number, item_id=f"items/{number}", inputs={}, outputs={}, metadata=metadata)


def idle_share(workers: int, seconds: float, **options: int) -> float:
    """Return the share of a core that the parent needs from the first row to the last."""
    moments: list[tuple[float, float]] = []

    def after_item(_item: WorkItem, _outcome: ItemOutcome, _context: StageContext) -> None:
        moments.append((time.monotonic(), time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        items = [item(folder, number, seconds=1.0) for number in range(round(workers * (seconds + 1)))]
        hooks = StageHooks(after_item=after_item)
        run(folder, items, stand_ins.sleep, StageOptions(workers=workers, **options), hooks)
    (began, cpu_began), (ended, cpu_ended) = moments[0], moments[-1]
    return (cpu_ended - cpu_began) / (ended - began)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-s", type=float, default=10.0, help="seconds of each run with busy workers")
    given = parser.parse_args()
    print("| what | median | worst | target | |\n| --- | ---: | ---: | ---: | --- |")
    say("retry storm, the whole run", [retry_storm() for _ in range(given.rounds)], 2 * BACKOFF_S)
    for how, grace_s in HANGS.items():
        found = [freed(how) for _ in range(given.rounds)]
        say(f"{DEADLINE_S} s deadline, {how}: from its start to the next item's start", found, FREED_S + grace_s)
    starts, noticed, replaced = deaths(4 * given.rounds)
    say("SIGKILL of a worker to its event", noticed, NOTICED_S)
    spawn = statistics.median(starts)
    say("SIGKILL of a worker to the next item, less the start of a worker", [s - spawn for s in replaced], NOTICED_S)
    print(f"\nThe start of a worker, up to its first item, takes {spawn * 1000:.0f} ms.\n")
    print("| parent while workers are busy with 1 s items | share of a core | target | |\n| --- | ---: | ---: | --- |")
    for workers, options in ((2, {}), (16, {}), (2, {"memory_limit_mb": 4096})):
        share = idle_share(workers, given.idle_s, **options)
        limit = ", memory limit" if options else ""
        verdict = "met" if share < CPU_SHARE else "MISSED"
        print(f"| {workers} workers{limit} | {share:.2%} | < {CPU_SHARE:.0%} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()
