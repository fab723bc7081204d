"""Whether a body comes too slowly to be waited for."""

from __future__ import annotations

import pytest

from mirror.trickle import RATE, SPAN, Trickle


def verdicts(came: int, seconds: float, times: int) -> list[bool]:
    trickle = Trickle()
    return [trickle.is_too_thin(came, seconds) for _ in range(times)]


@pytest.mark.parametrize("seconds", [0.5, 10.0, 29.0])
def test_a_byte_now_and_then_is_too_thin_after_the_span_and_not_before(seconds: float) -> None:
    said = verdicts(1, seconds, int(SPAN / seconds) + 2)
    assert said.count(True) == 1
    assert SPAN <= (said.index(True) + 1) * seconds < SPAN + seconds


@pytest.mark.parametrize("seconds", [0.5, 10.0, 29.0])
def test_who_keeps_the_rate_is_never_too_thin(seconds: float) -> None:
    assert not any(verdicts(int(RATE * seconds), seconds, 1000))


def test_what_came_long_ago_counts_for_nothing() -> None:
    trickle = Trickle()
    assert not trickle.is_too_thin(10**9, SPAN)
    assert trickle.is_too_thin(1, SPAN)
