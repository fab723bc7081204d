"""Monotonic clocks that a test moves."""

from __future__ import annotations

import time


class Clock:
    """`clock()` is the time in seconds; it passes only by `advance`."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


class Ahead:
    """The machine's clock, which a test puts forward by `advance`: for what really has to wait as well."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds
