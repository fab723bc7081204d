from __future__ import annotations

from mirror.upstream.refusals import Refusals
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


def test_refusals_do_not_grow_without_bound() -> None:
    refusals = Refusals(Clock())
    for number in range(5000):
        refusals.add(number)
    assert 4999 in refusals
    assert 0 not in refusals
    assert sum(number in refusals for number in range(5000)) == 1024


def test_a_repeated_refusal_counts_as_a_new_one() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    refusals.add("alice")
    clock.advance(20)
    refusals.add("alice")
    clock.advance(20)
    assert "alice" in refusals
