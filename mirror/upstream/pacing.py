"""Whose turn it is at one upstream: so many exchanges at a time, so many begun a second, in the order of arrival.

Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mirror.errors import Code, Unreachable


@dataclass(frozen=True, slots=True)
class Bounds:
    """`at_once`: exchanges; `rate`: a second, None for as many as there are; `patience`: seconds to wait for a turn."""

    at_once: int
    rate: float | None
    patience: float


class Pace:
    """`clock` is monotonic, in seconds; `sleep` waits for so many of them."""

    def __init__(
        self,
        upstream: str,
        bounds: Bounds,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._upstream = upstream
        self._places = asyncio.Semaphore(bounds.at_once)
        self._patience = bounds.patience
        self._interval = 0.0 if bounds.rate is None else 1 / bounds.rate
        # What was not used within a second may be made up for at once.
        self._saved = 0.0 if bounds.rate is None else (max(bounds.rate, 1.0) - 1) * self._interval
        self._next = -math.inf  # when the next one may begin
        self._clock = clock
        self._sleep = sleep

    async def turn(self) -> Callable[[], None]:
        """Wait for one's turn; what is returned ends it, and twice is as good as once.

        Raises Unreachable (BUSY) when it does not come in time, at once if that can be told. May be cancelled; a turn
        that was waited for a while is then nobody's.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            raise self._busy(1) from None
        try:
            await self._wait()
        except BaseException:
            self._places.release()
            raise
        return _Turn(self._places).over

    async def _wait(self) -> None:
        if not self._interval:
            return
        now = self._clock()
        begin = max(self._next, now - self._saved)
        if begin - now > self._patience:
            raise self._busy(math.ceil(begin - now))
        self._next = begin + self._interval
        if begin > now:
            await self._sleep(begin - now)

    def _busy(self, wait: int) -> Unreachable:
        said = f"{self._upstream}: too many requests are waiting for their turn at this registry"
        return Unreachable(said, code=Code.BUSY, retry_after=wait)


class _Turn:
    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places: asyncio.Semaphore | None = places

    def over(self) -> None:
        places, self._places = self._places, None
        if places is not None:
            places.release()
