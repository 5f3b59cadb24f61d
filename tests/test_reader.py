"""Plans that take their time: nothing else waits for them."""

import threading
import time

import pytest

from docparse_runner._reader import GATHER_S, Reader

GONE = "the folder is gone"
EXECUTORS = {
    "inline": {"workers": 0},
    "threads": {"workers": 2, "policy": "io"},
    "processes": {"workers": 2},
}


@pytest.fixture
def a_slow_plan():
    """Return (reader that was started, event that it sets when it wakes somebody, semaphore that lets an item go)."""
    woken, go = threading.Event(), threading.Semaphore(0)
    reader = Reader((go.acquire(timeout=10) for _ in range(5)), woken.set)
    reader.start()
    yield reader, woken, go
    reader.close()
    go.release(5)


def all_of(reader, ask=10):
    """Return everything that a reader gives."""
    found = []
    end = time.monotonic() + 10
    while not reader.is_done:
        assert time.monotonic() < end
        reader.ask(ask)
        if reader.delay(time.monotonic()) == 0 and (item := reader.take()) is not None:
            found.append(item)
    return found


@pytest.mark.parametrize("ask", [1, 2, 100])
@pytest.mark.parametrize("kind", [list, iter, tuple])
def test_everything_arrives_in_order(kind, ask):
    reader = Reader(kind(range(50)), lambda: None)
    reader.start()

    assert all_of(reader, ask) == list(range(50))


def test_no_more_is_read_than_was_asked_for():
    read = []
    reader = Reader((read.append(number) or number for number in range(50)), lambda: None)
    reader.start()

    reader.ask(3)
    time.sleep(0.2)

    assert len(read) == 3
    assert [reader.take() for _ in range(4)] == [0, 1, 2, None]
    reader.ask(2)
    time.sleep(0.2)
    assert len(read) == 5
    reader.close()


def test_whoever_waits_is_woken_when_there_is_something(a_slow_plan):
    reader, woken, go = a_slow_plan
    reader.ask(2)

    assert reader.delay(time.monotonic()) is None
    go.release()

    assert woken.wait(10)
    assert reader.delay(time.monotonic()) == pytest.approx(GATHER_S)


def test_an_item_waits_only_shortly_for_others(a_slow_plan):
    reader, woken, go = a_slow_plan
    reader.ask(2)
    assert reader.delay(time.monotonic()) is None
    go.release()
    assert woken.wait(10)
    now = time.monotonic()

    delays = [reader.delay(now), reader.delay(now + GATHER_S / 2), reader.delay(now + GATHER_S)]

    assert delays == pytest.approx([GATHER_S, GATHER_S / 2, 0.0])
    assert reader.take() is True


def test_all_that_was_asked_for_waits_for_nothing(a_slow_plan):
    reader, woken, go = a_slow_plan
    reader.ask(1)
    go.release()

    assert woken.wait(10)
    assert reader.delay(time.monotonic()) == 0


def test_what_the_plan_raises_comes_after_what_it_gave():
    def items():
        yield 1
        raise OSError(GONE)

    reader = Reader(items(), lambda: None)
    reader.start()
    reader.ask(5)
    time.sleep(0.2)

    assert reader.take() == 1
    with pytest.raises(OSError, match=GONE):
        reader.take()
    assert reader.is_done


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_a_plan_that_would_end_the_program_ends_it_and_hangs_nobody(error):
    def items():
        yield 1
        raise error

    reader = Reader(items(), lambda: None)
    reader.start()

    with pytest.raises(type(error)):
        all_of(reader)


def test_a_reader_that_is_closed_reads_no_more_and_its_thread_ends():
    read = []
    reader = Reader((read.append(number) or number for number in range(50)), lambda: None)
    reader.start()
    reader.ask(1)
    time.sleep(0.1)

    reader.close()
    time.sleep(0.2)

    assert len(read) == 1
    assert "docparse-plan" not in {thread.name for thread in threading.enumerate()}


# --- whole runs


@pytest.mark.parametrize("name", EXECUTORS)
def test_items_run_as_they_arrive(bench, name):
    bench.write(a="ok", b="ok")

    def items():
        yield bench.item("a")
        end = time.monotonic() + 30
        while "a" not in bench.calls() and time.monotonic() < end:
            time.sleep(0.01)
        yield bench.item("b")

    start = time.monotonic()
    outcome = bench.run(items=items(), **EXECUTORS[name])

    assert outcome.succeeded == 2
    assert time.monotonic() - start < 25, "the second item waited for the first to run"


def test_a_deadline_does_not_wait_for_the_plan(bench):
    bench.write(a="after 60 ok", b="ok")
    ended = threading.Event()

    def items():
        yield bench.item("a")
        assert ended.wait(30)
        yield bench.item("b")

    bench.hooks = type(bench.hooks)(after_item=lambda *_: ended.set())
    outcome = bench.run(items=items(), workers=1, timeout_s=0.3)

    assert (outcome.failed, outcome.succeeded) == (1, 1)


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_run_can_be_stopped_while_its_plan_hangs(bench, name):
    bench.write(a="ok", b="ok")
    hang = threading.Event()

    def items():
        yield bench.item("a")
        bench.context.cancel()
        hang.wait(60)
        yield bench.item("b")

    start = time.monotonic()
    outcome = bench.run(items=items(), **EXECUTORS[name])
    hang.set()

    assert outcome.stop_reason == "interrupted"
    assert time.monotonic() - start < 30


def test_a_run_can_be_stopped_before_its_plan_has_given_anything(bench):
    hang = threading.Event()

    def items():
        bench.context.cancel()
        hang.wait(60)
        yield bench.item("a")

    outcome = bench.run(items=items(), workers=1)
    hang.set()

    assert (outcome.stop_reason, outcome.planned) == ("interrupted", 0)


def test_heartbeats_go_on_while_the_plan_hangs(bench):
    beats = threading.Event()

    def items():
        assert beats.wait(30)
        yield bench.item("a")

    bench.write(a="ok")
    bench.hooks = type(bench.hooks)(heartbeat=lambda *_: beats.set(), heartbeat_s=0.05)

    assert bench.run(items=items(), workers=1).succeeded == 1
