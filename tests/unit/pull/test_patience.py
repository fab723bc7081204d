"""How long a body that breaks off again and again is gone on with."""

from __future__ import annotations

import pytest

from mirror.pull.patience import RATE, SPAN, Patience
from tests.support.clock import Clock


def breaks(every: float, gain: int, times: int, held: float = 0.0) -> int | None:
    """After how many breaks, so many seconds apart and each after so many bytes, it is over; None if never."""
    clock = Clock()
    patience = Patience(clock)
    for number in range(times):
        if patience.is_over(number * gain, held):
            return number
        clock.advance(every)
    return None


@pytest.mark.parametrize("every", [0.2, 7.0, 50.0, 500.0])
def test_a_few_bytes_before_each_break_are_not_waited_for_for_ever(every: float) -> None:
    over = breaks(every, 10, 10_000)
    assert over is not None
    assert SPAN <= over * every < SPAN + every + 1


@pytest.mark.parametrize("every", [0.2, 7.0, 50.0, 500.0])
def test_what_comes_to_something_is_gone_on_with_however_often_it_breaks(every: float) -> None:
    assert breaks(every, int(RATE * every) + 1, 3000) is None


def test_the_first_break_after_long_is_none_too_many() -> None:
    clock = Clock()
    patience = Patience(clock)
    clock.advance(SPAN * 10)
    assert not patience.is_over(5, 0.0)


def test_what_came_before_does_not_excuse_what_comes_now() -> None:
    clock = Clock()
    patience = Patience(clock)
    assert not patience.is_over(0, 0.0)
    clock.advance(1)
    assert not patience.is_over(10**9, 0.0)
    clock.advance(SPAN + 1)
    assert not patience.is_over(10**9 + RATE * 1000, 0.0)
    clock.advance(SPAN + 1)
    assert patience.is_over(10**9 + RATE * 1000 + 1, 0.0)


def test_what_we_have_held_up_is_not_held_against_it() -> None:
    assert breaks(10.0, 1, 100) is not None
    assert breaks(10.0, 1, 100, held=10.0) is None
