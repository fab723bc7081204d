"""Has chosen what goes, and lets it go: image by image, each from its manifest down. Knows no bounds.

A manifest goes before what it needs, so that what a crash or a failing disk leaves of an image is no image's any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.choice import Choice, Demand, Going, is_out_of_reach, larger_than, still_going
from mirror.store.choosing import Choosing
from mirror.store.databases import Databases
from mirror.store.index import Index
from mirror.store.pull_notes import PullNotes
from mirror.store.ranking import forget_ghosts
from mirror.store.readers import Readers

_BATCH = 16  # things that go before the rest is looked at again

Busy = Callable[[], Iterable[Digest]]
Removed = Callable[[int, bool], None]


def everybody(_: str) -> bool:
    """No upstream can be asked, as far as one knows who has asked none."""
    return True


class Removal:
    """`unreachable` says of an upstream whether it cannot be asked just now. `readers`: what is being read."""

    def __init__(self, databases: Databases, blobs: Blobs, pulls: PullNotes, readers: Readers) -> None:
        self._databases = databases
        self._blobs = blobs
        self._pulls = pulls
        self.readers = readers
        self.unreachable: Callable[[str], bool] = lambda _: False

    def note_pulls(self) -> None:
        """Hand the pulls to the writer that wait to be written down."""
        self._pulls.flush()

    async def choose(self, demand: Demand, busy: Busy) -> Choice:
        """What is to go, with all that was noted before. `busy`: what is being fetched. Raises one of LOSSES."""
        choosing = await self._choosing(demand, busy)
        going: list[Going] = []
        while not choosing.is_over:
            going += await self._databases.on_thread(lambda *_: choosing.next())
        return choosing.chosen(going)

    async def let_go(self, demand: Demand, busy: Busy, removed: Removed) -> Choice:
        """Choose, and let it go, a little at a time; what went. Hears and raises as `carry_out`. May be cancelled."""
        choosing = await self._choosing(demand, busy)
        went: list[Going] = []
        while not choosing.is_over:
            batch = await self._databases.on_thread(lambda *_: choosing.next(_BATCH))
            gone = await self.carry_out(batch, busy, removed)
            for one in batch:
                if one not in gone:
                    choosing.keep(one)
            went += gone
        now = time.time()
        self._databases.write_index.submit(lambda index: forget_ghosts(index, now))
        return choosing.chosen(went)

    async def carry_out(self, going: Iterable[Going], busy: Busy, removed: Removed) -> list[Going]:
        """Let them go, but for what was asked for meanwhile; what went. `removed` hears of each blob, and whether it
        was there.

        Looks at each again before it goes: removing thousands takes a while, in which images are pulled that need some.
        Raises StoreFailed at the first that stays, or one of LOSSES. May be cancelled, and then leaves off in the
        middle.
        """
        went: list[Going] = []
        waiting = [*going]
        while waiting:
            sure = await self._still_going(waiting[:_BATCH])
            del waiting[:_BATCH]
            for number, one in enumerate(sure, 1):
                if self._is_asked_for(one, busy):
                    waiting[:0] = sure[number:]  # which may need what stays
                    break
                await self._remove(one, removed)
                went.append(one)
        return went

    async def too_large(self, beyond: int, bound: int, busy: Busy) -> list[tuple[str, int]]:
        """Digests and sizes of what has more bytes and may go, the largest first. Raises one of LOSSES.

        What could not be had again just now is only among them where it is larger than `bound`, and so cannot stay.
        """
        unreachable = await self._unreachable()
        being_fetched = _names(busy())

        def may_go(index: Index, digest: str, size: int) -> bool:
            if digest in being_fetched or digest in self.readers:
                return False
            return size > bound or not is_out_of_reach(index, digest, unreachable)

        return await self._databases.on_thread(
            lambda index, _: [one for one in larger_than(index, beyond) if may_go(index, *one)]
        )

    async def _choosing(self, demand: Demand, busy: Busy) -> Choosing:
        self._pulls.flush()
        await self._databases.flush()
        spared = (_names(busy()), self.readers)
        demand = replace(demand, spared=spared, unreachable=await self._unreachable())
        return await self._databases.on_thread(lambda index, _: Choosing(index, demand))

    async def _unreachable(self) -> frozenset[str]:
        names = await self._databases.on_thread(lambda index, _: index.upstreams())
        return frozenset(name for name in names if self.unreachable(name))

    async def _still_going(self, batch: list[Going]) -> list[Going]:
        await self._databases.flush()
        return await self._databases.on_thread(lambda index, _: still_going(index, batch))

    def _is_asked_for(self, one: Going, busy: Busy) -> bool:
        if one.image is not None and self._pulls.is_waiting(one.image):
            return True
        being_fetched = _names(busy())
        return any(digest in being_fetched or digest in self.readers for digest, _ in one.parts)

    async def _remove(self, one: Going, removed: Removed) -> None:
        if one.image is not None:
            self._pulls.forget(one.image)
        for name, size in one.parts:
            try:
                was_there = await self._blobs.delete(Digest.parse(name))
            except Malformed:
                was_there = False  # a row that no file can belong to
            removed(size, was_there)


def _names(digests: Iterable[Digest]) -> frozenset[str]:
    return frozenset(map(str, digests))
