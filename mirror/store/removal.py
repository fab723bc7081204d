"""Has chosen what goes, and lets it go: image by image, each from its manifest down. Knows no bounds.

A manifest goes before what it needs, so that what a crash or a failing disk leaves of an image is no image's any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.choice import Choice, Demand, Going, choose, still_going
from mirror.store.databases import Databases
from mirror.store.pull_notes import PullNotes
from mirror.store.readers import Readers

_BATCH = 16  # things that go before the rest is looked at again

Removed = Callable[[int, bool], None]


class Removal:
    """`unreachable` says of an upstream whether it cannot be asked just now. `readers`: what is being read."""

    def __init__(self, databases: Databases, blobs: Blobs, pulls: PullNotes) -> None:
        self._databases = databases
        self._blobs = blobs
        self._pulls = pulls
        self.readers = Readers()
        self.unreachable: Callable[[str], bool] = lambda _: False

    def note_pulls(self) -> None:
        """Hand the pulls to the writer that wait to be written down."""
        self._pulls.flush()

    async def choose(self, demand: Demand, busy: Iterable[Digest]) -> Choice:
        """What is to go, with all that was noted before. `busy`: what is being fetched. Raises one of LOSSES."""
        self._pulls.flush()
        await self._databases.flush()
        names = await self._databases.on_thread(lambda index, _: index.upstreams())
        demand = replace(
            demand,
            spared=frozenset(map(str, (*busy, *self.readers))),
            unreachable=frozenset(name for name in names if self.unreachable(name)),
        )
        return await self._databases.on_thread(lambda index, _: choose(index, demand))

    async def carry_out(
        self, going: Iterable[Going], busy: Callable[[], Iterable[Digest]], removed: Removed
    ) -> list[Going]:
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

    async def _still_going(self, batch: list[Going]) -> list[Going]:
        await self._databases.flush()
        return await self._databases.on_thread(lambda index, _: still_going(index, batch))

    def _is_asked_for(self, one: Going, busy: Callable[[], Iterable[Digest]]) -> bool:
        spared = {str(digest) for digest in (*busy(), *self.readers)}
        is_pulled = one.image is not None and self._pulls.is_waiting(one.image)
        return is_pulled or any(digest in spared for digest, _ in one.parts)

    async def _remove(self, one: Going, removed: Removed) -> None:
        if one.image is not None:
            self._pulls.forget(one.image)
        for name, size in one.parts:
            try:
                was_there = await self._blobs.delete(Digest.parse(name))
            except Malformed:
                was_there = False  # a row that no file can belong to
            removed(size, was_there)
