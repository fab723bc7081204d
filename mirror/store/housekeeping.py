"""How much is stored and how much may be: last uses are noted, and what was used longest ago goes in time.

What fails here is tried again in the next round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.store.choice import Choice, Demand, Going, Why
from mirror.store.databases import LOSSES, Databases
from mirror.store.elsewhere import look
from mirror.store.eviction import Room, Space, excess, left, missing_files, overrun, too_large_for, victims
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from mirror.store.leases import Leases
from mirror.store.parts import Part, give_up, parts
from mirror.store.removal import Removal
from mirror.store.reservations import Reservations

_PATIENCE = 60.0  # seconds for an eviction that another process is at

_log = logging.getLogger(__name__)


class Housekeeping:
    """`size`: bytes of all blobs, as far as known. `evicted`: bytes that had to go. `busy`: never evicted.

    Of several processes one keeps house, and each makes the room that it needs: one of them at a time.
    """

    def __init__(self, layout: Layout, databases: Databases, removal: Removal, room: Room, leases: Leases) -> None:
        self._layout = layout
        self._databases = databases
        self._removal = removal
        self._room = room
        self._used: dict[str, float] = {}
        self._stored = 0  # bytes, ever
        self._measured = 0  # of them, when `size` was last added up
        self._leftovers = 0  # bytes of parts that nobody holds, when they were last looked at
        self._evicting = asyncio.Lock()
        self._leases = leases
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

    @property
    def room(self) -> int:
        """Bytes that can still be stored with nothing evicted for them; 0 when that cannot be told just now."""
        try:
            return left(self._space(), self._room)
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
        """Hand to the writer what `used` has collected, and which images were pulled."""
        self._removal.note_pulls()
        if self._used:
            uses, self._used = self._used, {}
            self._databases.write_index.submit(lambda index: index.touch(uses))

    async def measure(self) -> None:
        """Add up what is stored. Raises one of LOSSES."""
        await self._databases.flush()
        self._measured = before = self._stored
        measured = await self._databases.on_thread(lambda index, _: index.size())
        self.size = measured + self._stored - before

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
            async with self._evicting, self._leases.hold("evict", _PATIENCE):
                await self._keep_bounds()
        except StoreFailed as error:
            _log.warning("eviction left off: %s", error)
        except LOSSES as error:
            _log.warning("the cache could not be brought within its bounds: %s", error)
        if self.evicted > before:
            _log.info("evicted %d bytes to make room", self.evicted - before)
        return self.evicted - before

    async def remove(self, blobs: Iterable[tuple[str, int]]) -> int:
        """Let these go, but for what is being fetched or read; bytes that went. Raises StoreFailed."""
        removed: list[int] = []

        def count(size: int, was_there: bool) -> None:
            self.size -= size
            removed.append(size if was_there else 0)

        async with self._evicting:
            going = [Going(Why.LOOSE, (blob,)) for blob in blobs]
            await self._removal.carry_out(going, self._busy, count)
        return sum(removed)

    async def plan(self, target: int | None) -> Choice:
        """What `collect` would do; nothing is changed. Raises one of LOSSES."""
        await self._look()
        large, demand = await self._wanted(target)
        choice = await self._removal.choose(demand, self._busy)
        return replace(choice, going=(*large, *choice.going))

    async def collect(self, target: int | None) -> tuple[Choice, int]:
        """Bring the cache within its bounds, or down to `target` bytes; what was chosen and went, and its bytes.

        What is being fetched or read stays, and what is pinned. May be cancelled, and then leaves off in the middle.
        Raises StoreFailed, or one of LOSSES.
        """
        before = self.evicted
        async with self._evicting, self._leases.hold("evict", _PATIENCE):
            await self._look()
            choice = await self._let_go(target)
        return choice, self.evicted - before

    async def _has_room(self, ingest: Ingest) -> bool:
        total, _ = self._layout.space()
        if ingest.total == ingest.offset:
            return True
        await self._look_elsewhere()
        if (ingest.total or 0) <= too_large_for(self._room, total) and self._excess():
            await self.evict()
        return self._layout.space()[1] - self._reservations.outstanding >= self._room.min_free(total)

    async def _look_elsewhere(self) -> None:
        if self._layout.tenancy.is_shared:
            own = frozenset(self.busy)
            self._reservations.elsewhere = await self._databases.on_thread(lambda *_: look(self._layout, own))

    async def _keep_bounds(self) -> None:
        leftovers = await self._find_leftovers()
        if self._stored != self._measured or self._layout.tenancy.is_shared or self._excess():
            self.note_uses()
            await self.measure()
        if self._excess():
            await self._make_room(leftovers)
        if files := missing_files(*self._layout.filesystem.inodes(self._layout.directory)):
            await self._removal.let_go(Demand(0, files), self._busy, self._removed)

    def _excess(self, freed: int = 0) -> int:
        """Bytes that have to go once so many have gone."""
        return min(excess(self._space(freed), self._room), self.size + self._leftovers - freed)

    def _space(self, freed: int = 0) -> Space:
        """How things stand once everything has come that is under way, and so much has gone."""
        total, free = self._layout.space()
        coming = self._reservations.whole(too_large_for(self._room, total))
        stored = self.size + self._leftovers + coming - freed
        return Space(stored, total, free - self._reservations.outstanding + freed)

    def _busy(self) -> frozenset[Digest]:
        return self._reservations.elsewhere.digests.union(self.busy)

    async def _find_leftovers(self) -> list[Part]:
        await self._look_elsewhere()
        busy = self._busy()  # as it is before they are looked for, and after: nobody is to be overlooked
        found = await self._databases.on_thread(lambda *_: parts(self._layout))
        leftovers = [part for part in found if part.digest not in busy | self._busy()]
        self._leftovers = sum(part.size for part in leftovers)
        return leftovers

    async def _make_room(self, leftovers: list[Part]) -> None:
        """Let parts go that nobody holds, then blobs that cannot stay in any case, then what is chosen.

        Each only as far as it is still needed: no blob goes for the sake of a part, or of one that is too large.
        """
        needed = self._excess()
        freed = await self._databases.on_thread(lambda *_: give_up(self._layout, leftovers, needed))
        self._leftovers -= freed
        self.evicted += freed
        choice = await self._let_go(None)
        if choice.lacking:
            _log.warning(
                "%d bytes more should go, but the rest is pinned, in use, or cannot be had again", choice.lacking
            )
        if unavoidable := sum(one.why is Why.UNAVOIDABLE for one in choice.going):
            _log.warning("%d went whose upstream cannot be asked just now: nothing else was left", unavoidable)

    async def _look(self) -> None:
        """Find out how things stand, with all that was noted before."""
        await self._find_leftovers()
        self.note_uses()
        await self.measure()

    async def _wanted(self, target: int | None) -> tuple[list[Going], Demand]:
        """What cannot stay in any case, and what has to go besides: to keep the bounds, or to get down to `target`."""
        total, _ = self._layout.space()
        candidates = await self._removal.too_large(too_large_for(self._room, total), self.limit, self._busy)
        large = victims(candidates, self._excess())
        freed = sum(size for _, size in large)
        needed = self._excess(freed) if target is None else max(self._space(freed).stored - target, 0)
        least = min(overrun(self._space(freed), self._room), needed)
        gone = frozenset(digest for digest, _ in large)
        return [Going(Why.TOO_LARGE, (one,)) for one in large], Demand(needed, least=least, gone=gone)

    async def _let_go(self, target: int | None) -> Choice:
        large, demand = await self._wanted(target)
        went = await self._removal.carry_out(large, self._busy, self._removed)
        choice = await self._removal.let_go(demand, self._busy, self._removed)
        return replace(choice, going=(*went, *choice.going))

    def _removed(self, size: int, was_there: bool) -> None:
        self.evicted += size if was_there else 0
        self.size -= size
