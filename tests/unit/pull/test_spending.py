"""The ledger: who spent the pulls, within which time, in bounded memory."""

from __future__ import annotations

from mirror.pull.spending import OTHERS, Ledger, Spender, Spent
from tests.support.clock import Clock

HOUR, DAY = 3600.0, 86400.0


def test_pulls_are_summed_up_by_client_and_by_repository() -> None:
    ledger = Ledger(Clock())
    for client, repository, pulls in (("10.0.0.1", "a/b", 3), ("10.0.0.2", "a/b", 2), ("10.0.0.1", "a/c", 4)):
        for _ in range(pulls):
            ledger.note(Spender("docker.io", repository, client))
    ledger.note(Spender("ghcr.io", "a/b", "10.0.0.9"))
    assert ledger.spent("docker.io", HOUR) == Spent(9, (("10.0.0.1", 7), ("10.0.0.2", 2)), (("a/b", 5), ("a/c", 4)))
    assert ledger.spent("ghcr.io", HOUR) == Spent(1, (("10.0.0.9", 1),), (("a/b", 1),))
    assert ledger.spent("quay.io", HOUR) == Spent(0, (), ())


def test_what_lies_before_the_time_asked_for_is_left_out() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.note(Spender("docker.io", "a/b", "old"))
    clock.advance(3 * HOUR)
    ledger.note(Spender("docker.io", "a/b", "new"))
    assert ledger.spent("docker.io", HOUR).clients == (("new", 1),)
    assert ledger.spent("docker.io", 6 * HOUR).clients == (("old", 1), ("new", 1))
    clock.advance(10 * DAY)
    assert ledger.spent("docker.io", 100 * DAY) == Spent(0, (), ())


def test_pulls_of_days_are_kept_in_little_and_yet_told_apart_by_time() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    for _ in range(3 * 24 * 60):
        ledger.note(Spender("docker.io", "a/b", "busy"))
        clock.advance(60)
    assert 58 <= ledger.spent("docker.io", HOUR).pulls <= 66
    assert 24 * 60 - 6 <= ledger.spent("docker.io", 10 * DAY).pulls <= 24 * 60 + 6
    assert len(ledger) == 1


def test_beyond_the_bound_they_are_others() -> None:
    ledger = Ledger(Clock(), spenders=3)
    for number in range(10):
        ledger.note(Spender("docker.io", f"a/{number}", f"10.0.0.{number}"))
    ledger.note(Spender("docker.io", "a/0", "10.0.0.0"))
    spent = ledger.spent("docker.io", HOUR)
    assert spent.pulls == 11
    assert spent.clients[:2] == ((OTHERS, 7), ("10.0.0.0", 2))
    assert dict(spent.repositories)[OTHERS] == 7
    assert len(ledger) == 4


def test_who_has_not_come_for_a_day_makes_room() -> None:
    clock = Clock()
    ledger = Ledger(clock, spenders=2)
    for client in ("one", "two"):
        ledger.note(Spender("docker.io", "a/b", client))
    clock.advance(DAY + 1)
    ledger.note(Spender("docker.io", "a/b", "three"))
    assert ledger.spent("docker.io", HOUR).clients == (("three", 1),)
    assert len(ledger) == 1
