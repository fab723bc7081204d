from __future__ import annotations

import asyncio

import pytest

from mirror.errors import Denied
from mirror.upstream.refusals import Refusals, Showing
from tests.support.clock import Clock


def test_a_refusal_is_remembered_for_half_a_minute() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    refusals.add("alice")
    assert "alice" in refusals
    assert "bob" not in refusals
    clock.advance(29.9)
    assert "alice" in refusals
    clock.advance(0.2)
    assert "alice" not in refusals


def test_a_login_that_is_refused_again_is_left_alone_for_twice_as_long_up_to_an_hour() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for wait in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        refusals.add("alice")
        clock.advance(wait - 0.1)
        assert "alice" in refusals
        clock.advance(0.1)
        assert "alice" not in refusals


def test_requests_that_were_under_way_together_are_refused_once() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(10):
        refusals.add("alice")
        clock.advance(1)
    clock.advance(20)
    assert "alice" not in refusals


def test_an_hour_later_a_refusal_is_forgotten() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    refusals.add("alice")
    clock.advance(30)
    refusals.add("alice")
    clock.advance(60 + 3600)
    refusals.add("alice")
    clock.advance(30)
    assert "alice" not in refusals


ALICE = Showing("alice", ("alice", "secret"), "fake: registry.test")
ALICE_ELSEWHERE = Showing("alice", ("alice", "other"), "fake: registry.test")


def test_a_login_that_is_accepted_has_nothing_against_it() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    refusals.refuse(ALICE)
    refusals.accept(ALICE)
    refusals.check(ALICE)
    refusals.refuse(ALICE)
    refusals.refuse(ALICE)
    clock.advance(30)
    refusals.check(ALICE)


def test_a_login_that_was_good_is_refused_for_one_matter_and_then_for_all() -> None:
    refusals = Refusals(Clock())
    refusals.accept(ALICE)
    refusals.refuse(ALICE)
    with pytest.raises(Denied, match=r"^fake: registry\.test has just refused our login$"):
        refusals.check(ALICE)
    refusals.check(ALICE_ELSEWHERE)
    refusals.refuse(ALICE_ELSEWHERE)
    assert "alice" in refusals
    with pytest.raises(Denied):
        refusals.check(Showing("alice", ("alice", "third"), "fake: registry.test"))


def _about(matter: str) -> Showing:
    return Showing("alice", ("alice", matter), "fake: registry.test")


def test_who_is_refused_what_nobody_got_before_does_not_keep_others_from_what_they_get() -> None:
    refusals = Refusals(Clock())
    refusals.accept(ALICE)
    for forbidden in ("forbidden", "forbidden too"):
        refusals.refuse(_about(forbidden))
    with pytest.raises(Denied):
        refusals.check(_about("another"))
    refusals.check(ALICE)
    refusals.accept(ALICE)
    refusals.check(_about("another"))


def test_a_login_that_is_refused_for_all_is_shown_once_more_at_most() -> None:
    refusals = Refusals(Clock())
    for known in ("one", "two", "three"):
        refusals.accept(_about(known))
    for forbidden in ("forbidden", "forbidden too"):
        refusals.refuse(_about(forbidden))
    refusals.check(_about("one"))
    refusals.refuse(_about("one"))
    for known in ("one", "two", "three"):
        with pytest.raises(Denied):
            refusals.check(_about(known))


def test_a_login_that_is_refused_twice_for_what_it_was_good_for_is_refused_for_all() -> None:
    refusals = Refusals(Clock())
    for known in ("one", "two", "three"):
        refusals.accept(_about(known))
    for known in ("one", "two"):
        refusals.refuse(_about(known))
    with pytest.raises(Denied):
        refusals.check(_about("three"))


def test_a_login_that_was_never_good_is_refused_for_all() -> None:
    refusals = Refusals(Clock())
    refusals.refuse(ALICE)
    with pytest.raises(Denied):
        refusals.check(ALICE_ELSEWHERE)


async def _show(refusals: Refusals, showing: Showing, gate: asyncio.Event, shown: list[Showing]) -> None:
    async with refusals.trial(showing):
        shown.append(showing)
        await gate.wait()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_login_that_was_not_accepted_yet_is_shown_by_one_at_a_time() -> None:
    refusals, gate = Refusals(Clock()), asyncio.Event()
    shown: list[Showing] = []
    showing = [asyncio.ensure_future(_show(refusals, ALICE, gate, shown)) for _ in range(10)]
    await _turns()
    assert len(shown) == 1
    refusals.refuse(ALICE)
    gate.set()
    results = await asyncio.gather(*showing, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), *[Denied] * 9]
    assert len(shown) == 1


async def test_a_login_that_has_been_accepted_is_shown_by_all_at_once() -> None:
    refusals, gate = Refusals(Clock()), asyncio.Event()
    shown: list[Showing] = []
    showing = [asyncio.ensure_future(_show(refusals, ALICE, gate, shown)) for _ in range(10)]
    await _turns()
    refusals.accept(ALICE)
    showing.append(asyncio.ensure_future(_show(refusals, ALICE, gate, shown)))
    await _turns()
    assert len(shown) == 2
    gate.set()
    await asyncio.gather(*showing)
    assert len(shown) == 11


async def test_who_gives_up_a_trial_leaves_it_to_the_next() -> None:
    refusals, gate = Refusals(Clock()), asyncio.Event()
    shown: list[Showing] = []
    first, second = (asyncio.ensure_future(_show(refusals, ALICE, gate, shown)) for _ in range(2))
    await _turns()
    first.cancel()
    await _turns()
    assert len(shown) == 2
    gate.set()
    await second


def test_refusals_do_not_grow_without_bound() -> None:
    refusals = Refusals(Clock())
    for number in range(5000):
        refusals.add(number)
        refusals.accept(Showing(("good", number), number, "fake"))
    assert 4999 in refusals
    assert 0 not in refusals
    assert sum(number in refusals for number in range(5000)) == 1024
    refusals.add(4000)
    assert sum(number in refusals for number in range(5000)) == 1024
