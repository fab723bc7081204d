"""The threads that a store lends for what blocks: some for what streams, others for what may take long.

A stream never waits behind a sync or the hashing of a whole file. Knows not what it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mirror.tasks import outlast

_THREADS = 8  # for what streams; the disk and the cores are busy with fewer
_SLOW_THREADS = 8  # for what may take as long as a sync, or a whole file

T = TypeVar("T")
Look = Callable[[asyncio.Future[Any]], None]


class Threads:
    """`look_at` is called with every call that is over. Ended by `close`."""

    def __init__(self, look_at: Look) -> None:
        self.slow = ThreadPoolExecutor(_SLOW_THREADS, "store-slow")
        self._quick = ThreadPoolExecutor(_THREADS, "store")
        self._look_at = look_at

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Run what takes about as long as a write. When cancelled it waits for the call's end, then is."""
        return await outlast(self.begin(call, *arguments))

    async def run_slowly(self, call: Callable[..., T], *arguments: object) -> T:
        """The same of what may take long."""
        return await outlast(self.begin_slowly(call, *arguments))

    def begin(self, call: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """The same for a caller who waits for it."""
        return self._in(self._quick, call, *arguments)

    def begin_slowly(self, call: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """The same of what may take long."""
        return self._in(self.slow, call, *arguments)

    def close(self) -> None:
        """Wait for what is running. Blocks."""
        self._quick.shutdown()
        self.slow.shutdown()

    def _in(self, threads: ThreadPoolExecutor, call: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        running = asyncio.get_running_loop().run_in_executor(threads, call, *arguments)
        running.add_done_callback(self._look_at)
        return running
