"""What goes on behind the requests' backs: last uses are noted, the bounds are kept, leftovers are cleared away.

Nothing that fails here ends it: the next round tries again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from mirror.errors import Malformed, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.catalog import Catalog
from mirror.store.databases import LOSSES, Databases
from mirror.store.eviction import Room, Space, excess, too_large_for, victims
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from mirror.store.leftovers import clear_ingests
from mirror.store.parts import Part, give_up, parts
from mirror.store.recovery import reconcile
from mirror.store.reservations import Reservations

_ROUND = 5.0  # seconds between two looks at the bounds
_CLEARING = 120  # rounds between two clearings
_SPARE_FILES = 128  # inodes that stay free, or a quarter where there are few

_log = logging.getLogger(__name__)


class Housekeeping:
    """`size`: bytes of all blobs, as far as known. `evicted`: bytes that had to go. `busy`: never evicted."""

    def __init__(self, layout: Layout, databases: Databases, blobs: Blobs, room: Room) -> None:
        self._layout = layout
        self._databases = databases
        self._blobs = blobs
        self._room = room
        self._used: dict[str, float] = {}
        self._stored = 0  # bytes, ever
        self._measured = 0  # of them, when `size` was last added up
        self._leftovers = 0  # bytes of parts that nobody holds, when they were last looked at
        self._cleared = 0  # of the files ever quarantined, how many there were when they were last cleared
        self._evicting = asyncio.Lock()
        self._reservations = Reservations()
        self.busy: set[Digest] = set()
        self.size = 0
        self.evicted = 0

    @property
    def limit(self) -> int:
        """Bytes that the cache may hold on this file system; 0 when that cannot be told just now."""
        try:
            return self._room.max_size(self._layout.space()[0])
        except OSError:
            return 0

    def used(self, digest: str, when: float) -> None:
        """Note that somebody has just been given this content."""
        self._used[digest] = when

    def stored(self, size: int) -> None:
        """Note that so many bytes have just been published."""
        self._stored += size
        self.size += size

    def note_uses(self) -> None:
        """Hand what `used` has collected to the writer."""
        if self._used:
            uses, self._used = self._used, {}
            self._databases.write_index.submit(lambda index: index.touch(uses))

    async def measure(self) -> None:
        """Add up what is stored. Raises one of LOSSES."""
        await self._databases.flush()
        self._measured = before = self._stored
        measured = await self._databases.on_thread(lambda index, _: index.size())
        self.size = measured + self._stored - before

    async def keep(self, pause: Callable[[float], Awaitable[None]]) -> None:
        """Bring the index in line with the files, then keep house until cancelled. `pause` waits so many seconds."""
        await self.reconcile()
        for number in itertools.count():
            if number % _CLEARING == 0:
                await self.clear()
            elif self._blobs.quarantine.taken != self._cleared:
                await self.clear_quarantine()
            await self.evict()
            await pause(_ROUND)
            self.note_uses()

    async def reserve(self, ingest: Ingest) -> None:
        """Make room for the rest of an ingest before it comes. Raises StoreFailed when `min_free` cannot be kept then.

        What is too large to stay has nothing evicted for it.
        """
        self._reservations.hold(ingest)
        try:
            if await self._has_room(ingest):
                return
        except OSError:
            return  # a disk that does not tell how full it is will say so when it is
        self._reservations.release(ingest.digest)
        raise StoreFailed("a blob cannot be stored: with it, less than storage.min_free would stay free")

    def release(self, digest: Digest) -> None:
        """Count a blob no more among those that are under way."""
        self.busy.discard(digest)
        self._reservations.release(digest)

    async def evict(self) -> int:
        """Bring the cache within its bounds; bytes that went. What is being fetched stays, and what was used last.

        May be cancelled, and then leaves off in the middle. What fails is logged: there is a next round.
        """
        before = self.evicted
        try:
            async with self._evicting:
                await self._keep_bounds()
        except StoreFailed as error:
            _log.warning("eviction left off: %s", error)
        except LOSSES as error:
            _log.warning("the cache could not be brought within its bounds: %s", error)
        if self.evicted > before:
            _log.info("evicted %d bytes to make room", self.evicted - before)
        return self.evicted - before

    async def reconcile(self) -> None:
        """Bring the index in line with the files. May be cancelled, and then leaves off in the middle."""
        try:
            steps = await self._databases.on_thread(lambda index, _: reconcile(self._layout, index))
            while await self._databases.on_thread(lambda *_: next(steps, None)) is not None:
                pass
            await self.measure()
        except LOSSES as error:
            _log.warning("the index could not be brought in line with the files: %s", error)

    async def clear(self) -> None:
        """Remove what has run out, and what nobody will come back for. May be cancelled."""
        self._databases.write_catalog.submit(Catalog.expire)
        try:
            await self._databases.on_thread(lambda *_: clear_ingests(self._layout, time.time()))
            await self.measure()
        except LOSSES as error:
            _log.warning("leftovers could not be cleared away: %s", error)
        await self.clear_quarantine()

    async def clear_quarantine(self) -> None:
        """Keep the quarantine within its bounds. May be cancelled."""
        quarantine = self._blobs.quarantine
        self._cleared = quarantine.taken
        try:
            await self._databases.on_thread(lambda *_: quarantine.clear(time.time()))
        except LOSSES as error:
            _log.warning("the quarantine could not be cleared: %s", error)

    async def _has_room(self, ingest: Ingest) -> bool:
        total, _ = self._layout.space()
        if ingest.total == ingest.offset:
            return True
        if (ingest.total or 0) <= too_large_for(self._room, total) and self._excess():
            await self.evict()
        return self._layout.space()[1] - self._reservations.outstanding >= self._room.min_free(total)

    async def _keep_bounds(self) -> None:
        leftovers = await self._find_leftovers()
        if self._stored != self._measured or self._excess():
            self.note_uses()
            await self.measure()
        if self._excess():
            await self._make_room(leftovers)
        if files := self._missing_files():
            await self._evict(self._oldest(files))

    def _excess(self) -> int:
        total, free = self._layout.space()
        coming = self._reservations.whole(too_large_for(self._room, total))
        stored = self.size + self._leftovers
        return min(excess(Space(stored + coming, total, free - self._reservations.outstanding), self._room), stored)

    def _missing_files(self) -> int:
        """How many files have to go so that new ones can be made: a file system may run out of them before bytes."""
        total, free = self._layout.filesystem.inodes(self._layout.directory)
        return max(min(_SPARE_FILES, total // 4) - free, 0) if total else 0

    def _oldest(self, count: int) -> list[tuple[str, int]]:
        busy = {str(digest) for digest in self.busy}
        return list(itertools.islice((row for row in self._databases.index.least_used() if row[0] not in busy), count))

    async def _find_leftovers(self) -> list[Part]:
        busy = frozenset(self.busy)  # as it is before they are looked for, and after: nobody is to be overlooked
        found = await self._databases.on_thread(lambda *_: parts(self._layout))
        leftovers = [part for part in found if part.digest not in busy | self.busy]
        self._leftovers = sum(part.size for part in leftovers)
        return leftovers

    async def _make_room(self, leftovers: list[Part]) -> None:
        """Let parts go that nobody holds, then blobs that cannot stay in any case, then what was used longest ago.

        Each only as far as it is still needed: no blob goes for the sake of a part, or of one that is too large.
        """
        needed = self._excess()
        freed = await self._databases.on_thread(lambda *_: give_up(self._layout, leftovers, needed))
        self._leftovers -= freed
        self.evicted += freed
        most = too_large_for(self._room, self._layout.space()[0])
        await self._evict(self._victims(await self._databases.on_thread(lambda index, _: index.larger_than(most))))
        await self._evict(self._victims(self._databases.index.least_used()))

    def _victims(self, candidates: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        busy = {str(digest) for digest in self.busy}
        return victims(candidates, self._excess(), busy.__contains__)

    async def _evict(self, chosen: list[tuple[str, int]]) -> None:
        """Remove these blobs. Raises StoreFailed at the first that stays."""
        for name, size in chosen:
            try:
                if await self._blobs.delete(Digest.parse(name)):
                    self.evicted += size
            except Malformed:
                continue  # a row that no file can belong to
            self.size -= size


def tell_of_a_fault(keeping: asyncio.Task[None]) -> None:
    """Say that housekeeping has ended by a fault of ours, which nobody waits for."""
    if not keeping.cancelled() and (fault := keeping.exception()) is not None:
        _log.error("housekeeping has ended: the cache will outgrow its bounds", exc_info=fault)
