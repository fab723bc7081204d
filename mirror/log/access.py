"""One line for each request, written in batches beside the event loop. Knows neither HTTP nor what the words mean.

How events other than requests are logged is in `events`; where the bytes go, in `stream`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from mirror.outcome import Outcome

INTERVAL = 0.5
BATCH = 256  # records that make a flush begin at once; rendering them holds the interpreter for a millisecond
CAPACITY = 256 * BATCH  # records kept for a pipe that nobody reads


class AccessRecord(NamedTuple):
    """What is worth knowing about one answered request. `path` has no query; `seconds` is the whole duration."""

    time: float  # wall clock, seconds since the epoch
    request_id: str
    client: str
    method: str
    path: str
    status: int
    outcome: Outcome
    upstream: str | None
    kind: str
    repository: str | None
    reference: str | None
    bytes: int  # of the body, as sent
    seconds: float
    reason: str | None
    user_agent: str


class AccessLog:
    """Takes records without formatting them, and renders and writes them in a thread.

    `render` makes lines of records; `write` puts lines out and returns how many it lost. Neither may wait for ever.
    `interval`: seconds between two flushes.
    """

    def __init__(
        self,
        render: Callable[[Sequence[AccessRecord]], bytes],
        write: Callable[[bytes], int],
        interval: float = INTERVAL,
    ) -> None:
        self._render = render
        self._write = write
        self._interval = interval
        self._queue: deque[AccessRecord] = deque(maxlen=CAPACITY)
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._closing = False
        self._lost = 0

    def note(self, record: AccessRecord) -> None:
        """Keep a record until the next flush; of too many, the oldest is lost and counted. Event loop only."""
        queue = self._queue
        length = len(queue)
        if length >= BATCH - 1:
            self._wake.set()
            if length == CAPACITY:
                self._lost += 1
        queue.append(record)

    async def run(self) -> None:
        """Flush at each interval, or as soon as there is a batch, until `aclose`. May be cancelled at any time."""
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what has been noted so far, and say what was lost."""
        async with self._flushing:
            for _ in range(0, len(self._queue), BATCH):
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                self._lost += await asyncio.to_thread(self._put, batch)
            if self._lost:
                lost, self._lost = self._lost, 0
                structlog.get_logger("mirror.access").warning("access records lost", count=lost)

    async def aclose(self, patience: float = 5.0) -> None:
        """Stop `run` and write what is left, as far as that goes within `patience` seconds. May be called again."""
        self._closing = True
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.flush()

    def _put(self, batch: list[AccessRecord]) -> int:
        return self._write(self._render(batch))
