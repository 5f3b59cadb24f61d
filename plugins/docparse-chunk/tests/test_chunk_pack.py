from bisect import bisect_right
from itertools import pairwise

import attrs
from hypothesis import given
from hypothesis import strategies as st

from docparse_chunk._pack import Strip, pack


def strip(costs, *, opens=(), leads=(), section=None, heads=None, lead_in=0):
    size = len(costs)
    numbers = tuple(section or [0] * size)
    return Strip(
        costs=tuple(costs),
        opens=tuple(place in opens for place in range(size)),
        leads=tuple(place in leads for place in range(size)),
        section=numbers,
        ends=tuple(bisect_right(numbers, number) for number in range(numbers[-1] + 1)),
        heads=tuple(heads or [0] * size),
        lead_ins=(lead_in,) * size,
    )


def test_ranges_are_as_long_as_fits():
    assert pack(strip([30, 30, 30, 30, 30]), 100) == [(0, 3), (3, 5)]


def test_what_every_range_begins_with_counts():
    assert pack(strip([30, 30, 30, 30], lead_in=20), 100) == [(0, 2), (2, 4)]


def test_a_unit_over_the_budget_is_a_range_of_its_own():
    assert pack(strip([30, 300, 30]), 100) == [(0, 1), (1, 2), (2, 3)]


def test_a_paragraph_end_in_the_second_half_is_preferred():
    assert pack(strip([30, 30, 20, 30], opens=[0, 2]), 90) == [(0, 2), (2, 4)]


def test_a_paragraph_end_in_the_first_half_is_not():
    assert pack(strip([30, 30, 30, 30], opens=[0, 1]), 90) == [(0, 3), (3, 4)]


def test_a_range_that_a_large_unit_ends_early_is_not_cut_shorter_still():
    assert pack(strip([30, 20, 90], opens=[0, 1]), 100) == [(0, 2), (2, 3)]


def test_what_introduces_stays_where_it_is_when_what_follows_leaves_no_room_for_it():
    assert pack(strip([30, 20, 90], leads=[1]), 100) == [(0, 2), (2, 3)]


def test_what_introduces_goes_with_what_follows():
    assert pack(strip([50, 20, 20, 50], leads=[1, 2]), 100) == [(0, 1), (1, 4)]


def test_a_long_run_that_introduces_nothing_is_cut_where_it_is_full():
    assert pack(strip([10] * 20, leads=range(20)), 100) == [(0, 10), (10, 20)]


def test_a_small_rest_is_evened_out_with_the_range_before():
    assert pack(strip([30, 30, 30, 10]), 90, min_tokens=40) == [(0, 2), (2, 4)]


def test_a_small_rest_stays_when_it_is_another_section():
    assert pack(strip([30, 30, 30, 10], section=[0, 0, 0, 1]), 90, min_tokens=40) == [(0, 3), (3, 4)]


def test_a_small_rest_stays_when_the_range_before_would_get_too_small():
    assert pack(strip([30, 60, 10]), 90, min_tokens=40) == [(0, 2), (2, 3)]


def test_overlap_repeats_whole_units_of_the_same_section():
    costs = [20] * 8

    assert pack(strip(costs), 80, overlap=25) == [(0, 4), (3, 7), (6, 8)]
    assert pack(strip(costs, section=[0, 0, 0, 0, 1, 1, 1, 1]), 80, overlap=25) == [(0, 4), (4, 8)]


def test_a_range_that_begins_in_a_section_ends_with_it_unless_it_may_cross():
    sections = strip([30, 30, 30, 30, 30], section=[0, 0, 0, 0, 1])

    assert pack(sections, 90) == [(0, 3), (3, 4), (4, 5)]
    assert pack(sections, 90, cross=True) == [(0, 3), (3, 5)]


def test_a_range_that_begins_in_a_section_goes_on_as_far_as_its_headings_hold():
    units = attrs.evolve(strip([60, 60, 20, 20], section=[0, 0, 1, 2]), ends=(3, 3, 4))

    assert pack(units, 100) == [(0, 1), (1, 3), (3, 4)]


def test_the_end_of_a_section_introduces_nothing():
    assert pack(strip([40, 40, 40], leads=[1], section=[0, 0, 1]), 90) == [(0, 2), (2, 3)]


def test_headings_at_the_beginning_are_paid_by_the_lead_in():
    packed = strip([10, 10, 70], heads=[2, 1, 0], leads=[0, 1], lead_in=20)

    assert packed.cost(0, 3) == 90
    assert pack(packed, 90) == [(0, 3)]


@st.composite
def strips(draw):
    size = draw(st.integers(1, 60))
    numbers = st.integers(0, size)
    sections = sorted(draw(st.lists(st.integers(0, 5), min_size=size, max_size=size)))
    return strip(
        draw(st.lists(st.integers(0, 50), min_size=size, max_size=size)),
        opens=draw(st.sets(numbers)),
        leads=draw(st.sets(numbers)),
        section=sections,
        lead_in=draw(st.integers(0, 20)),
    )


@given(strips(), st.integers(30, 120), st.integers(0, 60), st.integers(0, 40), st.booleans())
def test_ranges_fit_cover_everything_and_go_on(units, budget, min_tokens, overlap, cross):
    ranges = pack(units, budget, min_tokens=min_tokens, overlap=overlap, cross=cross)

    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(units)
    for start, end in ranges:
        assert units.cost(start, end) <= budget or end == start + 1
    for (start, end), (next_start, next_end) in pairwise(ranges):
        assert start < next_start <= end < next_end
        assert units.tokens(next_start, end) <= overlap
