"""What the runner costs per item, against the pools and the loop that it replaces; all in one run, median of rounds.

    python bench/overhead.py [--scale 0.1] [--rounds 3] [--only pools|runs]

- The bare pool (``ProcessExecutor`` without an engine; deadlines, attribution and output capture on) and its peers, on
  2 processes, all calling the same function: no-ops, sleeps of 1 ms and of 10 ms. Targets: at least 15 x
  ``ProcessPoolExecutor`` without chunks and 15 x pebble on no-ops; on 10 ms items at least 97 % of the ideal of 2
  workers, and on 1 ms items at least 93 % of what a for-loop reaches.
- The same pool with whole items: ``WorkItem``, ``ItemOutcome``, the phases of a commit. No peer has these.
- Our threads against ``ThreadPoolExecutor`` submitting the same items. Target: at least its rate.
- The whole of ``run_stage`` on 2 processes, no-op items, manifest synced. Target: at most 100 us of CPU an item.
- ``run_stage`` inline against a bare loop that runs the same items and builds and writes the same rows. Target: 60 %.
- ``run_stage`` when every item is up to date.

Peers that are not installed are left out: ``pip install pebble``.
"""

import argparse
import concurrent.futures
import importlib.util
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import stand_ins

from docparse_runner import StageContext, StageOptions, StagePlan, WorkItem, Workspace, run_stage
from docparse_runner._engine import _unnamed
from docparse_runner._factories import FunctionFactory
from docparse_runner._manifest import JsonlSink
from docparse_runner._outcome import StageOutcome
from docparse_runner._wire import Task
from docparse_runner._worker import ItemRunner
from docparse_runner.executors import Executor, Finished, Setup, _supervised, spec_for
from docparse_runner.executors.inline import _OpenGate
from docparse_runner.executors.processes import ProcessExecutor
from docparse_runner.executors.threads import ThreadExecutor

WORKERS = 2
NO_OPS, ONE_MS, TEN_MS, WHOLE = 200_000, 4_000, 600, 50_000


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def setup_in(folder: Path, function: Callable[..., object]) -> Setup:
    """Return what an executor without an engine is built from."""
    return Setup(
        factory=FunctionFactory(function),  # type: ignore[arg-type]  # some of them return nothing
        workers=WORKERS,
        root=str(folder / "data"),
        staging=str(folder / "staging"),
        run_id="bench",
        stage="bench",
    )


def drive(executor: Executor, count: int, seconds: float) -> tuple[float, float]:
    """Run so many items and return (seconds from the first result to the last, items in that time)."""
    about = {"seconds": seconds} if seconds else {}
    submitted = done = first_done = 0
    first = last = 0.0
    while done < count:
        for _ in range(min(executor.room(), count - submitted)):
            task = Task(submitted, f"d{submitted}", {}, {}, timeout_s=600.0, cost_hint=seconds, metadata=about)
            executor.submit(task, alone=False)
            submitted += 1
        events = executor.wait(None)
        if not events:
            continue
        assert all(isinstance(event, Finished) and event.result.status == "success" for event in events), events
        done += len(events)
        last = time.perf_counter()
        if not first:
            first, first_done = last, done
    executor.close()
    return last - first, done - first_done


def our_pool(kind: Callable[[Setup], Executor], function: str, count: int, seconds: float) -> float:
    """Return items per second of our pool with whole items, warm."""
    with tempfile.TemporaryDirectory() as name:
        executor = kind(setup_in(Path(name), getattr(stand_ins, function)))
        took, done = drive(executor, count, seconds)
    return done / took


def bare_pool(count: int, seconds: float) -> float:
    """Return calls per second of our processes when all they do is to call a function, as those of others do."""
    whole, _supervised.CHILD = _supervised.CHILD, "bare_child"
    os.environ["PYTHONPATH"] = os.path.dirname(__file__)
    try:
        return our_pool(ProcessExecutor, "nothing", count, seconds)
    finally:
        _supervised.CHILD = whole
        del os.environ["PYTHONPATH"]


def warm(pool: concurrent.futures.Executor) -> None:
    """Have every worker started."""
    for future in [pool.submit(time.sleep, 0.2) for _ in range(WORKERS)]:
        future.result()


def executor_pool(kind: type[concurrent.futures.Executor], count: int, seconds: float) -> float:
    """Return items per second of a pool of the standard library, one future per item."""
    with kind(WORKERS) as pool:  # type: ignore[call-arg]  # both take max_workers first
        warm(pool)
        start = time.perf_counter()
        for future in [pool.submit(stand_ins.peer_item, number, seconds) for number in range(count)]:
            future.result()
        return count / (time.perf_counter() - start)


def pebble_pool(count: int, seconds: float) -> float:
    """Return items per second of pebble, one task and one deadline per item."""
    from pebble import ProcessPool  # noqa: PLC0415 - may be missing

    with ProcessPool(max_workers=WORKERS) as pool:
        for future in [pool.schedule(time.sleep, args=(0.2,)) for _ in range(WORKERS)]:
            future.result()
        start = time.perf_counter()
        futures = [pool.schedule(stand_ins.peer_item, args=(number, seconds), timeout=600.0) for number in range(count)]
        for future in futures:
            future.result()
        return count / (time.perf_counter() - start)


def loop(count: int, seconds: float) -> float:
    """Return items per second of a for-loop in one process."""
    start = time.perf_counter()
    for number in range(count):
        stand_ins.peer_item(number, seconds)
    return count / (time.perf_counter() - start)


def plan_of(count: int, folder: Path | None = None) -> StagePlan:
    """Return a plan of so many no-op items; with a folder, of a file each."""

    def items() -> Iterator[WorkItem]:
        for number in range(count):
            inputs = {"source": folder / f"{number}.txt"} if folder else {}
            yield WorkItem(item_id=f"bench/{number}.txt", inputs=inputs)

    return StagePlan(stage_name="bench", items=items(), total_items=count, unique_ids=True)


def whole_run(count: int, **options: object) -> tuple[float, float]:
    """Return (items per second, CPU microseconds per item) of ``run_stage``."""
    with tempfile.TemporaryDirectory() as name:
        start, used = time.perf_counter(), cpu_s()
        outcome = run_in(Path(name), plan_of(count), **options)
        assert outcome.succeeded == count
        return count / (time.perf_counter() - start), (cpu_s() - used) / count * 1e6


def run_in(folder: Path, plan: StagePlan, **options: object) -> StageOutcome:
    """Run a plan of no-ops."""
    workspace = Workspace(folder / "data")
    return run_stage(plan, stand_ins.nothing, StageOptions(**options), workspace=workspace)  # type: ignore[arg-type]


def bare_loop(count: int) -> float:
    """Return items per second of a loop that runs the same items in the same way and writes the same rows.

    The rows of the manifest and those of the log of attempts; no plan is read ahead, nothing is compared or decided.
    """
    from docparse_runner._decision import Action, Decision  # noqa: PLC0415
    from docparse_runner._record import Job, Recorder  # noqa: PLC0415
    from docparse_runner._tally import Tally  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name) / "data")
        workspace.create()
        plan = plan_of(count)
        context = StageContext(stage=_unnamed(plan), workspace=workspace, run_id="bench")
        runner = ItemRunner(spec_for(setup_in(Path(name), stand_ins.nothing), "bare"), _OpenGate(), _factory)
        recorder = Recorder(
            context=context,
            plan=plan,
            sink=JsonlSink(workspace, "bench", "bench"),
            hooks=stand_ins.no_hooks(),
            tally=Tally(),
        )
        start = time.perf_counter()
        for number, item in enumerate(plan.items):
            job = Job(item, Decision(action=Action.RUN, reason="new"), 0.0)
            recorder.attempt(job, "started", "")
            (result,) = runner.process([Task(number, item.item_id, {}, {})])
            recorder.attempt(job, result.status, "bare")
            recorder.result(job, result, "bare")
        recorder.flush()
        return count / (time.perf_counter() - start)


def _factory() -> FunctionFactory:
    return FunctionFactory(stand_ins.nothing)


def up_to_date(count: int) -> tuple[float, float]:
    """Return (items per second, CPU microseconds per item) of a run in which every item is up to date."""
    folder = Path(tempfile.mkdtemp())
    try:
        for number in range(count):
            path = folder / f"{number}.txt"
            path.touch()
            os.utime(path, (1_700_000_000, 1_700_000_000))
        run_in(folder, plan_of(count, folder), workers=WORKERS)
        start, used = time.perf_counter(), cpu_s()
        outcome = run_in(folder, plan_of(count, folder), workers=WORKERS)
        assert outcome.up_to_date == count
        return count / (time.perf_counter() - start), (cpu_s() - used) / count * 1e6
    finally:
        shutil.rmtree(folder)


def median(rounds: int, call: Callable[[], float]) -> float:
    """Return the median of some calls."""
    return statistics.median(call() for _ in range(rounds))


def pools(rounds: int, scale: float) -> None:
    """Compare the bare pools."""
    few = max(200, int(NO_OPS * scale / 10))
    sleeps = {0.001: max(400, int(ONE_MS * scale)), 0.01: max(100, int(TEN_MS * scale))}
    ideal = {0.001: WORKERS * median(rounds, lambda: loop(sleeps[0.001], 0.001)), 0.01: WORKERS * 100.0}
    systems: dict[str, Callable[[int, float], float]] = {
        "docparse, bare": bare_pool,
        "docparse, whole items": lambda count, seconds: our_pool(
            ProcessExecutor, "sleep" if seconds else "nothing", count, seconds
        ),
        "ProcessPoolExecutor": lambda count, seconds: executor_pool(
            concurrent.futures.ProcessPoolExecutor, count, seconds
        ),
    }
    if importlib.util.find_spec("pebble"):
        systems["pebble"] = pebble_pool
    print("| 2 processes | no-op items/s | 1 ms items, of 2 for-loops | 10 ms items, of the ideal |")
    print("| --- | ---: | ---: | ---: |")
    rates = {}
    for name, system in systems.items():
        count = int(NO_OPS * scale) if name.startswith("docparse") else few
        rates[name] = median(rounds, partial(system, count, 0.0))
        shares = [median(rounds, partial(system, sleeps[each], each)) / ideal[each] for each in sleeps]
        print(f"| {name} | {rates[name]:,.0f} | {shares[0]:.1%} | {shares[1]:.1%} |")
    for name, rate in rates.items():
        ours = [f"{rates[mine] / rate:.1f} x {mine}" for mine in list(rates)[:2]]
        print(f"no-op items, against {name}: {', '.join(ours)}")
    ours = median(rounds, lambda: our_pool(ThreadExecutor, "nothing", few, 0.0))
    same = median(rounds, lambda: thread_pool_of_items(few))
    bare = median(rounds, lambda: executor_pool(concurrent.futures.ThreadPoolExecutor, few, 0.0))
    print(f"2 threads: {ours:,.0f}/s; ThreadPoolExecutor, the same items: {same:,.0f}/s: {ours / same:.2f} x")
    print(f"(ThreadPoolExecutor calling a function that does nothing: {bare:,.0f}/s)")


def thread_pool_of_items(count: int) -> float:
    """Return items per second of ``ThreadPoolExecutor`` that does with each item what our threads do."""
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        runners = [
            ItemRunner(spec_for(setup_in(Path(name), stand_ins.nothing), f"t{place}"), _OpenGate(), _factory)
            for place in range(WORKERS)
        ]
        free = list(runners)

        def run(task: Task) -> object:
            runner = free.pop()
            try:
                return list(runner.process([task]))
            finally:
                free.append(runner)

        warm(pool)
        start = time.perf_counter()
        tasks = [Task(number, f"d{number}", {}, {}, timeout_s=600.0) for number in range(count)]
        for future in [pool.submit(run, task) for task in tasks]:
            future.result()
        return count / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of items")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["pools", "runs"])
    chosen = parser.parse_args()
    if chosen.only != "runs":
        pools(chosen.rounds, chosen.scale)
    if chosen.only == "pools":
        return
    count = int(WHOLE * chosen.scale)
    for what, options in {"2 processes": {}, "2 threads": {"policy": "io"}, "inline": {"workers": 0}}.items():
        runs = [whole_run(count, **{"workers": WORKERS, **options}) for _ in range(chosen.rounds)]
        rate, cpu = (statistics.median(run[place] for run in runs) for place in (0, 1))
        print(f"run_stage, {what}, no-op items, manifest synced: {rate:,.0f}/s, {cpu:.0f} us of CPU an item")
    bare = median(chosen.rounds, lambda: bare_loop(count))
    print(f"inline is {rate / bare:.0%} of a bare loop that builds and writes the same rows ({bare:,.0f}/s)")
    rate, cpu = up_to_date(count)
    print(f"run_stage, everything up to date: {rate:,.0f}/s, {cpu:.0f} us of CPU an item")


if __name__ == "__main__":
    main()
