"""How many bytes may pass: so many a second, little at once, and first come, first served. Knows not what passes.

A token bucket by the monotonic clock. Its rate may change at any time, as the windows of a day do.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mirror.config.bandwidth import Window, rate_at

_BURST = 0.125  # seconds of the rate that may pass at once after a rest, and that one may ask for
_LONGEST = 1.0  # seconds until the rate is looked at again by who waits
_LEAST = 2048  # bytes that one may ask for, whatever the rate


@dataclass(slots=True)
class Bucket:
    """Pure: times in seconds and rates in bytes a second come in as arguments, a rate of None for any number.

    Who takes is given a ticket, which is good once so many bytes in all have come in: they are served in the order of
    their tickets, and what is taken is taken even by who does not wait.
    """

    at: float = -math.inf  # when it was looked at last
    taken: float = 0.0  # bytes, so far
    earned: float = 0.0

    def take(self, count: int, now: float, rate: float | None) -> float:
        """The ticket for `count` bytes."""
        self._flow(now, rate)
        self.taken += count
        return self.taken

    def give_back(self, count: int) -> None:
        """Bytes that were taken and have not passed: whoever waits comes sooner by them."""
        self.earned += count

    def wait(self, ticket: float, now: float, rate: float | None) -> float:
        """Seconds until this ticket is good, at this rate; 0 when it is."""
        self._flow(now, rate)
        if rate is None or ticket <= self.earned:
            return 0.0
        return (ticket - self.earned) / rate

    def _flow(self, now: float, rate: float | None) -> None:
        if rate is None:
            self.earned = self.taken
        else:
            gained = max(now - self.at, 0.0) * rate
            # Once nobody waits, no more is saved than a burst.
            self.earned = min(self.earned + gained, self.taken + rate * _BURST)
        self.at = now


class Allowance:
    """One limit, for all who keep to it. `rate` is asked each time; `clock` is monotonic, `sleep` waits for seconds."""

    def __init__(
        self,
        rate: Callable[[], float | None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._bucket = Bucket()

    def portion(self, most: int) -> int:
        """How many bytes one may take at once, at most `most`: little where the rate is low, that all may go on."""
        rate = self._rate()
        return most if rate is None else min(most, max(int(rate * _BURST), _LEAST))

    def take(self, count: int) -> float:
        """The ticket for so many bytes, which are taken by it. Never waits."""
        return self._bucket.take(count, self._clock(), self._rate())

    def give_back(self, count: int) -> None:
        """Bytes that have not passed although they were taken."""
        self._bucket.give_back(count)

    async def good(self, ticket: float) -> None:
        """Wait for one's turn; no longer than the rate makes it, and what others took before. May be cancelled."""
        while wait := self._bucket.wait(ticket, self._clock(), self._rate()):
            await self._sleep(min(wait, _LONGEST))


@dataclass(frozen=True, slots=True)
class Turnstile:
    """All the limits that the same bytes keep to. With none of them it is open, and costs nothing."""

    allowances: tuple[Allowance, ...] = ()

    def portion(self, most: int) -> int:
        """How many bytes may be asked for at once, at most `most`."""
        for allowance in self.allowances:
            most = allowance.portion(most)
        return most

    def take(self, count: int) -> None:
        """Have bytes counted that have passed already: whoever comes next waits for them."""
        for allowance in self.allowances:
            allowance.take(count)

    async def through(self, count: int) -> None:
        """Wait until `count` bytes may pass, of which they are counted. What was not waited for is given back."""
        for number, allowance in enumerate(self.allowances):
            ticket = allowance.take(count)
            try:
                await allowance.good(ticket)
            except BaseException:
                for held in self.allowances[: number + 1]:
                    held.give_back(count)
                raise

    def give_back(self, count: int) -> None:
        """Bytes that were let through and have not passed."""
        for allowance in self.allowances:
            allowance.give_back(count)


OPEN = Turnstile()


def allowance(windows: Sequence[Window]) -> Allowance | None:
    """The limit that an operator has written, by local time; None for none."""
    return Allowance(lambda: rate_at(windows, datetime.now().astimezone())) if windows else None


def turnstile(*allowances: Allowance | None) -> Turnstile:
    """What keeps to all of these that are limits."""
    return Turnstile(tuple(one for one in allowances if one is not None))
