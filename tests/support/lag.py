"""How long an event loop keeps whoever wants something of it waiting, measured from within."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mirror.tasks import end, spawn

_EVERY = 0.005  # seconds


@dataclass(slots=True)
class Lag:
    """Seconds beyond those that a sleep was to last, for each of many short ones."""

    seen: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """What so large a share of them did not exceed. Raises IndexError when nothing was measured."""
        return sorted(self.seen)[min(int(len(self.seen) * share), len(self.seen) - 1)]


@asynccontextmanager
async def lag(measured: Lag) -> AsyncIterator[None]:
    """Measure the loop that runs this until it is left."""
    measuring = spawn(_measure(measured), "lag")
    try:
        yield
    finally:
        await end(measuring)


async def _measure(measured: Lag) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY
        await asyncio.sleep(_EVERY)
        measured.seen.append(max(loop.time() - due, 0.0))
