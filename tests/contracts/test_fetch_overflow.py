"""The contract of fetches, F12: the disk fails, and nobody who reads along notices."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from mirror.errors import DigestMismatch, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.filesystem import Filesystem
from mirror.tasks import spawn
from tests.support.caches import content, descriptors, published, under_way
from tests.support.faults import Fault as Trouble
from tests.support.faults import Gate
from tests.support.faulty_disk import Fault, FaultyDisk
from tests.support.pulling import Pulling, Setup, pulling, read
from tests.support.registry import FakeRegistry

MIB = 1024 * 1024
DATA = Random(12).randbytes(2 * MIB)
LARGE = Random(13).randbytes(24 * MIB)
ERRORS = [errno.ENOSPC, errno.EIO, errno.EROFS]


async def fetched(pull: Pulling, digest: Digest) -> bytes:
    reader, _ = pull.fetches.join(pull.target(), digest)
    try:
        return await read(reader)
    finally:
        reader.close()


async def calls_of_a_fetch(root: Path, data: bytes) -> list[tuple[str, str]]:
    disk = FaultyDisk()
    async with FakeRegistry() as registry, pulling(root, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", data)
        disk.disarm()
        assert await fetched(pull, digest) == data
        await pull.ended()
        return list(disk.trace)


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
async def test_f12_at_whichever_call_the_disk_fails_every_reader_gets_everything(
    tmp_path: Path, error: int, lasting: bool
) -> None:
    calls = await calls_of_a_fetch(tmp_path / "counted", DATA)
    assert {"make_directory", "open_to_write", "write", "sync", "publish"} <= {call for call, _ in calls}
    for at in itertools.count():  # how many writes there are is up to how the bytes arrive
        disk, root = FaultyDisk(), tmp_path / str(at)
        async with FakeRegistry() as registry, pulling(root, Setup(filesystem=disk), one=registry.url) as pull:
            digest = registry.push_blob("a/b", DATA)
            disk.arm(at, Fault(error, lasting))
            readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(3)]
            assert await asyncio.gather(*map(read, readers)) == [DATA] * 3
            (fetch,) = await pull.ended()
            assert fetch.failure is None
            for reader in readers:
                reader.close()
            assert registry.count("GET", "/blobs/") == 1
            struck = disk.fired
            disk.disarm()
            assert await fetched(pull, digest) == DATA
            await pull.ended(1 + (registry.count("GET", "/blobs/") == 2))
            assert await content(pull.store, digest) in (DATA, None)
        assert descriptors(root) == []
        if not struck:
            break
    assert at >= len({*calls})


async def test_f12_the_disk_recovers_and_the_next_fetch_is_kept(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        disk.arm(0, Fault(errno.ENOSPC, lasting=True))
        assert await fetched(pull, digest) == DATA
        (fetch,) = await pull.ended()
        assert (fetch.sink.overflowed, pull.fetches.passed_on) == (True, 1)
        assert (published(tmp_path), under_way(tmp_path)) == ([], [])
        disk.disarm()
        assert await fetched(pull, digest) == DATA
        await pull.ended(2)
        assert await content(pull.store, digest) == DATA
        assert pull.fetches.passed_on == 1


@asynccontextmanager
async def gated(root: Path) -> AsyncIterator[tuple[FakeRegistry, Pulling, FaultyDisk, Gate, Digest]]:
    """A pull on a disk that can be made to fail, and a large blob that comes as far as the gate lets it."""
    disk, gate = FaultyDisk(), Gate(256 * 1024)
    async with FakeRegistry() as registry, pulling(root, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        registry.fail(Trouble(gate=gate), "GET", "/blobs/")
        yield registry, pull, disk, gate, digest


async def failing_in_the_middle(pull: Pulling, disk: FaultyDisk, gate: Gate) -> None:
    """Let four pieces be stored, and none after them."""
    gate.release(4)
    async with asyncio.timeout(10):
        while disk.calls.count("write") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    disk.arm(0, Fault(errno.ENOSPC, lasting=True))


async def test_f12_memory_is_bounded_by_a_window_before_the_slowest_reader(tmp_path: Path) -> None:
    async with gated(tmp_path) as (registry, pull, disk, gate, digest):
        slow, _ = pull.fetches.join(pull.target(), digest)
        fast, _ = pull.fetches.join(pull.target(), digest)
        await failing_in_the_middle(pull, disk, gate)
        gate.open()
        everything = spawn(read(fast), "the fast one")
        got, most = bytearray(), 0
        while len(got) < len(LARGE):
            got += await read(slow, len(got), len(got) + 64 * 1024 if len(got) + 64 * 1024 < len(LARGE) else None)
            spool = slow._growth.descriptor_at(len(LARGE))
            most = max(most, os.fstat(spool).st_blocks * 512)
        assert bytes(got) == LARGE
        assert await everything == LARGE
        assert disk.fired
        assert MIB < most <= 7 * MIB
        assert registry.count("GET", "/blobs/") == 1
        slow.close()
        fast.close()
    assert descriptors(tmp_path) == []


async def test_f12_what_lies_before_the_part_that_a_reader_wants_is_not_held(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        disk.arm(0, Fault(errno.ENOSPC, lasting=True))
        reader, _ = pull.fetches.join(pull.target(), digest)
        start = len(LARGE) - MIB
        assert await read(reader, start) == LARGE[start:]
        assert os.fstat(reader.descriptor).st_blocks * 512 <= 4 * MIB
        reader.close()
        assert disk.fired


async def test_f12_whoever_comes_too_late_for_the_beginning_gets_a_fetch_of_their_own(tmp_path: Path) -> None:
    async with gated(tmp_path) as (registry, pull, disk, gate, digest):
        first, _ = pull.fetches.join(pull.target(), digest)
        await failing_in_the_middle(pull, disk, gate)
        gate.release(4)
        async with asyncio.timeout(10):
            while not disk.fired:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        early, joined = pull.fetches.join(pull.target(), digest)
        assert joined
        gate.open()
        both = [spawn(read(reader), "reader") for reader in (first, early)]
        assert await asyncio.gather(*both) == [LARGE] * 2
        await pull.ended()
        late, joined = pull.fetches.join(pull.target(), digest)
        assert not joined
        assert await read(late) == LARGE
        assert registry.count("GET", "/blobs/") == 2
        for reader in (first, early, late):
            reader.close()


async def test_f12_the_ones_that_follow_need_not_wait_for_the_ones_before(tmp_path: Path) -> None:
    async with gated(tmp_path) as (_, pull, disk, gate, digest):
        first, _ = pull.fetches.join(pull.target(), digest)
        await failing_in_the_middle(pull, disk, gate)
        gate.release(60)
        assert await read(first, 0, 12 * MIB) == LARGE[: 12 * MIB]
        second, joined = pull.fetches.join(pull.target(), digest)
        assert not joined
        assert await read(second) == LARGE
        gate.open()
        assert await read(first, 12 * MIB) == LARGE[12 * MIB :]
        first.close()
        second.close()


async def test_f12_without_readers_it_ends(tmp_path: Path) -> None:
    async with gated(tmp_path) as (registry, pull, disk, gate, digest):
        reader, _ = pull.fetches.join(pull.target(), digest)
        await failing_in_the_middle(pull, disk, gate)
        reader.close()
        gate.open()
        (fetch,) = await pull.ended()
        assert isinstance(fetch.failure, StoreFailed)
        assert registry.bytes_sent < len(LARGE)
    assert descriptors(tmp_path) == []


@pytest.mark.parametrize("at", [100, len(DATA) - 1])
async def test_f12_what_is_wrong_is_never_completed_either(tmp_path: Path, at: int) -> None:
    disk = FaultyDisk()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Trouble(flip_at=at), "GET", "/blobs/")
        disk.arm(0, Fault(errno.EIO, lasting=True))
        with pytest.raises(DigestMismatch):
            await fetched(pull, digest)
        assert disk.fired


async def test_f12_a_body_that_breaks_is_gone_on_with_all_the_same(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        for cut in (100_000, 200_000, 300_000):
            registry.fail(Trouble(cut_at=cut), "GET", "/blobs/")
        disk.arm(0, Fault(errno.ENOSPC, lasting=True))
        assert await fetched(pull, digest) == DATA
        assert registry.count("GET", "/blobs/") == 4
        assert registry.bytes_sent <= len(DATA) + 10


class WithoutReaders(Filesystem):
    """A disk on which, once it is `ill`, what is being stored cannot be opened a second time."""

    ill = False

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        if self.ill and name == "data":
            raise OSError(errno.EMFILE, "Too many open files")
        return super().open_to_read(name, parent)


async def test_f12_a_part_left_behind_that_cannot_be_read_is_fetched_anew_and_kept(tmp_path: Path) -> None:
    disk = WithoutReaders()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        ingest = await pull.store.begin(digest)
        await pull.store.expect(ingest, len(DATA))
        await pull.store.run(ingest.append, DATA[:MIB])
        await pull.store.leave(ingest)
        disk.ill = True
        assert await fetched(pull, digest) == DATA
        (fetch,) = await pull.ended()
        assert fetch.sink.overflowed
        disk.ill = False
        assert await fetched(pull, digest) == DATA
        assert registry.bytes_sent == len(DATA) + len(DATA) - MIB
    assert descriptors(tmp_path) == []


async def test_f12_a_size_that_contradicts_a_part_left_behind_starts_it_over(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        ingest = await pull.store.begin(digest)
        await pull.store.run(ingest.expect, len(DATA) + 5)
        await pull.store.run(ingest.append, DATA[:1000])
        await pull.store.leave(ingest)
        disk.arm(0, Fault(errno.EIO, lasting=True))
        assert await fetched(pull, digest) == DATA
        assert disk.fired
