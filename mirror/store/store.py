"""The store as a whole: opens the rooms in their order, lends its threads, closes the rooms in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.siblings import Alone, Siblings
from mirror.store import opening
from mirror.store.blobs import Blobs
from mirror.store.databases import LOSSES, Databases
from mirror.store.elsewhere import Alongside
from mirror.store.eviction import Room
from mirror.store.facts import Facts
from mirror.store.filesystem import Filesystem
from mirror.store.freeze import FreezeNote
from mirror.store.hearsay import Hearsay
from mirror.store.housekeeping import Housekeeping
from mirror.store.image_facts import ImageFacts
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from mirror.store.leases import Leases
from mirror.store.pause import Pause
from mirror.store.place import Place
from mirror.store.publishing import Publishing, store_whole
from mirror.store.pull_notes import PullNotes
from mirror.store.readers import Readers
from mirror.store.removal import Removal
from mirror.store.rounds import Rounds, tell_of_a_fault
from mirror.store.scrub import Scrub
from mirror.store.tenancy import Tenancy
from mirror.store.threads import Threads
from mirror.tasks import end, outlast, spawn

_log = logging.getLogger(__name__)
_ALONE = Alone()
T = TypeVar("T")


class Store:
    """Content and facts of one cache directory. `await aclose()` ends it; a run that ends otherwise is noticed.

    `siblings`: the processes that share it. `leases`: what only one of them does at a time.
    """

    def __init__(
        self,
        entered: tuple[Layout, Databases],
        room: Room,
        durable: bool,
        siblings: Siblings,
    ) -> None:
        self._layout, self._databases = layout, databases = entered
        self._durable = durable
        self.siblings = siblings
        self.freeze_note = FreezeNote(layout)
        self._pause = Pause()
        self._threads = Threads(self._pause.look_at)
        self.alongside = Alongside(layout)
        self.leases = Leases(layout, siblings, databases.flush)
        self.facts = Facts(databases.catalog, databases.index, databases.write_catalog, databases.write_index)
        self.blobs = Blobs(layout, databases.index, databases.write_index, self._threads.slow)
        pulls = PullNotes(databases.write_index)
        self.removal = Removal(databases, self.blobs, pulls, Readers(siblings))
        self.house = Housekeeping(layout, databases, self.removal, room, self.leases)
        self.images = ImageFacts(databases, self.facts, pulls, self.house.remove)
        self.blobs.watch_gone(self.images.gone)
        hearsay = Hearsay(siblings, self.blobs, self.facts, self.house)
        self._publishing = Publishing(self._threads, self.house, self.blobs, hearsay)
        self._keeping: list[asyncio.Task[None]] = []
        self._closing = self._closed = False

    @classmethod
    async def open(
        cls,
        root: Path,
        room: Room,
        *,
        durable: bool = True,
        filesystem: Filesystem | None = None,
        siblings: Siblings = _ALONE,
    ) -> Self:
        """Open the cache at `root`. Raises StoreBusy when it is in use, StoreFailed when it cannot be used.

        `siblings` use it, too. Of them the one that begins has it open before the others get it.
        """
        entered = await opening.enter(root, filesystem or Filesystem(), Tenancy.of(siblings), durable)
        return await cls.of(entered, room, durable, siblings)

    @classmethod
    async def of(cls, entered: tuple[Layout, Databases], room: Room, durable: bool, siblings: Siblings) -> Self:
        """The same over what has been entered; when it raises, it has closed that."""
        store = cls(entered, room, durable, siblings)
        try:
            await store._begin()
        except BaseException:
            await store._close()
            raise
        return store

    async def aclose(self) -> None:
        """Write what is noted, close everything, and note that this was a tidy end. Harmless when repeated."""
        if self._closed:
            return
        self._closing = True
        await end(*self._keeping)
        await self.leases.aclose()
        await self.blobs.aclose()
        self.house.note_uses()
        await self.flush()
        await self._close()

    @property
    def is_sheltered(self) -> bool:
        """Whether the disk could not be used when it was opened, and still cannot."""
        return bool(self._layout.trouble)

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return self.house.size

    @property
    def limit(self) -> int:
        """Bytes that the cache may hold on this file system; 0 when that cannot be told just now."""
        return self.house.limit

    @property
    def room(self) -> int:
        """Bytes that can still be stored with nothing evicted for them; 0 when that cannot be told just now."""
        return self.house.room

    @property
    def evicted(self) -> int:
        """Bytes that had to go."""
        return self.house.evicted

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
        claiming = self._threads.begin(Ingest, self._layout, digest, self._durable)
        try:
            ingest = await outlast(claiming)
        except asyncio.CancelledError:
            if claiming.exception() is None:
                claiming.result().leave()
            raise
        self.house.busy.add(digest)
        try:
            await self._take_up(ingest)
        except BaseException:
            await self.leave(ingest)
            raise
        return ingest

    async def expect(self, ingest: Ingest, total: int) -> None:
        """Note the size of the whole, and make room for the rest before it comes. Raises SizeMismatch, StoreFailed."""
        ingest.expect(total)
        await self.house.reserve(ingest)

    async def commit(self, ingest: Ingest) -> None:
        """Publish a whole blob and trust it, also when cancelled. Raises as `Ingest.commit`; the ingest ends anyhow."""
        try:
            await self._publishing.publish(ingest.digest, ingest.commit)
        finally:
            self.house.release(ingest.digest)

    async def leave(self, ingest: Ingest) -> None:
        """Let go of an ingest that is to be gone on with one day."""
        self.house.release(ingest.digest)
        await self.run(ingest.leave)

    async def drop(self, ingest: Ingest) -> None:
        """Let go of an ingest that nothing can come of."""
        self.house.release(ingest.digest)
        await self._threads.run_slowly(ingest.abort)

    async def put(self, digest: Digest, data: bytes) -> None:
        """Store a small blob in one go. Raises DigestMismatch, StoreBusy, StoreFailed. When cancelled it is done."""
        await self._publishing.publish(digest, partial(store_whole, self._layout, digest, data, self._durable))

    def used(self, digest: str, when: float) -> None:
        """Note that somebody was given this content, by the wall clock."""
        self.house.used(digest, when)

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Run a blocking call in a thread of the store. When cancelled it waits for the call's end, then is."""
        return await self._threads.run(call, *arguments)

    def start(self, call: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """The same without waiting: that is for the caller, before what the call works on is closed."""
        return self._threads.begin(call, *arguments)

    def scrub(self, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> Scrub:
        """What looks for corrupt blobs, with these pauses. Whoever runs it ends that before the store."""
        return Scrub(self._layout, self._databases, self.blobs, lambda: self.size, pause)

    async def evict(self) -> int:
        """Bring the cache within its bounds; bytes that went. What is being fetched stays, and what was used last."""
        return await self.house.evict()

    async def _take_up(self, ingest: Ingest) -> None:
        """Hash again what an earlier try left: a turn at a time, so that cancelling or closing ends it soon."""
        while ingest.is_behind:
            if self._closing:
                raise StoreFailed("the store is being closed")
            await self._threads.run_slowly(ingest.take_up)

    async def _begin(self) -> None:
        try:
            await self.house.measure()
        except LOSSES as error:
            _log.warning("the cache could not be measured: %s", error)
        rounds = Rounds(self._layout, self._databases, self.blobs.quarantine, self.house)
        place = Place(self._layout, self._databases, self.leases, self._durable)
        self._keeping = [
            spawn(rounds.run(self._pause.rest), "store:housekeeping"),
            spawn(place.watch(rounds.reconcile), "store:place"),
        ]
        for task in self._keeping:
            task.add_done_callback(tell_of_a_fault)

    async def _close(self) -> None:
        self._closed = True
        try:
            await self._databases.aclose()
        finally:
            await asyncio.to_thread(self._close_layout)

    def _close_layout(self) -> None:
        self._threads.close()
        opening.finish(self._layout, self._durable)
