"""What a stage is and what it plans, as tests to inherit."""

from collections.abc import Mapping, Sequence

import click
import pytest

from docparse_runner._options import specs_of
from docparse_runner.errors import UsageError
from docparse_runner.testing._base import Contract, InsistingHarness
from docparse_runner.testing._loading import HEAVY, LIMIT_S, called, loading
from docparse_runner.testing._values import SOURCES, read_back, sample
from docparse_runner.testing._verdict import must, refuse


class DefinitionContract(Contract):
    """Loading, help, options and plan."""

    def test_loading_it_is_quick_and_imports_nothing_heavy(self) -> None:
        """``docparse run --help`` and every run load the stage in the parent; models belong to the worker."""
        seconds, imported = loading(self.stage)

        heavy = ", ".join(sorted(HEAVY & imported))
        must(not heavy, f"import {heavy} inside docparse_worker, not at the top of the stage's modules")
        must(seconds < LIMIT_S, f"loading the stage must take less than {LIMIT_S} s; import in docparse_worker")

    def test_help_shows_every_option_and_what_it_does(self, harness: InsistingHarness) -> None:
        """A stranger can use the stage from its help."""
        shown = called("-m", "docparse_runner", "run", harness.name, "--help")

        must(shown.returncode == 0, f"docparse run {harness.name} --help must end with 0: {shown.stderr.strip()}")
        must(harness.stage.summary, "Stage(summary=…) must say in one line what the stage does")
        for spec in specs_of(harness.stage.options):
            must(spec.secret or spec.flag in shown.stdout, f"{spec.flag} must be in --help")
            must(spec.help.strip().endswith("."), f"the help of {spec.name} must be a sentence with a full stop")

    @pytest.mark.parametrize("source", SOURCES)
    def test_each_option_can_be_set_by_flag_by_variable_and_in_a_file(
        self, harness: InsistingHarness, source: str
    ) -> None:
        """One definition gives all three; each must read what the options class takes."""
        for spec in self._specs(harness):
            value = self.changes.get(spec.name, sample(spec, harness.stage.options, harness.root))
            if value is None:
                continue

            try:
                found = read_back(harness, spec, value, source)
            except (UsageError, click.ClickException) as error:
                refuse(f"{spec.name} = {value!r} must be accepted by {source}: {error}")

            must(found == value, f"{spec.name} = {value!r}, given by {source}, must be {value!r} again, not {found!r}")

    def test_the_plan_is_the_same_each_time(self, harness: InsistingHarness) -> None:
        """An order that changes makes ``--limit`` and ``--seed`` meaningless."""
        plans = [[item.item_id for item in harness.planned()] for _ in range(2)]

        must(plans[0] == plans[1], f"docparse_plan must yield the same items in the same order: {plans[0]}, {plans[1]}")
        must(len(plans[0]) >= len(self.documents), f"the plan must have an item for each document, not only {plans[0]}")

    def test_the_plan_is_lazy(self, harness: InsistingHarness) -> None:
        """A million documents must neither be listed before the first runs nor be kept in memory."""
        items = harness.prepared().plan.items

        must(not isinstance(items, Sequence | set | Mapping), "docparse_plan must yield its items, not return a list")

    def test_no_two_items_share_an_id_or_an_output(self, harness: InsistingHarness) -> None:
        """The second would overwrite the first."""
        items = harness.planned()

        ids = [item.item_id for item in items]
        outputs = [path for item in items for path in item.outputs.values()]
        must(len(ids) == len(set(ids)), f"docparse_plan must give each item an id of its own: {ids}")
        must(len(outputs) == len(set(outputs)), "docparse_plan must give each output a path of its own")
