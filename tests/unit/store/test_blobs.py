"""Stored blobs: opened when they are known to be whole, read through when they are not, put aside when they are bad."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.blobs import Blobs
from mirror.store.databases import Databases
from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Stamp
from mirror.tasks import end, spawn
from tests.support.caches import blob, flip, layout_at, path_of, published
from tests.support.houses import DATA, DIGEST, blobs_at, content_of


class ReadingDisk(Filesystem):
    """Counts the reads, which are those of verifications, and lets a test come between them."""

    def __init__(self) -> None:
        self.reads = 0
        self.opening: OSError | None = None
        self.reading: OSError | None = None
        self.removing: OSError | None = None
        self.begun = threading.Event()
        self.may_read = threading.Event()
        self.may_read.set()
        self.removal_begun = threading.Event()
        self.may_remove = threading.Event()
        self.may_remove.set()

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        if self.opening is not None:
            raise self.opening
        return super().open_to_read(name, parent)

    def remove(self, name: str, parent: int) -> bool:
        if self.removing is not None:
            raise self.removing
        self.removal_begun.set()
        assert self.may_remove.wait(10)
        return super().remove(name, parent)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        self.reads += 1
        self.begun.set()
        assert self.may_read.wait(10)
        if self.reading is not None:
            raise self.reading
        return super().read(descriptor, min(size, 1000), offset)


class OvertakenDisk(Filesystem):
    """On which another process puts a good copy in the place of a bad file, just before that is moved aside."""

    def __init__(self, fetched: Path, path: Path) -> None:
        self.moves = 0
        self._fetched = fetched
        self._path = path

    def move(self, name: str, parent: int, target: str, target_parent: int) -> None:
        self.moves += 1
        self._fetched.write_bytes(DATA)
        os.replace(self._fetched, self._path)
        super().move(name, parent, target, target_parent)


async def test_a_file_is_verified_once_for_all_who_ask(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        disk.may_read.clear()
        herd = [spawn(content_of(blobs), f"reader {number}") for number in range(20)]
        await asyncio.to_thread(disk.begun.wait, 10)
        disk.may_read.set()
        assert await asyncio.gather(*herd) == [DATA] * 20
        assert disk.reads == 6  # five thousand bytes and their end
        assert await content_of(blobs) == DATA
        assert disk.reads == 6


async def test_files_that_are_verified_at_once_are_each_read(tmp_path: Path) -> None:
    disk = ReadingDisk()
    other, data = blob(2, 3000)
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        path_of(tmp_path, other).write_bytes(data)
        flip(path_of(tmp_path, other))
        disk.may_read.clear()
        readers = [spawn(content_of(blobs), "reader"), spawn(blobs.open(other), "reader")]
        await asyncio.to_thread(disk.begun.wait, 10)
        disk.may_read.set()
        assert await asyncio.gather(*readers) == [DATA, None]
        assert heard == [other]


async def test_a_reader_that_leaves_does_not_stop_the_verification(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        disk.may_read.clear()
        first = spawn(content_of(blobs), "first")
        await asyncio.to_thread(disk.begun.wait, 10)
        await end(first)
        disk.may_read.set()
        assert await content_of(blobs) == DATA
        assert disk.reads == 6


async def test_what_was_verified_is_trusted_by_the_next_process(tmp_path: Path) -> None:
    async with blobs_at(tmp_path, Filesystem()) as (blobs, _):
        assert await content_of(blobs) == DATA
    stamp = Stamp.of(path_of(tmp_path, DIGEST).stat())
    disk = ReadingDisk()
    with layout_at(tmp_path, disk) as layout, ThreadPoolExecutor(1) as threads:
        databases = Databases(layout)
        assert databases.index.stamp(str(DIGEST)) == stamp
        disk.reads = 0
        assert await content_of(Blobs(layout, databases.index, databases.write_index, threads)) == DATA
        assert disk.reads == 0
        await databases.aclose()


async def test_without_an_index_each_process_verifies_once(tmp_path: Path) -> None:
    disk = ReadingDisk()
    with layout_at(tmp_path, disk) as layout, ThreadPoolExecutor(1) as threads:
        databases = Databases(layout)
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        databases.index.close()
        disk.reads = 0
        blobs = Blobs(layout, databases.index, databases.write_index, threads)
        for _ in range(3):
            assert await content_of(blobs) == DATA
        assert disk.reads == 6
        await databases.aclose()


async def test_what_is_noted_as_trusted_is_not_read(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        blobs.trusted(DIGEST, Stamp.of(path_of(tmp_path, DIGEST).stat()))
        assert await content_of(blobs) == DATA
        assert disk.reads == 0


async def test_a_blob_in_doubt_is_verified_before_it_is_served_again(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        for reads in (6, 12):
            blobs.doubt(DIGEST)
            assert await content_of(blobs) == DATA
            assert disk.reads == reads


@pytest.mark.parametrize("number", [errno.EIO, errno.EBADMSG, errno.EUCLEAN])
async def test_a_file_whose_bytes_the_medium_does_not_give_back_is_put_aside(tmp_path: Path, number: int) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        disk.reading = OSError(number, os.strerror(number))
        assert await content_of(blobs) is None
        assert (published(tmp_path), heard) == ([], [DIGEST])


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EINTR])
@pytest.mark.parametrize("call", ["opening", "reading"])
async def test_trouble_that_may_pass_is_an_error_and_the_file_stays(tmp_path: Path, number: int, call: str) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        setattr(disk, call, OSError(number, os.strerror(number)))
        with pytest.raises(StoreFailed, match=os.strerror(number)):
            await content_of(blobs)
        setattr(disk, call, None)
        assert await content_of(blobs) == DATA
        assert heard == []


async def test_a_disk_that_opens_no_file_at_all_is_an_error_and_the_file_stays(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        disk.opening = OSError(errno.EIO, os.strerror(errno.EIO))
        with pytest.raises(StoreFailed):
            await content_of(blobs)
        disk.opening = None
        assert await content_of(blobs) == DATA


async def test_a_file_that_vanishes_while_it_waits_for_its_verification_is_a_miss(tmp_path: Path) -> None:
    class Vanishing(Filesystem):
        opened = 0

        def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
            self.opened += 1
            if self.opened == 2:
                self.remove(name, parent)
            return super().open_to_read(name, parent)

    async with blobs_at(tmp_path, Vanishing()) as (blobs, heard):
        assert await content_of(blobs) is None
        assert heard == []


class Restless(Filesystem):
    """A disk on which somebody touches the blob so often, each time between its verification and its opening."""

    def __init__(self, path: Path, times: int) -> None:
        self.path = path
        self.times = times
        self.opened = 0

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        self.opened += 1
        if self.opened % 2 and self.times:  # every other time it is opened to be verified
            self.times -= 1
            os.utime(self.path, ns=(0, self.times))
        return super().open_to_read(name, parent)


async def test_a_file_that_is_touched_a_few_times_is_served(tmp_path: Path) -> None:
    disk = Restless(path_of(tmp_path, DIGEST), times=3)
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        assert await content_of(blobs) == DATA
        assert (disk.times, heard) == (0, [])


async def test_a_file_that_is_touched_again_and_again_is_given_up(tmp_path: Path) -> None:
    disk = Restless(path_of(tmp_path, DIGEST), times=1000)
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        with pytest.raises(StoreFailed, match="changed again and again"):
            await content_of(blobs)
        assert heard == []
        disk.times = 0
        assert await content_of(blobs) == DATA


async def test_a_file_that_is_changed_while_it_is_verified_is_not_trusted(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        disk.may_read.clear()
        reader = spawn(content_of(blobs), "reader")
        await asyncio.to_thread(disk.begun.wait, 10)
        flip(path_of(tmp_path, DIGEST))
        flip(path_of(tmp_path, DIGEST))  # the bytes are right again, but who knows which ones were read
        disk.may_read.set()
        assert await reader is None
        assert heard == [DIGEST]


async def test_a_good_copy_that_came_while_a_bad_one_was_verified_is_not_put_aside(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        flip(path_of(tmp_path, DIGEST))
        disk.may_read.clear()
        reader = spawn(content_of(blobs), "reader")
        await asyncio.to_thread(disk.begun.wait, 10)
        fetched = tmp_path / "fetched again by another process"
        fetched.write_bytes(DATA)
        os.replace(fetched, path_of(tmp_path, DIGEST))
        disk.may_read.set()
        assert await reader == DATA
        assert heard == []
        assert published(tmp_path) == [str(DIGEST)]


async def test_a_good_copy_that_comes_in_the_moment_in_which_a_bad_one_is_put_aside_stays(tmp_path: Path) -> None:
    disk = OvertakenDisk(tmp_path / "fetched again by another process", path_of(tmp_path, DIGEST))
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        flip(path_of(tmp_path, DIGEST))
        assert await content_of(blobs) == DATA
        assert disk.moves == 1
        assert (heard, blobs.quarantine.taken) == ([], 0)
        assert published(tmp_path) == [str(DIGEST)]


async def test_a_bad_file_that_another_process_puts_aside_first_is_not_put_aside_again(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        flip(path_of(tmp_path, DIGEST))
        disk.may_read.clear()
        reader = spawn(content_of(blobs), "reader")
        await asyncio.to_thread(disk.begun.wait, 10)
        path_of(tmp_path, DIGEST).unlink()
        disk.may_read.set()
        assert await reader is None
        assert blobs.quarantine.taken == 0


async def test_closing_ends_a_verification_without_judging_the_file(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        disk.may_read.clear()
        reader = spawn(content_of(blobs), "reader")
        await asyncio.to_thread(disk.begun.wait, 10)
        await blobs.aclose()
        disk.may_read.set()
        await asyncio.wait({reader})
        assert reader.cancelled()
        assert heard == []
    assert disk.reads == 1
    assert published(tmp_path) == [str(DIGEST)]


async def test_what_was_verified_is_known_without_a_look_at_it(tmp_path: Path) -> None:
    async with blobs_at(tmp_path, ReadingDisk()) as (blobs, _):
        assert not blobs.knows(DIGEST)
        assert await content_of(blobs) == DATA
        assert blobs.knows(DIGEST)
        blobs.doubt(DIGEST)
        assert not blobs.knows(DIGEST)


async def test_a_file_that_cannot_be_removed_is_as_well_known_as_before(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        assert await content_of(blobs) == DATA
        reads, disk.removing = disk.reads, OSError(errno.EIO, os.strerror(errno.EIO))
        with pytest.raises(StoreFailed, match="cannot be removed: Input/output error"):
            await blobs.delete(DIGEST)
        assert blobs.knows(DIGEST)
        assert await content_of(blobs) == DATA
        assert disk.reads == reads
        blobs.doubt(DIGEST)
        with pytest.raises(StoreFailed):
            await blobs.delete(DIGEST)
        assert not blobs.knows(DIGEST)
        assert heard == []


async def test_what_is_removed_while_it_is_verified_is_not_known_afterwards(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        disk.may_read.clear()
        reading = spawn(content_of(blobs), "reading")
        assert await asyncio.to_thread(disk.begun.wait, 10)
        assert await blobs.delete(DIGEST)
        disk.may_read.set()
        await reading
        assert not blobs.knows(DIGEST)
        assert await content_of(blobs) is None
        assert heard == []  # it has not vanished


async def test_what_is_verified_just_before_it_is_removed_is_not_known_afterwards(tmp_path: Path) -> None:
    disk = ReadingDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        gone: list[str] = []
        blobs.watch_gone(gone.append)
        disk.may_remove.clear()
        removing = spawn(blobs.delete(DIGEST), "removing")
        assert await asyncio.to_thread(disk.removal_begun.wait, 10)
        assert await content_of(blobs) == DATA
        before = len(gone)
        disk.may_remove.set()
        assert await removing
        assert gone[before:] == [str(DIGEST)]  # again, for who has taken a copy of it meanwhile
        assert not blobs.knows(DIGEST)
        assert await content_of(blobs) is None
        assert heard == []
