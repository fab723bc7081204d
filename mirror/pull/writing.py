"""Pieces on their way to the disk: written in their order by one thread at a time, while the wire brings the next ones.

Knows neither where they come from, nor what is done when the disk does not take them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from mirror.errors import StoreFailed
from mirror.store.ingest import Ingest
from mirror.store.store import Store
from mirror.tasks import outlast

_BEHIND = 1024 * 1024  # bytes that may wait for the thread; beyond them the wire does


class Writing:
    """What `ingest` is given. `grown` is called on the loop's thread with its offset, after each piece.

    Whoever ends the ingest awaits `still` before: a thread may be writing to it.
    """

    def __init__(self, ingest: Ingest, store: Store, grown: Callable[[int], None]) -> None:
        self.offset = ingest.offset  # with what is still on its way
        self._ingest = ingest
        self._store = store
        self._grown = grown
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._job: asyncio.Future[None] | None = None  # the last one
        # What follows belongs to both threads.
        self._turn = threading.Lock()
        self._pieces: deque[bytes] = deque()
        self._works = False
        self._failure: StoreFailed | None = None

    async def put(self, piece: bytes) -> None:
        """The next bytes, of which up to a MiB is on its way when this returns. May be cancelled: they are taken.

        Raises StoreFailed when the disk did not take something before: `rest` is what it has not got, this included.
        """
        self.offset += len(piece)
        with self._turn:
            self._pieces.append(piece)
            begins = not self._works and self._failure is None
            self._works = self._works or begins
        if begins:
            self._job = self._store.start(self._write)
            self._job.add_done_callback(lambda _: self._moved.set())
        while self._works and self.offset - self._ingest.offset > _BEHIND:
            if self._job is not None and self._job.done():
                return self._job.result()  # it ended in the middle, by a fault of ours
            self._moved.clear()
            await self._moved.wait()  # bounded by the disk
        self._raise_failure()
        return None

    async def settle(self) -> None:
        """Wait until all of it is written. Raises StoreFailed as `put`. When cancelled it waits, then is."""
        await self.still()
        self._raise_failure()

    async def still(self) -> None:
        """Wait until no thread writes any more, whether or not that failed. When cancelled it waits, then is."""
        if self._job is not None:
            await outlast(self._job)

    def rest(self) -> list[bytes]:
        """The pieces that the disk has not got, in their order, once there was a failure."""
        return list(self._pieces)

    def _write(self) -> None:
        """In a thread: everything that waits, and what comes to wait meanwhile."""
        while (piece := self._next()) is not None:
            try:
                self._ingest.append(piece)
            except StoreFailed as error:
                with self._turn:
                    self._failure, self._works = error, False
                    self._pieces.appendleft(piece)
            self._loop.call_soon_threadsafe(self._has_grown, self._ingest.offset)

    def _next(self) -> bytes | None:
        with self._turn:
            self._works = bool(self._pieces) and self._failure is None
            return self._pieces.popleft() if self._works else None

    def _has_grown(self, offset: int) -> None:
        self._grown(offset)
        self._moved.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
