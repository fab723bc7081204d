"""Others who want the loop while something works for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mirror.tasks import end, spawn


class Others:
    """`turns`: how often they have had it."""

    def __init__(self) -> None:
        self.turns = 0

    async def go_on(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


@asynccontextmanager
async def others_beside() -> AsyncIterator[Others]:
    """They take each turn that they are given, until the end of this."""
    others = Others()
    task = spawn(others.go_on(), "others")
    try:
        yield others
    finally:
        await end(task)
