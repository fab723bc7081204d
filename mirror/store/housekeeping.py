"""What goes on behind the requests' backs: last uses are noted, the bounds are kept, leftovers are cleared away.

Nothing that fails here ends it: the next round tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from mirror.store.layout import Layout
from mirror.store.leftovers import clear_ingests, clear_quarantine
from mirror.store.parts import Part, give_up, parts
from mirror.store.recovery import reconcile

_ROUND = 5.0  # seconds between two looks at the bounds
_CLEARING = 120  # rounds between two clearings

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
        self._hurried = asyncio.Event()
        self._leftovers = 0  # bytes of parts that nobody holds, when they were last looked at
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

    def hurry(self) -> None:
        """Let the next round begin at once: the disk is full."""
        self._hurried.set()

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until somebody is in a hurry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()
        self._hurried.clear()

    async def keep(self, pause: Callable[[float], Awaitable[None]]) -> None:
        """Bring the index in line with the files, then keep house until cancelled. `pause` waits so many seconds."""
        await self.reconcile()
        for number in itertools.count():
            if number % _CLEARING == 0:
                await self.clear()
            await self.evict()
            await pause(_ROUND)
            self.note_uses()

    async def evict(self) -> int:
        """Bring the cache within its bounds; bytes that went. What is being fetched stays, and what was used last.

        May be cancelled, and then leaves off in the middle. What fails is logged: there is a next round.
        """
        before = self.evicted
        try:
            leftovers = await self._find_leftovers()
            if self._stored != self._measured or self._excess():
                self.note_uses()
                await self.measure()
            if self._excess():
                await self._make_room(leftovers)
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
            await self._databases.on_thread(lambda *_: clear_quarantine(self._layout))
            await self.measure()
        except LOSSES as error:
            _log.warning("leftovers could not be cleared away: %s", error)

    def _excess(self) -> int:
        total, free = self._layout.space()
        return excess(Space(self.size + self._leftovers, total, free), self._room)

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
