"""Has chosen what goes, and lets it go: image by image, each from its manifest down. Knows no bounds.

A manifest goes before what it needs, so that what a crash or a failing disk leaves of an image is no image's any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.choice import Choice, Demand, Going, choose
from mirror.store.databases import Databases
from mirror.store.pull_notes import PullNotes
from mirror.store.readers import Readers

Removed = Callable[[int, bool], None]


class Removal:
    """`unreachable` says of an upstream whether it cannot be asked just now. `readers`: what is being read."""

    def __init__(self, databases: Databases, blobs: Blobs, pulls: PullNotes) -> None:
        self._databases = databases
        self._blobs = blobs
        self._pulls = pulls
        self.readers = Readers()
        self.unreachable: Callable[[str], bool] = lambda _: False

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

    async def carry_out(self, going: Iterable[Going], busy: Callable[[], Iterable[Digest]], removed: Removed) -> None:
        """Let them go, but for what was asked for meanwhile; `removed` hears of each blob, and whether it was there.

        Raises StoreFailed at the first that stays. May be cancelled, and then leaves off in the middle.
        """
        for one in going:
            spared = {str(digest) for digest in (*busy(), *self.readers)}
            if (one.image is not None and self._pulls.is_waiting(one.image)) or any(d in spared for d, _ in one.parts):
                continue
            if one.image is not None:
                self._pulls.forget(one.image)
            for name, size in one.parts:
                try:
                    was_there = await self._blobs.delete(Digest.parse(name))
                except Malformed:
                    was_there = False  # a row that no file can belong to
                removed(size, was_there)
