"""What one receiver is yet to be told, in its order: tried again while it may help, and bounded. Knows no network."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

LARGEST = 1000  # notices that wait
LONGEST = 86400.0  # seconds after which a notice is given up
_FIRST, _LAST = 1.0, 300.0  # seconds between two tries

_log = logging.getLogger(__name__)


class Untold(Exception):
    """A receiver was not told. `final`: it never will be, of this. The message repeats nothing that it said."""

    def __init__(self, words: str, final: bool = False) -> None:
        self.final = final
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class World:
    """`now` is a clock in seconds, `pause` waits for so many, `jitter` a number from 0 to 1."""

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


_REAL = World()


class Outbox:
    """`give` tells the receiver, which is called `name` in the log, and raises Untold."""

    def __init__(self, name: str, give: Callable[[bytes], Awaitable[None]], world: World = _REAL) -> None:
        self._name = name
        self._give = give
        self._world = world
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.told = 0
        self.dropped = 0

    def put(self, body: bytes) -> None:
        """Have it told when its turn comes. Never waits; beyond what may wait, it is dropped."""
        if len(self._waiting) >= LARGEST:
            self._drop("too many wait already")
            return
        self._waiting.append((self._world.now(), body))
        self._empty.clear()
        self._news.set()

    async def run(self) -> None:
        """Tell what waits, one after the other, until cancelled."""
        while True:
            self._news.clear()
            while self._waiting:
                await self._tell(*self._waiting[0])
                self._waiting.popleft()
            self._empty.set()
            await self._news.wait()

    async def emptied(self, patience: float) -> None:
        """Wait until nothing waits, for so many seconds at the most."""
        try:
            async with asyncio.timeout(patience):
                await self._empty.wait()
        except TimeoutError:
            self.dropped += len(self._waiting)
            _log.warning("%s: %d notices were not delivered before the end", self._name, len(self._waiting))

    async def _tell(self, since: float, body: bytes) -> None:
        delay, tries = _FIRST, 0
        while True:
            tries += 1
            try:
                await self._give(body)
            except Untold as error:
                if error.final or self._world.now() - since > LONGEST:
                    self._drop(str(error))
                    return
                if tries == 1:
                    _log.warning("%s: a notice was not delivered, and will be tried again: %s", self._name, error)
            else:
                self.told += 1
                return
            await self._world.pause(delay * (0.5 + self._world.jitter()))
            delay = min(delay * 2, _LAST)

    def _drop(self, words: str) -> None:
        self.dropped += 1
        _log.error("%s: a notice was dropped: %s", self._name, words)
