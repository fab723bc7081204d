"""What pulls and bytes count for: exactly, and in every case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.store.worth import HALF_LIFE, handicap, worth

DAY = 86400.0
MIB = 1024**2

times = st.floats(0, 4e9)


def test_a_first_pull_and_one_long_ago_are_worth_their_own_time() -> None:
    assert worth(0.0, 0.0, 1000 * DAY) == pytest.approx(1000 * DAY)


def test_a_second_pull_at_full_weight_adds_at_most_a_half_life() -> None:
    assert worth(0.0, 2 * DAY, 2 * DAY) == pytest.approx(2 * DAY + HALF_LIFE)


def test_pulls_in_quick_succession_weigh_no_more_than_one() -> None:
    """A program that asks every minute for two weeks counts like one that asks every six hours."""
    often = rarely = last = 0.0
    for second in range(60, int(14 * DAY), 60):
        often, last = worth(last, often, float(second)), float(second)
    for quarter in range(1, 14 * 4):
        rarely = worth((quarter - 1) * 21600.0, rarely, quarter * 21600.0)
    assert often == pytest.approx(rarely, abs=21600.0)


def test_what_nobody_pulls_any_more_is_outlived_by_a_single_pull_after_six_weeks_at_the_most() -> None:
    last = often = 0.0
    for quarter in range(1, 365 * 4):
        often, last = worth(last, often, quarter * 21600.0), quarter * 21600.0
    assert often < last + 42 * DAY


@given(last=times, before=times, now=times)
def test_a_pull_never_lessens_what_an_image_is_worth(last: float, before: float, now: float) -> None:
    assert worth(last, before, now) >= before


def test_what_is_four_times_as_large_has_to_be_pulled_twice_as_often() -> None:
    assert handicap(400 * MIB) - handicap(100 * MIB) == pytest.approx(HALF_LIFE)
    assert handicap(128 * MIB) == 0.0


@given(size=st.floats(0, 1e15))
def test_no_size_outweighs_months(size: float) -> None:
    assert -100 * DAY < handicap(size) < 100 * DAY
