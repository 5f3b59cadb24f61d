r"""The testkit for authors of stages: a contract to inherit, a harness that runs a stage, and poison.

    from docparse_runner.testing import StageContract

    class TestWordcount(StageContract):
        stage = "wordcount"
        documents = {"a": '{"text": "one two"}\n', "b": '{"text": "three"}\n'}

The fixture ``stage_harness`` comes with the package: pytest finds it by itself.
"""

from docparse_runner.testing import poison
from docparse_runner.testing._contract import StageContract
from docparse_runner.testing._harness import StageHarness

__all__ = ["StageContract", "StageHarness", "poison"]
