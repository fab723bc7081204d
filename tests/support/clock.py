"""A monotonic clock that a test moves."""

from __future__ import annotations


class Clock:
    """`clock()` is the time in seconds; it passes only by `advance`."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds
