"""Pauses between the rounds of what goes on for ever: they last until the test says so, however long they are to be."""

from __future__ import annotations

import asyncio


class Pauses:
    """`seconds`: how long each was to be."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun: asyncio.Queue[None] = asyncio.Queue()
        self._may_end: asyncio.Queue[None] = asyncio.Queue()

    async def pause(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._begun.put_nowait(None)
        await self._may_end.get()

    async def next(self) -> None:
        """Wait for the next one to begin: a round is over."""
        async with asyncio.timeout(60):
            await self._begun.get()

    def go_on(self) -> None:
        """Let one end."""
        self._may_end.put_nowait(None)
