"""Outcomes: the words of design, logs, metrics and headers are the same."""

from __future__ import annotations

from mirror.outcome import Outcome


def test_the_words_are_those_of_the_documents() -> None:
    words = {"hit", "miss", "joined", "revalidated", "stale", "absent", "bypass", "denied", "error"}
    assert {str(outcome) for outcome in Outcome} == words
