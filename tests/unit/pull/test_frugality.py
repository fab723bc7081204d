"""How scarce pulls are, by what the upstream has told of its limit."""

from __future__ import annotations

import itertools

import pytest

from mirror.config.quantities import Share
from mirror.pull.frugality import State, pressure, reserved, state_of
from mirror.upstream.budget import Budget

TENTH = Share(percent=10.0)
FIVE = Share(size=5)


def left(remaining: int, limit: int = 100) -> Budget:
    return Budget(limit, remaining, 21600, None, 0.0)


@pytest.mark.parametrize(
    ("budget", "reserve", "scarcity", "state"),
    [
        (None, TENTH, 0.0, State.UNKNOWN),
        (left(100), TENTH, 0.0, State.NORMAL),
        (left(50), TENTH, 0.0, State.NORMAL),
        (left(40), TENTH, 0.25, State.STRETCHED),
        (left(30), TENTH, 0.5, State.STRETCHED),
        (left(11), TENTH, 0.975, State.STRETCHED),
        (left(10), TENTH, 1.0, State.RESERVE),
        (left(0), TENTH, 1.0, State.RESERVE),
        (left(5), FIVE, 1.0, State.RESERVE),
        (left(6), FIVE, pytest.approx(44 / 45), State.STRETCHED),
        # a reserve of nothing, of everything, and of more than there is
        (left(1), Share(size=0), 0.98, State.STRETCHED),
        (left(0), Share(size=0), 1.0, State.RESERVE),
        (left(80), Share(percent=80.0), 1.0, State.RESERVE),
        (left(81), Share(percent=80.0), 0.0, State.NORMAL),
        (left(100), Share(percent=100.0), 1.0, State.RESERVE),
        (left(100), Share(size=5000), 1.0, State.RESERVE),
        (left(1, limit=1), TENTH, 0.0, State.NORMAL),
    ],
)
def test_pulls_are_the_scarcer_the_fewer_are_left(
    budget: Budget | None, reserve: Share, scarcity: float, state: State
) -> None:
    assert pressure(budget, reserve) == scarcity
    assert state_of(budget, reserve) is state


def test_with_every_pull_the_pressure_grows() -> None:
    steps = [pressure(left(remaining), TENTH) for remaining in range(100, -1, -1)]
    assert all(less <= more for less, more in itertools.pairwise(steps))
    assert (steps[0], steps[-1]) == (0.0, 1.0)


def test_no_more_is_kept_than_there_is() -> None:
    assert (reserved(left(3), TENTH), reserved(left(3), FIVE), reserved(left(3), Share(size=101))) == (10, 5, 100)
