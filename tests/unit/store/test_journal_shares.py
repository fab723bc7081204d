"""What is let go when the journal is full: of who has most, and nothing of who has little."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mirror.store.journal_shares import beyond


@pytest.mark.parametrize(
    ("counts", "most", "gone"),
    [
        ({}, 5, {}),
        ({"a": 5}, 5, {}),
        ({"a": 6}, 5, {"a": 1}),
        ({"a": 2, "mad": 100}, 10, {"mad": 92}),
        ({"a": 2, "b": 7, "mad": 100}, 10, {"b": 3, "mad": 96}),
        ({"a": 1, "b": 1}, 0, {"a": 1, "b": 1}),
    ],
)
def test_who_has_most_lets_go(counts: dict[str, int], most: int, gone: dict[str, int]) -> None:
    assert beyond(counts, most) == gone


@given(some.dictionaries(some.text(max_size=3), some.integers(0, 50)), some.integers(0, 100))
def test_all_together_keep_what_may_be_kept_and_nobody_who_lets_go_has_less_than_another(
    counts: dict[str, int], most: int
) -> None:
    gone = beyond(counts, most)
    kept = {name: count - gone.get(name, 0) for name, count in counts.items()}
    assert sum(kept.values()) <= most or not gone
    assert sum(kept.values()) > most - max(len(counts), 1) or not gone  # no more goes than has to
    assert sum(counts.values()) > most or not gone
    assert all(kept[name] == max(kept.values()) for name in gone)
