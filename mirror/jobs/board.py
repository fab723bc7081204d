"""What a job has to tell, as lines that change: whoever watches is told what has changed since they looked last.

Nothing is queued for a watcher, so one that is slow costs nothing, and one that comes late knows all. Knows no job.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """A line as it is now; `number` grows with every change of any line."""

    number: int
    key: str
    line: Mapping[str, Any]


class Board:
    """Lines by their keys, the one that changed last at the end."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, Change] = OrderedDict()
        self._number = 0
        self._news = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def write(self, key: str, **line: object) -> None:
        """This is what the line says from now on."""
        self._number += 1
        self._lines[key] = Change(self._number, key, line)
        self._lines.move_to_end(key)
        self._wake()

    def close(self) -> None:
        """Nothing will change any more."""
        self._closed = True
        self._wake()

    @property
    def closed(self) -> bool:
        """Whether nothing will change any more."""
        return self._closed

    def since(self, number: int) -> list[Change]:
        """What has changed after the change of this number, oldest first; 0 for all there is."""
        changes = []
        for change in reversed(self._lines.values()):
            if change.number <= number:
                break
            changes.append(change)
        return changes[::-1]

    async def wait(self, number: int, seconds: float) -> bool:
        """Wait until there is something after the change of this number, or nothing will be; whether that came in time.

        May be cancelled.
        """
        try:
            async with asyncio.timeout(seconds):
                while self._number <= number and not self._closed:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def over(self, seconds: float) -> bool:
        """Wait until nothing will change any more; whether that came in time. May be cancelled."""
        try:
            async with asyncio.timeout(seconds):
                while not self._closed:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
