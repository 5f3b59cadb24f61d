"""What a contract is told, and the words that its tests are made of."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from docparse_runner._model import WorkItem
from docparse_runner._options import OptionSpec, specs_of
from docparse_runner._outcome import StageOutcome
from docparse_runner.errors import Category, DocparseError
from docparse_runner.testing._harness import Content, Documents, StageHarness
from docparse_runner.testing._values import another
from docparse_runner.testing._verdict import must, refuse


class InsistingHarness(StageHarness):
    """A harness for which a run that stops is a failed test."""

    def run(self, **arguments: Any) -> StageOutcome:
        """Run the stage and return how it went."""
        try:
            return super().run(**arguments)
        except DocparseError as error:
            refuse(f"a run of {self.name} must not stop: {error}")

    def planned(self) -> list[WorkItem]:
        """Return the items of a new plan."""
        try:
            return list(self.prepared().plan.items)
        except Exception as error:  # noqa: BLE001 - the stage's own code: anything can come out of it
            refuse(f"docparse_plan must yield a WorkItem for each document, not raise {type(error).__name__}: {error}")


class Contract:
    """What a contract is told of a stage.

    Attributes:
        stage: the stage's entry point.
        documents: name → content, at least two documents that the stage handles; see ``StageHarness.write``.
        options: option → value, for all tests, on top of the defaults.
        changes: option → another value for it, for options whose other values cannot be guessed (a path, a model).
        broken: the content of a document that the stage must refuse; None for a stage that takes any bytes.
        revised: what the first document becomes when it changes; None takes what another one says.
        suffixes: kind → suffix of what the stage consumes, where nothing installed says it.
        deterministic: whether the same document always gives the same bytes.
        folders: what else the stage keeps in the data root (a database), beside its outputs.
        timeout_s: seconds that are enough for any of the documents; a test waits for so long.
    """

    stage: ClassVar[str] = ""
    documents: ClassVar[Documents] = {}
    options: ClassVar[Mapping[str, Any]] = {}
    changes: ClassVar[Mapping[str, Any]] = {}
    broken: ClassVar[Content | None] = b"\x00\xff\xfe no document at all \x00"
    revised: ClassVar[Content | Mapping[str, Content] | None] = None
    suffixes: ClassVar[Mapping[str, str]] = {}
    deterministic: ClassVar[bool] = True
    folders: ClassVar[Sequence[str]] = ()
    timeout_s: ClassVar[float] = 2.0

    @pytest.fixture
    def harness(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InsistingHarness:
        """Return the stage with its documents, in a folder and a data root that have seen no run."""
        must(self.stage, "set `stage` to the name of the stage's entry point")
        must(len(self.documents) > 1, "set `documents` to at least two documents that the stage handles")
        for name in [name for name in os.environ if name.startswith("DOCPARSE_")]:
            monkeypatch.delenv(name)
        monkeypatch.chdir(tmp_path)
        return self._harness(tmp_path, self.documents)

    def _harness(self, root: Path, documents: Documents) -> InsistingHarness:
        harness = InsistingHarness(name=self.stage, root=root, options=self.options, suffixes=self.suffixes)
        try:
            if harness.stage.policy == "io":  # what some tests do to a worker, a thread would do to pytest
                harness.options = {"policy": "cpu", **self.options}
            harness.write(documents)
        except DocparseError as error:
            refuse(str(error))
        return harness

    @property
    def _first(self) -> str:
        return next(iter(self.documents))

    @property
    def _others(self) -> set[str]:
        return set(self.documents) - {self._first}

    def _specs(self, harness: StageHarness) -> list[OptionSpec]:
        """Return the options that may be given another value."""
        return [spec for spec in specs_of(harness.stage.options) if not spec.secret and spec.name not in self.options]

    def _changed(self, harness: StageHarness, *, affects_output: bool) -> dict[str, Any]:
        """Return option → another value, of those options of which one is known."""
        changed = {
            spec.name: self.changes[spec.name] if spec.name in self.changes else another(spec, harness.stage.options)
            for spec in self._specs(harness)
            if spec.affects_output is affects_output
        }
        return {name: value for name, value in changed.items() if value is not None}

    def _all_good(self, harness: StageHarness, outcome: StageOutcome) -> None:
        must(
            good(outcome) == outcome.planned >= len(self.documents),
            f"{harness.name} must do all of `documents`, not {good(outcome)} of {outcome.planned}: {errors(outcome)}",
        )

    def _nothing_lost(self, harness: StageHarness) -> None:
        """Check that what is recorded is there."""
        recorded = {state.path for row in harness.rows().values() for state in row.in_place.values()}
        lost = sorted(recorded - set(harness.outputs()))
        must(not lost, f"a worker must leave the outputs of other documents alone; {', '.join(lost)} is gone")

    def _only_the_first_failed(self, harness: StageHarness, outcome: StageOutcome, category: Category) -> None:
        failed = {name: row.category for name, row in harness.rows().items() if row.status == "failure"}
        must(
            failed == {self._first: str(category)},
            f"only {self._first} must fail ({category}), not {failed}: {errors(outcome)}",
        )
        must(good(outcome) == len(self._others), f"the others must be done: {errors(outcome)}")
        self._leaves_nothing(harness)
        self._nothing_lost(harness)

    def _leaves_nothing(self, harness: StageHarness) -> None:
        left = ", ".join(harness.outputs(self._first))
        must(not left, f"write to the paths in item.outputs only: a document that failed must leave no output ({left})")


def good(outcome: StageOutcome) -> int:
    """Return how many documents have a result."""
    return outcome.succeeded + outcome.partial + outcome.skipped


def errors(outcome: StageOutcome) -> str:
    """Return what went wrong, for a message."""
    return "; ".join(f"{each.item_id}: {each.message}" for each in outcome.errors) or "no errors"
