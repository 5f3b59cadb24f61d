"""The measures on rankings small enough to compute by hand: `pytest bench/quality/retrieval`."""

import math

import pytest
from measures import average_precision, ndcg, recall, significance


def test_ndcg_is_the_gain_over_the_best_possible_gain() -> None:
    judged = {"a": 2, "b": 1}

    assert ndcg(["a", "b"], judged) == 1
    assert ndcg(["x", "b"], judged) == pytest.approx((1 / math.log2(3)) / (3 + 1 / math.log2(3)))
    assert ndcg([], judged) == 0


def test_average_precision_counts_what_is_not_found_as_0() -> None:
    assert average_precision(["a", "x", "b"], {"a": 1, "b": 2, "c": 1, "x": 0}) == pytest.approx((1 + 2 / 3) / 3)


def test_recall_is_the_share_that_was_found() -> None:
    assert recall(["x", "a", "b"], {"a": 1, "b": 1}, depth=2) == 0.5


def test_equal_runs_do_not_differ_and_a_constant_lead_does() -> None:
    values = [0.1 * each for each in range(20)]

    assert significance(values, values) == (0, 1)
    assert significance(values, [each + 0.1 for each in values])[1] < 0.001
