"""Outcomes are words that logs, metrics and headers share."""

from __future__ import annotations

from mirror.outcome import Outcome


def test_the_words_are_those_of_the_design() -> None:
    assert list(Outcome) == ["hit", "miss", "joined", "revalidated", "stale", "absent", "bypass", "denied", "error"]


def test_an_outcome_is_written_as_its_word() -> None:
    assert [f"{outcome} {outcome!s}" for outcome in (Outcome.HIT, Outcome.ABSENT)] == ["hit hit", "absent absent"]
