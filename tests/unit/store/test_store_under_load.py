"""What is slow holds up no stream, what is long ends when nobody waits for it, and a full disk is emptied at once."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Ingest
from mirror.store.rounds import Rounds
from mirror.store.store import Store
from mirror.tasks import end, spawn
from tests.support.caches import (
    ENDLESS,
    blob,
    content,
    data_of_the_ingest,
    descriptors,
    published,
    store_at,
    without_rounds,
)
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1, 5000)


class Hanging(Filesystem):
    """A disk that calls of one kind hang on until they are let go of, once `hangs` says which."""

    def __init__(self) -> None:
        self.hangs = ""
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def sync(self, descriptor: int) -> None:
        self._wait("sync")
        super().sync(descriptor)

    def remove(self, name: str, parent: int) -> bool:
        self._wait("remove")
        return super().remove(name, parent)

    def _wait(self, call: str) -> None:
        if call == self.hangs:
            self.begun.release()
            assert self.may_end.wait(30)


def _hang(store: Store, call: str, ingests: list[Ingest]) -> list[asyncio.Task[None]]:
    end_of = store.commit if call == "sync" else store.drop
    return [spawn(end_of(ingest), "end") for ingest in ingests]


@pytest.mark.parametrize("call", ["sync", "remove"])
async def test_while_all_that_is_slow_hangs_another_blob_streams_on(tmp_path: Path, call: str) -> None:
    disk = Hanging()
    async with store_at(tmp_path, filesystem=disk) as store:
        ingests = []
        for number in range(8):
            digest, data = blob(number, 1000)
            ingests.append(await store.begin(digest))
            await store.run(ingests[-1].append, data)
        disk.hangs = call
        try:
            ends = _hang(store, call, ingests)
            for _ in ends:
                assert await asyncio.to_thread(disk.begun.acquire, timeout=10)
            async with asyncio.timeout(10):
                ingest = await store.begin(blob(9)[0])
                await store.run(ingest.append, blob(9)[1])
        finally:
            disk.may_end.set()
        await asyncio.gather(*ends)
        await store.commit(ingest)
        assert await content(store, blob(9)[0]) == blob(9)[1]


class Endless(Filesystem):
    """A disk on which a part of a blob has no end: nobody would live to see it hashed again."""

    def __init__(self) -> None:
        self.is_read = threading.Event()

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        if size < 1024:
            return super().read(descriptor, size, offset)
        self.is_read.set()
        return b"x"


async def _left(root: Path) -> None:
    async with store_at(root) as store:
        ingest = await store.begin(DIGEST)
        await store.run(ingest.append, DATA[:1000])
        await store.leave(ingest)


async def _still_left(root: Path) -> None:
    assert descriptors(root) == []
    assert data_of_the_ingest(root).read_bytes() == DATA[:1000]
    async with store_at(root) as store:
        ingest = await store.begin(DIGEST)
        assert ingest.offset == 1000
        await store.run(ingest.append, DATA[1000:])
        await store.commit(ingest)
        assert await content(store, DIGEST) == DATA


async def test_closing_ends_the_hashing_of_a_part_that_stays(tmp_path: Path) -> None:
    await _left(tmp_path)
    disk = Endless()
    store = await Store.open(tmp_path, ENDLESS, filesystem=disk)
    beginning = spawn(store.begin(DIGEST), "begin")
    assert await asyncio.to_thread(disk.is_read.wait, 10)
    async with asyncio.timeout(10):
        await store.aclose()
        with pytest.raises(StoreFailed, match="being closed"):
            await beginning
    await _still_left(tmp_path)


async def test_cancelling_ends_the_hashing_of_a_part_that_stays(tmp_path: Path) -> None:
    await _left(tmp_path)
    disk = Endless()
    async with store_at(tmp_path, filesystem=disk) as store:
        beginning = spawn(store.begin(DIGEST), "begin")
        assert await asyncio.to_thread(disk.is_read.wait, 10)
        beginning.cancel()
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await beginning
    await _still_left(tmp_path)


class Filling(FaultyDisk):
    """A disk of a size, that others fill as well."""

    free = 10_000

    def space(self, directory: int) -> tuple[int, int]:
        return 10_000, self.free


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["put", "begin", "append"])
async def test_a_full_disk_is_emptied_at_once(tmp_path: Path, number: int, call: str) -> None:
    disk = Filling()
    resting = asyncio.Event()
    room = Room(max_size=lambda total: total, min_free=lambda _: 1000)
    async with store_at(tmp_path, room=room, filesystem=disk) as store:

        async def rest(_: float) -> None:
            resting.set()
            await store._pause.rest(600)

        await without_rounds(store)
        await store.put(DIGEST, DATA)
        ingest = await store.begin(blob(3)[0])
        keeping = spawn(_rounds(store).run(rest), "keep")
        await asyncio.wait_for(resting.wait(), 10)
        resting.clear()
        disk.free = 0
        disk.arm(0, Fault(number))
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "put": lambda: store.put(*blob(2)),
            "begin": lambda: store.begin(blob(2)[0]),
            "append": lambda: store.run(ingest.append, b"more"),
        }
        with pytest.raises(StoreFailed, match=os.strerror(number)):
            await calls[call]()
        await asyncio.wait_for(resting.wait(), 10)
        assert published(tmp_path) == []
        await store.drop(ingest)
        await end(keeping)


async def test_another_failure_of_the_disk_hurries_nobody(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with store_at(tmp_path, filesystem=disk) as store:
        await without_rounds(store)
        disk.arm(0, Fault(errno.EIO))
        with pytest.raises(StoreFailed):
            await store.put(DIGEST, DATA)
        resting = spawn(store._pause.rest(600), "rest")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not resting.done()
        await end(resting)


def _rounds(store: Store) -> Rounds:
    return Rounds(store._layout, store._databases, store.blobs.quarantine, store.house)
