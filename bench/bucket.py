"""How fast bytes may leave: a token bucket that says how long to wait. Knows no clock; the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`rate` bytes a second, with no more than `burst` seconds of them saved up. `full_at`: when it will be full."""

    rate: float
    burst: float
    full_at: float = 0.0

    def take(self, size: int, now: float) -> float:
        """Take so many bytes and return the seconds to wait before they may be sent. Bytes are taken in any case."""
        self.full_at = max(self.full_at, now) + size / self.rate
        return max(self.full_at - now - self.burst, 0.0)
