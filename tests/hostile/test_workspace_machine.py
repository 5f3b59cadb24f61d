"""Whatever happens to a workspace, a run leaves what a first run would have made, and does nothing that was done.

Documents come, go and change, also in ways that a look at size and time does not show; options change; results are
lost and damaged; runs are killed. After each whole run the data root is held against one that was made from scratch.
"""

import functools
import json
import os
import shutil
import signal
import sys
import time
import warnings
from importlib import metadata
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from docparse_runner.cli import main

SEEDS = range(30)
EXAMPLES = 4
STEPS = 30

LONG_AGO = 1_700_000_000_000_000_000
ANCHOR = "anchor.txt"
"""A document that is always there and good: with nothing listed, nothing is taken for gone."""

IDS = {
    ANCHOR: "docs/anchor.txt",
    "b c.txt": "docs/b c.txt",
    "2101.00001.txt": "docs/2101.00001.txt",
    "100%.txt": "docs/100%25.txt",
    "100%25.txt": "docs/100%2525.txt",
    "new\nline.txt": "docs/new%0Aline.txt",
    "sub/🙂.loud.txt": "docs/sub/🙂.loud.txt",
    **({} if sys.platform == "darwin" else {os.fsdecode(b"sub/\xff.txt"): "docs/sub/%FF.txt"}),
}
"""Name → item id; macOS refuses names that are not UTF-8."""

GOOD = [f"{kind} {words}" for kind in ("simple", "extras") for words in ("a", "b", "a ", "bb", "a a")]
TEXTS = [*GOOD, *(f"{kind} {words}" for kind in ("absent", "poison", "broken", "upside") for words in ("a", "bb"))]

KINDS = {"loud": {"loud": ".loud.txt", "extra": ".extra"}, "tally": {"tally": ".tally"}, "pair": {"pair": ".pair"}}
"""Stage → kind → suffix of what it makes."""
INPUTS = {"loud": ["source"], "tally": ["loud"], "pair": ["loud", "tally"]}
STAGES = list(KINDS)
SUFFIXES = {kind: suffix for kinds in KINDS.values() for kind, suffix in kinds.items()}
OPTIONS = {("loud", "ending"): ("", "!"), ("loud", "voice"): ("plain", "bass"), ("tally", "base"): (1, 2)}
"""(Stage, option) → its values, the default first."""

STEPS_OF_A_RUN = {"fstat": 12, "fsync": 8, "replace": 6, "unlink": 2, "write": 1, "mkdir": 6}
"""Function of ``os`` that a run calls → at which of its calls, at most, it is killed."""


@attrs.frozen(kw_only=True)
class Done:
    """What a stage was called for, and what came of it.

    Attributes:
        options: of the stage, those that change the output.
        inputs: kind → bytes.
        outputs: kind → bytes.
        written: kind → when an output was written, of a stage whose outputs are receipts.
        is_remembered: whether it is not to be done again while all these are the same.
    """

    options: tuple
    inputs: dict
    outputs: dict
    written: dict
    is_remembered: bool


@attrs.define
class Root:
    """A data root, its documents, and the commands that work on it."""

    folder: Path
    call: object
    options: dict = attrs.field(factory=lambda: {key: values[0] for key, values in OPTIONS.items()})
    runs: int = 0

    def __attrs_post_init__(self):
        self.docs.mkdir(parents=True)
        (self.docs / "sub").mkdir()

    @property
    def docs(self):
        return self.folder / "docs"

    @property
    def data(self):
        return self.folder / "data"

    @property
    def trace(self):
        return self.folder / f"trace{self.runs}"

    def words(self, stage, how=("--workers", 0)):
        """Return the next command that runs a stage."""
        self.runs += 1
        given = [f"--{name}={value}" for (of, name), value in self.options.items() if of == stage]
        inputs = [self.docs] if stage == "loud" else []
        return ["run", stage, *inputs, *self.at, *how, "--trace", self.trace, *given]

    @property
    def at(self):
        return ["--data-root", self.data]

    def options_of(self, stage):
        return tuple(value for (of, _name), value in self.options.items() if of == stage)

    def called(self):
        """Return the ids of the items that the last run called its stage for."""
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def path(self, kind, item_id):
        if kind == "source":
            return self.docs / next(name for name, known in IDS.items() if known == item_id)
        return self.data / kind / f"{item_id}{SUFFIXES[kind]}"

    def bytes_of(self, kinds, item_id):
        """Return kind → bytes of the files that there are."""
        paths = {kind: self.path(kind, item_id) for kind in kinds}
        return {kind: path.read_bytes() for kind, path in paths.items() if path.exists()}

    def sources(self):
        return {name: (self.docs / name).read_bytes() for name in IDS if (self.docs / name).exists()}

    def lines(self, stage):
        """Return the whole and readable rows of a manifest, in the order in which they were written."""
        path = self.data / "manifests" / f"{stage}.manifest.jsonl"
        rows = []
        for line in path.read_bytes().split(b"\n") if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows

    def rows(self, stage):
        """Return item id → last row."""
        return {row["item_id"]: row for row in self.lines(stage)}

    def entries(self):
        """Return what the last stage holds in its store."""
        store = self.data / "store"
        return {path.name: path.read_text() for path in store.iterdir()} if store.exists() else {}

    def artifacts(self):
        """Return (kind, item id) → bytes of all files in the folders of kinds."""
        found = {}
        for kind, suffix in SUFFIXES.items():
            for path in (self.data / kind).rglob("*"):
                if path.is_file():
                    item_id = path.relative_to(self.data / kind).as_posix().removesuffix(suffix)
                    found[kind, item_id] = path.read_bytes()
        return found


@attrs.frozen
class Scratch:
    """What a run makes that is the first.

    Attributes:
        statuses: stage → item id → status.
        artifacts: (kind, item id) → bytes.
        entries: what the last stage holds in its store.
        codes: stage → exit code.
    """

    statuses: dict
    artifacts: dict
    entries: dict
    codes: dict

    @property
    def failed(self):
        """Return the ids of the documents that fail in some stage, so that something older may stand in for them."""
        return {name for rows in self.statuses.values() for name, status in rows.items() if status == "failure"}


some_texts = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)


class Machine(RuleBasedStateMachine):
    """A workspace, and what is known of it: which results are as their last run left them."""

    def __init__(self, folder, call, known):
        super().__init__()
        self.root = Root(folder / f"machine{time.monotonic_ns()}", call)
        self.known = known
        self.done = {stage: {} for stage in STAGES}
        self.codes = {}
        self.torn = 0
        self.undone = set()
        """Names of effects that killed runs made of documents without a row: nobody knows that they may have to go."""
        self.write(ANCHOR, "simple a", LONG_AGO)

    def teardown(self):
        shutil.rmtree(self.root.folder)

    # --- documents

    def write(self, name, text, mtime_ns=None):
        path = self.root.docs / name
        path.write_text(text)
        if mtime_ns is not None:
            os.utime(path, ns=(mtime_ns, mtime_ns))

    def present(self, data, *, but=()):
        return data.draw(st.sampled_from([name for name in self.root.sources() if name not in but]), "name")

    def missing(self, data):
        return data.draw(st.sampled_from([name for name in IDS if name not in self.root.sources()]), "name")

    def has_room(self):
        return len(self.root.sources()) < len(IDS)

    def has_more(self):
        return len(self.root.sources()) > 1

    @precondition(has_room)
    @rule(data=st.data(), texts=some_texts, mtime_ns=st.sampled_from([None, LONG_AGO]))
    def create(self, data, texts, mtime_ns):
        for text in texts:
            if self.has_room():
                self.write(self.missing(data), text, mtime_ns)

    @rule(data=st.data(), same_size=st.booleans(), how=st.sampled_from(["now", "same time", "replaced"]))
    def edit(self, data, same_size, how):
        name = self.present(data)
        path = self.root.docs / name
        texts = GOOD if name == ANCHOR else TEXTS
        texts = [text for text in texts if (len(text) == path.stat().st_size) or not same_size]
        change(path, data.draw(st.sampled_from(texts), "text").encode(), how)

    @rule(data=st.data(), mtime_ns=st.sampled_from([None, LONG_AGO, LONG_AGO + 1]))
    def touch(self, data, mtime_ns):
        path = self.root.docs / self.present(data)
        path.touch() if mtime_ns is None else os.utime(path, ns=(mtime_ns, mtime_ns))

    @precondition(lambda self: self.has_room() and self.has_more())
    @rule(data=st.data())
    def rename(self, data):
        (self.root.docs / self.present(data, but=[ANCHOR])).rename(self.root.docs / self.missing(data))

    @precondition(has_more)
    @rule(data=st.data())
    def delete(self, data):
        (self.root.docs / self.present(data, but=[ANCHOR])).unlink()

    @rule(option=st.sampled_from(sorted(OPTIONS)))
    def change_an_option(self, option):
        self.root.options[option] = next(each for each in OPTIONS[option] if each != self.root.options[option])

    # --- results

    @precondition(lambda self: self.root.artifacts())
    @rule(data=st.data(), how=st.sampled_from(["deleted", "truncated", "now", "same time", "replaced", "rewritten"]))
    def damage(self, data, how):
        kind, item_id = data.draw(st.sampled_from(sorted(self.root.artifacts())), "artifact")
        path = self.root.path(kind, item_id)
        old = path.read_bytes()
        if how == "deleted":
            path.unlink()
        elif how == "truncated":
            os.truncate(path, len(old) // 2)
        else:
            change(path, old if how == "rewritten" else old.swapcase()[:-1] + b"?", how)

    # --- runs

    @rule()
    def run(self):
        self.run_stages(STAGES)
        self.check()

    @rule()
    def run_in_threads(self):
        self.run_stages(STAGES, ("--policy", "io", "--workers", 2))
        self.check()

    @rule(count=st.integers(1, 2))
    def run_the_first_stages(self, count):
        self.run_stages(STAGES[:count])

    def run_stages(self, stages, how=("--workers", 0)):
        self.codes = {}
        for stage in stages:
            settled, before = self.settled(stage), len(self.root.lines(stage))
            ended = self.root.call(*self.root.words(stage, how))
            assert ended.code in (0, 1), ended.err
            self.codes[stage] = ended.code
            called, recorded = self.learn(stage, settled, before)
            assert called <= recorded, "a call whose result was not recorded"

    def settled(self, stage):
        """Return the ids of items that a run must not do: inputs, options and outputs are as they were."""
        return {item_id for item_id, done in self.done[stage].items() if self.is_settled(stage, item_id, done)}

    def is_settled(self, stage, item_id, done):
        return (
            done.is_remembered
            and done.options == self.root.options_of(stage)
            and done.inputs == self.root.bytes_of(INPUTS[stage], item_id)
            and done.outputs == self.root.bytes_of(done.outputs, item_id)
            and done.written == self.written(stage, item_id, done.outputs)
        )

    def written(self, stage, item_id, kinds):
        """Return when receipts were written: equal bytes do not make them receipts of one effect."""
        paths = {kind: self.root.path(kind, item_id) for kind in kinds} if stage == "pair" else {}
        return {kind: path.stat().st_mtime_ns for kind, path in paths.items() if path.exists()}

    def learn(self, stage, settled, before):
        """Note what a run did, ended or killed; return (ids of what it was called for, ids of its rows)."""
        called = self.root.called()
        assert len(called) == len(set(called)), "done twice in one run"
        assert set() == settled & set(called), "done again, although nothing had changed"
        recorded = {row["item_id"]: row for row in self.root.lines(stage)[before:]}
        for item_id, row in recorded.items():
            if row["status"] == "gone":
                self.done[stage].pop(item_id, None)
            elif item_id in called:
                self.done[stage][item_id] = Done(
                    options=self.root.options_of(stage),
                    inputs=self.root.bytes_of(INPUTS[stage], item_id),
                    outputs=self.root.bytes_of(row["outputs"], item_id),
                    written=self.written(stage, item_id, row["outputs"]),
                    is_remembered=row["category"] in ("", "input"),
                )
        if stage == "pair":
            ended = {item_id for item_id, row in recorded.items() if item_id in called or row["status"] == "gone"}
            self.undone -= {entry_of(item_id) for item_id in ended}
        return set(called), set(recorded)

    @rule(
        stage=st.sampled_from(STAGES),
        step=st.sampled_from(sorted(STEPS_OF_A_RUN)),
        when=st.sampled_from(["before", "halfway", "after"]),
        data=st.data(),
        texts=some_texts,
    )
    def kill(self, stage, step, when, data, texts):
        """Kill a run that has something to do."""
        for text in texts:
            self.write(data.draw(st.sampled_from(list(IDS)[1:]), "name"), text)
        count = data.draw(st.integers(1, STEPS_OF_A_RUN[step]), "count")
        begun = data.draw(st.booleans(), "count from the first call of the stage")
        self.run_stages(STAGES[: STAGES.index(stage)])
        settled, before = self.settled(stage), self.root.lines(stage)
        words, entries = self.root.words(stage), self.root.entries()
        was_killed = killed(words, step, count, when, since=self.root.trace if begun else self.root.folder)
        self.torn += was_killed and step == "write" and when == "halfway"
        assert before == self.root.lines(stage)[: len(before)], "what was recorded stays recorded"
        self.learn(stage, settled, len(before))
        changed = {name for name, _text in entries.items() ^ self.root.entries().items()}
        rows = self.root.rows(stage)
        known = {entry_of(item_id) for item_id, row in rows.items() if row["status"] != "gone"}
        self.undone |= changed - known

    @precondition(lambda self: self.codes)
    @rule()
    def prune(self):
        self.codes = {}
        before = self.root.artifacts()
        ended = self.root.call("prune", "--yes", "--json", *self.root.at)
        assert ended.code == 0, ended.err
        removed = before.keys() - self.root.artifacts().keys()
        assert set() == {item_id for _kind, item_id in removed} & {IDS[name] for name in self.root.sources()}
        assert before.items() >= self.root.artifacts().items()

    # --- what must be so after a whole run

    def check(self):
        scratch = self.from_scratch()
        self.check_results(scratch)
        self.check_what_is_gone(scratch)
        self.check_the_record(scratch)

    def from_scratch(self):
        key = tuple(self.root.sources().items()), tuple(self.root.options.values())
        if key not in self.known:
            self.known[key] = self.made_from_scratch()
        return self.known[key]

    def made_from_scratch(self):
        fresh = Root(self.root.folder / f"fresh{self.root.runs}", self.root.call, self.root.options)
        for name, data in self.root.sources().items():
            (fresh.docs / name).write_bytes(data)
        codes = {stage: self.root.call(*fresh.words(stage)).code for stage in STAGES}
        statuses = {stage: {name: row["status"] for name, row in fresh.rows(stage).items()} for stage in STAGES}
        return Scratch(statuses, fresh.artifacts(), fresh.entries(), codes)

    def check_results(self, scratch):
        artifacts, entries = self.root.artifacts(), self.root.entries()
        for stage, expected in scratch.statuses.items():
            rows = self.root.rows(stage)
            assert expected == {item_id: rows[item_id]["status"] for item_id in expected}
            good = {item_id for item_id, status in expected.items() if status != "failure"}
            for kind in KINDS[stage]:
                assert chosen(scratch.artifacts, kind, good) == chosen(artifacts, kind, good)
        assert without(scratch.entries, self.undone).items() <= entries.items()
        assert scratch.codes["loud"] == self.codes["loud"]

    def check_what_is_gone(self, scratch):
        """Nothing but what a first run would have, and what stands in for documents that fail, is there."""
        gone = set()
        for stage, expected in scratch.statuses.items():
            rows = self.root.rows(stage)
            gone |= {(stage, item_id) for item_id, row in rows.items() if row["status"] == "gone"}
            living = {item_id for item_id, row in rows.items() if row["status"] != "gone"}
            assert set() == living - expected.keys() - scratch.failed, f"not gone for {stage}"
        found = json.loads(self.root.call("prune", "--json", *self.root.at).out)
        orphans = {(each["stage"], each["item_id"]) for each in (*found["orphans"], *found["kept"])}
        left = {(stage, item_id) for kind, item_id in self.root.artifacts() for stage in STAGES if kind in KINDS[stage]}
        assert gone & left == orphans
        names = {entry_of(item_id) for item_id in scratch.failed}
        assert set() == self.root.entries().keys() - scratch.entries.keys() - names - self.undone

    def check_the_record(self, scratch):
        ended = self.root.call("manifest", "verify", "--json", *self.root.at)
        stages = json.loads(ended.out)["stages"]
        wrong = [each for found in stages.values() for each in found["findings"]]
        makers = {kind: self.root.rows(stage) for stage, kinds in KINDS.items() for kind in kinds}
        left = {item_id for kind, item_id in self.root.artifacts() if item_id not in makers[kind]}  # by a killed run
        excused = scratch.failed | left
        assert not [each for each in wrong if item_of(each["path"]) not in excused]
        assert sum(found["unreadable_lines"] for found in stages.values()) <= self.torn
        assert not [path for path in (self.root.data / ".staging").rglob("*") if path.is_file()]


def chosen(artifacts, kind, item_ids):
    return {item_id: data for (of, item_id), data in artifacts.items() if of == kind and item_id in item_ids}


def without(mapping, keys):
    return {key: value for key, value in mapping.items() if key not in keys}


def entry_of(item_id):
    """Return the name of what the last stage holds of an item in its store."""
    return item_id.replace("/", "_")


def item_of(path):
    """Return the item id of an artifact's path, as a row records it."""
    kind, _, rest = path.partition("/")
    return rest.removesuffix(SUFFIXES.get(kind, ""))


def change(path, data, how):
    """Write a file anew: at its place or in another that takes its place, and with the time that it had."""
    old = path.stat()
    beside = path.with_name(".beside") if how == "replaced" else path
    beside.write_bytes(data)
    beside.replace(path)
    while how in ("same time", "replaced"):
        os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
        if path.stat().st_ctime_ns != old.st_ctime_ns:  # the clock of the file system has moved on
            return


def killed(words, step, count, when, since):
    """Run a command in a process that kills itself at a step, and return whether it came so far."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # no thread of ours is left that could hold a lock
        pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(60)
            arm(step, count, when, since)
            main([str(word) for word in words])
        except SystemExit as end:
            os._exit(end.code)
        finally:
            os._exit(99)
    status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) in (0, 1, -signal.SIGKILL)
    return os.WIFSIGNALED(status)


def arm(step, count, when, since):
    """Have this process killed before, after or halfway through the `count`-th call of a function.

    Args:
        step: the function of ``os``.
        count: of its calls, from 1.
        when: ``before``, ``after``, or ``halfway``: half of what was to be written is.
        since: calls count once this path exists.
    """
    real = getattr(os, step)
    calls = iter(range(1, count))

    def dying(*args, **options):
        if not since.exists() or next(calls, None):
            return real(*args, **options)
        if when == "halfway" and step == "write":
            real(args[0], args[1][: len(args[1]) // 2])
        elif when != "before":
            real(*args, **options)
        return os.kill(os.getpid(), signal.SIGKILL)

    setattr(os, step, dying)


@pytest.fixture
def pipeline(install_module, monkeypatch):
    """Install three stages; what is installed is looked up once, for hundreds of runs."""
    install_module("machine_entries", "", stages={stage: f"stage_machine:{stage}" for stage in STAGES})
    monkeypatch.setattr(metadata, "entry_points", functools.cache(metadata.entry_points))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a run that is to be killed is forked")
@pytest.mark.usefixtures("pipeline")
@pytest.mark.battery("number", SEEDS)
def test_a_run_over_a_changing_workspace_leaves_what_a_first_run_makes(stages, docparse, number):
    known = {}

    def machine():
        return Machine(stages, docparse, known)

    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
