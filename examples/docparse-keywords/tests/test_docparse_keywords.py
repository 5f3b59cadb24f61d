"""What this stage does."""

from collections.abc import Callable

from docparse_runner.testing import StageHarness


def test_it_counts_the_words_that_are_long_enough(stage_harness: Callable[..., StageHarness]) -> None:
    harness = stage_harness("keywords", min_length=4)
    harness.write({"a": '{"text": "One two three four"}\n'})

    harness.run()

    assert harness.rows()["a"].metrics == {"words": 2}
    assert list(harness.outputs("a").values()) == [b'{"words":2}\n']
