"""What can be done to a store while its disk fails at every call in turn, and what must hold after that (S6)."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mirror.errors import DigestMismatch, StoreError
from mirror.oci.digest import Digest
from mirror.store.eviction import Room
from mirror.store.leftovers import clear_ingests
from mirror.store.store import Store
from tests.support.caches import (
    blob,
    content,
    descriptors,
    false_blobs,
    flip,
    layout_at,
    path_of,
    published,
    store_at,
    under_way,
    without_rounds,
)
from tests.support.faulty_disk import Fault, FaultyDisk, Killed

DIGEST, DATA = blob(1, 3000)
OTHER, OTHER_DATA = blob(2, 2000)
_OURS = {"version", "lock", "blobs", "ingest", "quarantine", "catalog", "index"}


class Bound:
    """A room whose bound a test moves."""

    def __init__(self) -> None:
        self.size = 1 << 40

    @property
    def room(self) -> Room:
        return Room(max_size=lambda _: self.size, min_free=lambda _: 0)


@dataclass(frozen=True, slots=True)
class Work:
    """Something to do with a store, and how its directory is before."""

    name: str
    do: Callable[[Store, Bound], Awaitable[object]]
    prepare: Callable[[Store], Awaitable[object]] | None = None
    spoil: Callable[[Path], object] | None = None


async def _put(store: Store, _: Bound) -> None:
    await store.put(DIGEST, DATA)


async def _fetch(store: Store, _: Bound) -> None:
    ingest = await store.begin(DIGEST)
    try:
        await store.run(ingest.expect, len(DATA))
        for start in range(ingest.offset, len(DATA), 1000):
            await store.run(ingest.append, DATA[start : start + 1000])
    except BaseException:
        with contextlib.suppress(Killed):  # its descriptors are closed all the same, as those of a dead process are
            await store.drop(ingest)
        raise
    await store.commit(ingest)


async def _wide(store: Store, _: Bound) -> None:
    """As a fetch over two connections: what the second one brings comes before its turn, and is taken over in it."""
    ingest = await store.begin(DIGEST)
    runs = ingest.runs()
    try:
        ingest.expect(len(DATA))
        left = [run.end for run in await store.run(runs.found, ingest.offset, len(DATA))]
        if ingest.offset < 1000:
            await store.run(ingest.append, DATA[ingest.offset : 1000])
        if not left and ingest.offset < 2000:
            ahead = await store.run(runs.begin, 2000)
            for start in (2000, 2500):
                await store.run(ahead.append, DATA[start : start + 500])
            await store.run(ingest.append, DATA[ingest.offset : 2000])
            await store.run(ingest.append, await store.run(ahead.read, 2000, 1000))
            await store.run(runs.remove, ahead)
        else:
            await store.run(ingest.append, DATA[ingest.offset :])
    except BaseException:
        with contextlib.suppress(Killed):
            await store.drop(ingest)
        raise
    finally:
        runs.close()
    await store.commit(ingest)


async def _interrupted_wide(store: Store) -> None:
    """What a stop leaves of that: some of it, and something beyond."""
    ingest = await store.begin(DIGEST)
    runs = ingest.runs()
    ingest.expect(len(DATA))
    await store.run(ingest.append, DATA[:1500])
    await store.run((await store.run(runs.begin, 2000)).append, DATA[2000:2700])
    runs.close()
    await store.leave(ingest)


async def _interrupted(store: Store, _: Bound | None = None) -> None:
    ingest = await store.begin(DIGEST)
    try:
        await store.run(ingest.expect, len(DATA))
        await store.run(ingest.append, DATA[:1000])
    finally:
        await store.leave(ingest)


async def _both(store: Store) -> None:
    await store.put(OTHER, OTHER_DATA)
    await store.put(DIGEST, DATA)


async def _evict(store: Store, bound: Bound) -> None:
    bound.size = 2500
    await store.evict()


async def _put_aside(store: Store, _: Bound) -> None:
    if await content(store, DIGEST) is None:
        await store.put(DIGEST, DATA)


WORKS = [
    Work("put", _put),
    Work("put what is there", _put, prepare=_both),
    Work("fetch", _fetch),
    Work("break off", _interrupted),
    Work("go on", _fetch, prepare=_interrupted),
    Work("put in place of a part", _put, prepare=_interrupted),
    Work("fetch, some of it ahead", _wide),
    Work("go on with what lies ahead", _wide, prepare=_interrupted_wide),
    Work("evict", _evict, prepare=_both),
    Work("put aside", _put_aside, prepare=_both, spoil=lambda root: flip(path_of(root, DIGEST))),
]


class Sweep:
    """One piece of work, done again and again from the same beginning."""

    def __init__(self, work: Work, home: Path, durable: bool = True) -> None:
        self.work = work
        self.durable = durable
        self._origin = home / "origin"
        self._home = home

    async def count(self, disk: FaultyDisk) -> int:
        """How many calls there are to fail at. Prepares the beginning."""
        async with store_at(self._origin, durable=self.durable) as store:
            if self.work.prepare is not None:
                await self.work.prepare(store)
        if self.work.spoil is not None:
            self.work.spoil(self._origin)
        with self.begin() as root:
            store = await self._opened(root, disk)
            disk.disarm()
            await self.work.do(store, self._bound)
            calls = len(disk.trace)
            await store.aclose()
        return calls

    @contextlib.contextmanager
    def begin(self) -> Iterator[Path]:
        """A copy of the beginning."""
        root = self._home / "copy"
        shutil.copytree(self._origin, root)
        try:
            yield root
        finally:
            shutil.rmtree(root)

    async def strike(self, root: Path, disk: FaultyDisk, at: int, fault: Fault) -> Store:
        """Do the work on a disk that fails at that call. The store is the caller's to close."""
        store = await self._opened(root, disk)
        disk.arm(at, fault)
        with contextlib.suppress(StoreError, Killed):
            await self.work.do(store, self._bound)
        self._bound.size = 1 << 40
        return store

    async def _opened(self, root: Path, disk: FaultyDisk) -> Store:
        self._bound = Bound()
        store = await Store.open(root, self._bound.room, durable=self.durable, filesystem=disk)
        await without_rounds(store)  # they would make calls between those that are counted
        return store


async def close_dead(store: Store) -> None:
    """Close what a dead process had open: the kernel does that too."""
    with contextlib.suppress(Killed):
        await store.aclose()


async def check(root: Path, *, bytes_lost: bool = False) -> None:
    """S6: the whole blob, or an ingest that can be gone on with, or nothing; and the next fetch succeeds.

    `bytes_lost`: the power failed, so that what was not synced may be anything; then it must be noticed.
    """
    assert descriptors(root) == []
    async with store_at(root) as store:
        for digest, data in ((DIGEST, DATA), (OTHER, OTHER_DATA)):
            assert await content(store, digest) in (data, None)
        assert false_blobs(root) == []
        await _finish(store, bytes_lost)
        await store.put(OTHER, OTHER_DATA)
        assert await content(store, DIGEST) == DATA
        assert await content(store, OTHER) == OTHER_DATA
    with layout_at(root) as layout:
        clear_ingests(layout, time.time() + 120)  # as housekeeping does after a while
    assert set(published(root)) == {str(DIGEST), str(OTHER)}
    assert under_way(root) == []
    assert set(os.listdir(root)) == _OURS
    assert descriptors(root) == []


async def _finish(store: Store, bytes_lost: bool) -> None:
    """Go on with what is there of the blob; where that comes to nothing for lost bytes, fetch it again."""
    if await content(store, DIGEST) is not None:
        return
    ingest = await store.begin(DIGEST)
    assert ingest.offset <= len(DATA)
    await store.run(ingest.append, DATA[ingest.offset :])
    try:
        await store.commit(ingest)
    except DigestMismatch:
        assert bytes_lost
        await store.put(Digest.of(DATA), DATA)
