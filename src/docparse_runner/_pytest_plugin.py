"""What pytest finds by itself: the fixture ``stage_harness``. Imports nothing heavy, because every pytest loads it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from docparse_runner.testing import StageHarness


@pytest.fixture
def stage_harness(tmp_path: Path) -> "Callable[..., StageHarness]":
    """Return a function that makes a ``docparse_runner.testing.StageHarness`` for a stage, in the test's folder.

    It takes the stage's name, options, and `suffixes`: kind → suffix of what the stage consumes, where neither it nor
    an installed stage says it. Harnesses of one test share the data root, so that one stage can read what another made.
    """
    from docparse_runner.testing import StageHarness  # noqa: PLC0415 - only tests of stages need it

    def make(name: str, *, suffixes: Mapping[str, str] | None = None, **options: Any) -> "StageHarness":
        return StageHarness(name=name, root=tmp_path, options=options, suffixes=suffixes or {})

    return make
