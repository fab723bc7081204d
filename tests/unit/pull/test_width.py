"""Over how many connections: tried when it may help, kept as far as it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mirror.pull.width import Reading, Widening, Widths
from tests.support.clock import Clock

MB = 1_000_000
PLENTY = 1 << 40


def widths(rate: Callable[[int], float], limit: int = 8, wire: float = 1.0, seconds: float = 20) -> list[int]:
    """The widths that there were in turn, where so many connections bring so many bytes a second."""
    widening = Widening(limit, Reading(0.0, 0))
    seen, now, received, waited = [widening.width], 0.0, 0.0, 0.0
    while now < seconds:
        now += 0.05
        received += rate(widening.width) * 0.05
        waited += wire * 0.05
        if widening.look(Reading(now, int(received), waited), PLENTY) != seen[-1]:
            seen.append(widening.width)
    return seen


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (lambda width: 10 * MB * width, [1, 2, 4, 8]),  # each connection is held back
        (lambda width: 10 * MB, [1, 2, 1]),  # all of them together are
        (lambda width: min(10 * MB * width, 30 * MB), [1, 2, 4, 8, 4]),
        (lambda width: min(10 * MB * width, 20 * MB), [1, 2, 4, 2]),
        (lambda width: 10 * MB / width, [1, 2, 1]),  # they are punished
        (lambda width: 10 * MB * (1 + 0.1 * width), [1, 2, 1]),  # hardly worth it
        (lambda width: 0.0, [1]),
    ],
    ids=["each held back", "all held back", "three are best", "two are best", "punished", "hardly", "nothing comes"],
)
def test_the_width_is_what_helped(rate: Callable[[int], float], expected: list[int]) -> None:
    assert widths(rate) == expected


@pytest.mark.parametrize(("limit", "expected"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (5, [1, 2, 4, 5])])
def test_there_are_never_more_than_are_allowed(limit: int, expected: list[int]) -> None:
    assert widths(lambda width: 10 * MB * width, limit) == expected


def test_where_it_is_we_who_are_slow_nothing_is_tried() -> None:
    assert widths(lambda width: 10 * MB * width, wire=0.4) == [1]


def test_nothing_is_tried_in_the_first_two_seconds() -> None:
    assert widths(lambda width: 10 * MB * width, seconds=2.4) == [1]


def test_nothing_is_tried_while_one_connection_still_becomes_faster() -> None:
    widening = Widening(8, Reading(0.0, 0))
    received = 0
    for second in range(1, 8):
        received += MB << second  # twice as much in each of them
        assert widening.look(Reading(second + 0.5, received, second), PLENTY) == 1
    assert widening.look(Reading(8.5, received + (MB << 7), 8.0), PLENTY) == 2


def test_nothing_is_tried_for_the_last_second() -> None:
    widening = Widening(8, Reading(0.0, 0))
    for now in (0.4, 1.0, 2.0, 3.0):
        assert widening.look(Reading(now, int(now * 10 * MB), now), 9 * MB) == 1
    assert not widening.settled


def test_what_is_known_is_taken_as_it_is() -> None:
    widening = Widening(8, Reading(0.0, 0), known=6)
    assert (widening.width, widening.settled, widening.measured) == (6, True, False)
    assert Widening(4, Reading(0.0, 0), known=6).width == 4
    assert widening.look(Reading(100.0, 0), PLENTY) == 6


def test_to_stay_is_no_measurement() -> None:
    widening = Widening(8, Reading(0.0, 0))
    widening.stay(3)
    assert widening.look(Reading(10.0, 100 * MB, 10.0), PLENTY) == 3
    assert not widening.measured


def test_what_helped_is_remembered_for_minutes() -> None:
    clock = Clock()
    known = Widths(clock)
    known.remember("a", 4)
    assert (known.recall("a"), known.recall("b")) == (4, None)
    known.remember("a", 1)
    assert known.recall("a") == 1
    clock.advance(599)
    assert known.recall("a") == 1
    clock.advance(1)
    assert known.recall("a") is None


def test_only_so_many_places_are_remembered() -> None:
    known = Widths(Clock())
    for number in range(300):
        known.remember(str(number), 2)
    assert [known.recall("43"), known.recall("44"), known.recall("299")] == [None, 2, 2]
