"""Pieces on their way to the disk: in their order, one at a time, and what the disk did not take is not lost."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.writing import Writing
from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Ingest
from mirror.tasks import spawn
from tests.support.caches import content, store_at
from tests.support.faulty_disk import Fault, FaultyDisk

PIECES = [Random(number).randbytes(1000 + number) for number in range(50)]
DATA = b"".join(PIECES)
DIGEST = Digest.of(DATA)


async def all_of_them(writing: Writing, pieces: list[bytes]) -> None:
    for piece in pieces:
        await writing.put(piece)
    await writing.settle()


class SlowDisk(Filesystem):
    """A disk that writes nothing of a blob before it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.writes = 0

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        if len(data) > 900:
            self.writes += 1
            self.go.wait(10)
        super().write(descriptor, data, offset)


@asynccontextmanager
async def writing_on(disk: Filesystem, root: Path) -> AsyncIterator[tuple[Writing, Ingest]]:
    """A blob that is written to this disk, and dropped in the end."""
    async with store_at(root, filesystem=disk) as store:
        ingest = await store.begin(DIGEST)
        yield Writing(ingest, store, lambda _: None), ingest
        await store.drop(ingest)


async def test_pieces_arrive_in_their_order(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        seen: list[int] = []
        ingest = await store.begin(DIGEST)
        writing = Writing(ingest, store, seen.append)
        for piece in PIECES:
            await writing.put(piece)
        assert writing.offset == len(DATA)
        await writing.settle()
        assert seen == [sum(map(len, PIECES[: number + 1])) for number in range(len(PIECES))]
        await store.commit(ingest)
        assert await content(store, DIGEST) == DATA


async def test_a_piece_is_taken_before_it_is_written(tmp_path: Path) -> None:
    disk = SlowDisk()
    async with writing_on(disk, tmp_path) as (writing, ingest):
        for piece in PIECES:
            await writing.put(piece)
        assert (writing.offset, ingest.offset) == (len(DATA), 0)
        disk.go.set()
        await writing.settle()
        assert ingest.offset == len(DATA)


async def test_beyond_a_mebibyte_the_disk_is_waited_for(tmp_path: Path) -> None:
    disk = SlowDisk()
    async with writing_on(disk, tmp_path) as (writing, _):
        await writing.put(bytes(1024 * 1024))
        putting = spawn(writing.put(b"x"), "put")
        done, _ = await asyncio.wait({putting}, timeout=0.05)
        assert done == set()
        disk.go.set()
        await putting
        await writing.settle()


@pytest.mark.parametrize("at", [0, 1, 7, 49])
async def test_what_the_disk_did_not_take_can_be_had_back(tmp_path: Path, at: int) -> None:
    disk = FaultyDisk()
    async with writing_on(disk, tmp_path) as (writing, ingest):
        disk.arm(at, Fault(errno.ENOSPC))
        with pytest.raises(StoreFailed):
            await all_of_them(writing, PIECES)
        await writing.still()
        assert disk.fired
        taken = PIECES[: at + len(writing.rest())]
        assert b"".join(PIECES[:at]) + b"".join(writing.rest()) == b"".join(taken)
        assert ingest.offset == sum(map(len, PIECES[:at]))
        with pytest.raises(StoreFailed):
            await writing.put(b"more")
        assert writing.rest()[-1] == b"more"


async def test_whoever_is_cancelled_leaves_no_thread_behind(tmp_path: Path) -> None:
    disk = SlowDisk()
    async with writing_on(disk, tmp_path) as (writing, ingest):
        await writing.put(DATA)
        settling = spawn(writing.settle(), "settle")
        await asyncio.sleep(0)
        settling.cancel()
        done, _ = await asyncio.wait({settling}, timeout=0.05)
        assert done == set()
        disk.go.set()
        with pytest.raises(asyncio.CancelledError):
            await settling
        assert ingest.offset == len(DATA)


async def test_a_fault_of_ours_is_not_waited_for_and_nothing_follows_it(tmp_path: Path) -> None:
    class Broken(Filesystem):
        def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
            if len(data) > 900:
                raise ZeroDivisionError
            super().write(descriptor, data, offset)

    async with writing_on(Broken(), tmp_path) as (writing, ingest):
        with pytest.raises(ZeroDivisionError):
            await all_of_them(writing, [bytes(1024 * 1024)] * 4)
        with pytest.raises(ZeroDivisionError):
            await writing.still()
        assert ingest.offset == 0
