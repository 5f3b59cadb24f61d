"""What a stage makes, and what it makes again, as tests to inherit."""

import json
from pathlib import Path

import pytest

from docparse_runner._model import POLICIES, ItemOutcome, Stage
from docparse_runner.testing._base import Contract, InsistingHarness, errors, good
from docparse_runner.testing._verdict import must


class WorkContract(Contract):
    """Outputs, and resuming."""

    # --- what it makes

    def test_it_works_in_a_child_process(self, harness: InsistingHarness) -> None:
        """Workers are spawned: what ``docparse_worker`` needs must be importable there."""
        outcome = harness.run(workers=1)

        self._all_good(harness, outcome)

    def test_each_document_gets_its_outputs(self, harness: InsistingHarness) -> None:
        """What is declared is made, and seen to be made; nothing else tells the next stage what to read."""
        outcome = harness.run()

        self._all_good(harness, outcome)
        made = {kind for row in harness.rows().values() for kind in row.outputs}
        missing = ", ".join(sorted(set(harness.stage.outputs(harness.prepared().context.options)) - made))
        must(not missing, f"write {missing} for at least one of `documents`, or do not declare it in Stage(produces=…)")

    def test_it_writes_nothing_but_its_outputs(self, harness: InsistingHarness) -> None:
        """What the runner does not know of is never cleaned up, and breaks when runs go on side by side."""
        before = _tree(harness.root / "docs")
        harness.run()

        mine = set(harness.stage.outputs(harness.prepared().context.options)) | set(harness.stage.consumes)
        stray = ", ".join(sorted(harness.folders() - mine - set(self.folders)))
        must(not stray, f"write to item.outputs and context.scratch; name {stray} in `folders` if it is a store")
        must(_tree(harness.root / "docs") == before, "a stage must never change or add anything beside the documents")
        beside = ", ".join(sorted(each.name for each in harness.root.iterdir() if each.name not in ("docs", "data")))
        must(not beside, f"write to item.outputs and context.scratch, not into the working folder ({beside})")

    def test_metrics_are_json(self, harness: InsistingHarness) -> None:
        """They become a part of the manifest's row."""
        answers: list[ItemOutcome] = []

        harness.run(answers=answers)

        for answer in answers:
            problem = _problem(answer)
            must(not problem, f"metrics must be JSON data, numbers and texts of Python: {problem}")

    def test_two_workers_make_the_same_bytes_as_one(self, harness: InsistingHarness) -> None:
        """Neither the order nor what ran before in a worker may show in an output."""
        if not self.deterministic:
            pytest.skip("deterministic = False")
        other = harness.fresh("other")

        harness.run(workers=1)
        other.run(workers=2, max_items_per_worker=1)

        _same(harness, other, "the same document must give the same bytes each time, whatever ran before it")

    def test_documents_that_run_together_become_what_each_becomes_alone(self, harness: InsistingHarness) -> None:
        """With ``batch={"gpu": 16}`` they do so under that policy only, which no other test here asks for."""
        policy = _policy_with_larger_batches(harness.stage)
        if policy is None:
            pytest.skip("no larger batches than under the stage's own policy")
        other = harness.fresh("other")

        harness.run(workers=1)
        outcome = other.run(workers=1, policy=policy)

        self._all_good(other, outcome)
        if self.deterministic:
            _same(harness, other, f"a document must give the same bytes in a batch, with --policy {policy}, as alone")

    # --- what runs again

    def test_a_second_run_does_nothing(self, harness: InsistingHarness) -> None:
        """Work that is done is never done twice: ``docparse_resolve`` must answer the same each time."""
        harness.run()

        again = harness.run()

        reasons = ", ".join({row.reason for row in harness.rows().values() if row.run_id == again.run_id})
        must(
            not harness.ran(again),
            f"a second run must find everything up to date, not run for: {reasons}; docparse_plan and docparse_resolve "
            "must answer the same each time",
        )

    def test_force_runs_everything_again(self, harness: InsistingHarness) -> None:
        """A worker must be able to make again what is there."""
        harness.run()

        again = harness.run(force=True)

        must(harness.ran(again) == set(self.documents), "--force must run every document again")
        must(
            good(again) == again.planned,
            f"a worker must be able to do again what it has done before: {errors(again)}",
        )
        self._nothing_lost(harness)

    def test_an_option_that_changes_the_output_runs_everything_again(self, harness: InsistingHarness) -> None:
        """Or the outputs in the data root are of two kinds."""
        changed = self._changed(harness, affects_output=True)
        if not changed:
            pytest.skip("no option that affects the output has another value; see `changes`")
        config = harness.prepared().plan.config_hash
        for name, value in changed.items():
            other = harness.prepared(**{name: value}).plan.config_hash
            must(other != config, f"{name} = {value!r} must make everything run again; keep it in the options as it is")
        harness.run()
        name = next(iter(changed))

        again = harness.run(**{name: changed[name]})

        must(harness.ran(again) == set(self.documents), f"another {name} must run every document again")
        must(good(again) == again.planned, f"{name} = {changed[name]!r} must work, see `changes`: {errors(again)}")

    def test_an_option_that_does_not_change_the_output_runs_nothing_again(self, harness: InsistingHarness) -> None:
        """Or nobody dares to change it over a million documents."""
        changed = self._changed(harness, affects_output=False)
        if not changed:
            pytest.skip("every option affects the output")
        harness.run()

        again = harness.run(**changed)

        names = ", ".join(changed)
        must(not harness.ran(again), f"{names}: affects_output=False, so docparse_resolve must not mention it either")
        if self.deterministic:
            other = harness.fresh("other")
            outcome = other.run(**changed)
            must(good(outcome) == outcome.planned, f"{changed} must work, see `changes`: {errors(outcome)}")
            _same(harness, other, f"{names}: affects_output=False, but another value gives other bytes")

    def test_a_changed_document_runs_again_alone(self, harness: InsistingHarness) -> None:
        """The others are as they were."""
        harness.run()
        contents = [self.revised, *self.documents.values()]
        content = next((each for each in contents if each not in (None, self.documents[self._first])), None)
        must(content is not None, "set `documents` to documents that differ")
        harness.write({self._first: content or ""})

        again = harness.run()

        ran = harness.ran(again)
        must(
            ran == {self._first},
            f"only {self._first} has changed, but {ran or 'nothing'} ran: a WorkItem must name in `inputs` what it is "
            "made from, and docparse_resolve nothing that the documents say",
        )
        must(good(again) == again.planned, f"a changed document must get a new result, see `revised`: {errors(again)}")
        self._nothing_lost(harness)

    def test_a_document_that_is_gone_costs_nothing(self, harness: InsistingHarness) -> None:
        """With ``removes=True`` the worker gets an item for it, ``item.removed``, which has no inputs."""
        harness.run()
        harness.remove(self._first)

        again = harness.run()

        must(not again.failed, f"when item.removed, undo its effect and return a success: {errors(again)}")
        must(not harness.ran(again) & self._others, "a document that is gone must not make others run again")


def _policy_with_larger_batches(stage: Stage) -> str | None:
    usual = stage.batch_under(stage.policy)
    return next((each for each in POLICIES if stage.batch_under(each) > usual), None)


def _problem(answer: ItemOutcome) -> str:
    try:
        json.dumps(dict(answer.metrics), allow_nan=False)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _same(one: InsistingHarness, other: InsistingHarness, what: str) -> None:
    """Check that two data roots hold the same outputs."""
    left, right = one.outputs(), other.outputs()
    differing = ", ".join(sorted(path for path in {*left, *right} if left.get(path) != right.get(path)))
    must(not differing, f"{what}; {differing} differ (or say deterministic = False)")


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
