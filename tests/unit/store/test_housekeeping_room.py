"""Room is made before it is taken: bytes by their bounds, and files where the file system runs out of those first."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Ingest
from tests.support.caches import ENDLESS, blob, published, room_of
from tests.support.houses import House, house_at

TOTAL = 10_000


class SmallDisk(Filesystem):
    """A disk of TOTAL bytes of which the blobs and what else is there take their part, and of so many files."""

    def __init__(self, root: Path, files: int = 0) -> None:
        self._root = root
        self._files = files
        self.others = 0  # bytes that somebody else has stored

    def space(self, directory: int) -> tuple[int, int]:
        taken = [path.stat().st_size for where in ("blobs/*/*", "ingest/*/data") for path in self._root.glob(where)]
        return TOTAL, TOTAL - sum(taken) - self.others

    def inodes(self, directory: int) -> tuple[int, int]:
        return self._files, self._files - len(list(self._root.glob("blobs/*/*")))


def _coming(house: House, number: int, size: int) -> Ingest:
    """An ingest that is told its size."""
    digest, _ = blob(number, size)
    ingest = Ingest(house.layout, digest, durable=False)
    house.keeping.busy.add(digest)
    ingest.expect(size)
    return ingest


def _bound(min_free: int, max_size: int = TOTAL) -> Room:
    return Room(max_size=lambda _: max_size, min_free=lambda _: min_free)


async def test_min_free_is_kept_before_a_blob_comes_not_after(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path)
    async with house_at(tmp_path, _bound(1000), disk) as house:
        house.put(*range(8), size=1000)
        ingest = _coming(house, 99, 2500)
        await house.keeping.reserve(ingest)
        _, free = disk.space(0)
        assert free - 2500 >= 1000
        assert set(published(tmp_path)) == {str(blob(number, 1000)[0]) for number in range(2, 8)}
        ingest.append(blob(99, 2500)[1])
        assert disk.space(0)[1] >= 1000
        ingest.abort()


async def test_max_size_is_kept_before_a_blob_comes_not_after(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(5000), SmallDisk(tmp_path)) as house:
        house.put(*range(5), size=1000)
        ingest = _coming(house, 99, 1000)
        await house.keeping.reserve(ingest)
        assert house.keeping.size + 1000 <= 5000
        ingest.abort()


async def test_what_cannot_be_stored_without_breaking_min_free_is_refused(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path)
    async with house_at(tmp_path, _bound(1000), disk) as house:
        disk.others = TOTAL - 2000
        ingest = _coming(house, 99, 1500)
        with pytest.raises(StoreFailed, match="min_free"):
            await house.keeping.reserve(ingest)
        disk.others = 0
        await house.keeping.reserve(ingest)  # as soon as there is room again
        ingest.abort()


async def test_two_downloads_do_not_get_the_same_room(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path)
    async with house_at(tmp_path, _bound(1000), disk) as house:
        first, second = _coming(house, 1, 5000), _coming(house, 2, 5000)
        await house.keeping.reserve(first)
        with pytest.raises(StoreFailed):
            await house.keeping.reserve(second)
        house.keeping.release(first.digest)
        first.abort()
        await house.keeping.reserve(second)
        second.abort()


async def test_nothing_goes_for_the_sake_of_what_is_too_large_to_stay(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(2000), SmallDisk(tmp_path)) as house:
        house.put(1, size=1000)
        ingest = _coming(house, 99, 5000)
        await house.keeping.reserve(ingest)
        assert house.keeping.evicted == 0
        ingest.abort()


async def test_what_is_whole_already_needs_no_room(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path)
    async with house_at(tmp_path, _bound(1000), disk) as house:
        ingest = _coming(house, 99, 100)
        ingest.append(blob(99, 100)[1])
        disk.others = TOTAL
        await house.keeping.reserve(ingest)
        ingest.abort()


class Immeasurable(Filesystem):
    def space(self, directory: int) -> tuple[int, int]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_a_disk_that_does_not_tell_its_room_keeps_nothing_out(tmp_path: Path) -> None:
    async with house_at(tmp_path, ENDLESS, Immeasurable()) as house:
        ingest = _coming(house, 99, 100)
        await house.keeping.reserve(ingest)
        ingest.abort()


async def test_a_file_system_that_runs_out_of_files_has_the_oldest_evicted(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path, files=40)
    async with house_at(tmp_path, ENDLESS, disk) as house:
        house.put(*range(35), size=10)
        await house.keeping.evict()
        assert len(published(tmp_path)) == 30  # a quarter stays free
        assert str(blob(0, 10)[0]) not in published(tmp_path)


async def test_evictions_at_the_same_time_take_no_more_than_one(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        house.put(*range(12))
        freed = await asyncio.gather(house.keeping.evict(), house.keeping.evict())
        assert (len(published(tmp_path)), house.keeping.size, house.keeping.evicted) == (9, 900, 300)
        assert max(freed) == 300


async def test_what_has_room_is_what_nothing_has_to_go_for(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        assert house.keeping.room == 1000
        house.put(*range(6))
        assert house.keeping.room == 400
        house.put(*range(6, 12))
        assert house.keeping.room == 0
