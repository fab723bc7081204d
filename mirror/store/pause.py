"""The pause between two rounds of housekeeping, which a full disk cuts short. Knows not what a round does."""

from __future__ import annotations

import asyncio
import errno
from typing import TypeVar

from mirror.errors import StoreFailed
from mirror.tasks import within

_FULL = {errno.ENOSPC, errno.EDQUOT}

T = TypeVar("T")


class Pause:
    """One pause after the other; whoever is in a hurry while none is on has none of the next."""

    def __init__(self) -> None:
        self._hurried = asyncio.Event()

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until somebody is in a hurry."""
        await within(self._hurried, seconds)
        self._hurried.clear()

    def hurry(self) -> None:
        """Let the next round begin at once."""
        self._hurried.set()

    def look_at(self, done: asyncio.Future[T]) -> None:
        """Hurry if this call on the disk, which is over, found it full."""
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StoreFailed) and getattr(error.__cause__, "errno", None) in _FULL:
            self.hurry()
