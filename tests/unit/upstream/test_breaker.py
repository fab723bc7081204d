from __future__ import annotations

import pytest

from mirror.upstream.breaker import Breaker, State, Trouble, Why
from tests.support.clock import Clock

WHY = Why("it is gone")
TOO_MUCH = Why("we ask too much", throttled=True)


def _breaker(clock: Clock, jitter: float = 0.5) -> Breaker:
    return Breaker(clock, lambda: jitter)


def _opened(clock: Clock) -> Breaker:
    breaker = _breaker(clock)
    breaker.failed(Trouble.LOST, WHY, breaker.claim())
    return breaker


@pytest.mark.parametrize(("trouble", "times"), [(Trouble.LOST, 1), (Trouble.SILENT, 2), (Trouble.ILL, 5)])
def test_it_opens_after_so_many_of_a_kind_in_a_row(trouble: Trouble, times: int) -> None:
    breaker = _breaker(Clock())
    for _ in range(times):
        assert (breaker.state, breaker.wait) == (State.CLOSED, 0)
        breaker.failed(trouble, WHY, breaker.claim())
    assert (breaker.state, breaker.wait, breaker.why) == (State.OPEN, 10, WHY)


def test_an_answer_between_them_makes_a_new_row() -> None:
    breaker = _breaker(Clock())
    for _ in range(3):
        breaker.failed(Trouble.SILENT, WHY, breaker.claim())
        breaker.worked(breaker.claim())
    assert breaker.state is State.CLOSED


def test_when_its_time_is_over_one_request_alone_is_let_through() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.advance(9.9)
    assert breaker.state is State.OPEN
    assert breaker.wait == pytest.approx(0.1)
    clock.advance(0.1)
    assert (breaker.state, breaker.wait) == (State.HALF_OPEN, 0)
    assert breaker.claim()
    assert (breaker.state, breaker.wait) == (State.HALF_OPEN, 1)  # for everybody else, until the probe is back


def test_a_probe_that_works_closes_it() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.advance(10)
    breaker.worked(breaker.claim())
    assert (breaker.state, breaker.wait) == (State.CLOSED, 0)
    assert not breaker.claim()  # from now on nobody is a probe


def test_each_probe_that_fails_opens_it_for_twice_as_long_up_to_five_minutes() -> None:
    clock = Clock()
    breaker = _opened(clock)
    waits = []
    for _ in range(7):
        waits.append(breaker.wait)
        clock.advance(breaker.wait)
        breaker.failed(Trouble.ILL, WHY, breaker.claim())
    assert waits == [10, 20, 40, 60, 60, 60, 60]


def test_once_it_has_worked_it_begins_with_the_shortest_time_again() -> None:
    clock = Clock()
    breaker = _opened(clock)
    for _ in range(3):
        clock.advance(breaker.wait)
        breaker.failed(Trouble.LOST, WHY, breaker.claim())
    clock.advance(breaker.wait)
    breaker.worked(breaker.claim())
    breaker.failed(Trouble.LOST, WHY, breaker.claim())
    assert breaker.wait == 10


def test_a_probe_that_never_comes_back_leaves_the_next_one_to_be_it() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.advance(10)
    breaker.left(breaker.claim())
    assert breaker.wait == 0
    assert breaker.claim()


def test_who_asked_before_it_opened_changes_nothing_any_more() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    early = [breaker.claim() for _ in range(4)]
    breaker.failed(Trouble.LOST, WHY, early[0])
    breaker.worked(early[1])
    breaker.failed(Trouble.LOST, WHY, early[2])
    assert (breaker.state, breaker.wait) == (State.OPEN, 10)
    clock.advance(10)
    assert breaker.claim()
    breaker.left(early[3])
    breaker.failed(Trouble.LOST, WHY, early[3])
    assert (breaker.state, breaker.wait) == (State.HALF_OPEN, 1)


def test_it_stays_shut_for_as_long_as_was_said() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    breaker.shut(42, TOO_MUCH, breaker.claim())
    assert (breaker.state, breaker.wait, breaker.why) == (State.OPEN, 42, TOO_MUCH)
    clock.advance(42)
    assert (breaker.state, breaker.wait) == (State.HALF_OPEN, 0)
    breaker.shut(7, TOO_MUCH, breaker.claim())
    assert breaker.wait == 7


def test_of_two_times_that_were_said_the_later_counts() -> None:
    breaker = _breaker(Clock())
    early = [breaker.claim(), breaker.claim()]
    breaker.shut(60, TOO_MUCH, early[0])
    breaker.shut(5, TOO_MUCH, early[1])
    assert breaker.wait == 60


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 9), (0.5, 10), (1.0, 11)])
def test_mirrors_that_were_shut_out_together_come_back_apart(jitter: float, wait: float) -> None:
    breaker = _breaker(Clock(), jitter)
    breaker.failed(Trouble.LOST, WHY, breaker.claim())
    assert breaker.wait == pytest.approx(wait)


def test_what_was_said_is_not_spread() -> None:
    breaker = _breaker(Clock(), 1.0)
    breaker.shut(60, TOO_MUCH, breaker.claim())
    assert breaker.wait == 60
