"""The store as a whole: opens the rooms in their order, lends its threads, closes the rooms in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.databases import LOSSES, Databases
from mirror.store.eviction import Room
from mirror.store.facts import Facts
from mirror.store.filesystem import Filesystem
from mirror.store.freeze import FreezeNote
from mirror.store.housekeeping import Housekeeping, tell_of_a_fault
from mirror.store.ingest import Ingest, Stamp
from mirror.store.layout import Layout
from mirror.store.pause import Pause
from mirror.store.recovery import FAST, SAFE, make_again, take_over
from mirror.store.scrub import Scrub
from mirror.tasks import end, outlast, spawn

_THREADS = 8  # for what streams; the disk and the cores are busy with fewer
_SLOW_THREADS = 8  # for what may take as long as a sync, or a whole file: no stream is to wait behind it

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Store:
    """Content and facts of one cache directory. `await aclose()` ends it; a run that ends otherwise is noticed."""

    def __init__(self, layout: Layout, room: Room, durable: bool, on_corrupt: Callable[[Digest], None] | None) -> None:
        """Open the databases. Raises StoreFailed."""
        self._layout = layout
        self._durable = durable
        self.freeze_note = FreezeNote(layout)
        self._databases = databases = Databases(layout)
        self._threads = ThreadPoolExecutor(_THREADS, "store")
        self._slow_threads = ThreadPoolExecutor(_SLOW_THREADS, "store-slow")
        self.facts = Facts(databases.catalog, databases.index, databases.write_catalog, databases.write_index)
        self.blobs = Blobs(layout, databases.index, databases.write_index, self._slow_threads, on_corrupt)
        self._house = Housekeeping(layout, databases, self.blobs, room)
        self._pause = Pause()
        self._keeping: asyncio.Task[None] | None = None
        self._begun = False
        self._closing = False
        self._closed = False

    @classmethod
    async def open(
        cls,
        root: Path,
        room: Room,
        *,
        durable: bool = True,
        filesystem: Filesystem | None = None,
        on_corrupt: Callable[[Digest], None] | None = None,
    ) -> Self:
        """Open the cache at `root`. Raises StoreBusy when it is in use, StoreFailed when it cannot be used."""
        layout = Layout(root, filesystem or Filesystem())
        try:
            store = cls(layout, room, durable, on_corrupt)
        except BaseException:
            layout.close()
            raise
        try:
            await store._begin()
        except BaseException as error:
            await store._close()
            if isinstance(error, LOSSES):
                raise StoreFailed(f"the cache directory {root} cannot be used: {error}") from error
            raise
        return store

    async def aclose(self) -> None:
        """Write what is noted, close everything, and note that this was a tidy end. Harmless when repeated."""
        if self._closed:
            return
        self._closing = True
        if self._keeping is not None:
            await end(self._keeping)
        await self.blobs.aclose()
        self._house.note_uses()
        await self.flush()
        await self._close()

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return self._house.size

    @property
    def limit(self) -> int:
        """Bytes that the cache may hold on this file system; 0 when that cannot be told just now."""
        return self._house.limit

    @property
    def evicted(self) -> int:
        """Bytes that had to go."""
        return self._house.evicted

    @property
    def facts_lost(self) -> int:
        """Facts that could not be written down."""
        return self._databases.lost

    async def flush(self) -> None:
        """Wait until every fact noted so far is on disk, or lost."""
        await self._databases.flush()

    async def begin(self, digest: Digest) -> Ingest:
        """The ingest of a blob, its earlier bytes hashed again. Its caller ends it. Raises StoreBusy, StoreFailed.

        May be cancelled, and ends when the store is closed; an ingest that nobody gets is left as it was found.
        """
        opening = self._in_thread(self._threads, Ingest, self._layout, digest, self._durable)
        try:
            ingest = await outlast(opening)
        except asyncio.CancelledError:
            if opening.exception() is None:
                opening.result().leave()
            raise
        self._house.busy.add(digest)
        try:
            await self._take_up(ingest)
        except BaseException:
            await self.leave(ingest)
            raise
        return ingest

    async def expect(self, ingest: Ingest, total: int) -> None:
        """Note the size of the whole, and make room for the rest before it comes.

        Raises SizeMismatch, StoreFailed; also when `min_free` could not be kept whatever is evicted.
        """
        await self.run(ingest.expect, total)
        await self._house.reserve(ingest)

    async def commit(self, ingest: Ingest) -> None:
        """Publish a whole blob and trust it. Raises as `Ingest.commit`; the ingest is over either way.

        When cancelled it is done all the same.
        """
        try:
            await self._publish(ingest.digest, ingest.commit)
        finally:
            self._house.release(ingest.digest)

    async def leave(self, ingest: Ingest) -> None:
        """Let go of an ingest that is to be gone on with one day."""
        self._house.release(ingest.digest)
        await self.run(ingest.leave)

    async def drop(self, ingest: Ingest) -> None:
        """Let go of an ingest that nothing can come of."""
        self._house.release(ingest.digest)
        await outlast(self._in_thread(self._slow_threads, ingest.abort))

    async def put(self, digest: Digest, data: bytes) -> None:
        """Store a small blob in one go. Raises DigestMismatch, StoreBusy, StoreFailed. When cancelled it is done."""

        def written() -> Stamp | None:
            ingest = Ingest(self._layout, digest, self._durable)
            try:
                ingest.restart()
                ingest.append(data)
                return ingest.commit()
            finally:
                ingest.abort()

        await self._publish(digest, written)

    def used(self, digest: str, when: float) -> None:
        """Note that somebody was given this content, by the wall clock."""
        self._house.used(digest, when)

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Run a blocking call in a thread of the store. When cancelled it waits for the call's end, then is."""
        return await outlast(self._in_thread(self._threads, call, *arguments))

    def scrub(self) -> Scrub:
        """What looks for corrupt blobs. Whoever runs it ends that before the store."""
        return Scrub(self._layout, self._databases, self.blobs, lambda: self.size)

    async def evict(self) -> int:
        """Bring the cache within its bounds; bytes that went. What is being fetched stays, and what was used last."""
        return await self._house.evict()

    async def _take_up(self, ingest: Ingest) -> None:
        """Hash again what an earlier try left: a turn at a time, so that cancelling or closing ends it soon."""
        while ingest.is_behind:
            if self._closing:
                raise StoreFailed("the store is being closed")
            await outlast(self._in_thread(self._slow_threads, ingest.take_up))

    def _in_thread(self, threads: ThreadPoolExecutor, call: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        running = asyncio.get_running_loop().run_in_executor(threads, call, *arguments)
        running.add_done_callback(self._pause.look_at)
        return running

    async def _publish(self, digest: Digest, call: Callable[[], Stamp | None]) -> None:
        publishing = self._in_thread(self._slow_threads, call)
        publishing.add_done_callback(lambda done: self._published(digest, done))
        await outlast(publishing)

    def _published(self, digest: Digest, publishing: asyncio.Future[Stamp | None]) -> None:
        if publishing.exception() is None and (stamp := publishing.result()) is not None:
            self._house.stored(stamp.size)
            self.blobs.trusted(digest, stamp)

    async def _begin(self) -> None:
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        await self._databases.on_thread(lambda index, _: take_over(self._layout, index, booted))
        self._layout.begin(SAFE if self._durable else FAST)
        self._begun = True
        try:
            await self._databases.on_thread(make_again)
            await self._house.measure()
        except LOSSES as error:
            _log.warning("what the databases knew could not be brought together: %s", error)
        self._keeping = spawn(self._house.keep(self._pause.rest), "store:housekeeping")
        self._keeping.add_done_callback(tell_of_a_fault)

    async def _close(self) -> None:
        self._closed = True
        try:
            await self._databases.aclose()
        finally:
            await asyncio.to_thread(self._close_layout)

    def _close_layout(self) -> None:
        self._threads.shutdown()
        self._slow_threads.shutdown()
        try:
            if self._begun:
                with contextlib.suppress(OSError):
                    if not self._durable:
                        self._layout.sync_all()  # what no commit has synced, so that the next run may trust it
                    self._layout.end()
        finally:
            self._layout.close()
