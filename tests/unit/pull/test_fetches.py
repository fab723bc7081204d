"""The pool: whose turn it is, how readers let go, and how it ends. Its contract, F1 to F10, is in tests/contracts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from mirror.errors import Code, Refused, Unreachable
from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.fetches import Bounds
from mirror.pull.turns import Wish
from tests.support.caches import content, descriptors, path_of
from tests.support.faults import Fault, Gate
from tests.support.pulling import Setup, pulling, read
from tests.support.registry import FakeRegistry

DATA = Random(2).randbytes(300_000)
MORE = Random(3).randbytes(300_000)
IMPATIENT = Setup(bounds=Bounds(at_once=1, wait=0.05, resumes=0))


async def test_a_reader_knows_the_size_once_it_has_begun(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        reader, _ = pull.fetches.join(pull.target(), registry.push_blob("a/b", DATA))
        sizes = [reader.size]
        await reader.begun()
        sizes.append(reader.size)
        assert (sizes, reader.fetched_for[1]) == ([None, len(DATA)], "a/b")
        assert await reader.whole() == len(DATA)
        reader.close()


async def test_a_fetch_is_found_while_it_is_under_way_and_by_nobody_elses_upstream(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url, two=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        assert pull.fetches.find(pull.target(), digest) is None
        reader, _ = pull.fetches.join(pull.target(), digest)
        fetch = pull.fetches.find(pull.target("another/repository"), digest)
        assert fetch is not None
        assert fetch.target.repository == "a/b"
        assert pull.fetches.find(pull.target(upstream="two"), digest) is None
        reader.close()
        assert await pull.ended() == [fetch]
        assert pull.fetches.find(pull.target(), digest) is None


async def test_a_reader_does_not_put_what_is_stored_in_doubt(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        reader, _ = pull.fetches.join(pull.target(), digest)
        await pull.ended()
        path = path_of(tmp_path, digest)
        status = path.stat()
        path.write_bytes(bytes(len(DATA)))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # only a verification would find that out
        reader.doubt()
        reader.close()
        assert await content(pull.store, digest) == bytes(len(DATA))


async def test_readers_let_go_of_the_file_and_may_do_so_twice(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(3)]
        await pull.ended()
        descriptor = readers[0].descriptor
        for reader in readers[:2]:
            reader.close()
            reader.close()
        assert await read(readers[2]) == DATA
        assert os.fstat(descriptor).st_size == len(DATA)
        readers[2].close()
        async with asyncio.timeout(10):  # a thread closes it: that may have to wait for the disk
            while [name for name in descriptors(tmp_path) if digest.encoded in name]:  # noqa: ASYNC110
                await asyncio.sleep(0)


async def test_who_waits_too_long_for_a_turn_is_told_to_come_again(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, IMPATIENT, one=registry.url) as pull:
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        first, _ = pull.fetches.join(pull.target(), registry.push_blob("a/b", DATA))
        await gate.arrived.wait()
        digest = registry.push_blob("a/b", MORE)
        second, _ = pull.fetches.join(pull.target(), digest)
        with pytest.raises(Refused) as refusal:
            await second.begun()
        assert (refusal.value.code, refusal.value.retry_after) == (Code.BUSY, 5)
        assert registry.count("GET", "/blobs/") == 1
        gate.open()
        assert await read(first) == DATA
        await pull.ended(2)  # its place is free once it is stored
        third, joined = pull.fetches.join(pull.target(), digest)
        assert not joined
        assert await read(third) == MORE
        for reader in (first, second, third):
            reader.close()


async def test_who_waits_too_long_for_another_upstreams_fetch_is_told_to_come_again(tmp_path: Path) -> None:
    async with (
        FakeRegistry() as slow,
        FakeRegistry() as quick,
        pulling(tmp_path, IMPATIENT, one=slow.url, two=quick.url) as pull,
    ):
        digest = slow.push_blob("a/b", DATA)
        quick.push_blob("a/b", DATA)
        gate = Gate(100_000)
        slow.fail(Fault(gate=gate), "GET", "/blobs/")
        first, _ = pull.fetches.join(pull.target(), digest)
        await gate.arrived.wait()
        second, _ = pull.fetches.join(pull.target(upstream="two"), digest)
        with pytest.raises(Refused) as refusal:
            await second.begun()
        assert refusal.value.code is Code.BUSY
        other, _ = pull.fetches.join(pull.target(upstream="two"), quick.push_blob("a/b", MORE))
        assert await read(other) == MORE  # its upstream has turns enough: waiting took none of them
        gate.open()
        assert await read(first) == DATA
        for reader in (first, second, other):
            reader.close()


async def test_the_next_upstream_goes_on_where_the_first_one_failed(tmp_path: Path) -> None:
    setup = Setup(bounds=Bounds(at_once=8, wait=10, resumes=0))
    async with (
        FakeRegistry() as broken,
        FakeRegistry() as sound,
        pulling(tmp_path, setup, one=broken.url, two=sound.url) as pull,
    ):
        digest = broken.push_blob("a/b", DATA)
        sound.push_blob("c/d", DATA)
        broken.fail(Fault(cut_at=200_000), "GET", "/blobs/")
        broken.fail(Fault(drop=True), "GET", "/blobs/", times=None)
        first, _ = pull.fetches.join(pull.target(), digest)
        second, _ = pull.fetches.join(pull.target("c/d", "two"), digest)
        with pytest.raises(Unreachable):
            await read(first)
        assert await read(second) == DATA
        assert [seen.headers.get("range") for seen in sound.requests] == ["bytes=200000-"]
        first.close()
        second.close()


async def test_a_pool_that_ends_leaves_no_reader_waiting(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        reader, _ = pull.fetches.join(pull.target(), registry.push_blob("a/b", DATA))
        await pull.fetches.aclose()  # the fetch's task has not even taken its first step
        with pytest.raises(Unreachable, match="shutting down"):
            await asyncio.wait_for(reader.begun(), 5)
        assert len(pull.fetches) == 0
        assert registry.requests == []
        reader.close()


async def test_a_pool_that_ends_gives_back_the_turns_that_are_waited_for(tmp_path: Path) -> None:
    setup = Setup(bounds=Bounds(at_once=1, wait=30, resumes=0))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        readers = [pull.fetches.join(pull.target(), registry.push_blob("a/b", data))[0] for data in (DATA, MORE)]
        await gate.arrived.wait()
        await pull.fetches.aclose()
        for reader in readers:
            with pytest.raises(Unreachable, match="shutting down"):
                await reader.whole()
            reader.close()
        registry.heal()
        again, _ = pull.fetches.join(pull.target(), registry.push_blob("a/b", MORE))
        assert await read(again) == MORE
        again.close()


async def test_so_many_may_wait_and_the_next_is_told_to_come_again(tmp_path: Path) -> None:
    crowded = Setup(bounds=Bounds(at_once=1, wait=5, resumes=0, under_way=2))
    async with FakeRegistry() as registry, pulling(tmp_path, crowded, one=registry.url) as pull:
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        readers = [pull.fetches.join(pull.target(), registry.push_blob("a/b", data))[0] for data in (DATA, MORE)]
        with pytest.raises(Refused) as refusal:
            pull.fetches.join(pull.target(), registry.push_blob("a/b", b"one too many"))
        assert refusal.value.code is Code.BUSY
        again, joined = pull.fetches.join(pull.target(), registry.push_blob("a/b", DATA))
        assert joined  # which costs nothing
        gate.open()
        for reader, data in zip((*readers, again), (DATA, MORE, DATA), strict=True):
            assert await read(reader) == data
            reader.close()


async def test_what_runs_ahead_leaves_half_of_all_that_may_be_under_way_to_clients(tmp_path: Path) -> None:
    few = Setup(bounds=Bounds(at_once=8, wait=5, resumes=0, under_way=4, ahead=6))
    async with FakeRegistry() as registry, pulling(tmp_path, few, one=registry.url) as pull:
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
        digests = [registry.push_blob("a/b", Random(number).randbytes(1000)) for number in range(5)]
        begun = [pull.fetches.run_ahead(pull.target(), digest, 1000, lambda _: None) for digest in digests[:3]]
        assert [fetch is not None for fetch in begun] == [True, True, False]
        readers = [pull.fetches.join(pull.target(), digest)[0] for digest in digests[3:]]
        gate.open()
        for reader in readers:
            await read(reader)
            reader.close()
        await pull.ended(4)


async def test_what_nobody_waits_for_any_more_is_not_begun(tmp_path: Path) -> None:
    single = Setup(bounds=Bounds(at_once=1, wait=5, resumes=0))
    async with FakeRegistry() as registry, pulling(tmp_path, single, one=registry.url) as pull:
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        first, _ = pull.fetches.join(pull.target(), registry.push_blob("a/b", DATA))
        await gate.arrived.wait()
        second, _ = pull.fetches.join(pull.target(), registry.push_blob("a/b", MORE))
        await asyncio.sleep(0)  # its task waits for its turn now
        second.close()
        gate.open()
        assert await read(first) == DATA
        first.close()
        await pull.ended(2)
        assert registry.count("GET", "/blobs/") == 1


async def test_a_client_that_asks_for_many_blobs_does_not_put_another_ones_first_last(tmp_path: Path) -> None:
    single = Setup(bounds=Bounds(at_once=1, wait=10, resumes=0))
    async with FakeRegistry() as registry, pulling(tmp_path, single, one=registry.url) as pull:
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        many = [registry.push_blob("a/b", Random(number).randbytes(1000)) for number in range(10)]
        readers = [pull.fetches.join(pull.target(), digest, Wish("greedy"))[0] for digest in many]
        await gate.arrived.wait()
        modest = registry.push_blob("a/b", MORE)
        readers.append(pull.fetches.join(pull.target(), modest, Wish("modest"))[0])
        await asyncio.sleep(0)  # it waits for its turn now
        gate.open()
        for reader in readers:
            await read(reader)
            reader.close()
        order = [seen.path.rpartition("/")[2] for seen in registry.seen("GET", "/blobs/")]
        assert order.index(str(modest)) == 1


async def test_what_is_fetched_ahead_is_joined_and_told_of_when_it_ends(tmp_path: Path) -> None:
    setup = Setup(bounds=Bounds(at_once=4, wait=10, resumes=0, ahead=1))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        over: list[Fetch] = []
        digest = registry.push_blob("a/b", DATA)
        assert pull.fetches.ever_run_ahead
        assert not pull.fetches.sought(pull.target(), digest)
        fetch = pull.fetches.run_ahead(pull.target(), digest, len(DATA), over.append)
        assert pull.fetches.sought(pull.target(), digest)
        assert pull.fetches.run_ahead(pull.target(), Digest.of(MORE), len(MORE), over.append) is None
        reader, joined = pull.fetches.join(pull.target(), digest)
        assert joined
        assert await read(reader) == DATA
        reader.close()
        assert await pull.ended() == over == [fetch]
        assert registry.count() == 1
