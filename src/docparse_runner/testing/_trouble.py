"""What goes wrong, and what a stage is given, as tests to inherit."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from docparse_runner._outcome import StageOutcome
from docparse_runner._planning import SOURCE
from docparse_runner.errors import Category, UsageError
from docparse_runner.testing._base import Contract, InsistingHarness, errors, good
from docparse_runner.testing._harness import Content
from docparse_runner.testing._verdict import must

_MIB = 2**20
_ROOM_MB = 512


class TroubleContract(Contract):
    """Failures, dead workers, Ctrl-C, and documents of every kind."""

    # --- what goes wrong

    def test_a_failure_leaves_no_output_and_is_tried_again(self, harness: InsistingHarness) -> None:
        """What failed has no result, and costs nobody else's."""
        outcome = harness.run(poison={self._first: "fail"}, workers=1)

        must((outcome.failed, good(outcome)) == (1, len(self._others)), "a failing document must fail alone")
        self._leaves_nothing(harness)

        again = harness.run(workers=1)

        must(harness.ran(again) == {self._first}, "a document that failed must be tried again, and no other")
        must(good(again) == again.planned, f"a worker must be able to repeat what it has begun: {errors(again)}")
        self._nothing_lost(harness)

    @pytest.mark.parametrize("poison", ["segfault", "exit_silently"])
    def test_a_crash_costs_one_document(self, harness: InsistingHarness, poison: str) -> None:
        """The worker must open again after another one died in the middle of a document."""
        outcome = harness.run(poison={self._first: poison}, workers=1)

        self._only_the_first_failed(harness, outcome, Category.CRASH)

    def test_a_deadline_costs_one_document(self, harness: InsistingHarness) -> None:
        """The worker is killed; whatever it left behind must not disturb the next one."""
        outcome = harness.run(poison={self._first: "hang"}, workers=1, timeout_s=self.timeout_s)

        slow = [each for each in outcome.errors if each.item_id != harness.item_id(self._first)]
        must(
            not any(each.category == Category.TIMEOUT for each in slow),
            f"set `timeout_s` to seconds that are enough for any of the documents, not {self.timeout_s:g}",
        )
        self._only_the_first_failed(harness, outcome, Category.TIMEOUT)

    def test_a_memory_limit_costs_one_document(self, harness: InsistingHarness) -> None:
        """The worker is killed as soon as it has taken too much."""
        needed = harness.fresh("before").run(workers=1).peak_rss // _MIB

        outcome = harness.run(poison={self._first: "eat_memory"}, workers=1, memory_limit_mb=needed + _ROOM_MB)

        self._only_the_first_failed(harness, outcome, Category.OOM)

    def test_an_interrupted_run_is_resumed(self, harness: InsistingHarness) -> None:
        """Ctrl-C loses nothing that was done, and what is left is done later."""
        stopped = harness.run(poison=dict.fromkeys(self._others, "dawdle"), stop_after=1, workers=1)
        done = {name for name, row in harness.rows().items() if row.status != "failure"}

        resumed = harness.run(workers=1)

        again = harness.ran(resumed)
        must(again == set(self.documents) - done, f"Ctrl-C came when {done} were done; later {again} ran, not the rest")
        must(not stopped.failed, f"a run that is interrupted must not fail: {errors(stopped)}")
        self._all_good(harness, resumed)
        self._nothing_lost(harness)

    # --- what it is given

    @pytest.mark.parametrize("name", ["with spaces and ümläuts", "2101.00001v2.final", "100%", "deep/er/down", "-x"])
    def test_any_name_of_a_document_will_do(self, harness: InsistingHarness, name: str) -> None:
        """Ids come from people's folders."""
        ending = "".join(Path(self._first).suffixes) if SOURCE in harness.stage.consumes else ""
        root = harness.root / "odd"
        root.mkdir()
        fresh = self._harness(root, {name + ending: self.documents[self._first]})

        outcome = fresh.run()

        must((outcome.planned, good(outcome)) == (1, 1), f"a document named {name!r} must do: {errors(outcome)}")

    def test_an_empty_document_is_a_result_or_an_input_failure(self, harness: InsistingHarness) -> None:
        """Never a bug's traceback, and never somebody else's failure."""
        self._spoil(harness, b"")

        outcome = harness.run(workers=1)

        self._bad_input_is_told_as_such(outcome, "an empty document")

    def test_a_broken_document_is_an_input_failure(self, harness: InsistingHarness) -> None:
        """``StageError(…, category="input")`` says that the document is bad; it is not tried again until it changes."""
        if self.broken is None:
            pytest.skip("broken = None: the stage takes any bytes")
        self._spoil(harness, self.broken)

        outcome = harness.run(workers=1)

        must(outcome.failed, "a broken document must fail: raise StageError(…, category='input'), or set broken = None")
        self._bad_input_is_told_as_such(outcome, "a broken document")

    def test_a_folder_without_documents_is_no_crash(self, harness: InsistingHarness) -> None:
        """It is a usage error, or a plan without items."""
        for name in self.documents:
            harness.remove(name)

        error = harness.stopped()

        must(isinstance(error, UsageError | None), f"a plan without documents must be empty, not an error: {error}")

    def _spoil(self, harness: InsistingHarness, content: Content) -> None:
        parts = self.documents[self._first]
        first = next(iter(harness.stage.consumes))
        harness.write({self._first: {**parts, first: content} if isinstance(parts, Mapping) else content})

    def _bad_input_is_told_as_such(self, outcome: StageOutcome, what: str) -> None:
        must(
            set(outcome.error_counts) <= {Category.INPUT},
            f"{what} must be a result, or raise StageError(…, category='input'): {errors(outcome)}",
        )
        must(good(outcome) >= len(self._others), f"{what} must cost itself alone: {errors(outcome)}")
