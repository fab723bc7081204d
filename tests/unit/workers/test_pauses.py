"""How long the successor of a worker waits."""

from __future__ import annotations

from mirror.workers.pauses import Pauses


def test_the_first_end_is_followed_at_once() -> None:
    assert Pauses().after(1000.0) == 0


def test_ends_within_a_minute_wait_ever_longer_and_never_longer_than_ten_seconds() -> None:
    pauses = Pauses()
    waited = [pauses.after(float(second)) for second in range(30)]
    assert waited[:5] == [0, 0.1, 0.2, 0.4, 0.8]
    assert waited[-1] == 10.0
    assert waited == sorted(waited)


def test_a_minute_of_peace_is_forgiven() -> None:
    pauses = Pauses()
    for second in range(5):
        pauses.after(float(second))
    assert pauses.after(65.0) == 0
